//! FetchXML documents found in public code, made ready to be asked.
//!
//! What a program would fill in is filled in, and what is left of the program around a document is taken out. Nothing else of a
//! document is touched: mistakes of their authors stay.

use std::process::Command;

use roxmltree::{Document, Node};
use uuid::Uuid;

use crate::report::shared;

/// Stands where a program puts a value of its own.
const HOLE: &str = "\u{2423}";
/// What a hole is filled with: the first that its column takes.
const FILLINGS: [&str; 4] = [crate::real_queries::SAMPLE_ID, "1", "2026-11-20", "sample"];

/// One of the documents.
pub(crate) struct Found {
    pub(crate) id: String,
    /// Its text, with [`HOLE`]s.
    text: String,
}

impl Found {
    /// The document with its holes filled, each time in another way.
    pub(crate) fn filled(&self) -> Vec<String> {
        let count = if self.text.contains(HOLE) { FILLINGS.len() } else { 1 };
        FILLINGS.iter().take(count).map(|filling| self.text.replace(HOLE, filling)).collect()
    }

    /// The document as XML with its holes, for whoever looks at what it implies.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

/// Whether a value is a hole, and so says nothing of its column.
pub(crate) fn is_hole(value: &str) -> bool {
    value.contains(HOLE)
}

/// All documents; none where they or `gzip` are not at hand.
pub(crate) fn found() -> Option<Vec<Found>> {
    let file = shared().join("data/fetchxml/fetchxml.jsonl.gz");
    let unpacked = Command::new("gzip").arg("-dc").arg(&file).output().ok().filter(|output| output.status.success());
    let text = String::from_utf8(unpacked?.stdout).ok()?;
    let read = |line: &str| {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = ready(row["fetchxml"].as_str().unwrap());
        Found { id: row["id"].as_str().unwrap().to_owned(), text }
    };
    Some(text.lines().map(read).collect())
}

fn ready(document: &str) -> String {
    let Ok(read) = Document::parse(document) else { return document.to_owned() };
    // From the end, so that the places before stay what they are.
    let mut changes: Vec<(std::ops::Range<usize>, String)> = Vec::new();
    for node in read.descendants() {
        let is_value = |node: &Node<'_, '_>| node.has_tag_name("value");
        if let Some(text) = node.text().filter(|_| node.is_text()) {
            let in_value = node.parent().is_some_and(|parent| is_value(&parent));
            if in_value && stands_for_something(text) {
                changes.push((node.range(), HOLE.to_owned()));
            } else if !in_value && !text.trim().is_empty() {
                changes.push((node.range(), String::new()));
            }
        }
        for attribute in node.attributes().filter(|attribute| stands_for_something(attribute.value())) {
            let filled = match attribute.name() {
                "value" => HOLE.to_owned(),
                "top" | "count" | "page" => "1".to_owned(),
                "paging-cookie" => String::new(),
                _ => name_of(attribute.value()),
            };
            changes.push((attribute.range_value(), filled));
        }
    }
    changes.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
    let mut text = document.to_owned();
    for (range, with) in changes {
        text.replace_range(range, &with);
    }
    text
}

/// Whether a program puts something in the place of this.
fn stands_for_something(value: &str) -> bool {
    let braces = value.contains('{') && Uuid::try_parse(value.trim()).is_err();
    braces || value.contains("$(") || value.contains("...") || value.contains(" + ") || value.starts_with('@')
}

/// A name in the place of what a program would name.
fn name_of(hole: &str) -> String {
    let word = hole.trim_end_matches(['}', ')']).rsplit(['.', '{', '(']).next().unwrap_or_default();
    let name: String = word.chars().filter(char::is_ascii_alphanumeric).collect();
    if name.is_empty() { "hole_name".to_owned() } else { format!("hole_{}", name.to_ascii_lowercase()) }
}
