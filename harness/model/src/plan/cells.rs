//! The cells of a scenario: every combination of the values of its axes.

use super::Interposed;
use crate::case::Axes;
use crate::client::KnownClient;
use crate::profile::{ServerPolicy, SigningOffer};
use crate::scenario::{Action, AlgorithmAxis, ProfileAxis, Scenario, SoftwareAxis, Step};
use crate::software::{Setting, Software};
use crate::words::{
    Algorithm, Dialect, DialectRange, ExtendedSecurity, Generation, GuestMapping, GuestPolicy, Login,
    Mapping, Signing,
};

/// The values of one cell: what its axes say, and the defaults for the axes a scenario does not have.
#[derive(Clone)]
pub(crate) struct CellValues {
    pub(crate) axes: Axes,
    pub(super) client: Signing,
    pub(super) server_signing: Signing,
    pub(super) generation: Option<Generation>,
    pub(super) extended_security: ExtendedSecurity,
    pub(super) server_dialects: Option<DialectRange>,
    pub(crate) dialect: Dialect,
    pub(super) algorithm: Option<Algorithm>,
    pub(super) server_guest: GuestMapping,
    pub(super) client_guest: GuestPolicy,
    pub(super) login: Login,
    pub(super) offer: Option<SigningOffer>,
    pub(super) interposed: Option<Interposed>,
    pub(super) profile: Option<KnownClient>,
    pub(super) software: Option<Software>,
    pub(super) setting: Setting,
    pub(super) mapping: Mapping,
}

impl CellValues {
    /// Whether a step belongs to the cell.
    pub(crate) fn takes(&self, scenario: &str, step: &Step) -> bool {
        step.is_in(scenario, &self.axes) && (step.action != Action::ValidateNegotiate || self.validates())
    }

    /// Whether its client validates the negotiation: one that knows 3.x does at every older dialect (3.2.5.5), with a signed
    /// request, for which guests have no key. Where the scenario names the dialect it also says when.
    ///
    /// The plan knows the logon and not the session, and a user who logs on rightly is predicted to be no guest. Where a server
    /// makes him one all the same, such as one with another password that maps to guest, the client leaves the step out
    /// that is planned.
    fn validates(&self) -> bool {
        let Some(profile) = &self.profile else { return true };
        let knows = profile.dialects.is.iter().any(|dialect| dialect.is_smb3());
        knows && self.login == Login::User && !matches!(self.dialect, Dialect::Nt1 | Dialect::Smb311)
    }

    /// Which dialect a client that is named and its server come to; without a common one its newest.
    fn settled(mut self) -> Self {
        if let Some(profile) = &self.profile {
            let (lowest, highest) = match self.server_dialects {
                Some(range) => (range.lowest, range.highest),
                None => ServerPolicy::default().dialects,
            };
            let own = profile.dialects.is.iter().copied();
            let common = own.clone().filter(|dialect| (lowest..=highest).contains(dialect)).max();
            self.dialect = common.or(own.max()).unwrap_or(self.dialect);
        }
        self
    }
}

/// Multiplies `cells` by the values of one axis.
fn vary<T: ToString>(
    cells: Vec<CellValues>,
    name: &str,
    values: Option<&Vec<T>>,
    set: impl Fn(&mut CellValues, &T),
) -> Vec<CellValues> {
    let Some(values) = values else { return cells };
    let mut all = Vec::with_capacity(cells.len() * values.len());
    for cell in cells {
        for value in values {
            let mut cell = cell.clone();
            cell.axes.insert(name.to_owned(), value.to_string());
            set(&mut cell, value);
            all.push(cell);
        }
    }
    all
}

/// The cells of a scenario, with those that it excepts.
pub(crate) fn cells(scenario: &Scenario) -> Vec<CellValues> {
    let axes = &scenario.axes;
    let one = CellValues {
        axes: Axes::new(),
        client: Signing::NotRequired,
        server_signing: Signing::NotRequired,
        generation: None,
        extended_security: ExtendedSecurity::Yes,
        server_dialects: None,
        dialect: Dialect::Smb311,
        algorithm: None,
        server_guest: GuestMapping::Never,
        client_guest: GuestPolicy::Blocked,
        login: Login::User,
        offer: None,
        interposed: None,
        profile: None,
        software: None,
        setting: Setting::Default,
        mapping: Mapping::Ordinary,
    };
    let all = vec![one];
    let all = vary(all, "dialect", axes.dialect.as_ref(), |c, d| c.dialect = *d);
    let all = with_algorithms(all, axes.algorithm.as_ref());
    let all = vary(all, "generation", axes.generation.as_ref(), |c, g| c.generation = Some(*g));
    let all =
        vary(all, "extended-security", axes.extended_security.as_ref(), |c, e| c.extended_security = *e);
    let all = vary(all, "deviation", axes.deviation.as_ref(), |_, _| ());
    let all = vary(all, "attack", axes.attack.as_ref(), |c, name| {
        c.interposed = Some(Interposed::Attack(name.clone()));
    });
    let all = vary(all, "defect", axes.defect.as_ref(), |c, name| {
        c.interposed = Some(Interposed::Defect(name.clone()));
    });
    let all = with_profiles(all, scenario);
    let all = with_software(all, scenario);
    let all = vary(all, "setting", axes.setting.as_ref(), |c, s| c.setting = *s);
    let all = vary(all, "mapping", axes.mapping.as_ref(), |c, m| c.mapping = *m);
    let all = vary(all, "client", axes.client.as_ref(), |c, s| c.client = *s);
    let all = vary(all, "client.guest", axes.client_guest.as_ref(), |c, g| c.client_guest = *g);
    let all = vary(all, "login", axes.login.as_ref(), |c, l| c.login = *l);
    let all = vary(all, "offer", axes.offer.as_ref(), |c, name| {
        c.offer = scenario.offers.get(name).map(|ids| match ids.as_slice() {
            // An empty list is no context at all: a context of no algorithms is a deviation, not an offer.
            [] => SigningOffer::None,
            ids => SigningOffer::Ids(ids.iter().map(|id| id.0).collect()),
        });
    });
    let all =
        vary(all, "server.dialects", axes.server_dialects.as_ref(), |c, d| c.server_dialects = Some(*d));
    let all = vary(all, "server.guest", axes.server_guest.as_ref(), |c, g| c.server_guest = *g);
    let all = vary(all, "server.signing", axes.server_signing.as_ref(), |c, s| c.server_signing = *s);
    all.into_iter().map(CellValues::settled).collect()
}

/// A cell for each client that the scenario names, as far as they are known to it.
fn with_profiles(cells: Vec<CellValues>, scenario: &Scenario) -> Vec<CellValues> {
    let Some(axis) = &scenario.axes.profile else { return cells };
    let is_wanted = |client: &&KnownClient| match axis {
        ProfileAxis::Each => true,
        ProfileAxis::These(these) => these.contains(&client.id),
    };
    let clients: Vec<&KnownClient> = scenario.clients.iter().filter(is_wanted).collect();
    let one = |cell: &CellValues, client: &KnownClient| {
        let mut cell = cell.clone();
        cell.axes.insert("profile".to_owned(), client.id.clone());
        cell.profile = Some(client.clone());
        cell
    };
    cells.iter().flat_map(|cell| clients.iter().map(|client| one(cell, client))).collect()
}

/// A cell for each client that people run, as far as they are known to the scenario.
fn with_software(cells: Vec<CellValues>, scenario: &Scenario) -> Vec<CellValues> {
    let Some(axis) = &scenario.axes.software else { return cells };
    let is_wanted = |software: &&Software| match axis {
        SoftwareAxis::Each => true,
        SoftwareAxis::These(these) => these.contains(&software.id),
    };
    let all: Vec<&Software> = scenario.software.iter().filter(is_wanted).collect();
    let one = |cell: &CellValues, software: &Software| {
        let mut cell = cell.clone();
        cell.axes.insert("software".to_owned(), software.id.clone());
        cell.software = Some(software.clone());
        cell
    };
    cells.iter().flat_map(|cell| all.iter().map(|software| one(cell, software))).collect()
}

/// The algorithm axis depends on the dialect: only what the dialect allows makes a cell.
fn with_algorithms(cells: Vec<CellValues>, axis: Option<&AlgorithmAxis>) -> Vec<CellValues> {
    let Some(axis) = axis else { return cells };
    cells
        .into_iter()
        .flat_map(|cell| {
            let allowed = cell.dialect.algorithms().iter().copied();
            let wanted: Vec<Algorithm> = match axis {
                AlgorithmAxis::Each => allowed.collect(),
                AlgorithmAxis::These(these) => allowed.filter(|a| these.contains(a)).collect(),
            };
            vary(vec![cell], "algorithm", Some(&wanted), |c, a| c.algorithm = Some(*a))
        })
        .collect()
}
