//! Texts with wildcards.

use keyholder_dataverse::fold::fold;

/// A text to look for, in which `%`, `_`, `[abc]` and `[^abc]` are wildcards, as in the service's
/// store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    written: String,
    parts: Vec<PatternPart>,
}

/// A piece of a [`Pattern`], folded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PatternPart {
    /// This text.
    Literal(String),
    /// `%`: any text, also none.
    AnyText,
    /// `_`: any one character.
    AnyCharacter,
    /// `[a-f]`: one character inside these ranges; negated, outside.
    OneOf {
        /// First and last character of each range.
        ranges: Vec<(char, char)>,
        /// Whether the character must be none of them.
        negated: bool,
    },
}

impl Pattern {
    /// Reads a pattern. A `[` without its `]` stands for itself.
    #[must_use]
    pub fn new(written: impl Into<String>) -> Self {
        let written = written.into();
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = written.chars();
        while let Some(letter) = rest.next() {
            let part = match letter {
                '%' => PatternPart::AnyText,
                '_' => PatternPart::AnyCharacter,
                '[' => {
                    if let Some((class, after)) = rest.as_str().split_once(']').filter(|(class, _)| !class.is_empty()) {
                        rest = after.chars();
                        class_of(class)
                    } else {
                        literal.push('[');
                        continue;
                    }
                }
                other => {
                    literal.push(other);
                    continue;
                }
            };
            push_literal(&mut parts, &mut literal);
            parts.push(part);
        }
        push_literal(&mut parts, &mut literal);
        // A blank at the end of a literal counts here: only whole values ignore theirs.
        Self { written, parts }
    }

    /// As the request has it.
    #[must_use]
    pub fn written(&self) -> &str {
        &self.written
    }

    /// Its pieces.
    #[must_use]
    pub fn parts(&self) -> &[PatternPart] {
        &self.parts
    }

    /// The folded text, where the pattern has no wildcards; empty for an empty pattern.
    #[must_use]
    pub fn literal(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [PatternPart::Literal(text)] => Some(text),
            _ => None,
        }
    }
}

fn push_literal(parts: &mut Vec<PatternPart>, literal: &mut String) {
    if !literal.is_empty() {
        parts.push(PatternPart::Literal(fold_inside(literal)));
        literal.clear();
    }
}

/// Folds a piece of a text, whose blanks at the end are not the end of the text.
fn fold_inside(text: &str) -> String {
    let trimmed = text.trim_end_matches(' ');
    let mut folded = fold(trimmed);
    folded.push_str(text.get(trimmed.len()..).unwrap_or_default());
    folded
}

fn class_of(class: &str) -> PatternPart {
    let (negated, members) = class.strip_prefix('^').map_or((false, class), |rest| (true, rest));
    let folded: Vec<char> = fold_inside(members).chars().collect();
    let mut ranges = Vec::new();
    let mut rest = folded.as_slice();
    while let [first, tail @ ..] = rest {
        if let ['-', last, after @ ..] = tail {
            ranges.push((*first, *last));
            rest = after;
        } else {
            ranges.push((*first, *first));
            rest = tail;
        }
    }
    PatternPart::OneOf { ranges, negated }
}
