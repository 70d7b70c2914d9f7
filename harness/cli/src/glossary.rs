//! What reports say besides results: titles and remedies of the run's own catalogue, and of the one inside the binary for runs
//! that do not say; meanings from the texts of `explain`.

use crate::catalogue::Catalogue;
use crate::exit::Failure;
use crate::explain::Texts;
use model::plan::PlannedTexts;
use reports::{Glossary, Meaning, Mend};
use std::collections::BTreeMap;

/// What a run has of its own, and everything that is inside the binary.
pub(crate) fn glossary(own: &PlannedTexts) -> Result<Glossary, Failure> {
    let catalogue = Catalogue::load(None, None)?;
    let texts = Texts::load()?;
    let rules = judge::rules().filter_map(|rule| texts.rule(rule.id)).map(|entry| {
        let meaning = Meaning {
            what: entry.what.clone(),
            why: entry.why.clone(),
            who: entry.who.clone(),
            topic: entry.topic.clone(),
        };
        (entry.id.clone(), meaning)
    });
    let topics = texts.topics().map(|topic| {
        // A target of the run with the name of one that is built in is another one.
        let built_in = catalogue.targets.iter().filter(|known| !own.remedies.contains_key(&known.target.id));
        let remedies = built_in.flat_map(|known| {
            let of_topic = known.remedies.iter().filter(|remedy| remedy.topic == topic.id);
            of_topic.map(|remedy| (known.target.id.clone(), remedy.mend.clone()))
        });
        let of_run = own.remedies.iter();
        let of_run = of_run.filter_map(|(id, mends)| Some((id.clone(), mends.get(&topic.id)?.clone())));
        let mend = Mend {
            mend: topic.mend.clone(),
            not_recommended: topic.not_recommended.clone(),
            own: remedies.chain(of_run).collect(),
        };
        (topic.id.clone(), mend)
    });
    let software = catalogue.software.iter().map(|it| (&it.software.id, &it.software.title));
    let clients = catalogue.clients.iter().map(|it| (&it.id, &it.title)).chain(software);
    Ok(Glossary {
        clients: with(clients, &own.clients),
        scenarios: with(catalogue.scenarios.iter().map(|it| (&it.id, &it.title)), &own.scenarios),
        rules: rules.collect(),
        topics: topics.collect(),
    })
}

/// The titles of a run in place of those inside the binary.
fn with<'a>(
    built_in: impl Iterator<Item = (&'a String, &'a String)>,
    own: &'a BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    built_in.chain(own).map(|(id, title)| (id.clone(), title.clone())).collect()
}
