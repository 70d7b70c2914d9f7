//! Progress on the terminal; nothing where stderr is none.

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::Duration;

/// The lines of a run's progress.
#[derive(Clone)]
pub(crate) struct Progress {
    all: MultiProgress,
    cases: ProgressBar,
}

impl Progress {
    /// Progress over this many cases, on stderr.
    pub(crate) fn new(cases: u64) -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let bar = ProgressBar::new(cases);
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} cases {msg}") {
            bar.set_style(style);
        }
        let cases = all.add(bar);
        Self { all, cases }
    }

    /// A line for something that takes a while, such as building an image.
    pub(crate) fn task(&self, name: &str) -> Task {
        let bar = self.all.insert_before(&self.cases, ProgressBar::new_spinner());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix}: {wide_msg}") {
            bar.set_style(style);
        }
        bar.set_prefix(name.to_owned());
        bar.enable_steady_tick(Duration::from_millis(120));
        Task { bar }
    }

    /// One more case ended.
    pub(crate) fn case_ended(&self) {
        self.cases.inc(1);
    }

    /// Everything ended: the lines go away, the report stays.
    pub(crate) fn finish(&self) {
        self.cases.finish_and_clear();
        // Nothing is left to be done where a terminal cannot be cleared.
        let _ = self.all.clear();
    }
}

/// One line of progress; it goes away when dropped.
pub(crate) struct Task {
    bar: ProgressBar,
}

impl Task {
    /// What it is doing now. The text may come from a build log: control characters are left out.
    pub(crate) fn say(&self, text: &str) {
        let line: String = text.chars().filter(|c| !c.is_control()).take(200).collect();
        self.bar.set_message(line);
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
