//! One self-contained HTML page for people: no script, nothing fetched, and works from a file.

mod case;
mod grid;
mod view;

use crate::ReportError;
use askama::Template;
use model::Results;

/// The page. It is meant to lie in the run folder, beside the evidence that it links to.
///
/// # Errors
/// Where the template cannot be rendered.
pub fn render(results: &Results) -> Result<String, ReportError> {
    Ok(view::Page::of(results).render()?)
}
