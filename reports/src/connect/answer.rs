//! The answer in words: who gets in, who does not, and what those see.

use super::{Column, Gets, Table, names, seen, tables};
use crate::glossary::Glossary;
use crate::text::{clean, count};
use model::Results;

/// What is said of one target.
pub(crate) struct OnTarget {
    pub(crate) target: String,
    /// A policy, and how clients with an account fare under it.
    pub(crate) lines: Vec<(String, String)>,
}

/// The answer.
pub(crate) struct Answer {
    /// One sentence.
    pub(crate) sentence: String,
    pub(crate) targets: Vec<OnTarget>,
}

/// What a run says about who can connect; none where it did not ask.
pub(crate) fn answer(results: &Results, glossary: &Glossary) -> Option<Answer> {
    let all = tables(results);
    let first = all.iter().find(|table| table.has_account())?.scenario;
    let mut targets = Vec::new();
    let mut ranks = Vec::new();
    for table in all.iter().filter(|table| table.scenario == first && !table.columns.is_empty()) {
        let title = title(results, table.target);
        if table.has_account() {
            let lines = table.columns.iter().map(|column| line(glossary, table, column)).collect();
            ranks.push((title.clone(), rank(table)));
            targets.push(OnTarget { target: title, lines });
        }
    }
    // Whoever has no account, as the first table says that has guests.
    for on in &mut targets {
        let without = all.iter().filter(|it| it.scenario == first && !it.has_account());
        let own = without.filter(|it| title(results, it.target) == on.target);
        on.lines.extend(own.filter_map(|table| guests(glossary, table)).next());
    }
    let sentence = sentence(&ranks)?;
    Some(Answer { sentence, targets })
}

fn title(results: &Results, target: &str) -> String {
    let known = results.targets.iter().find(|it| it.id == target);
    clean(known.map_or(target, |it| it.title.as_str()))
}

/// How many clients with an account get in under every policy, how many of them always signed, and how many there are.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Rank {
    inside: usize,
    signed: usize,
    all: usize,
}

fn rank(table: &Table<'_>) -> Rank {
    let mut rank = Rank { inside: 0, signed: 0, all: 0 };
    for row in 0..table.clients.len() {
        let cells = table.columns.iter().filter_map(|column| column.cells[row]);
        // What is not known under one policy is not known of all.
        let worst = cells.map(|(_, case)| Gets::of(case)).max();
        rank.all += 1;
        rank.inside += usize::from(worst.is_some_and(|it| it <= Gets::Unsigned));
        rank.signed += usize::from(worst == Some(Gets::Signed));
    }
    rank
}

fn sentence(ranks: &[(String, Rank)]) -> Option<String> {
    let (title, first) = ranks.first()?;
    let said = |rank: &Rank| {
        format!(
            "{} of {} get in under every signing policy, {} of them always signed",
            rank.inside,
            count(rank.all, "client"),
            rank.signed
        )
    };
    if ranks.iter().all(|(_, rank)| rank == first) {
        let on = match ranks.len() {
            1 => format!("on {title}"),
            2 => format!("on both {title} and {}", ranks[1].0),
            more => format!("on each of {more} servers"),
        };
        return Some(format!("{} {on}.", said(first)));
    }
    let low = ranks.iter().min_by_key(|(_, rank)| (rank.inside, rank.signed))?;
    let high = ranks.iter().max_by_key(|(_, rank)| (rank.inside, rank.signed))?;
    Some(format!("{} on {}; {} of {} on {}.", said(&high.1), high.0, low.1.inside, low.1.all, low.0))
}

/// How the clients fare under one policy.
fn line(glossary: &Glossary, table: &Table<'_>, column: &Column<'_>) -> (String, String) {
    let who = |gets: Gets| -> Vec<&str> {
        let cells = column.cells.iter().zip(&table.clients);
        let there = cells.filter(|(cell, _)| cell.is_some_and(|(_, case)| Gets::of(case) == gets));
        there.map(|(_, client)| *client).collect()
    };
    let all = table.clients.len();
    let signed = who(Gets::Signed).len();
    let mut said = format!("{signed} of {} get in signed", count(all, "client"));
    if signed == all {
        said = format!("all {} get in signed", count(all, "client"));
    }
    let unsigned = who(Gets::Unsigned);
    if !unsigned.is_empty() {
        said.push_str(&format!(", {} unsigned", unsigned.len()));
    }
    said.push_str(&refused(glossary, table, column));
    let unknown = who(Gets::Unknown);
    if !unknown.is_empty() {
        said.push_str(&format!("; of {} it is not known", names(glossary, &unknown)));
    }
    (policy(column), format!("{said}."))
}

fn policy(column: &Column<'_>) -> String {
    let words = column.words();
    if words.is_empty() { "under every policy".to_owned() } else { words.join(", ") }
}

/// Who is not let in, by what they see.
fn refused(glossary: &Glossary, table: &Table<'_>, column: &Column<'_>) -> String {
    let mut by_words: Vec<(String, Vec<&str>)> = Vec::new();
    for (cell, client) in column.cells.iter().zip(&table.clients) {
        let Some((_, case)) = cell.filter(|(_, case)| Gets::of(case) == Gets::Out) else { continue };
        let (words, _) = seen(case);
        match by_words.iter_mut().find(|(known, _)| *known == words) {
            Some((_, clients)) => clients.push(client),
            None => by_words.push((words, vec![client])),
        }
    }
    let told = by_words.iter().map(|(words, clients)| format!("{} ({words})", names(glossary, clients)));
    match told.collect::<Vec<_>>().join("; ") {
        none if none.is_empty() => none,
        told => format!("; not let in: {told}"),
    }
}

/// How those fare whom a server makes guests: under the first policy by which it does.
fn guests(glossary: &Glossary, table: &Table<'_>) -> Option<(String, String)> {
    let inside = |column: &Column<'_>| {
        let cells = column.cells.iter().flatten();
        cells.filter(|(_, case)| Gets::of(case) <= Gets::Unsigned).count()
    };
    let column = table.columns.iter().find(|column| inside(column) > 0)?;
    let said = format!(
        "{} of {} get in unsigned, as guests{}.",
        inside(column),
        count(table.clients.len(), "client"),
        refused(glossary, table, column)
    );
    Some((format!("{}, {}", table.who(), policy(column)), said))
}
