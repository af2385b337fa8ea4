//! The metadata document of a real org (`$metadata`, CSDL 4.0) as tables, columns and relationships.
//!
//! ```text
//! text -> document (types as written, bounded) -> tables (a SchemaDefinition, and what was assumed)
//! ```
//!
//! A metadata document says less than a schema needs: no labels, lengths, options or privileges, and not which table
//! holds the pairs of a many-to-many relationship. What is assumed in the place of each stands at the top of `tables` and
//! `relationships`; a [`SideFile`] says otherwise where it matters. What cannot be taken over is left out and said, one
//! line each, in [`Reading::left_out`].
//!
//! The reader trusts nothing: no document type and so no entities of the document's own, and bounds on size, depth, counts and
//! names. Format: OData CSDL XML 4.0 (OASIS), as Dataverse writes it.

mod document;
mod relationships;
mod side;
mod tables;

use std::collections::{BTreeMap, BTreeSet};

use crate::schema::SchemaDefinition;

pub use side::{ColumnSide, Provenance, SideFile, TableSide};
pub use tables::is_filled;

/// The largest document, in bytes; real ones have 2 to 15 MB.
pub const MOST_BYTES: usize = 64 << 20;

/// A document that cannot be used. It says where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{document}`{}, {element}: {reason}", place(*line))]
pub struct CsdlError {
    /// The document's name, as it was given.
    pub document: String,
    /// The line, from 1; many real documents have only one. 0 where only the element is known.
    pub line: usize,
    /// The element, with its name where it has one.
    pub element: String,
    /// What is wrong, and what to do about it.
    pub reason: String,
}

fn place(line: usize) -> String {
    if line == 0 { String::new() } else { format!(", line {line}") }
}

/// What a document says.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Reading {
    /// The tables, without type codes (0): those are given where the tables are kept.
    pub definition: SchemaDefinition,
    /// What was assumed where the document is silent: the assumption, and of which tables, or columns and relationships of tables.
    pub assumed: Vec<(&'static str, Vec<String>)>,
    /// The columns whose longest text the document tells, by table and column; every table of the document stands here.
    pub lengths: BTreeMap<String, BTreeSet<String>>,
    /// What was not taken over, each with its reason.
    pub left_out: Vec<String>,
}

/// Reads a metadata document. `name` stands in errors and notes.
///
/// # Errors
/// [`CsdlError`] when it is no metadata document, contradicts itself, or passes a bound.
pub fn read(name: &str, text: &[u8]) -> Result<Reading, CsdlError> {
    let document = document::Document::read(name, text)?;
    tables::build(&document)
}

/// Puts what a side file tells in the place of what was assumed. `name` is the side file's.
///
/// # Errors
/// [`CsdlError`] naming the table or column that there is not, or what does not fit it.
pub fn tell(name: &str, definition: &mut SchemaDefinition, side: &SideFile) -> Result<(), CsdlError> {
    tables::tell(name, definition, side)
}

/// Whether a text looks like XML rather than like our own form of a schema.
#[must_use]
pub fn looks_like_xml(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    text.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'<')
}

#[cfg(test)]
mod tests;
