//! Lines of at most 100 columns.

use crate::story::Line;
use crate::text::{width, wrap};
use anstyle::Style;

/// How wide a page is.
pub(super) const COLUMNS: usize = 100;
pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();
/// Labels of a story are as wide as the longest, `reproduce`.
const LABEL: usize = 11;

/// `text` in `style`.
pub(super) fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// The text so far.
#[derive(Default)]
pub(super) struct Page(String);

impl Page {
    pub(super) fn text(self) -> String {
        self.0
    }

    pub(super) fn line(&mut self, line: &str) {
        self.0.push_str(line.trim_end());
        self.0.push('\n');
    }

    pub(super) fn blank(&mut self) {
        self.0.push('\n');
    }

    /// A heading after a blank line, and what is said beside it.
    pub(super) fn heading(&mut self, heading: &str, about: &str) {
        self.blank();
        let about = if about.is_empty() { String::new() } else { format!("  {}", paint(DIM, about)) };
        self.line(&format!("{}{about}", paint(BOLD, heading)));
    }

    /// `text` after `start`, wrapped, its further lines indented by `indent`.
    pub(super) fn hanging(&mut self, start: &str, indent: usize, text: &str) {
        let lines = wrap_after(visible(start), indent, text);
        for (i, line) in lines.iter().enumerate() {
            let before = if i == 0 { start.to_owned() } else { " ".repeat(indent) };
            self.line(&format!("{before}{line}"));
        }
    }

    /// The lines of a story under a case.
    pub(super) fn lines(&mut self, lines: &[Line]) {
        for line in lines {
            let label = format!("    {} ", paint(DIM, &format!("{:<width$}", line.label, width = LABEL - 1)));
            match line.label {
                // To be copied: one line, whatever its width.
                "evidence" | "reproduce" => self.line(&format!("{label}{}", line.text)),
                _ => self.hanging(&label, 4 + LABEL, &line.text),
            }
        }
    }
}

/// `text` wrapped so that its first line leaves room for `first` columns and the others for `indent`.
fn wrap_after(first: usize, indent: usize, text: &str) -> Vec<String> {
    let mut lines = wrap(text, COLUMNS.saturating_sub(first).max(1));
    if first != indent && lines.len() > 1 {
        let rest = lines.split_off(1).join(" ");
        lines.extend(wrap(&rest, COLUMNS.saturating_sub(indent)));
    }
    lines
}

/// How many columns `text` takes without its styles.
fn visible(text: &str) -> usize {
    let mut rest = text;
    let mut columns = 0;
    while let Some((before, style)) = rest.split_once('\u{1b}') {
        columns += width(before);
        rest = style.split_once('m').map_or("", |(_, after)| after);
    }
    columns + width(rest)
}
