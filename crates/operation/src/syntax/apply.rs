//! `$apply`: transformations one behind the other, `filter(...)/groupby((a,b),aggregate(...))`.
//!
//! Only cut apart here; what stands in a `filter` is the text of a `$filter`.

use keyholder_dataverse::error::{self, DataverseError};

use super::expand::cut;
use super::{LONGEST_TEXT, quoted};

/// At most this many transformations, and items in each.
const MOST: usize = 50;

/// One transformation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transformation<'a> {
    /// `filter(…)`, with the condition's text.
    Filter(&'a str),
    /// `groupby((a,b/c),aggregate(…))`
    GroupBy {
        /// What rows are grouped by, as paths.
        paths: Vec<&'a str>,
        /// What is told of each group.
        figures: Vec<Item<'a>>,
    },
    /// `aggregate(…)`
    Aggregate(Vec<Item<'a>>),
}

/// One figure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item<'a> {
    /// The path of a column, and how its values become one; none for `$count`.
    pub of: Option<(&'a str, &'a str)>,
    /// The name behind `as`.
    pub alias: &'a str,
}

/// Cuts a `$apply` into its transformations.
///
/// # Errors
/// The service's syntax errors; a refusal, by name, of transformations that the service's documents do
/// not list.
pub fn transformations(text: &str) -> Result<Vec<Transformation<'_>>, DataverseError> {
    if text.len() > LONGEST_TEXT {
        return Err(error::odata(format!("The $apply is longer than {LONGEST_TEXT} characters.")));
    }
    let parts = cut(text, b'/')?;
    bounded(parts.len())?;
    parts.into_iter().map(|part| transformation(part.trim())).collect()
}

fn transformation(text: &str) -> Result<Transformation<'_>, DataverseError> {
    let (name, inside) = call(text)?;
    match name {
        "filter" => Ok(Transformation::Filter(inside)),
        "aggregate" => Ok(Transformation::Aggregate(figures(inside)?)),
        "groupby" => {
            let parts = cut(inside, b',')?;
            let [keys, rest @ ..] = parts.as_slice() else { return Err(error::bad_syntax()) };
            let keys = keys.trim().strip_prefix('(').and_then(|keys| keys.strip_suffix(')'));
            let paths: Vec<&str> = cut(keys.ok_or_else(error::bad_syntax)?, b',')?.into_iter().map(str::trim).collect();
            bounded(paths.len())?;
            if paths.iter().any(|path| path.is_empty()) {
                return Err(error::bad_syntax());
            }
            let figures = match rest {
                [] => Vec::new(),
                [one] => match call(one.trim())? {
                    ("aggregate", inside) => figures(inside)?,
                    (other, _) => return Err(refused(&format!("'{}' inside groupby", quoted(other)))),
                },
                _ => return Err(error::bad_syntax()),
            };
            Ok(Transformation::GroupBy { paths, figures })
        }
        other => Err(refused(&format!("'{}'", quoted(other)))),
    }
}

fn refused(what: &str) -> DataverseError {
    error::not_supported(&format!("The transformation {what} in $apply"))
}

/// A name and what stands in its brackets.
fn call(text: &str) -> Result<(&str, &str), DataverseError> {
    let (name, rest) = text.split_once('(').ok_or_else(error::bad_syntax)?;
    let inside = rest.strip_suffix(')').ok_or_else(error::bad_syntax)?;
    Ok((name.trim(), inside))
}

fn figures(text: &str) -> Result<Vec<Item<'_>>, DataverseError> {
    let parts = cut(text, b',')?;
    bounded(parts.len())?;
    parts.into_iter().map(figure).collect()
}

/// `$count as total`, `revenue with sum as total`.
fn figure(text: &str) -> Result<Item<'_>, DataverseError> {
    let words: Vec<&str> = text.split_whitespace().take(6).collect();
    match words.as_slice() {
        ["$count", "as", alias] => Ok(Item { of: None, alias }),
        [path, "with", method, "as", alias] => Ok(Item { of: Some((path, method)), alias }),
        _ => Err(error::odata(format!("'{}' is no figure, as in 'revenue with sum as total'.", quoted(text.trim())))),
    }
}

fn bounded(count: usize) -> Result<(), DataverseError> {
    if count > MOST {
        return Err(error::odata(format!("A list in $apply has more than {MOST} items.")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transformations_are_cut_apart() {
        let text = "filter(contains(name,'a/b)') and x eq 1)/groupby((statuscode, primarycontactid/fullname),\
                    aggregate($count as c,revenue with sum as total))";
        let found = transformations(text).unwrap();
        assert_eq!(found[0], Transformation::Filter("contains(name,'a/b)') and x eq 1"));
        let figures = vec![Item { of: None, alias: "c" }, Item { of: Some(("revenue", "sum")), alias: "total" }];
        assert_eq!(
            found[1],
            Transformation::GroupBy { paths: vec!["statuscode", "primarycontactid/fullname"], figures }
        );
        assert_eq!(
            transformations("aggregate($count as c)").unwrap(),
            [Transformation::Aggregate(vec![Item { of: None, alias: "c" }])]
        );
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in [
            "",
            "groupby",
            "groupby()",
            "groupby(a)",
            "groupby((a)",
            "groupby((a,))",
            "groupby((a),b)",
            "aggregate()",
            "aggregate(a)",
            "aggregate(a with sum)",
            "filter(",
            "groupby((a),aggregate($count as c),x)",
        ] {
            assert_eq!(transformations(text).unwrap_err().status, 400, "{text}");
        }
        for text in ["topcount(3,revenue)", "groupby((a),topcount(1,b))", "orderby(a)"] {
            assert_eq!(transformations(text).unwrap_err().status, 501, "{text}");
        }
        assert_eq!(transformations(&"filter(a)/".repeat(99)).unwrap_err().status, 400);
    }
}
