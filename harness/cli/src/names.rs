//! Names that somebody typed: known, or the nearest known one.

use crate::exit::Failure;

/// The name among `known` that is nearest to `given`, where one is near.
pub(crate) fn nearest<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|name| (strsim::jaro_winkler(given, name), name))
        .filter(|(likeness, _)| *likeness > 0.6)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name)
}

/// Fails with exit 2 where a name is not known, and says which is near.
pub(crate) fn check<'a>(
    what: &str,
    given: &[String],
    known: impl Iterator<Item = &'a str> + Clone,
) -> Result<(), Failure> {
    for name in given {
        if known.clone().any(|known| known == name) {
            continue;
        }
        let mend = match nearest(name, known.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are: {}", known.collect::<Vec<_>>().join(", ")),
        };
        return Err(Failure::usage(format!(
            "no {what} is called `{name}`: {mend} (`countersign list {what}s` shows all)"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_is_named() {
        let known = ["smb2-policy", "smb2-guest", "smb2-anonymous"];
        assert_eq!(nearest("smb2-polciy", known.into_iter()), Some("smb2-policy"));
        assert_eq!(nearest("zzz", known.into_iter()), None);
        let message = check("scenario", &["smb2-gest".to_owned()], known.into_iter()).unwrap_err().message;
        assert!(message.contains("`smb2-guest`"), "{message}");
        let message = check("scenario", &["zzz".to_owned()], known.into_iter()).unwrap_err().message;
        assert!(message.contains("smb2-anonymous"), "{message}");
        assert!(check("scenario", &["smb2-guest".to_owned()], known.into_iter()).is_ok());
    }
}
