//! Addresses as a person types them: a row, an operation that is called, a change as a whole.
//!
//! Follows the OData 4.0 ABNF (`keyPredicate`, `primitiveLiteral`) where it can be told from the text alone. What is
//! read here holds nothing that would lead elsewhere.

use std::fmt;
use std::str::FromStr;

use http::Method;
use serde_json::value::RawValue;
use url::Url;
use uuid::Uuid;

use super::batch::change_url;
use super::change::{Change, Repeat};
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

impl Change {
    /// A change as somebody has written it down: the path is what follows the Web API's address, encoded where a URL
    /// needs it, or in a change set begins with what another part makes, `$1`.
    ///
    /// After a lost answer, it is taken for what its method means: PATCH, PUT and DELETE are the same done twice, POST is
    /// not, but for a tie (`.../$ref`). A condition ([`Change::if_unchanged`]) is added to it, not given as a header.
    ///
    /// ```
    /// use http::Method;
    /// use keyholder_client::dataverse::Change;
    /// let body = serde_json::value::RawValue::from_string(r#"{"revenue": 10.50}"#.to_owned())?;
    /// let change = Change::typed(Method::PATCH, "accounts(accountnumber='A 17')", Some(body))?;
    /// assert_eq!(change.to_string(), "PATCH accounts(accountnumber='A 17')");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidAddress`] for a path that is not below the Web API, for GET, and for a body where there can be none.
    pub fn typed(method: Method, path: &str, body: Option<Box<RawValue>>) -> Result<Self, InvalidAddress> {
        let path = path.trim();
        stays_below(path)?;
        if method == Method::DELETE && body.is_some() {
            return invalid("is a deletion, which has no body");
        }
        let address = path.split('?').next().unwrap_or(path);
        let repeat = match method.as_str() {
            "PATCH" | "PUT" => Repeat::Same,
            // One column is emptied, a row or a tie is gone.
            "DELETE" if address.ends_with(')') || address.ends_with("/$ref") => Repeat::Gone,
            "DELETE" => Repeat::Same,
            "POST" if address.ends_with("/$ref") => Repeat::Tied,
            "POST" => Repeat::Never,
            other => return invalid(format!("has the method {other}, which changes nothing")),
        };
        Ok(Self::written(method, path.to_owned(), body.map(|body| String::from(Box::<str>::from(body)).into()), repeat))
    }
}

/// Refuses a path that would lead elsewhere, or whose text would not be one request.
fn stays_below(path: &str) -> Result<(), InvalidAddress> {
    if path.is_empty() {
        return invalid("is empty");
    }
    if path.contains(char::is_control) || path.contains('\\') {
        return invalid("has a character that no path has");
    }
    if let Some(made) = path.strip_prefix('$') {
        let number = made.split('/').next().unwrap_or_default();
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let is_plain = made.bytes().all(|byte| byte.is_ascii_graphic()) && !made.contains("..");
        return if is_number && is_plain { Ok(()) } else { invalid("begins with `$`, and names nothing that is made") };
    }
    if path.starts_with('/') || path.split('?').next().is_some_and(|address| address.contains("://")) {
        return invalid("is an address: give what follows /api/data/v9.2/ in it");
    }
    let root = Url::parse("https://org.example/api/data/v9.2/").map_err(|error| InvalidAddress(error.to_string()))?;
    let url = change_url(&root, path);
    let below = url.path().strip_prefix(root.path()).is_some_and(|below| !below.is_empty());
    if below { Ok(()) } else { invalid("leads elsewhere than to the org's Web API") }
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

    fn change(method: Method, path: &str) -> Result<Change, String> {
        Change::typed(method, path, None).map_err(|error| error.to_string())
    }

    #[test]
    fn a_change_is_taken_for_what_its_method_means() {
        for (method, path, repeat) in [
            (Method::PATCH, "accounts(accountnumber='A 17')", Repeat::Same),
            (Method::PUT, "contacts(1)/jobtitle", Repeat::Same),
            (Method::DELETE, "contacts(1)/jobtitle", Repeat::Same),
            (Method::DELETE, "contacts(1)", Repeat::Gone),
            (Method::DELETE, "contacts(1)/leads(2)/$ref?x=y", Repeat::Gone),
            (Method::POST, "accounts(1)/contacts/$ref", Repeat::Tied),
            (Method::POST, "contacts?$select=fullname", Repeat::Never),
            (Method::POST, "$1/tasks", Repeat::Never),
        ] {
            assert_eq!(change(method, path).unwrap().repeat, repeat, "{path}");
        }
        for (method, path, said) in [
            (Method::POST, "", "is empty"),
            (Method::POST, "/api/data/v9.2/contacts", "give what follows"),
            (Method::POST, "https://evil.example/contacts", "give what follows"),
            (Method::POST, "../../x", "leads elsewhere"),
            (Method::POST, "%2e%2e/x", "leads elsewhere"),
            (Method::POST, "..\\..\\x", "character"),
            (Method::POST, "contacts\r\nHost: x", "character"),
            (Method::POST, "$batch", "names nothing"),
            (Method::POST, "$1 HTTP/1.1", "names nothing"),
            (Method::GET, "contacts", "changes nothing"),
        ] {
            assert!(change(method, path).unwrap_err().contains(said), "{path}");
        }
        let body = RawValue::from_string("{}".to_owned()).unwrap();
        Change::typed(Method::DELETE, "contacts(1)", Some(body)).unwrap_err();
    }

    proptest! {
        #[test]
        fn a_changes_path_stays_below_the_web_api(text: String) {
            let root = url::Url::parse("https://org.example/api/data/v9.2/").unwrap();
            if let Ok(change) = change(Method::POST, &text)
                && !change.path.starts_with('$')
            {
                let url = change_url(&root, &change.path);
                prop_assert!(url.path().starts_with(root.path()) && url.fragment().is_none(), "{url}");
            }
        }

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
