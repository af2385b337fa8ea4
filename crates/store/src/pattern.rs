//! What a text must look like: literal runs, wildcards and sets of characters.
//!
//! Dataverse gives `%`, `_`, `[a-f]` and `[^a-f]` in a search the meaning that Transact-SQL's
//! `LIKE` has. Its nearest relative is `GLOB` in SQLite and a regular expression in PostgreSQL, so
//! a pattern crosses the seam as its pieces and each store writes it in its own words. Text is
//! compared as it is: whoever wants case and accents to be the same folds both sides before.

/// What a text must look like, from its first character to its last.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Pattern {
    pieces: Vec<Piece>,
}

/// A part of a [`Pattern`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Piece {
    /// Exactly this text.
    Text(String),
    /// Any one character.
    One,
    /// Any number of characters, also none.
    Many,
    /// One character in (or, when negated, outside) these ranges, both ends included. A range
    /// that runs backwards holds nothing.
    Set {
        /// Whether the character must be in none of them.
        negated: bool,
        /// First and last character of each.
        ranges: Vec<(char, char)>,
    },
}

/// The smallest text, in the order of code points, that is behind all those which begin so.
fn behind(beginning: &str) -> Option<String> {
    let mut text = beginning.to_owned();
    while let Some(last) = text.pop() {
        // Between a character and the next one are at most the surrogates, which are none.
        let next = (u32::from(last) + 1..).take(0x801).find_map(char::from_u32);
        if let Some(next) = next {
            text.push(next);
            return Some(text);
        }
    }
    None
}

impl Pattern {
    /// A text made of these pieces, one after the other.
    #[must_use]
    pub fn new(pieces: impl IntoIterator<Item = Piece>) -> Self {
        Self { pieces: pieces.into_iter().collect() }
    }

    /// Between which texts everything lies that looks like this, by its beginning: not before the first, and before the
    /// second where there is one. Nothing when any text may look like it. An index leads to what lies between two texts, and
    /// to no pattern that is a parameter.
    #[must_use]
    pub fn range(&self) -> Option<(&str, Option<String>)> {
        let Some(Piece::Text(first)) = self.pieces.first().filter(|piece| **piece != Piece::Text(String::new())) else {
            return None;
        };
        Some((first, behind(first)))
    }

    /// The pattern for SQLite's `GLOB`, which knows no escapes but sets of one character.
    pub(crate) fn glob(&self) -> String {
        let mut glob = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Many => glob.push('*'),
                Piece::One => glob.push('?'),
                Piece::Text(text) => {
                    for c in text.chars() {
                        if matches!(c, '*' | '?' | '[') {
                            glob.extend(['[', c, ']']);
                        } else {
                            glob.push(c);
                        }
                    }
                }
                Piece::Set { negated, ranges } => glob_set(&mut glob, *negated, ranges),
            }
        }
        glob
    }

    /// The pattern as a regular expression of PostgreSQL.
    #[must_use]
    pub fn regular_expression(&self) -> String {
        let mut regex = String::from("^");
        let mut ends_open = false;
        for piece in &self.pieces {
            if matches!(piece, Piece::Text(text) if text.is_empty()) {
                continue;
            }
            let was_open = std::mem::replace(&mut ends_open, *piece == Piece::Many);
            match piece {
                // Once and again is the same as once, and takes the server the third power of their number.
                Piece::Many if was_open => {}
                Piece::Many => regex.push_str(".*"),
                Piece::One => regex.push('.'),
                Piece::Text(text) => text.chars().for_each(|c| escaped(&mut regex, c)),
                Piece::Set { negated, ranges } => regex_set(&mut regex, *negated, ranges),
            }
        }
        regex.push('$');
        regex
    }
}

/// A character that stands for itself in a regular expression.
fn escaped(regex: &mut String, c: char) {
    if c.is_ascii_punctuation() {
        regex.push('\\');
    }
    regex.push(c);
}

fn regex_set(regex: &mut String, negated: bool, ranges: &[(char, char)]) {
    let mut sound = ranges.iter().filter(|(low, high)| low <= high).peekable();
    if sound.peek().is_none() {
        // No character is in the set: any is outside, and nothing follows the end of a text.
        return regex.push_str(if negated { "." } else { "$." });
    }
    regex.push_str(if negated { "[^" } else { "[" });
    for (low, high) in sound {
        escaped(regex, *low);
        if low != high {
            regex.push('-');
            escaped(regex, *high);
        }
    }
    regex.push(']');
}

/// Writes a set so that `GLOB` reads it back: `]` first, `^` not first, `-` where no range can be
/// meant. Ranges that begin with one of those, or end with `]`, are taken apart.
fn glob_set(glob: &mut String, negated: bool, ranges: &[(char, char)]) {
    let mut singles = std::collections::BTreeSet::new();
    let mut spans = Vec::new();
    for (low, high) in ranges.iter().filter(|(low, high)| low <= high) {
        let (mut low, high) = (*low, *high);
        while matches!(low, ']' | '^' | '-') && low < high {
            singles.insert(low);
            low = char::from_u32(u32::from(low) + 1).unwrap_or(high);
        }
        if low == high {
            singles.insert(low);
        } else if high == ']' {
            singles.insert(high);
            spans.push((low, '\\'));
        } else {
            spans.push((low, high));
        }
    }
    match (spans.is_empty(), singles.len(), negated) {
        // No character is in the set: any is outside, and none is outside of everything.
        (true, 0, true) => return glob.push('?'),
        (true, 0, false) => return glob.push_str("[^\u{1}-\u{10ffff}]"),
        (true, 1, false) if singles.contains(&'^') => return glob.push('^'),
        _ => {}
    }
    let dash = singles.remove(&'-');
    let caret = singles.remove(&'^');
    glob.push_str(if negated { "[^" } else { "[" });
    if singles.remove(&']') {
        glob.push(']');
    }
    glob.extend(spans.iter().flat_map(|(low, high)| [*low, '-', *high]));
    glob.extend(&singles);
    match (dash, caret) {
        (true, true) if glob.ends_with('[') => glob.push_str("-^"),
        (true, true) => glob.push_str("^-"),
        (true, false) => glob.push('-'),
        (false, true) => glob.push('^'),
        (false, false) => {}
    }
    glob.push(']');
}

#[cfg(test)]
mod tests;
