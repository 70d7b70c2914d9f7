//! `countersign list`.

use crate::args::{ListArgs, Listed};
use crate::catalogue::Catalogue;
use crate::exit::{Exit, Failure};
use model::plan::{PROBE, expand};
use model::target::TargetKind;
use serde_json::{Value, json};

/// Lists one kind of thing, for a person or as JSON.
pub(crate) fn list(args: &ListArgs) -> Result<Exit, Failure> {
    let catalogue = Catalogue::load(args.scenarios_dir.as_deref(), args.targets_dir.as_deref())?;
    let rows = match args.what {
        Listed::Scenarios => scenarios(&catalogue),
        Listed::Targets => targets(&catalogue),
        Listed::Clients => clients(&catalogue),
        Listed::Rules => judge::rules()
            .map(|rule| {
                let about = format!("{} [{}; {}]", rule.title, rule.level, rule.cites.join(", "));
                let value =
                    json!({ "id": rule.id, "title": rule.title, "level": rule.level, "cites": rule.cites });
                (rule.id.to_owned(), about, value)
            })
            .collect(),
        Listed::Attacks => interpose::attacks()
            .iter()
            .map(|attack| mischief(attack.id, attack.title, attack.cites, attack.trips))
            .collect(),
        Listed::Defects => interpose::defects()
            .iter()
            .map(|defect| mischief(defect.id, defect.title, defect.cites, defect.trips))
            .collect(),
        Listed::Cases => cases(&catalogue),
    };
    if args.json {
        let values: Vec<Value> = rows.into_iter().map(|(_, _, value)| value).collect();
        let text = serde_json::to_string_pretty(&values).map_err(|e| Failure::environment(e.to_string()))?;
        anstream::println!("{text}");
        return Ok(Exit::Expected);
    }
    let width = rows.iter().map(|(id, ..)| id.len()).max().unwrap_or(0);
    for (id, about, _) in rows {
        if about.is_empty() {
            anstream::println!("{id}");
        } else {
            anstream::println!("{id:width$}  {about}");
        }
    }
    Ok(Exit::Expected)
}

type Row = (String, String, Value);

fn mischief(id: &str, title: &str, cites: &[&str], trips: &[&str]) -> Row {
    let value = json!({ "id": id, "title": title, "cites": cites, "trips": trips });
    (id.to_owned(), format!("{title} [{}]", cites.join(", ")), value)
}

fn scenarios(catalogue: &Catalogue) -> Vec<Row> {
    catalogue
        .scenarios
        .iter()
        .map(|scenario| {
            let except = scenario
                .except
                .iter()
                .map(|it| json!({ "when": it.when, "instead": it.instead, "why": it.why }));
            let value = json!({
                "id": scenario.id, "title": scenario.title, "cites": scenario.cites,
                "except": except.collect::<Vec<_>>(),
            });
            (scenario.id.clone(), scenario.title.clone(), value)
        })
        .collect()
}

fn targets(catalogue: &Catalogue) -> Vec<Row> {
    catalogue
        .targets
        .iter()
        .map(|known| {
            let target = &known.target;
            let kind = match target.kind {
                TargetKind::Embedded => "embedded",
                TargetKind::Container => "container",
                TargetKind::External => "external",
            };
            let declared: Vec<&str> = target.unsupported.iter().map(|u| u.why.as_str()).collect();
            let value = json!({
                "id": target.id, "title": target.title, "kind": kind, "default": target.default,
                "unsupported": declared, "expectations": target.expectations,
            });
            (target.id.clone(), format!("{} [{kind}]", target.title), value)
        })
        .collect()
}

fn clients(catalogue: &Catalogue) -> Vec<Row> {
    let probe = (
        PROBE.to_owned(),
        "the wire-level client of this program: every dialect and every signing algorithm".to_owned(),
        json!({ "id": PROBE }),
    );
    let known = catalogue.clients.iter().map(|client| {
        let dialects: Vec<&str> = client.dialects.is.iter().map(|dialect| dialect.word()).collect();
        let about = format!(
            "{} [signing {}, guests {}, dialects {}]",
            client.title,
            client.signing.is,
            client.guest.is,
            dialects.join(" ")
        );
        (client.id.clone(), about, json!(client))
    });
    let software = catalogue.software.iter().map(|known| {
        let software = &known.software;
        let settings: Vec<&str> = software.signing.keys().map(|setting| setting.word()).collect();
        let place = if software.container.is_some() { "in a container" } else { "in this program" };
        let about = format!("{} [run for real, {place}; signing {}]", software.title, settings.join(" "));
        let value = json!({
            "id": software.id, "title": software.title, "default": software.default, "settings": settings,
            "driver": software.driver, "expectations": software.expectations,
        });
        (software.id.clone(), about, value)
    });
    std::iter::once(probe).chain(known).chain(software).collect()
}

fn cases(catalogue: &Catalogue) -> Vec<Row> {
    expand(&catalogue.scenarios, &catalogue.targets())
        .into_iter()
        .map(|case| {
            let value = json!({
                "id": case.id, "scenario": case.scenario, "target": case.target, "axes": case.axes,
                "predicted": case.predicted(), "unsupported": case.unsupported,
            });
            let about = case.unsupported.as_ref().map(|why| format!("unsupported: {why}"));
            (case.id.to_string(), about.unwrap_or_default(), value)
        })
        .collect()
}
