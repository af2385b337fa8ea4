use proptest::prelude::*;

use super::*;

/// Whether a text looks so, said naively.
fn matches(pieces: &[Piece], text: &[char]) -> bool {
    match (pieces, text) {
        ([], rest) => rest.is_empty(),
        ([Piece::Many, after @ ..], _) => (0..=text.len()).any(|skip| matches(after, &text[skip..])),
        ([Piece::One, after @ ..], [_, rest @ ..]) => matches(after, rest),
        ([Piece::Text(literal), after @ ..], _) => {
            let literal: Vec<char> = literal.chars().collect();
            text.strip_prefix(&literal[..]).is_some_and(|rest| matches(after, rest))
        }
        ([Piece::Set { negated, ranges }, after @ ..], [first, rest @ ..]) => {
            ranges.iter().any(|(low, high)| (low..=high).contains(&first)) != *negated && matches(after, rest)
        }
        _ => false,
    }
}

/// The characters that patterns give a meaning, and some that they do not.
fn character() -> impl Strategy<Value = char> {
    prop::sample::select("ab^-]%_[*?\\é.$\n\u{1F600}".chars().collect::<Vec<_>>())
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(character(), 0..8).prop_map(|chars| chars.into_iter().collect())
}

fn piece() -> impl Strategy<Value = Piece> {
    prop_oneof![
        2 => text().prop_map(Piece::Text),
        1 => Just(Piece::One),
        2 => Just(Piece::Many),
        2 => (any::<bool>(), prop::collection::vec((character(), character()), 0..4))
            .prop_map(|(negated, ranges)| Piece::Set { negated, ranges }),
    ]
}

#[test]
fn each_store_gets_it_in_its_own_words() {
    let set = |negated, ranges: &[(char, char)]| Piece::Set { negated, ranges: ranges.to_vec() };
    let pattern = Pattern::new([
        Piece::Text("a*".into()),
        set(false, &[('b', 'd'), ('-', '-')]),
        Piece::One,
        Piece::Many,
        Piece::Text(".".into()),
        set(true, &[('x', 'x')]),
        set(false, &[('z', 'a')]),
    ]);
    assert_eq!(pattern.glob(), "a[*][b-d-]?*.[^x][^\u{1}-\u{10ffff}]");
    assert_eq!(pattern.regular_expression(), r"^a\*[b-d\-]..*\.[^x]$.$");
}

#[test]
fn what_begins_with_a_text_lies_before_the_next_one() {
    let of =
        |pieces: &[Piece]| Pattern::new(pieces.iter().cloned()).range().map(|(from, before)| (from.to_owned(), before));
    let text = |text: &str| Piece::Text(text.to_owned());
    for (begins, before) in [
        ("smith", Some("smiti")),
        ("a\u{d7ff}", Some("a\u{e000}")),
        ("a\u{10ffff}\u{10ffff}", Some("b")),
        ("\u{10ffff}", None),
    ] {
        assert_eq!(of(&[text(begins), Piece::Many]), Some((begins.to_owned(), before.map(str::to_owned))));
    }
    for anything in [&[][..], &[Piece::Many, text("a")], &[text(""), Piece::Many], &[Piece::One]] {
        assert_eq!(of(anything), None, "{anything:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn everything_that_looks_so_lies_between(pieces in prop::collection::vec(piece(), 0..5), text in text()) {
        let pattern = Pattern::new(pieces.clone());
        if let Some((from, before)) = pattern.range().filter(|_| matches(&pieces, &text.chars().collect::<Vec<_>>())) {
            prop_assert!(*from <= *text && before.is_none_or(|before| text < before), "{pieces:?} {text:?}");
        }
    }

    #[test]
    fn sqlite_reads_what_was_meant(pieces in prop::collection::vec(piece(), 0..5), texts in prop::collection::vec(text(), 1..10)) {
        let sqlite = rusqlite::Connection::open_in_memory().unwrap();
        let pattern = Pattern::new(pieces.clone());
        for text in texts {
            let found: bool =
                sqlite.query_row("SELECT ?1 GLOB ?2", (&text, pattern.glob()), |row| row.get(0)).unwrap();
            let meant = matches(&pieces, &text.chars().collect::<Vec<_>>());
            prop_assert_eq!(found, meant, "{:?} {:?} {:?}", pieces, pattern.glob(), text);
        }
    }
}
