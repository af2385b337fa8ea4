//! Addresses as a person types them: a row, and an operation that is called.
//!
//! Follows the OData 4.0 ABNF (`keyPredicate`, `primitiveLiteral`) where it can be told from the text alone. What is
//! read here holds nothing that would lead elsewhere.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use super::key::{Key, Literal, RowRef};
use super::text::segment;

/// Why a text is no such address; continues "`TEXT` ...".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidAddress(String);

fn invalid<T>(problem: impl Into<String>) -> Result<T, InvalidAddress> {
    Err(InvalidAddress(problem.into()))
}

/// A row as it is typed: `contacts(5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c11)`, or by an alternate key,
/// `accounts(accountnumber='A 1')`. Nothing in it is encoded for a URL yet.
///
/// ```
/// use keyholder_client::dataverse::RowRef;
/// let row: RowRef = "accounts(accountnumber='O''Brien/1',name='x')".parse()?;
/// assert_eq!(row.to_string(), "accounts(accountnumber='O''Brien%2F1',name='x')");
/// # Ok::<(), keyholder_client::dataverse::InvalidAddress>(())
/// ```
impl FromStr for RowRef {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let Some((set, key)) = text.split_once('(') else {
            return invalid("names no row: its id or key stands in brackets behind the entity set, `contacts(ID)`");
        };
        let Some(key) = key.strip_suffix(')') else {
            return invalid("does not end with the bracket that closes the row's key");
        };
        Ok(Self::from((name(set, "an entity set")?, self::key(key)?)))
    }
}

/// An action or a function as it is typed: `WhoAmI`, or bound to a set or a row,
/// `queues(ID)/Microsoft.Dynamics.CRM.AddToQueue`. As text it is encoded for a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationPath(String);

impl FromStr for OperationPath {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        // No operation's name has a `/`; a key's value may.
        let (bound, operation) = match text.rsplit_once('/') {
            Some((bound, operation)) => (Some(bound), operation),
            None => (None, text),
        };
        let operation = segment(name(operation, "an action or a function")?);
        Ok(Self(match bound {
            None => operation,
            Some(bound) if bound.contains('(') => format!("{}/{operation}", bound.parse::<RowRef>()?),
            Some(set) => format!("{}/{operation}", segment(name(set, "an entity set")?)),
        }))
    }
}

impl fmt::Display for OperationPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A name, qualified or not.
fn name<'a>(text: &'a str, what: &str) -> Result<&'a str, InvalidAddress> {
    let is_name = text.starts_with(|first: char| first.is_alphabetic() || first == '_')
        && text.chars().all(|character| character.is_alphanumeric() || "_.".contains(character))
        && !text.contains("..");
    if is_name { Ok(text) } else { invalid(format!("has `{text}` where the name of {what} belongs")) }
}

fn key(text: &str) -> Result<Key, InvalidAddress> {
    if let Ok(id) = Uuid::parse_str(text.trim()) {
        return Ok(Key::Id(id));
    }
    if !text.contains('=') {
        return invalid(format!(
            "has `{text}` in brackets, which is no id, and no alternate key like `column='value'`"
        ));
    }
    let mut columns = Vec::new();
    for pair in outside_quotes(text)? {
        let Some((column, value)) = pair.split_once('=') else {
            return invalid(format!("has `{pair}` in its key, which is not `column=value`"));
        };
        columns.push((name(column.trim(), "a column")?.to_owned(), literal(value.trim())?));
    }
    Ok(Key::Alternate(columns))
}

/// The parts between commas that stand in no text; a quote in a text is doubled.
fn outside_quotes(text: &str) -> Result<Vec<&str>, InvalidAddress> {
    let (mut parts, mut from, mut is_inside) = (Vec::new(), 0, false);
    for (at, character) in text.char_indices() {
        match character {
            '\'' => is_inside = !is_inside,
            ',' if !is_inside => {
                parts.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    if is_inside { invalid("has a text in its key whose single quote is not closed") } else { Ok(parts) }
}

fn literal(text: &str) -> Result<Literal, InvalidAddress> {
    let inside = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
    if let Some(inside) = inside.filter(|inside| !inside.replace("''", "").contains('\'')) {
        return Ok(Literal::from(inside.replace("''", "'")));
    }
    let is_number_or_date = text.starts_with(|first: char| first.is_ascii_digit() || first == '-')
        && text.chars().all(|character| character.is_ascii_alphanumeric() || "-+.:".contains(character));
    if is_number_or_date || matches!(text, "true" | "false") || Uuid::parse_str(text).is_ok() {
        return Ok(Literal::raw(text));
    }
    invalid(format!("has `{text}` in its key: a text stands in single quotes, `'{}'`", text.trim_matches('\'')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: &str = "5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c11";

    fn row(text: &str) -> Result<String, String> {
        text.parse::<RowRef>().map(|row| row.to_string()).map_err(|error| error.to_string())
    }

    fn operation(text: &str) -> Result<String, String> {
        text.parse::<OperationPath>().map(|path| path.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn rows_are_named_by_id_and_by_keys_of_every_type() {
        assert_eq!(row(&format!("contacts({})", ID.to_uppercase())).unwrap(), format!("contacts({ID})"));
        assert_eq!(row("a(b='x, y=z',c=3,d=2026-01-02)").unwrap(), "a(b='x,%20y=z',c=3,d=2026-01-02)");
        assert_eq!(row(&format!("a(_owner_value={ID})")).unwrap(), format!("a(_owner_value={ID})"));
        assert_eq!(row("a(b='')").unwrap(), "a(b='')");
    }

    #[test]
    fn what_is_no_row_is_told_with_the_mend() {
        for (text, said) in [
            ("contacts", "names no row"),
            ("contacts(", "does not end with the bracket"),
            ("contacts(17)", "no id, and no alternate key"),
            ("contacts(emailaddress1=a@b.example)", "`'a@b.example'`"),
            ("contacts(a='x)", "is not closed"),
            ("contacts(a='x'y')", "is not closed"),
            ("contacts(a='x','y')", "not `column=value`"),
            ("../x(a='b')", "where the name of an entity set belongs"),
            ("a/b(a='b')", "where the name of an entity set belongs"),
            ("a(b?='c')", "where the name of a column belongs"),
        ] {
            let told = row(text).unwrap_err();
            assert!(told.contains(said), "{text}: {told}");
        }
    }

    #[test]
    fn operations_are_bound_to_nothing_a_set_or_a_row() {
        assert_eq!(operation("WhoAmI").unwrap(), "WhoAmI");
        let bound = format!("queues({ID})/Microsoft.Dynamics.CRM.AddToQueue");
        assert_eq!(operation(&bound).unwrap(), bound);
        assert_eq!(operation("a(b='c/d')/N.F").unwrap(), "a(b='c%2Fd')/N.F");
        assert_eq!(operation("contacts/Microsoft.Dynamics.CRM.CreateMultiple").unwrap().matches('/').count(), 1);
        for wrong in ["", "..", "a/..", "../a", "a/b/c", "a?b", "WhoAmI()", "/WhoAmI", "a%2F.."] {
            operation(wrong).unwrap_err();
        }
    }

    proptest! {
        #[test]
        fn whatever_is_typed_stays_below_the_web_api(text: String) {
            let root = url::Url::parse("https://org.example/api/data/v9.2/").unwrap();
            let typed = [row(&text), operation(&text), row(&format!("a(b='{text}')"))];
            for path in typed.into_iter().flatten() {
                let url = crate::dataverse::batch::change_url(&root, &path);
                prop_assert!(url.path().starts_with(root.path()), "{url}");
                prop_assert!(url.query().is_none() && url.fragment().is_none(), "{url}");
            }
        }

        #[test]
        fn a_quoted_value_is_kept_whole(value: String) {
            let typed = row(&format!("a(b={})", crate::dataverse::quote(&value))).unwrap();
            prop_assert_eq!(typed, RowRef::from(("a", Key::alternate("b", value))).to_string());
        }
    }
}
