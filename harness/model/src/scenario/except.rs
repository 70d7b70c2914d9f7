//! Combinations of values that a scenario leaves out, because others of its cells show the same.

use super::Scenario;
use crate::case::Axes;
use crate::expectation::Condition;
use crate::plan;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Cells that are not planned where others can be that show the same.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Except {
    /// Which.
    pub when: Condition,
    /// In which axes the cell that shows the same is another one, and what it has there.
    pub instead: BTreeMap<String, String>,
    /// Why that shows the same.
    pub why: String,
}

impl Except {
    /// The cell that shows the same as the one with these axes.
    fn other(&self, axes: &Axes) -> Axes {
        let mut other = axes.clone();
        other.extend(self.instead.clone());
        other
    }
}

impl Scenario {
    /// The cells that show the same as the one with these axes, which is left out where one of them can be had.
    pub(crate) fn instead_of<'s>(&'s self, axes: &Axes) -> impl Iterator<Item = (&'s Except, Axes)> {
        let all = self.except.iter().filter(|except| except.when.matches(&self.id, axes));
        all.map(|except| (except, except.other(axes)))
    }

    /// What an exception lacks; one that leaves nothing out is a mistake.
    pub(super) fn check_exceptions(&self) -> Result<(), String> {
        let cells: Vec<Axes> = match self.except.as_slice() {
            [] => return Ok(()),
            _ => plan::cells(self).into_iter().map(|cell| cell.axes).collect(),
        };
        for (except, number) in self.except.iter().zip(1..) {
            let place = format!("[[except]] {number}");
            if except.why.trim().is_empty() {
                return Err(format!("{place}: `why` is empty: say why the other cells show the same"));
            }
            let mut excepted = cells.iter().filter(|axes| except.when.matches(&self.id, axes)).peekable();
            if excepted.peek().is_none() {
                return Err(format!("{place}: its `when` matches no cell of [axes]"));
            }
            for axes in excepted {
                let other = except.other(axes);
                if !cells.contains(&other) {
                    return Err(format!("{place}: its `instead` makes of a cell one that is not there"));
                }
                if self.instead_of(&other).next().is_some() {
                    return Err(format!("{place}: its `instead` is a cell that is excepted itself"));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Expansion, LeftOut, expand, expansion};
    use crate::target::{Target, TargetKind};

    const SCENARIO: &str = r#"
title = "t"
cites = ["MS-SMB2 3.2.5.2"]
expect = "policy"
[axes]
client = ["required", "not-required"]
"server.signing" = ["required", "not-required"]
[[except]]
when = { client = "not-required", "server.signing" = "not-required" }
instead = { "server.signing" = "required" }
why = "w"
[[step]]
do = "session-setup"
"#;

    const TARGET: &str = "title = \"t\"\nkind = \"embedded\"\nsigning-capabilities = []\n\
        [shares]\nshare = \"share\"\nguest = \"guest\"\n";

    fn parse(text: &str) -> Result<Scenario, String> {
        Scenario::parse("s", "s.toml", text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_cell_is_left_out_where_the_other_can_be_had() {
        const NEVER: &str = "[[unsupported]]\nwhen = { \"server.signing\" = \"required\" }\nwhy = \"w\"\n";
        let scenario = parse(SCENARIO).unwrap();
        let of = |target: &Target| {
            let cases = expand(std::slice::from_ref(&scenario), std::slice::from_ref(target));
            cases.iter().map(|case| case.id.to_string()).collect::<Vec<_>>()
        };
        let target = |text: &str| Target::parse("t", text, "").unwrap();
        let all = [
            "s/client=required,server.signing=required@t",
            "s/client=required,server.signing=not-required@t",
            "s/client=not-required,server.signing=required@t",
            "s/client=not-required,server.signing=not-required@t",
        ];
        assert_eq!(of(&target(TARGET)), all[..3]);
        let never = target(&format!("{TARGET}{NEVER}"));
        assert_eq!(of(&never), all, "what shows the same is never seen on this one");
        let external = Target { kind: TargetKind::External, ..target(TARGET) };
        assert_eq!(of(&external), all, "what a server can do that is somebody's is not known beforehand");
    }

    #[test]
    fn what_is_left_out_is_counted_and_says_where_the_same_is_seen() {
        let scenarios = [parse(SCENARIO).unwrap()];
        let targets = ["t", "u"].map(|id| Target::parse(id, TARGET, "").unwrap());
        let Expansion { cases, left_out } = expansion(&scenarios, &targets);
        let said: Vec<String> = left_out.iter().map(ToString::to_string).collect();
        assert_eq!(
            said[0],
            "the case `s/client=not-required,server.signing=not-required@t` is left out, as another shows the same:\n\
             w\n  countersign run --case s/client=not-required,server.signing=required@t"
        );
        assert!(left_out.iter().all(|cell| cases.iter().any(|case| case.id == cell.instead)));

        let here = LeftOut::count(left_out.iter().filter(|cell| cell.case.target == "t"));
        let mut all = here.clone();
        // Shards have the same plan; another run has other targets.
        LeftOut::extend(&mut all, here);
        assert_eq!(all.iter().map(LeftOut::total).collect::<Vec<_>>(), [1]);
        LeftOut::extend(&mut all, LeftOut::count(&left_out));
        let [one] = all.as_slice() else { panic!("one exception is one entry") };
        assert_eq!((one.scenario.as_str(), one.why.as_str(), one.total()), ("s", "w", 2));
        assert_eq!(one.cells, [("t".to_owned(), 1), ("u".to_owned(), 1)].into());
        let within = |target, axis, word| one.within(target, axis, word).map(|it| it.total());
        assert_eq!(within("t", "client", "not-required"), Some(1));
        assert_eq!(within("t", "client", "required"), None);
        assert_eq!(within("t", "login", "user"), Some(1), "it says nothing of that axis");
        assert_eq!(within("v", "client", "not-required"), None);
    }

    #[test]
    fn an_exception_that_says_nothing_is_an_error() {
        for (from, to, says) in [
            ("why = \"w\"", "why = \" \"", "[[except]] 1: `why` is empty"),
            (
                "{ client = \"not-required\",",
                "{ client = \"disabled\",",
                "[[except]] 1: its `when` matches no cell",
            ),
            (
                "{ client = \"not-required\",",
                "{ login = \"user\",",
                "[[except]] 1: its `when` matches no cell",
            ),
            ("{ client = \"not-required\",", "{ cilent = \"not-required\",", "cilent"),
            ("instead = { \"server.signing\"", "instead = { login", "one that is not there"),
            (
                "instead = { \"server.signing\" = \"required\" }",
                "instead = { client = \"not-required\" }",
                "excepted itself",
            ),
            ("why = \"w\"", "", "why"),
        ] {
            let text = SCENARIO.replace(from, to);
            assert_ne!(text, SCENARIO, "{from}");
            let message = parse(&text).unwrap_err();
            assert!(message.contains(says), "{message}");
        }
    }
}
