//! One self-contained HTML page for people: nothing is fetched, and it works from a file or a mail attachment.
//!
//! The answer, the matrices and the findings are there without script. The cases are data in the page, and one small script
//! lists and shows them; the Content-Security-Policy lets nothing run but that script, by its hash.

mod capability;
mod case;
mod clients;
mod data;
mod figure;
mod frame;
mod grid;
mod rows;
mod software;
mod view;

use crate::ReportError;
use crate::glossary::Glossary;
use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::Results;
use model::selftest::KillMatrix;
use sha2::{Digest as _, Sha256};

/// The script of the page.
const SCRIPT: &str = include_str!("../templates/report.js");
/// The style of the page.
const STYLE: &str = include_str!("../templates/style.css");

/// The page. It is meant to lie in the run folder, beside the evidence that it links to. `matrix` is that of a self-test that
/// lies in the same folder.
///
/// # Errors
/// Where the template cannot be rendered.
pub fn render(
    results: &Results,
    glossary: &Glossary,
    matrix: Option<&KillMatrix>,
) -> Result<String, ReportError> {
    Ok(view::Page::of(results, glossary, matrix)?.render()?)
}

/// What may run and what may style: nothing but these two.
fn policy() -> String {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text.as_bytes()));
    format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        hash(SCRIPT),
        hash(STYLE)
    )
}
