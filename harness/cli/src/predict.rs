//! `predict`: both sides' settings against the published tables, without any server.

use crate::args::PredictArgs;
use crate::catalogue::Catalogue;
use crate::exit::{Exit, Failure};
use crate::names;
use model::settings::{Settings, SettingsError};
use model::{
    Algorithm, Cell, ClientProfile, Generation, KnownClient, Outcome, ServerPolicy, Signing, signing_rule,
};
use serde_json::json;

/// The signing algorithms of a server that has them all: which it takes is its own choice.
const ALL: &[Algorithm] = &[Algorithm::Aes128Gmac, Algorithm::Aes128Cmac, Algorithm::HmacSha256];

const TABLES: &[(Generation, &str)] = &[
    (Generation::Smb2, "SMB 2.x and 3.x"),
    (Generation::Smb1Current, "SMB1, since KB950876"),
    (Generation::Smb1Older, "SMB1, before"),
];

/// `countersign predict`.
pub(crate) fn predict(args: &PredictArgs) -> Result<Exit, Failure> {
    let catalogue = Catalogue::load(None, None)?;
    names::check("client", &args.client, catalogue.clients.iter().map(|client| client.id.as_str()))?;
    let usage = |error: SettingsError| Failure::usage(error.to_string());
    let client = args.client_settings.as_deref().map(Settings::of_client).transpose().map_err(usage)?;
    let server = args.server_settings.as_deref().map(Settings::of_server).transpose().map_err(usage)?;
    let client = client.unwrap_or_default();
    let policy = ServerPolicy {
        signing: server.unwrap_or_default().signing(Signing::NotRequired),
        dialects: (args.server_dialects.lowest, args.server_dialects.highest),
        guest: args.server_guest,
        ..ServerPolicy::default()
    };
    let wanted: Vec<&KnownClient> = catalogue
        .clients
        .iter()
        .filter(|known| args.client.is_empty() || args.client.contains(&known.id))
        .collect();
    let clients: Vec<(&KnownClient, ClientProfile)> =
        wanted.into_iter().map(|known| (known, client.applied(&known.profile()))).collect();
    let outcomes: Vec<(&KnownClient, Signing, Outcome)> = clients
        .iter()
        .map(|(known, profile)| (*known, profile.signing, model::predict(profile, &policy, args.login, ALL)))
        .collect();
    // The tables speak of two policies; a client that is named has one, and bare settings make one.
    let own = match clients.as_slice() {
        [(_, profile)] => profile.signing,
        _ => client.signing(Signing::NotRequired),
    };
    let tables: Vec<(&str, Cell)> = TABLES
        .iter()
        .map(|(generation, name)| (*name, signing_rule(own, policy.signing, *generation)))
        .collect();
    if args.json {
        let document = json!({
            "server": policy,
            "tables": tables.iter().map(|(name, cell)| json!({ "table": name, "cell": cell })).collect::<Vec<_>>(),
            "clients": outcomes.iter().map(|(known, signing, outcome)| {
                json!({ "id": known.id, "title": known.title, "signing": signing, "predicted": outcome })
            }).collect::<Vec<_>>(),
        });
        let text =
            serde_json::to_string_pretty(&document).map_err(|e| Failure::environment(e.to_string()))?;
        anstream::println!("{text}");
        return Ok(Exit::Expected);
    }
    anstream::println!("A client whose signing is {own}, a server whose signing is {}:", policy.signing);
    for (name, cell) in &tables {
        anstream::println!("  {name:<22}{}", word(*cell));
    }
    let (lowest, highest) = policy.dialects;
    anstream::println!(
        "\nOn a server with signing {}, dialects {lowest} to {highest}, guest mapping {}, logging on as {}:",
        policy.signing,
        policy.guest,
        args.login
    );
    let width = outcomes.iter().map(|(known, ..)| known.id.len()).max().unwrap_or_default();
    for (known, _, outcome) in &outcomes {
        anstream::println!("  {:<width$}  {}", known.id, outcome.line());
        if let Some(shown) = &outcome.shown {
            anstream::println!("  {:<width$}    shows {}: {}", "", shown.code, shown.text);
        }
    }
    Ok(Exit::Expected)
}

const fn word(cell: Cell) -> &'static str {
    match cell {
        Cell::Signed => "signed",
        Cell::NotSigned => "not signed",
        Cell::ClientRefuses => "fails to connect: the client ends it, because the server cannot sign",
        Cell::ServerRefuses => "fails to connect: STATUS_ACCESS_DENIED at the first TREE_CONNECT",
    }
}
