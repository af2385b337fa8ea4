//! Contents of file and image columns: taking them in, whole or in pieces, and giving them out.
//!
//! Contents do not travel as values of a row. The bytes of an upload are the request's body, which nothing here holds:
//! whoever does the operation has it already.

use std::fmt;
use std::sync::Arc;

use keyholder_dataverse::error::{self, DataverseError};
use keyholder_dataverse::schema::{Column, Table};
use keyholder_foundation::Secret;

use crate::query::RowKey;

/// The largest block of a file in bytes, as the messages document it; also what programs are advised to transfer at once.
pub const LARGEST_BLOCK: u64 = 4 * 1024 * 1024;
/// A file has at most this many blocks, as in the service's own store.
pub const MOST_BLOCKS: u32 = 50_000;

/// Refuses new contents for a column that programs cannot change.
///
/// # Errors
/// The refusal, which names the column.
pub fn changeable(table: &Table, column: &Column) -> Result<(), DataverseError> {
    if column.access.update {
        return Ok(());
    }
    Err(error::payload(table.entity_set(), &format!("The property '{}' cannot be changed.", column.name)))
}

/// A file or image column of one row.
#[derive(Debug, Clone, PartialEq)]
pub struct ContentsOf {
    /// The table.
    pub table: Arc<Table>,
    /// Which row.
    pub key: RowKey,
    /// The column.
    pub column: Arc<Column>,
}

/// What names a transfer in several requests. Whoever has it can go on with the transfer, so nothing shows it.
#[derive(Clone)]
pub struct SessionToken(Secret);

impl SessionToken {
    /// Takes the text over.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(Secret::new(text))
    }

    /// The text itself, to be hashed or handed to the caller.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl PartialEq for SessionToken {
    fn eq(&self, other: &Self) -> bool {
        self.0.matches(other.expose())
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken(redacted)")
    }
}

/// New contents for a column.
#[derive(Debug, Clone, PartialEq)]
pub struct Upload {
    /// Which column.
    pub of: ContentsOf,
    /// What the file is called, where the request says so.
    pub name: Option<String>,
    /// Which media type it has, where the request says more than that it is bytes.
    pub media_type: Option<String>,
    /// Only if the row still has this version (`If-Match: W/"…"`).
    pub if_version: Option<i64>,
    /// Which part of it the request is.
    pub step: UploadStep,
}

/// Which part of an upload a request is.
#[derive(Debug, Clone, PartialEq)]
pub enum UploadStep {
    /// All of it: the body is the contents.
    Whole,
    /// The beginning: `x-ms-transfer-mode: chunked`. The contents follow in further requests.
    Begin,
    /// A piece: the body is the part of the contents that the range names.
    Piece {
        /// Which upload it belongs to.
        session: SessionToken,
        /// Where it lies.
        range: ContentRange,
    },
}

/// Where a piece lies in the whole (`Content-Range`, RFC 9110): `bytes 0-4194303/25870370`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentRange {
    /// The first byte, counted from 0.
    pub start: u64,
    /// How many bytes the piece has.
    pub length: u64,
    /// How many bytes the whole has.
    pub total: u64,
}

impl ContentRange {
    /// Reads the value of the header. A whole without bytes is written `bytes 0--1/0`, as programs that count from 0 to
    /// one before its end do.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (range, total) = text.trim().strip_prefix("bytes")?.trim_start().split_once('/')?;
        let total: u64 = total.trim().parse().ok()?;
        let (start, last) = range.trim().split_once('-')?;
        let start: u64 = start.trim().parse().ok()?;
        let end = match last.trim() {
            "-1" if start == 0 => 0,
            last => last.parse::<u64>().ok()?.checked_add(1)?,
        };
        let length = end.checked_sub(start)?;
        (end <= total && (length > 0 || total == 0)).then_some(Self { start, length, total })
    }
}

/// Contents that are asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Download {
    /// Of which column.
    pub of: ContentsOf,
    /// Whether the bytes themselves are wanted (`…/$value`), and not a JSON document with them in base64.
    pub raw: bool,
    /// Whether an image is wanted as it came, and not its thumbnail: `?size=full`.
    pub full: bool,
    /// Which part of them; all where none is named.
    pub range: Option<ByteRange>,
}

/// A part of some bytes (`Range`, RFC 9110).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteRange {
    /// From this byte on, up to and with the other, or to the end.
    From(u64, Option<u64>),
    /// This many at the end.
    Last(u64),
}

impl ByteRange {
    /// Reads the value of the header. Anything but one range of bytes is as good as no header, as the standard has it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (first, last) = text.trim().strip_prefix("bytes=")?.split_once('-')?;
        let (first, last) = (first.trim(), last.trim());
        if first.is_empty() {
            return last.parse().ok().map(Self::Last);
        }
        let first: u64 = first.parse().ok()?;
        if last.is_empty() {
            return Some(Self::From(first, None));
        }
        let last: u64 = last.parse().ok()?;
        (first <= last).then_some(Self::From(first, Some(last)))
    }

    /// The first byte and the one behind the last, of a whole of `size` bytes; none where it has no such byte.
    #[must_use]
    pub fn within(self, size: u64) -> Option<(u64, u64)> {
        let (start, end) = match self {
            Self::From(first, last) => (first, last.map_or(size, |last| last.saturating_add(1).min(size))),
            Self::Last(count) => (size.saturating_sub(count), size),
        };
        (start < end).then_some((start, end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_pieces() {
        let range = |start, length, total| Some(ContentRange { start, length, total });
        for (text, expected) in [
            ("bytes 0-4194303/25870370", range(0, 4_194_304, 25_870_370)),
            ("bytes 25165824-25870369/25870370", range(25_165_824, 704_546, 25_870_370)),
            ("bytes 0-0/1", range(0, 1, 1)),
            ("bytes 0--1/0", range(0, 0, 0)),
            ("bytes 5-4/9", None),
            ("bytes 0-9/9", None),
            ("bytes 4-3/4", None),
            ("bytes 0-18446744073709551615/18446744073709551615", None),
            ("bytes */9", None),
            ("bytes 0-3/*", None),
            ("0-3/4", None),
            ("", None),
        ] {
            assert_eq!(ContentRange::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn ranges_that_are_asked_for() {
        for (text, size, expected) in [
            ("bytes=0-3", 10, Some((0, 4))),
            ("bytes=0-4194303", 10, Some((0, 10))),
            ("bytes=8-", 10, Some((8, 10))),
            ("bytes=-3", 10, Some((7, 10))),
            ("bytes=-30", 10, Some((0, 10))),
            ("bytes=10-12", 10, None),
            ("bytes=-0", 10, None),
            ("bytes=0-", 0, None),
            ("bytes=0-18446744073709551615", 10, Some((0, 10))),
        ] {
            assert_eq!(ByteRange::parse(text).unwrap().within(size), expected, "{text}");
        }
        for text in ["bytes=0-1,3-4", "bytes=4-3", "items=0-1", "bytes=a-", "bytes=-", ""] {
            assert_eq!(ByteRange::parse(text), None, "{text}");
        }
    }

    #[test]
    fn nothing_shows_a_token() {
        let token = SessionToken::new("abc");
        assert_eq!(format!("{token:?}"), "SessionToken(redacted)");
        assert_eq!(token, SessionToken::new("abc"));
        assert_ne!(token, SessionToken::new("abd"));
    }
}
