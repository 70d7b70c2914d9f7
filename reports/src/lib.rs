//! Renders `results.json` for people and for CI; knows nothing of SMB.
//!
//! Every renderer is a pure function of [`model::Results`]. What a case's verdict and status look like is decided
//! once, in one table of outcomes, and what stands in which row and column of a matrix once as well; the terminal, the
//! HTML page, Markdown and JUnit differ in form only.
//!
//! Text in a result may come from a server nobody trusts: each renderer shows it as text, never as control
//! characters, markup or a link.

mod connect;
pub mod diff;
mod digest;
mod discovery;
mod glossary;
mod headline;
pub mod html;
pub mod junit;
mod left_out;
pub mod markdown;
mod matrix;
mod outcomes;
pub mod schema;
pub mod selftest;
mod software;
mod story;
pub mod terminal;
mod text;

pub use glossary::{Glossary, Meaning, Mend};

/// A report that could not be rendered. Displays as what completes "failed to ...".
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The template could not be rendered.
    #[error("render the HTML report")]
    Html(#[from] askama::Error),
    /// The data of the page could not be written.
    #[error("write the data of the HTML report")]
    Data(#[from] serde_json::Error),
    /// The XML could not be written.
    #[error("render the JUnit report")]
    Junit(#[from] quick_junit::SerializeError),
}
