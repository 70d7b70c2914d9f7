//! What was not planned, as other cells of the scenario show the same: a cell that is not there is no omission.

use crate::text::{clean, count};
use model::Results;
use model::plan::LeftOut;

/// One line for each reason that a scenario has.
pub(crate) fn of_scenario(results: &Results, scenario: &str) -> Vec<String> {
    results.left_out.iter().filter(|it| it.scenario == scenario).map(line).collect()
}

/// The same for a table: of one target, and of one way to log on.
pub(crate) fn of_table(
    results: &Results,
    scenario: &str,
    target: &str,
    (axis, word): (&str, &str),
) -> Vec<String> {
    let all = results.left_out.iter().filter(|it| it.scenario == scenario);
    all.filter_map(|it| it.within(target, axis, word)).map(|it| line(&it)).collect()
}

/// How many, which, and where the same is seen.
pub(crate) fn line(left_out: &LeftOut) -> String {
    let total = usize::try_from(left_out.total()).unwrap_or(usize::MAX);
    let on = match left_out.cells.keys().collect::<Vec<_>>().as_slice() {
        [target] => format!("on {target}"),
        targets => format!("on {}", count(targets.len(), "target")),
    };
    // As a condition is written it is one word, which no line has room for.
    let when = left_out.when.to_string().replace(',', " and ").replace('|', ", ");
    let instead: Vec<String> = left_out.instead.iter().map(|(axis, word)| format!("{axis}={word}")).collect();
    clean(&format!(
        "{} {on} with {}: {} shows the same, as {}",
        count(total, "cell"),
        when,
        instead.join(","),
        left_out.why
    ))
}
