//! What a text must look like: literal runs, wildcards and sets of characters.
//!
//! Dataverse gives `%`, `_`, `[a-f]` and `[^a-f]` the meaning that Transact-SQL's `LIKE` has. Its
//! nearest relative is `GLOB` in SQLite and a regular expression in PostgreSQL, so a pattern
//! crosses the seam as its pieces and each store writes it in its own words. Text is compared as
//! it is: whoever wants case and accents to be the same folds both sides before.

/// What a text must look like, from its first character to its last.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Pattern {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Piece {
    /// Exactly this character.
    Literal(char),
    /// Any one character.
    One,
    /// Any number of characters, also none.
    Many,
    /// One character in (or, when negated, outside) these ranges, both ends included.
    Set { negated: bool, ranges: Vec<(char, char)> },
}

impl Pattern {
    /// Any text that starts so.
    #[must_use]
    pub fn starts_with(text: &str) -> Self {
        Self { pieces: text.chars().map(Piece::Literal).chain([Piece::Many]).collect() }
    }

    /// Any text that ends so.
    #[must_use]
    pub fn ends_with(text: &str) -> Self {
        Self { pieces: [Piece::Many].into_iter().chain(text.chars().map(Piece::Literal)).collect() }
    }

    /// Any text that has this somewhere.
    #[must_use]
    pub fn contains(text: &str) -> Self {
        let inner = text.chars().map(Piece::Literal);
        Self { pieces: [Piece::Many].into_iter().chain(inner).chain([Piece::Many]).collect() }
    }

    /// Reads Transact-SQL's `LIKE` form. A `[` without its `]`, or with nothing between, stands for
    /// itself.
    #[must_use]
    pub fn like(text: &str) -> Self {
        let mut pieces = Vec::new();
        let mut rest = text.chars();
        while let Some(next) = rest.next() {
            pieces.push(match next {
                '%' => Piece::Many,
                '_' => Piece::One,
                '[' => match read_set(rest.as_str()) {
                    Some((set, after)) => {
                        rest = after.chars();
                        set
                    }
                    None => Piece::Literal('['),
                },
                other => Piece::Literal(other),
            });
        }
        Self { pieces }
    }

    /// Puts "anything" before and after it.
    #[must_use]
    pub fn anywhere(mut self) -> Self {
        self.pieces.insert(0, Piece::Many);
        self.pieces.push(Piece::Many);
        self
    }

    /// Whether a text looks so; linear in the text for each `%`.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        // The usual greedy walk: on a mismatch, go back to the last `%` and let it take one more.
        let text: Vec<char> = text.chars().collect();
        let (mut at, mut piece, mut retry) = (0, 0, None);
        loop {
            let step = match (self.pieces.get(piece), text.get(at)) {
                (None, None) => return true,
                (Some(Piece::Many), _) => {
                    retry = Some((at, piece));
                    piece += 1;
                    continue;
                }
                (Some(Piece::One), Some(_)) => true,
                (Some(Piece::Literal(wanted)), Some(found)) => wanted == found,
                (Some(Piece::Set { negated, ranges }), Some(found)) => {
                    ranges.iter().any(|(low, high)| (low..=high).contains(&found)) != *negated
                }
                (Some(_), None) | (None, Some(_)) => false,
            };
            if step {
                (at, piece) = (at + 1, piece + 1);
                continue;
            }
            match retry {
                Some((from, many)) if from < text.len() => {
                    retry = Some((from + 1, many));
                    (at, piece) = (from + 1, many + 1);
                }
                _ => return false,
            }
        }
    }

    /// The pattern for SQLite's `GLOB`, which knows no escapes but sets of one character.
    pub(crate) fn glob(&self) -> String {
        let mut glob = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Many => glob.push('*'),
                Piece::One => glob.push('?'),
                Piece::Literal(c @ ('*' | '?' | '[')) => {
                    glob.push('[');
                    glob.push(*c);
                    glob.push(']');
                }
                Piece::Literal(c) => glob.push(*c),
                Piece::Set { negated, ranges } => glob_set(&mut glob, *negated, ranges),
            }
        }
        glob
    }

    /// The pattern as a regular expression of PostgreSQL.
    #[must_use]
    pub fn regular_expression(&self) -> String {
        let mut regex = String::from("^");
        let literal = |regex: &mut String, c: char| {
            if !c.is_alphanumeric() && c.is_ascii() {
                regex.push('\\');
            }
            regex.push(c);
        };
        for piece in &self.pieces {
            match piece {
                Piece::Many => regex.push_str(".*"),
                Piece::One => regex.push('.'),
                Piece::Literal(c) => literal(&mut regex, *c),
                Piece::Set { negated, ranges } => {
                    regex.push_str(if *negated { "[^" } else { "[" });
                    for (low, high) in ranges {
                        literal(&mut regex, *low);
                        if low != high {
                            regex.push('-');
                            literal(&mut regex, *high);
                        }
                    }
                    regex.push(']');
                }
            }
        }
        regex.push('$');
        regex
    }
}

/// Reads what follows a `[`: the set, and the text behind its `]`.
fn read_set(text: &str) -> Option<(Piece, &str)> {
    let (inner, after) = text.split_once(']')?;
    let (negated, inner) = inner.strip_prefix('^').map_or((false, inner), |rest| (true, rest));
    let mut ranges = Vec::new();
    let mut chars = inner.chars();
    while let Some(low) = chars.next() {
        let rest = chars.as_str();
        let high = rest.strip_prefix('-').and_then(|rest| rest.chars().next());
        match high {
            Some(high) => {
                chars = rest.chars();
                chars.by_ref().take(2).for_each(drop);
                // A range that runs backwards holds nothing.
                if low <= high {
                    ranges.push((low, high));
                }
            }
            None => ranges.push((low, low)),
        }
    }
    (!inner.is_empty() && !ranges.is_empty()).then_some((Piece::Set { negated, ranges }, after))
}

/// Writes a set so that `GLOB` reads it back: `]` first, `^` not first, `-` where no range can be
/// meant. Ranges that begin or end with one of those are taken apart.
fn glob_set(glob: &mut String, negated: bool, ranges: &[(char, char)]) {
    let mut singles = std::collections::BTreeSet::new();
    let mut spans = Vec::new();
    for (low, high) in ranges {
        let (mut low, high) = (*low, *high);
        // Only the ends can be misread, and only the low end can be `]`, `^` or `-` in a way that
        // matters: peel special characters off it.
        while matches!(low, ']' | '^' | '-') && low < high {
            singles.insert(low);
            low = char::from_u32(u32::from(low) + 1).unwrap_or(high);
        }
        if low == high {
            singles.insert(low);
        } else if matches!(high, ']') {
            singles.insert(high);
            spans.push((low, '\\'));
        } else {
            spans.push((low, high));
        }
    }
    if !negated && spans.is_empty() && singles.iter().eq(['^'].iter()) {
        return glob.push('^');
    }
    let dash = singles.remove(&'-');
    let caret = singles.remove(&'^');
    glob.push_str(if negated { "[^" } else { "[" });
    if singles.remove(&']') {
        glob.push(']');
    }
    let start = glob.len();
    glob.extend(spans.iter().flat_map(|(low, high)| [*low, '-', *high]));
    glob.extend(&singles);
    let nothing_yet = !negated && glob.len() == start && glob.ends_with('[');
    match (dash, caret) {
        (true, true) if nothing_yet => glob.push_str("-^"),
        (true, true) => glob.push_str("^-"),
        (true, false) => glob.push('-'),
        (false, true) => glob.push('^'),
        (false, false) => {}
    }
    glob.push(']');
}

#[cfg(test)]
mod tests;
