//! What clients that people run print, and what it means.

use crate::catalogue::KnownSoftware;
use model::Software;
use std::fmt::Write as _;

/// A client by its name, with everything that is known of its messages.
pub(super) fn client(all: &[KnownSoftware], word: &str) -> Option<String> {
    let software = &all.iter().find(|known| known.software.id == word)?.software;
    let mut page = format!("{}: {}\n", software.id, software.title);
    let settings: Vec<String> = software
        .signing
        .iter()
        .map(|(setting, word)| match word.as_str() {
            "" => format!("{setting} (as it comes)"),
            word => format!("{setting} (`{word}`)"),
        })
        .collect();
    let dialects: Vec<&str> = software.offers.dialects.iter().map(|dialect| dialect.word()).collect();
    // Writing to a string cannot fail.
    let _ = writeln!(
        page,
        "\n  Its signing can be set to: {}\n  It offers: {}; signing {}, guests {}",
        settings.join(", "),
        dialects.join(" "),
        software.offers.signing,
        software.offers.guest
    );
    for known in &software.expectations {
        let _ = writeln!(page, "\n  Known: {} ({})\n    {}", known.rule, known.condition, known.reason);
    }
    let _ = writeln!(page, "\n  What it prints, and what that means:");
    software.says.iter().for_each(|says| says_line(&mut page, None, says));
    Some(page)
}

/// What somebody saw a client print: whatever client has such a message.
pub(super) fn message(all: &[KnownSoftware], text: &str) -> Option<String> {
    let mut page = String::new();
    for Software { id, says, .. } in all.iter().map(|known| &known.software) {
        if let Some(says) = says.iter().find(|says| text.contains(&says.text)) {
            says_line(&mut page, Some(id), says);
        }
    }
    (!page.is_empty()).then(|| format!("What clients mean that print this\n\n{page}"))
}

fn says_line(page: &mut String, id: Option<&str>, says: &model::software::Says) {
    let id = id.map_or_else(String::new, |id| format!("{id}: "));
    let _ = writeln!(page, "  {id}`{}`: {}", says.text.trim(), says.means);
    if let Some(note) = &says.note {
        let _ = writeln!(page, "    {note}");
    }
}
