//! The renderers over results that hold every state there is.

#[cfg(test)]
mod browser;
#[cfg(test)]
mod html;
#[cfg(test)]
mod junit;
#[cfg(test)]
mod markdown;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod support;
#[cfg(test)]
mod terminal;
