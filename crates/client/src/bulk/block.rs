//! Rows that travel together: written once, as JSON, into the body of the request that takes them there.

use std::ops::Range;

use bytes::Bytes;
use uuid::Uuid;

use super::target::{Target, Verb};
use crate::dataverse::push_segment;

/// How the body of a request for many rows begins.
const START: &[u8] = br#"{"Targets":["#;
/// And how it ends.
const END: &[u8] = b"]}";

/// Where a row stands in what it was read from, in bytes.
pub type Place = Range<u64>;

/// A row on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    /// The row's number, from 1.
    pub(super) number: u64,
    pub(super) place: Place,
    /// The JSON object, in the block's text.
    pub(super) text: Range<usize>,
    /// Its members without those that say which row it is, each behind a comma.
    pub(super) members: Range<usize>,
    /// What says which row it is in an address, in the block's keys: `(accountnumber='A1')`; empty for a new one.
    pub(super) key: Range<usize>,
}

/// A row that was not loaded, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejected {
    /// The row's number, from 1.
    pub number: u64,
    /// Where it stands in what it was read from.
    pub place: Place,
    /// Why, in words.
    pub reason: String,
    /// The org's code, where it was the org that refused it: `0x80040237`.
    pub code: Option<String>,
}

/// A lookup whose row has to be looked for before the row can go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sought {
    /// The row, among the block's.
    pub(super) row: usize,
    /// Which of the load's lookups.
    pub(super) lookup: usize,
    /// What it is looked for by.
    pub(super) value: String,
}

/// Some rows of a load, one after another as they were read.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) text: Vec<u8>,
    pub(super) keys: Vec<u8>,
    pub(super) rows: Vec<Span>,
    pub(super) rejected: Vec<Rejected>,
    pub(super) sought: Vec<Sought>,
    /// The bytes of what is sought.
    sought_bytes: usize,
    /// The bytes of why rows were rejected.
    reason_bytes: usize,
    /// How many rows there are, those that were rejected included.
    count: u64,
    place: Place,
    most_rows: usize,
    most_bytes: usize,
}

/// How the row is known that is being written.
pub(super) enum Known<'a> {
    /// It gets this id.
    New(Uuid),
    /// It has this id.
    Id(&'a str),
    /// It has these values in the columns of the key: `accountnumber='A1'`, not encoded yet.
    Key(&'a str),
    /// The same as it stands in an address: `(accountnumber='A1')`.
    Address(&'a str),
}

impl Block {
    /// Without rows; with room for so many rows and about so many bytes.
    pub(super) fn new(most_rows: usize, most_bytes: usize, expected: usize) -> Self {
        let mut text = Vec::with_capacity(expected.min(most_bytes) + START.len() + END.len());
        text.extend_from_slice(START);
        Self {
            text,
            keys: Vec::new(),
            rows: Vec::with_capacity(most_rows.min(1_000)),
            rejected: Vec::new(),
            sought: Vec::new(),
            sought_bytes: 0,
            reason_bytes: 0,
            count: 0,
            place: 0..0,
            most_rows,
            most_bytes,
        }
    }

    /// Whether another row would be too many.
    pub(super) fn is_full(&self) -> bool {
        self.count >= self.most_rows as u64 || self.bytes() >= self.most_bytes
    }

    /// What it takes in memory, in bytes, beside what each row takes whatever stands in it.
    pub(super) fn bytes(&self) -> usize {
        self.text.len() + self.keys.len() + self.sought_bytes + self.reason_bytes
    }

    /// The row that is being written has a lookup whose row is known by this value.
    pub(super) fn seek(&mut self, lookup: usize, value: String) {
        self.sought_bytes += value.len() + size_of::<Sought>();
        self.sought.push(Sought { row: self.rows.len(), lookup, value });
    }

    /// How many rows it has, those that were rejected included.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// From the start of its first row to the end of its last.
    pub(super) fn place(&self) -> Place {
        self.place.clone()
    }

    fn counted(&mut self, place: &Place) {
        if self.count == 0 {
            self.place = place.clone();
        }
        self.count += 1;
        self.place.end = place.end;
    }

    /// Takes a row that cannot be sent.
    pub(super) fn reject(&mut self, number: u64, place: Place, reason: String) {
        self.counted(&place);
        self.reason_bytes += reason.len();
        self.rejected.push(Rejected { number, place, reason, code: None });
    }

    /// Begins a row of the target. What follows are its members, each behind a comma.
    pub(super) fn begin(&mut self, target: &Target, known: &Known<'_>) -> Draft {
        let text = self.text.len();
        if !self.rows.is_empty() {
            self.text.push(b',');
        }
        let start = self.text.len();
        self.text.extend_from_slice(&target.start);
        let key = self.keys.len();
        let mut push_id = |id: &[u8]| {
            self.text.extend_from_slice(&target.id_member);
            self.text.extend_from_slice(id);
            self.text.push(b'"');
        };
        match known {
            Known::New(id) => {
                let mut digits = Uuid::encode_buffer();
                push_id(id.hyphenated().encode_lower(&mut digits).as_bytes());
            }
            Known::Id(id) => {
                push_id(id.as_bytes());
                self.keys.push(b'(');
                self.keys.extend_from_slice(id.as_bytes());
                self.keys.push(b')');
            }
            Known::Key(_) | Known::Address(_) => {
                match known {
                    Known::Address(key) => self.keys.extend_from_slice(key.as_bytes()),
                    Known::Key(pairs) => {
                        self.keys.push(b'(');
                        push_segment(&mut self.keys, pairs);
                        self.keys.push(b')');
                    }
                    _ => {}
                }
                // Encoded for an address, it is the same within JSON.
                self.text.extend_from_slice(&target.address_member);
                self.text.extend_from_slice(self.keys.get(key..).unwrap_or_default());
                self.text.push(b'"');
            }
        }
        Draft { text, start, members: self.text.len(), key, sought: self.sought.len(), sought_bytes: self.sought_bytes }
    }

    /// Ends the row that was begun.
    pub(super) fn end(&mut self, draft: &Draft, number: u64, place: Place) {
        let members = draft.members..self.text.len();
        self.text.push(b'}');
        self.counted(&place);
        let text = draft.start..self.text.len();
        self.rows.push(Span { number, place, text, members, key: draft.key..self.keys.len() });
    }

    /// Takes back the row that was begun: it cannot be sent.
    pub(super) fn take_back(&mut self, draft: &Draft, number: u64, place: Place, reason: String) {
        self.text.truncate(draft.text);
        self.keys.truncate(draft.key);
        self.sought.truncate(draft.sought);
        self.sought_bytes = draft.sought_bytes;
        self.reject(number, place, reason);
    }

    /// Puts what was found for lookups into their rows: `members[i]` belongs to the `i`th that is sought, each behind a
    /// comma, or says why its row cannot be sent.
    pub(super) fn complete(&mut self, members: &[Result<String, String>]) {
        let old = std::mem::replace(&mut self.text, START.to_vec());
        let rows = std::mem::take(&mut self.rows);
        let mut found = self.sought.iter().zip(members).peekable();
        for (at, span) in rows.into_iter().enumerate() {
            let mut reasons: Vec<&str> = Vec::new();
            let mut more = String::new();
            while let Some((_, member)) = found.next_if(|(sought, _)| sought.row == at) {
                match member {
                    Ok(member) => more.push_str(member),
                    Err(reason) => reasons.push(reason),
                }
            }
            if !reasons.is_empty() {
                let reason = reasons.join("; ");
                self.rejected.push(Rejected { number: span.number, place: span.place, reason, code: None });
                continue;
            }
            if !self.rows.is_empty() {
                self.text.push(b',');
            }
            let start = self.text.len();
            let before = span.members.start - span.text.start;
            self.text.extend_from_slice(old.get(span.text.start..span.members.end).unwrap_or_default());
            self.text.extend_from_slice(more.as_bytes());
            let members = start + before..self.text.len();
            self.text.push(b'}');
            self.rows.push(Span { text: start..self.text.len(), members, ..span });
        }
        self.sought.clear();
        self.sought_bytes = 0;
    }

    /// Nothing more is added: the text is the body of a request for all of its rows.
    pub(super) fn seal(mut self) -> Sealed {
        self.text.extend_from_slice(END);
        Sealed { text: self.text.into(), keys: self.keys.into(), rows: self.rows }
    }
}

/// A row that is being written: what was there before it.
#[derive(Debug)]
pub(super) struct Draft {
    text: usize,
    start: usize,
    members: usize,
    key: usize,
    sought: usize,
    sought_bytes: usize,
}

/// The rows of a block as they are sent.
#[derive(Debug)]
pub(super) struct Sealed {
    text: Bytes,
    keys: Bytes,
    pub(super) rows: Vec<Span>,
}

impl Sealed {
    /// The body of one request for these rows of it.
    pub(super) fn together(&self, rows: &[usize]) -> Bytes {
        if rows.len() == self.rows.len() {
            return self.text.clone();
        }
        let spans = rows.iter().filter_map(|row| self.rows.get(*row));
        let mut text = START.to_vec();
        for (at, span) in spans.enumerate() {
            if at > 0 {
                text.push(b',');
            }
            text.extend_from_slice(self.text.get(span.text.clone()).unwrap_or_default());
        }
        text.extend_from_slice(END);
        text.into()
    }

    /// The body of a request for one row alone.
    pub(super) fn alone(&self, span: &Span, target: &Target, new: Option<Uuid>) -> Bytes {
        let members = self.text.get(span.members.clone()).unwrap_or_default();
        let mut text = Vec::with_capacity(members.len() + 64);
        text.push(b'{');
        match (new, &target.verb) {
            (Some(id), Verb::Create) => {
                text.extend_from_slice(target.id_member.get(1..).unwrap_or_default());
                text.extend_from_slice(id.to_string().as_bytes());
                text.push(b'"');
                text.extend_from_slice(members);
            }
            _ => text.extend_from_slice(members.get(1..).unwrap_or_default()),
        }
        text.push(b'}');
        text.into()
    }

    /// The row's address below the Web API, but for the set: `(accountnumber='A1')`.
    pub(super) fn key(&self, span: &Span) -> &str {
        std::str::from_utf8(self.keys.get(span.key.clone()).unwrap_or_default()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sought_and_why_rows_are_rejected_counts_for_the_size_of_a_block() {
        let mut block = Block::new(1_000, 4_000, 0);
        let empty = block.bytes();
        block.reject(1, 0..1, "x".repeat(1_000));
        assert_eq!(block.bytes(), empty + 1_000);
        let draft = Draft { text: 12, start: 12, members: 12, key: 0, sought: 0, sought_bytes: 0 };
        block.seek(0, "x".repeat(5_000));
        assert!(block.is_full());
        block.take_back(&draft, 2, 1..2, String::new());
        assert!(!block.is_full() && block.bytes() == empty + 1_000 && block.sought.is_empty());
    }
}
