//! `$expand`: items with options of their own, which may hold a `$expand` in turn.
//!
//! Only cut apart here, at commas and semicolons outside of quotes and brackets: the options are the
//! same texts as in an address.

use std::borrow::Cow;

use keyholder_dataverse::error::{self, DataverseError};

use super::options::Options;
use super::{LONGEST_TEXT, quoted, syntax_error};
use crate::request::NameAndValue;

/// Brackets lie in each other at most this deep.
const DEEPEST: usize = 100;
/// One `$expand` has at most this many items: more than the service takes.
const MOST_ITEMS: usize = 100;

/// One item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item<'a> {
    /// `primarycontactid`
    pub navigation: &'a str,
    /// Whether it ends in `/$ref`.
    pub references: bool,
    /// What stands in its brackets.
    pub options: Options<'a>,
}

/// Cuts a `$expand` into its items.
///
/// # Errors
/// The service's syntax errors, and its refusal of options that it does not have.
pub fn items(text: &str) -> Result<Vec<Item<'_>>, DataverseError> {
    if text.len() > LONGEST_TEXT {
        return Err(error::odata(format!("The $expand is longer than {LONGEST_TEXT} characters.")));
    }
    let parts = cut(text, b',')?;
    if parts.len() > MOST_ITEMS {
        return Err(error::odata(format!("The $expand has more than {MOST_ITEMS} items.")));
    }
    parts.into_iter().map(item).collect()
}

fn item(text: &str) -> Result<Item<'_>, DataverseError> {
    let text = text.trim();
    let (path, options) = match text.split_once('(') {
        None => (text, None),
        Some((path, rest)) => {
            // The brackets are in balance: `cut` has counted them.
            let inside = rest.strip_suffix(')').ok_or_else(|| syntax_error(text, text.len()))?;
            (path.trim(), Some(inside))
        }
    };
    let (navigation, references) = match path.strip_suffix("/$ref") {
        Some(navigation) => (navigation, true),
        None => (path, false),
    };
    if navigation.is_empty() {
        return Err(error::bad_syntax());
    }
    let mut given: Vec<NameAndValue<'_>> = Vec::new();
    for option in options.map_or(Ok(Vec::new()), |options| cut(options, b';'))? {
        if option.trim().is_empty() {
            continue;
        }
        let (name, value) = option.split_once('=').ok_or_else(|| syntax_error(text, text.len()))?;
        let name = name.trim();
        if name.starts_with('@') || names_an_alias(value) {
            return Err(error::odata(format!(
                "A parameter alias cannot stand inside $expand, as in '{}'.",
                quoted(option.trim())
            )));
        }
        given.push((Cow::Borrowed(name), Cow::Borrowed(value)));
    }
    Ok(Item { navigation, references, options: Options::read(given)? })
}

/// Whether an `@` stands outside of quotes.
fn names_an_alias(text: &str) -> bool {
    let mut in_quotes = false;
    text.bytes().any(|byte| {
        in_quotes ^= byte == b'\'';
        byte == b'@' && !in_quotes
    })
}

/// The pieces between these marks, where they stand outside of quotes and brackets.
pub(super) fn cut(text: &str, mark: u8) -> Result<Vec<&str>, DataverseError> {
    let mut pieces = Vec::new();
    let (mut start, mut depth, mut in_quotes) = (0, 0_usize, false);
    for (position, byte) in text.bytes().enumerate() {
        match byte {
            b'\'' => in_quotes = !in_quotes,
            _ if in_quotes => {}
            b'(' if depth == DEEPEST => {
                return Err(error::odata(format!("Brackets nest deeper than {DEEPEST} levels in '{}'.", quoted(text))));
            }
            b'(' => depth += 1,
            b')' => depth = depth.checked_sub(1).ok_or_else(|| syntax_error(text, position))?,
            _ if byte == mark && depth == 0 => {
                pieces.push(text.get(start..position).unwrap_or_default());
                start = position + 1;
            }
            _ => {}
        }
    }
    if depth > 0 || in_quotes {
        return Err(syntax_error(text, text.len()));
    }
    pieces.push(text.get(start..).unwrap_or_default());
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_cut_outside_of_quotes_and_brackets() {
        let text = "a($select=x,y;$filter=contains(z,'),;(''@') and w in (1,2);$expand=b($top=1),c/$ref), d";
        let found = items(text).unwrap();
        let names: Vec<_> = found.iter().map(|item| (item.navigation, item.references)).collect();
        assert_eq!(names, [("a", false), ("d", false)]);
        let options = &found[0].options;
        assert_eq!(options.select.as_deref(), Some("x,y"));
        assert_eq!(options.filter.as_deref(), Some("contains(z,'),;(''@') and w in (1,2)"));
        let inner = items(options.expand.as_deref().unwrap()).unwrap();
        assert_eq!((inner[0].navigation, inner[0].options.top.as_deref()), ("b", Some("1")));
        assert!(inner[1].references);
    }

    #[test]
    fn what_is_no_list_of_items_is_refused() {
        for text in ["", ",", "a(", "a)", "a($top)", "a($top=1", "a('", "a()b", "a($filter=x eq @p)", "/$ref"] {
            assert_eq!(items(text).unwrap_err().status, 400, "{text}");
        }
        assert_eq!(items(&"a(".repeat(200)).unwrap_err().status, 400);
        assert_eq!(items(&"a,".repeat(200)).unwrap_err().status, 400);
    }
}
