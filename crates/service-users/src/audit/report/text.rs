//! Texts from anywhere, as reports show them: short, on one line, and steering nothing.

use std::fmt::Write as _;

/// The longest name that a report shows, in characters; a directory allows 256.
const LONGEST_NAME: usize = 160;
/// The longest sentence that a report shows, in characters.
const LONGEST_SENTENCE: usize = 1200;

/// A name.
pub(super) fn name(text: &str) -> String {
    clipped(text, LONGEST_NAME)
}

/// A sentence, which may have names in it.
pub(super) fn sentence(text: &str) -> String {
    clipped(text, LONGEST_SENTENCE)
}

/// Names in a row.
pub(super) fn names(all: &[String]) -> String {
    all.iter().map(|one| name(one)).collect::<Vec<_>>().join(", ")
}

/// A sentence that begins with a capital and ends.
pub(super) fn whole(text: &str) -> String {
    let mut letters = text.chars();
    let capital: String = match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    };
    let end = if capital.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{capital}{end}")
}

/// A number of things.
pub(super) fn counted(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

fn clipped(text: &str, longest: usize) -> String {
    let mut shown = String::with_capacity(text.len().min(longest));
    let mut letters = text.chars();
    for letter in letters.by_ref().take(longest) {
        match letter {
            '\n' | '\r' | '\t' => shown.push(' '),
            unseen if is_unseen(unseen) => {
                let _ = write!(shown, "{}", unseen.escape_unicode());
            }
            seen => shown.push(seen),
        }
    }
    if letters.next().is_some() {
        shown.push('…');
    }
    shown
}

/// What nobody sees, turns the direction of what follows, or is no character at all: XML has no form for some of them.
fn is_unseen(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
                | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}'
        )
}

/// Puts a text into XML or HTML, in a value or between tags.
pub(super) fn escape(text: &str, into: &mut String) {
    for letter in text.chars() {
        match letter {
            '&' => into.push_str("&amp;"),
            '<' => into.push_str("&lt;"),
            '>' => into.push_str("&gt;"),
            '"' => into.push_str("&quot;"),
            '\'' => into.push_str("&#39;"),
            other => into.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_stay_short_on_one_line_and_turn_nothing() {
        assert_eq!(name("a\nb\u{202e}c\u{0}"), "a b\\u{202e}c\\u{0}");
        assert_eq!(name(&"x".repeat(1 << 20)).chars().count(), LONGEST_NAME + 1);
        assert_eq!(whole("it ends"), "It ends.");
        assert_eq!(whole("ä?"), "Ä?");
    }

    proptest! {
        #[test]
        fn no_text_breaks_out(text: String) {
            let mut escaped = String::new();
            escape(&name(&text), &mut escaped);
            let breaks_out = escaped.contains(['<', '>', '"', '\'', '\n', '\u{202e}', '\u{0}']);
            prop_assert!(!breaks_out, "{}", escaped);
        }
    }
}
