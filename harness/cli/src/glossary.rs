//! What reports say besides results: titles from the catalogue, meanings and remedies from the texts of `explain`.

use crate::catalogue::Catalogue;
use crate::exit::Failure;
use crate::explain::Texts;
use reports::{Glossary, Meaning, Mend};

/// Everything that is inside the binary.
pub(crate) fn glossary() -> Result<Glossary, Failure> {
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
        let remedies = catalogue.targets.iter().flat_map(|known| {
            let of_topic = known.remedies.iter().filter(|remedy| remedy.topic == topic.id);
            of_topic.map(|remedy| (known.target.id.clone(), remedy.mend.clone()))
        });
        let mend = Mend {
            mend: topic.mend.clone(),
            not_recommended: topic.not_recommended.clone(),
            own: remedies.collect(),
        };
        (topic.id.clone(), mend)
    });
    let clients = catalogue.clients.iter().map(|it| (it.id.clone(), it.title.clone()));
    let software = catalogue.software.iter().map(|it| (it.software.id.clone(), it.software.title.clone()));
    Ok(Glossary {
        clients: clients.chain(software).collect(),
        scenarios: catalogue.scenarios.iter().map(|it| (it.id.clone(), it.title.clone())).collect(),
        rules: rules.collect(),
        topics: topics.collect(),
    })
}
