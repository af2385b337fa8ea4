//! CSV (RFC 4180), record by record, where it was read: nothing is copied, and an empty cell is told from an empty text.

use std::borrow::Cow;

use memchr::{memchr, memchr2};

/// One cell of a record: where it is in the record's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) start: usize,
    pub(super) end: usize,
    /// Whether it stands in quotes.
    pub(super) is_quoted: bool,
    /// Whether a quote in it is written twice.
    pub(super) has_quotes: bool,
}

/// What is wrong with a record as a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    /// A quote is opened and never closed.
    Unclosed,
    /// Something stands between a closing quote and the end of the cell.
    BehindQuote,
}

/// What was found at the start of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// The record may go on behind them.
    More,
    /// A record: how long it is without and with the end of its line.
    Record { length: usize, with_end: usize, flaw: Option<Flaw> },
}

/// Looks for the record at the start of `bytes`, which are the last when `is_over`.
pub(super) fn scan(bytes: &[u8], is_over: bool, delimiter: u8, cells: &mut Vec<Cell>) -> Found {
    cells.clear();
    let mut flaw = None;
    let mut at = 0;
    loop {
        let behind = if bytes.get(at) == Some(&b'"') {
            match quoted(bytes, at, is_over, cells) {
                Some(Ok(behind)) => behind,
                Some(Err(unclosed)) => {
                    return Found::Record { length: bytes.len(), with_end: bytes.len(), flaw: Some(unclosed) };
                }
                None => return Found::More,
            }
        } else {
            at
        };
        let rest = bytes.get(behind..).unwrap_or_default();
        let (stop, is_last, end_length) = match memchr2(delimiter, b'\n', rest) {
            Some(found) if rest.get(found) == Some(&b'\n') => (behind + found, true, 1),
            Some(found) => (behind + found, false, 1),
            None if is_over => (bytes.len(), true, 0),
            None => return Found::More,
        };
        // The end of a line may be two characters.
        let has_return = is_last && stop > behind && bytes.get(stop - 1) == Some(&b'\r');
        let end = if has_return { stop - 1 } else { stop };
        if behind > at {
            if end > behind {
                flaw = flaw.or(Some(Flaw::BehindQuote));
            }
        } else {
            cells.push(Cell { start: at, end, is_quoted: false, has_quotes: false });
        }
        if is_last {
            return Found::Record { length: end, with_end: stop + end_length, flaw };
        }
        at = stop + 1;
    }
}

/// Takes the quoted cell at `at`; gives what is behind its closing quote, nothing where more has to be seen.
fn quoted(bytes: &[u8], at: usize, is_over: bool, cells: &mut Vec<Cell>) -> Option<Result<usize, Flaw>> {
    let mut has_quotes = false;
    let mut from = at + 1;
    loop {
        let Some(found) = memchr(b'"', bytes.get(from..).unwrap_or_default()) else {
            return is_over.then_some(Err(Flaw::Unclosed));
        };
        let close = from + found;
        match bytes.get(close + 1) {
            Some(b'"') => {
                has_quotes = true;
                from = close + 2;
            }
            None if !is_over => return None,
            _ => {
                cells.push(Cell { start: at + 1, end: close, is_quoted: true, has_quotes });
                return Some(Ok(close + 1));
            }
        }
    }
}

/// The records of a whole text, with commas between their cells, each with the line that it begins on; `None` for one that
/// is no record (a quote that is not closed, something behind a closing one), which is the last.
pub fn records(text: &str) -> impl Iterator<Item = (usize, Option<Vec<Cow<'_, str>>>)> {
    let (mut rest, mut line, mut cells) = (text, 1, Vec::new());
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let Found::Record { with_end, flaw, .. } = scan(rest.as_bytes(), true, b',', &mut cells) else { return None };
        let (record, begun) = (rest.get(..with_end)?, line);
        line += record.matches('\n').count();
        // What follows a record that is none cannot be told from it.
        rest = if flaw.is_none() { rest.get(with_end..)? } else { "" };
        let text = |cell: &Cell| match record.get(cell.start..cell.end).unwrap_or_default() {
            text if cell.has_quotes => Cow::Owned(text.replace("\"\"", "\"")),
            text => Cow::Borrowed(text),
        };
        Some((begun, flaw.is_none().then(|| cells.iter().map(text).collect())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(text: &str) -> Vec<(Vec<String>, Option<Flaw>)> {
        let mut records = Vec::new();
        let (mut rest, mut cells) = (text.as_bytes(), Vec::new());
        while !rest.is_empty() {
            let Found::Record { with_end, flaw, .. } = scan(rest, true, b',', &mut cells) else { panic!("{rest:?}") };
            let text = |cell: &Cell| {
                let text = String::from_utf8(rest[cell.start..cell.end].to_vec()).unwrap();
                if cell.has_quotes { text.replace("\"\"", "\"") } else { text }
            };
            records.push((cells.iter().map(text).collect(), flaw));
            rest = &rest[with_end..];
        }
        records
    }

    fn cells(text: &str) -> Vec<Vec<String>> {
        all(text).into_iter().map(|(cells, flaw)| (flaw, cells)).map(|(flaw, cells)| (cells, flaw).0).collect()
    }

    #[test]
    fn records_are_read_as_the_standard_says() {
        assert_eq!(cells("a,b\r\n1,2"), [["a", "b"], ["1", "2"]]);
        assert_eq!(cells("a,\"b\"\"c,\n d\"\n,\n"), [vec!["a", "b\"c,\n d"], vec!["", ""]]);
        assert_eq!(cells("x\"y,\" \"\r\n"), [["x\"y", " "]]);
        assert_eq!(all("a,\"b\n1,2\n"), [(vec!["a".to_owned()], Some(Flaw::Unclosed))]);
        assert_eq!(all("\"a\"b,c\n").first().map(|(_, flaw)| *flaw), Some(Some(Flaw::BehindQuote)));
        let mut found = Vec::new();
        scan(b",\"\"", true, b',', &mut found);
        assert_eq!(found.iter().map(|cell| cell.is_quoted).collect::<Vec<_>>(), [false, true]);
    }

    #[test]
    fn records_of_a_text_bear_the_line_that_they_begin_on() {
        let read: Vec<_> = records("a,b\r\n\"1\n\"\"2\",3\n4\n\"5\"x\n6").collect();
        let of = |cells: &[&str]| Some(cells.iter().map(|cell| Cow::from((*cell).to_owned())).collect::<Vec<_>>());
        assert_eq!(read, [(1, of(&["a", "b"])), (2, of(&["1\n\"2", "3"])), (4, of(&["4"])), (5, None)]);
        assert_eq!(records("").count(), 0);
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(rows in prop::collection::vec(prop::collection::vec("[a,\"\r\n é]{0,6}", 2..4), 1..5)) {
            let quote = |cell: &String| format!("\"{}\"", cell.replace('"', "\"\""));
            let text: String = rows.iter().map(|row| row.iter().map(quote).collect::<Vec<_>>().join(",") + "\r\n").collect();
            prop_assert_eq!(cells(&text), rows);
        }

        #[test]
        fn a_record_is_the_same_however_much_of_it_is_seen_at_first(text in "[a,\"\r\n]{0,24}", cut in 0usize..24) {
            let (mut whole, mut part) = (Vec::new(), Vec::new());
            let bytes = text.as_bytes();
            let seen = scan(&bytes[..cut.min(bytes.len())], false, b',', &mut part);
            if seen != Found::More {
                prop_assert_eq!(seen, scan(bytes, true, b',', &mut whole));
                prop_assert_eq!(part, whole);
            }
        }
    }
}
