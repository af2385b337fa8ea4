//! What is wrong with a declaration, all of it at once, each with its place.

use std::fmt;
use std::path::{Path, PathBuf};

/// A place in a text, as editors count: from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Where; not known for a declaration that was made in code.
    pub position: Option<Position>,
    /// What, with what to do about it.
    pub message: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Position { line, column }) = self.position {
            write!(f, "line {line}, column {column}: ")?;
        }
        f.write_str(&self.message)
    }
}

/// Everything that is wrong with a declaration, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistakes {
    place: Option<PathBuf>,
    list: Vec<Mistake>,
}

/// How many mistakes are shown; a file of another kind altogether has thousands.
const SHOWN: usize = 30;
/// How many mistakes are looked for. Each takes a look through the whole text, and what was meant
/// instead a look at many names.
pub(crate) const MOST: usize = 200;

impl Mistakes {
    pub(crate) fn new(place: Option<&Path>, mut list: Vec<Mistake>) -> Self {
        list.sort_by_key(|mistake| mistake.position);
        list.dedup();
        Self { place: place.map(Path::to_path_buf), list }
    }

    /// Each of them; at least one.
    #[must_use]
    pub fn list(&self) -> &[Mistake] {
        &self.list
    }

    /// The file, when the declaration was read from one.
    #[must_use]
    pub fn place(&self) -> Option<&Path> {
        self.place.as_deref()
    }
}

impl std::error::Error for Mistakes {}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match &self.place {
            Some(place) => format!("`{}`", place.display()),
            None => "the declaration".to_owned(),
        };
        if let [only] = self.list.as_slice() {
            return write!(f, "{place}, {only}");
        }
        let more = if self.list.len() == MOST { " or more" } else { "" };
        write!(f, "{place} has {} mistakes{more}", self.list.len())?;
        for mistake in self.list.iter().take(SHOWN) {
            write!(f, "\n  {mistake}")?;
        }
        match self.list.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more"),
        }
    }
}

/// Where the lines of a text begin.
pub(crate) struct Lines<'t> {
    text: &'t str,
}

impl<'t> Lines<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { text }
    }

    /// The place of a byte offset; the end for one beyond it.
    pub(crate) fn position(&self, offset: usize) -> Position {
        let mut end = offset.min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        let before = self.text.get(..end).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = before.get(start..).unwrap_or_default().chars().count() + 1;
        Position { line, column }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_from_one() {
        let lines = Lines::new("a\nbäc\n\nd");
        let at = |offset| (lines.position(offset).line, lines.position(offset).column);
        assert_eq!(at(0), (1, 1));
        assert_eq!(at(1), (1, 2));
        assert_eq!(at(2), (2, 1));
        // In the middle of `ä` and after it.
        assert_eq!(at(4), (2, 2));
        assert_eq!(at(5), (2, 3));
        assert_eq!(at(7), (3, 1));
        assert_eq!(at(100), (4, 2));
    }

    #[test]
    fn one_mistake_is_one_line_and_thousands_are_not_all_shown() {
        let mistake = |line| Mistake { position: Some(Position { line, column: 1 }), message: "wrong".to_owned() };
        let one = Mistakes::new(Some(Path::new("keyholder.toml")), vec![mistake(12)]);
        assert_eq!(one.to_string(), "`keyholder.toml`, line 12, column 1: wrong");
        let many = Mistakes::new(None, (1..=1000).rev().map(mistake).collect()).to_string();
        assert!(many.starts_with("the declaration has 1000 mistakes\n  line 1, column 1: wrong\n"), "{many}");
        assert_eq!(many.lines().count(), 32);
        assert!(many.ends_with("and 970 more"));
    }
}
