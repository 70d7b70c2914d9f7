//! The nouns of the harness, and the signing rules as one pure function.
//!
//! Nothing here does I/O and nothing here knows a byte of SMB: scenarios are parsed from text that somebody else
//! read, a plan is computed from them, and the prediction of a case ([`predict()`]) comes from the scenario and the
//! policy alone, never from what a server answered.

pub mod case;
pub mod client;
pub mod diff;
pub mod discovery;
pub mod draft;
pub mod expectation;
pub mod external;
pub mod frame;
pub mod merge;
pub mod outcome;
pub mod plan;
pub mod policy;
pub mod predict;
pub mod profile;
pub mod results;
pub mod scenario;
pub mod selftest;
pub mod settings;
pub mod software;
pub mod status;
pub mod target;
pub mod words;

pub use case::{Axes, CaseId};
pub use client::KnownClient;
pub use discovery::Discovery;
pub use expectation::{Expectation, ExpectationState};
pub use frame::{Frame, FrameField, Heading};
pub use outcome::{As, CheckLevel, Counted, Finding, FrameRef, Outcome, Shown, Subject, Verdict};
pub use plan::{Plan, PlannedCase};
pub use policy::{Cell, signing_rule};
pub use predict::predict;
pub use profile::{ClientProfile, Encryption, ServerPolicy, SigningOffer};
pub use results::{CaseResult, Results};
pub use scenario::{Action, Deviation, Scenario, Step};
pub use software::Software;
pub use status::NtStatus;
pub use target::Target;
pub use words::{
    Algorithm, Dialect, DialectRange, ExtendedSecurity, Generation, GuestMapping, GuestPolicy, Login, Signing,
};
