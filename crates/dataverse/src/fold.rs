//! When two texts count as the same.
//!
//! Dataverse compares text without regard to case and accents, because its databases use such a
//! collation. Its exact tables are not published. A reading: texts are the same when they are
//! after compatibility decomposition (NFKD), without combining marks, in lower case and without
//! trailing blanks. Order is that of the folded texts' bytes, which for Latin letters and digits is
//! the alphabet; the collation's finer rules for punctuation are not followed.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The folded twin of `text`: equal and ordered, bytewise, as the texts are in Dataverse.
#[must_use]
pub fn fold(text: &str) -> String {
    let trimmed = text.trim_end_matches(' ');
    if trimmed.is_ascii() {
        return trimmed.to_ascii_lowercase();
    }
    let mut folded = String::with_capacity(trimmed.len());
    for letter in trimmed.nfkd() {
        // The lower case of a few letters has marks of its own, so marks go last.
        for lower in letter.to_lowercase().nfkd().filter(|lower| !is_combining_mark(*lower)) {
            match lower {
                'ß' => folded.push_str("ss"),
                'ς' => folded.push('σ'),
                'ı' => folded.push('i'),
                other => folded.push(other),
            }
        }
    }
    // Decomposition can bring blanks to the end.
    folded.truncate(folded.trim_end_matches(' ').len());
    folded
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn case_accents_and_trailing_blanks_do_not_count() {
        for (left, right) in
            [("Contoso", "CONTOSO  "), ("José", "jose"), ("STRASSE", "straße"), ("ﬁn", "FIN"), ("Å", "a")]
        {
            assert_eq!(fold(left), fold(right), "{left} {right}");
        }
        for (left, right) in [("a", "b"), (" a", "a"), ("a b", "ab"), ("", "a")] {
            assert_ne!(fold(left), fold(right), "{left} {right}");
        }
        assert!(fold("Émile") < fold("Fay"));
    }

    proptest! {
        #[test]
        fn folding_twice_changes_nothing(text in "\\PC{0,40}") {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once);
        }

        #[test]
        fn upper_case_folds_to_the_same(text in "[a-zäöüéèçñ0-9 ]{0,20}") {
            prop_assert_eq!(fold(&text.to_uppercase()), fold(&text));
        }
    }
}
