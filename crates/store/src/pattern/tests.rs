use proptest::prelude::*;

use super::*;

/// Texts of the characters that patterns give a meaning, and some that they do not.
fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select("ab^-]%_[*?\\é.$\n".chars().collect::<Vec<_>>()), 0..8)
        .prop_map(|chars| chars.into_iter().collect())
}

#[test]
fn like_reads_what_transact_sql_reads() {
    for (pattern, yes, no) in [
        ("a%", "abc", "ba"),
        ("_b", "ab", "b"),
        ("[a-c]x", "bx", "dx"),
        ("[^a-c]x", "dx", "bx"),
        ("5[%]", "5%", "50"),
        ("a[", "a[", "ab"),
        ("%n%n%", "banana", "ban"),
        ("[-a]", "-", "b"),
        ("[a-]", "-", "b"),
    ] {
        let parsed = Pattern::like(pattern);
        assert!(parsed.matches(yes), "{pattern} {yes}");
        assert!(!parsed.matches(no), "{pattern} {no}");
    }
    assert!(Pattern::starts_with("50%").matches("50% off") && !Pattern::starts_with("50%").matches("500"));
    assert!(Pattern::contains("").matches("") && Pattern::ends_with("c").matches("abc"));
}

#[test]
fn each_store_gets_it_in_its_own_words() {
    let pattern = Pattern::like("a*[b-d]_%.[^x]");
    assert_eq!(pattern.glob(), "a[*][b-d]?*.[^x]");
    assert_eq!(pattern.regular_expression(), r"^a\*[b-d]..*\.[^x]$");
}

proptest! {
    #[test]
    fn sqlite_agrees_with_rust(pattern in text(), texts in prop::collection::vec(text(), 1..20)) {
        let sqlite = rusqlite::Connection::open_in_memory().unwrap();
        let pattern = Pattern::like(&pattern);
        for text in texts {
            let found: bool =
                sqlite.query_row("SELECT ?1 GLOB ?2", (&text, pattern.glob()), |row| row.get(0)).unwrap();
            prop_assert_eq!(found, pattern.matches(&text), "{:?} {:?} {:?}", pattern, pattern.glob(), text);
        }
    }

    #[test]
    fn any_text_is_a_pattern(pattern in ".{0,40}", text in ".{0,40}") {
        prop_assert!(Pattern::like(&pattern).anywhere().matches(&text) || !Pattern::like(&pattern).matches(&text));
        prop_assert!(Pattern::contains(&text).matches(&text));
    }
}
