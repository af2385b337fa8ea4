//! One row of a file, checked and written into a block; or why it cannot go.

use std::fmt::{self, Write};

use uuid::Uuid;

use super::LoadError;
use super::block::{Block, Known, Place};
use super::columns::{Bound, Use};
use super::target::{RowIds, Target, Verb};
use super::value::{Given, Kind, check_length, check_room, literal};

/// Most things that are told of one row.
const MOST_REASONS: usize = 8;

/// How rows are written.
#[derive(Debug)]
pub(super) struct RowWriter {
    pub(super) target: Target,
    pub(super) ids: RowIds,
    /// Whether each column of the key is a text, in its order.
    pub(super) key_is_text: Vec<bool>,
    /// Whether what is empty empties its column.
    pub(super) empties: bool,
}

impl RowWriter {
    /// A column of the key that none of these is.
    pub(super) fn missing_key(&self, bound: &[Bound]) -> Option<&str> {
        let key = self.target.verb.key().iter().enumerate();
        let is_there = |at: usize| bound.iter().any(|bound| bound.used == Use::Key(at));
        key.filter(|(at, _)| !is_there(*at)).map(|(_, name)| name.as_str()).next()
    }

    /// Writes a row into the block, as one of its rows or as a rejected one.
    pub(super) fn write<'a>(
        &self,
        block: &mut Block,
        number: u64,
        place: Place,
        items: &(impl Iterator<Item = (&'a Bound, Given<'a>)> + Clone),
    ) {
        let key = match self.key(items) {
            Ok(key) => key,
            Err(reason) => return block.reject(number, place, reason),
        };
        let known = match &self.target.verb {
            Verb::Create => Known::New(self.ids.id(number)),
            _ if self.target.is_by_id() => Known::Id(&key),
            _ => Known::Key(&key),
        };
        let draft = block.begin(&self.target, &known);
        let mut reasons = Reasons::default();
        let mut lookups: Vec<&str> = Vec::new();
        for (bound, given) in items.clone() {
            if let Some(lookup) = bound.lookup.as_deref() {
                let is_empty = is_nothing(&given);
                if lookups.contains(&lookup) {
                    if !is_empty {
                        reasons.add(&bound.name, "names a second row for the same lookup");
                    }
                    continue;
                }
                // Of the tables that a lookup leads into, each in a column of its own, one names the row; it is emptied once.
                let names = |(other, given): (&Bound, Given<'_>)| {
                    other.lookup.as_deref() == Some(lookup) && !is_nothing(&given)
                };
                if is_empty && (bound.is_kept || items.clone().any(names)) {
                    continue;
                }
                if !is_empty || self.empties || matches!(given, Given::Null) {
                    lookups.push(lookup);
                }
            } else if bound.is_kept {
                continue;
            }
            match &bound.used {
                Use::Left | Use::Key(_) => {}
                Use::Member { start, kind } => {
                    let Some(given) = self.effective(given, kind) else { continue };
                    block.text.extend_from_slice(start);
                    if let Err(reason) = kind.write(given, &mut block.text) {
                        reasons.add(&bound.name, &reason);
                    }
                }
                Use::Sought { lookup, longest } => {
                    let (text, has_quotes) = match given {
                        Given::Nothing if !self.empties => continue,
                        Given::Text { text, has_quotes } if !text.trim().is_empty() => (text.trim(), has_quotes),
                        Given::Bare(text) => (text, false),
                        _ => {
                            reasons.add(&bound.name, "is empty, and such a lookup cannot be emptied by a load");
                            continue;
                        }
                    };
                    match check_length(text, has_quotes, Some(*longest)) {
                        Ok(()) => {
                            let value = if has_quotes { text.replace("\"\"", "\"") } else { text.to_owned() };
                            block.seek(*lookup, value);
                        }
                        Err(reason) => reasons.add(&bound.name, &reason),
                    }
                }
            }
        }
        match reasons.end() {
            None => block.end(&draft, number, place),
            Some(reason) => block.take_back(&draft, number, place, reason),
        }
    }

    /// What is sent for what is given; nothing where nothing is.
    fn effective<'a>(&self, given: Given<'a>, kind: &Kind) -> Option<Given<'a>> {
        let is_text = matches!(kind, Kind::Text { .. });
        match given {
            Given::Text { text, .. } if !is_text && text.trim().is_empty() => self.empties.then_some(Given::Null),
            Given::Nothing => self.empties.then_some(Given::Null),
            given => Some(given),
        }
    }

    /// What the row is known by: an id, or `accountnumber='A1'`.
    fn key<'a>(&self, items: &(impl Iterator<Item = (&'a Bound, Given<'a>)> + Clone)) -> Result<String, String> {
        let mut key = String::new();
        for (at, name) in self.target.verb.key().iter().enumerate() {
            let given = items.clone().find(|(bound, _)| bound.used == Use::Key(at)).map(|(_, given)| given);
            let (text, has_quotes) = match given {
                Some(Given::Text { text, has_quotes }) => (text, has_quotes),
                Some(Given::Bare(text)) => (text, false),
                _ => ("", false),
            };
            let text = if has_quotes { text.replace("\"\"", "\"") } else { text.to_owned() };
            if text.trim().is_empty() {
                return Err(format!("`{name}` is empty, by which the row is known"));
            }
            if self.target.is_by_id() {
                let id = Uuid::parse_str(text.trim()).map_err(|_| format!("`{name}` is no id (GUID)"))?;
                let _ = write!(key, "{}", id.hyphenated());
                continue;
            }
            let is_text = self.key_is_text.get(at).copied().unwrap_or(true);
            let literal = literal(if is_text { &text } else { text.trim() }, is_text);
            let literal = literal.map_err(|reason| format!("`{name}`: {reason}"))?;
            let comma = if at > 0 { "," } else { "" };
            let _ = write!(key, "{comma}{name}={literal}");
            check_room(&key).map_err(|reason| format!("`{name}` {reason}"))?;
        }
        Ok(key)
    }
}

/// Whether a lookup that is given so names no row.
fn is_nothing(given: &Given<'_>) -> bool {
    match given {
        Given::Text { text, .. } => text.trim().is_empty(),
        Given::Nothing | Given::Null => true,
        Given::Bare(_) => false,
    }
}

/// What is wrong with a row, column by column.
#[derive(Default)]
struct Reasons {
    text: String,
    count: usize,
}

impl Reasons {
    fn add(&mut self, column: &str, reason: &str) {
        self.count += 1;
        if self.count <= MOST_REASONS {
            let between = if self.text.is_empty() { "" } else { "; " };
            let _ = write!(self.text, "{between}`{column}` {reason}");
        }
    }

    fn end(self) -> Option<String> {
        let more = self.count.saturating_sub(MOST_REASONS);
        match self.count {
            0 => None,
            _ if more > 0 => Some(format!("{}; and {more} more", self.text)),
            _ => Some(self.text),
        }
    }
}

/// A member of a row that is no column, as a reason: "`x` is ...".
pub(super) struct Unbound(pub(super) LoadError);

impl fmt::Display for Unbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            LoadError::UnknownColumn { column, table, .. } => write!(f, "`{column}` is no column of `{table}`"),
            error => write!(f, "{error}"),
        }
    }
}
