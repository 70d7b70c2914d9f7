//! Text from elsewhere, made fit to be shown, and the small forms every report shares.

use model::expectation::Condition;
use model::results::ExpectationResult;
use std::fmt::Write as _;

/// What stands for a character that must not be shown.
const REPLACED: char = '\u{fffd}';

/// `text` on one line without anything that a terminal, a browser or an XML parser would obey: no control character, no
/// character that turns the direction of writing or hides, nothing that XML 1.0 cannot hold.
pub(crate) fn clean(text: &str) -> String {
    let clean = |c: char| match c {
        '\t' | '\n' | '\r' => ' ',
        _ if c.is_control() => REPLACED,
        '\u{00ad}' | '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' => REPLACED,
        '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}'..='\u{ffff}' => REPLACED,
        '\u{e0000}'..='\u{e007f}' => REPLACED,
        _ => c,
    };
    text.chars().map(clean).collect()
}

/// `text` shortened to `most` characters, and marked where it was.
pub(crate) fn clip(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}… ({} characters)", &text[..end], text.chars().count()),
        None => text.to_owned(),
    }
}

/// `text` as [`clean`] leaves it, but in lines of its own.
pub(crate) fn clean_lines(text: &str) -> String {
    text.trim().lines().map(|line| clean(line.trim_end())).collect::<Vec<_>>().join("\n")
}

/// `text` shortened to about `most` characters: how it begins and how it ends, because either may be what counts.
pub(crate) fn clip_middle(text: &str, most: usize) -> String {
    let all = text.chars().count();
    if all <= most {
        return text.to_owned();
    }
    let (first, last) = (most / 2, most - most / 2);
    let start: String = text.chars().take(first).collect();
    let end: String = text.chars().skip(all - last).collect();
    format!("{start} … ({} characters) … {end}", all - most)
}

/// How many columns `text` takes.
pub(crate) fn width(text: &str) -> usize {
    text.chars().count()
}

/// `text` in lines of at most `columns`, broken at spaces; a word that is longer gets a line of its own.
pub(crate) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(line) + 1 + width(word) <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    if lines.is_empty() {
        lines.push(String::new());
    }
    lines
}

/// The link to a file of the run folder, relative to the report that lies in it; none where `path` leads out of it.
pub(crate) fn href(path: &str) -> Option<String> {
    let inside = path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    inside.then(|| {
        path.bytes().fold(String::new(), |mut link, byte| {
            if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
                link.push(char::from(byte));
            } else {
                // Writing to a String cannot fail.
                let _ = write!(link, "%{byte:02X}");
            }
            link
        })
    })
}

/// `1 case`, `2 cases`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// Milliseconds for a person.
pub(crate) fn duration(millis: u64) -> String {
    match millis {
        0..1_000 => format!("{millis} ms"),
        1_000..60_000 => format!("{}.{} s", millis / 1_000, millis % 1_000 / 100),
        _ => format!("{} min {} s", millis / 60_000, millis % 60_000 / 1_000),
    }
}

/// What a known deviation is about, on one line: in which cases, and what it is there.
pub(crate) fn known_for(expectation: &ExpectationResult) -> String {
    let when = condition(&expectation.condition);
    match &expectation.got {
        Some(got) => format!("{when}: {}", clean(got)),
        None => when,
    }
}

/// A condition on one line: `dialect=2.1|3.0, scenario=smb2-policy`.
pub(crate) fn condition(condition: &Condition) -> String {
    let Ok(serde_json::Value::Object(axes)) = serde_json::to_value(condition) else { return String::new() };
    let words = |words: &serde_json::Value| {
        let words = words.as_array().into_iter().flatten().filter_map(serde_json::Value::as_str);
        words.collect::<Vec<_>>().join("|")
    };
    let axes: Vec<String> = axes.iter().map(|(axis, it)| format!("{axis}={}", words(it))).collect();
    clean(&axes.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("plain <b>", "plain <b>")]
    #[case("\x1b[31mred\x07\u{9b}", "\u{fffd}[31mred\u{fffd}\u{fffd}")]
    #[case("a\r\nb\tc", "a  b c")]
    #[case("\u{202e}gnp.exe\u{200b}", "\u{fffd}gnp.exe\u{fffd}")]
    #[case("\0\u{7f}\u{fffe}\u{ffff}", "\u{fffd}\u{fffd}\u{fffd}\u{fffd}")]
    #[case("größe 東京 🦀", "größe 東京 🦀")]
    fn cleaned(#[case] hostile: &str, #[case] shown: &str) {
        assert_eq!(clean(hostile), shown);
    }

    #[rstest]
    #[case("evidence/a=1,b=2@t.pcapng", Some("evidence/a%3D1%2Cb%3D2%40t.pcapng"))]
    #[case("a b#c?d%e\"é", Some("a%20b%23c%3Fd%25e%22%C3%A9"))]
    #[case("javascript:alert(1)", Some("javascript%3Aalert%281%29"))]
    #[case("//elsewhere/x", None)]
    #[case("/etc/passwd", None)]
    #[case("../x", None)]
    #[case("evidence/../../x", None)]
    #[case("", None)]
    fn links(#[case] path: &str, #[case] link: Option<&str>) {
        assert_eq!(href(path).as_deref(), link);
    }

    #[test]
    fn wraps_and_clips() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("incomprehensible to me", 5), ["incomprehensible", "to me"]);
        assert_eq!(wrap("", 5), [""]);
        assert_eq!(clip("größer", 3), "grö… (6 characters)");
        assert_eq!(clip("gro", 3), "gro");
        assert_eq!(clip_middle("größer als", 4), "gr … (6 characters) … ls");
        assert_eq!(clip_middle("groß", 4), "groß");
        assert_eq!(clean_lines("\n a\u{1b}[2J \r\nb\n\n"), "a\u{fffd}[2J\nb");
    }

    #[test]
    fn small_forms() {
        assert_eq!([0, 999, 1_250, 125_000].map(duration), ["0 ms", "999 ms", "1.2 s", "2 min 5 s"]);
        assert_eq!(count(1, "case"), "1 case");
        let when: Condition = serde_json::from_str(r#"{"scenario":["s"],"dialect":["2.1","3.0"]}"#).unwrap();
        assert_eq!(condition(&when), "dialect=2.1|3.0, scenario=s");
    }
}
