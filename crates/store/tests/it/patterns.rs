//! A pattern finds the same texts on both stores: those that it describes.

use keyholder_store::statement::{Select, column};
use keyholder_store::{Error, Kind, Pattern, Piece, Prepared, Value};

use crate::{Store, add};

crate::on_both_stores! { a_pattern_finds_what_it_describes }

/// Texts with everything in them that a pattern's notation could stumble over.
const TEXTS: [&str; 16] =
    ["", "a", "ab", "aB", "a%b", "a.b", "a\nb", "a\\b", "[ab]", "^a$", "a-b", "a]b", "(a|b)*", "é", "e\u{301}", "🦀"];

async fn a_pattern_finds_what_it_describes(store: Store) {
    let database = store.notes();
    let add = add();
    let fill = move |tx: &mut keyholder_store::Transaction<'_>| {
        let rows = (0i64..).zip(TEXTS).map(|(number, text)| [Value::from(number), text.into()]);
        tx.execute_each(&add, rows).map(drop)
    };
    database.write::<_, Error, _>(fill).await.unwrap();

    let text = |text: &str| Piece::Text(text.to_owned());
    let set = |negated: bool, ranges: &[(char, char)]| Piece::Set { negated, ranges: ranges.to_vec() };
    let cases: Vec<(Vec<Piece>, Vec<&str>)> = vec![
        (vec![], vec![""]),
        (vec![Piece::Many], TEXTS.to_vec()),
        // As many as a search has room for: a server that tried each with each would take minutes.
        (
            [vec![Piece::Many; 4_000], vec![text("b"), text(""), Piece::Many]].concat(),
            vec!["ab", "a%b", "a.b", "a\nb", "a\\b", "[ab]", "a-b", "a]b", "(a|b)*"],
        ),
        (vec![Piece::One], vec!["a", "é", "🦀"]),
        (vec![text("a"), Piece::One, text("b")], vec!["a%b", "a.b", "a\nb", "a\\b", "a-b", "a]b"]),
        (vec![text("a.b")], vec!["a.b"]),
        (vec![text("a\\b")], vec!["a\\b"]),
        (vec![text("^a$")], vec!["^a$"]),
        (vec![text("(a|b)*")], vec!["(a|b)*"]),
        (vec![text("["), Piece::Many], vec!["[ab]"]),
        (vec![text("a"), set(false, &[('A', 'Z')])], vec!["aB"]),
        (vec![text("a"), set(true, &[('A', 'Z')])], vec!["ab"]),
        (vec![text("a"), set(false, &[(']', ']'), ('-', '-'), ('\\', '\\')]), text("b")], vec!["a\\b", "a-b", "a]b"]),
        (vec![set(false, &[('à', 'ï')])], vec!["é"]),
        (vec![set(false, &[('z', 'a')])], vec![]),
        (vec![set(true, &[('z', 'a')])], vec!["a", "é", "🦀"]),
        (vec![set(false, &[('^', '^')]), Piece::Many], vec!["^a$"]),
        (vec![text("e"), Piece::One], vec!["e\u{301}"]),
    ];
    let find = Select::from("note").column("text", Kind::Text).filter(column("text").matches(0));
    let find = Prepared::new(find.order_by(column("number").ascending())).unwrap();
    for (pieces, expected) in cases {
        let pattern = Pattern::new(pieces.clone());
        let find = find.clone();
        let found: Result<Vec<String>, Error> = database
            .read(move |snapshot| snapshot.list(&find, &[Value::Pattern(pattern.clone())], |row| row.get(0)))
            .await;
        assert_eq!(found.unwrap(), expected, "{pieces:?}");
    }
}
