//! Query options. Those that are not known here are refused by name.

use keyholder_entra::base64url;
use uuid::Uuid;

use super::filter::{self, Comparison};
use super::problem::Problem;
use crate::directory::listing::{Condition, Listing};

/// How many entities a page has when nothing is said.
const PAGE: usize = 100;
/// How many it may have.
const MAX_PAGE: usize = 999;
/// The longest `$filter` or `$select`, in bytes.
const MAX_TEXT: usize = 8 * 1024;

/// The query options of a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Query {
    pub(super) filter: Vec<Comparison>,
    /// The properties to show, each once, in the order asked.
    pub(super) select: Option<Vec<String>>,
    top: Option<usize>,
    after: Option<Uuid>,
    /// `$filter`, `$select` and `$top` as they came, for the next page's address.
    repeated: Vec<(String, String)>,
}

impl Query {
    /// Reads a query string.
    pub(super) fn parse(text: Option<&str>) -> Result<Self, Problem> {
        let mut query = Self::default();
        let mut seen = Vec::new();
        for (name, value) in form_urlencoded::parse(text.unwrap_or_default().as_bytes()) {
            if name.is_empty() && value.is_empty() {
                continue;
            }
            let option = name.to_ascii_lowercase();
            if seen.contains(&option) {
                return Err(Problem::bad_request(&format!("Query option '{option}' was specified more than once.")));
            }
            query.set(&option, &value)?;
            seen.push(option);
        }
        Ok(query)
    }

    fn set(&mut self, option: &str, value: &str) -> Result<(), Problem> {
        if value.len() > MAX_TEXT {
            return Err(Problem::bad_request(&format!("The value of '{option}' is too long.")));
        }
        match option {
            "$filter" => self.filter = filter::parse(value)?,
            "$select" => self.select = select(value)?,
            "$top" => self.top = Some(top(value)?),
            "$skiptoken" => {
                let id = base64url::decode(value).ok().and_then(|bytes| Uuid::from_slice(&bytes).ok());
                self.after = Some(id.ok_or_else(|| Problem::bad_request("The specified $skiptoken is not valid."))?);
            }
            // Correlation only: it changes nothing about the answer.
            "client-request-id" => {}
            other => {
                let other: String = other.chars().take(64).collect();
                return Err(Problem::unsupported_query(format!("Unsupported query option '{other}'.")));
            }
        }
        if matches!(option, "$filter" | "$select" | "$top") {
            self.repeated.push((option.to_owned(), value.to_owned()));
        }
        Ok(())
    }

    /// Refuses the options that only lists have.
    pub(super) fn of_one(&self) -> Result<(), Problem> {
        let listed = self.repeated.iter().find(|(name, _)| name != "$select").map(|(name, _)| name.as_str());
        match listed.or(self.after.map(|_| "$skiptoken")) {
            Some(name) => Err(Problem::unsupported_query(format!(
                "Query option '{name}' is not allowed. To use it, address a collection."
            ))),
            None => Ok(()),
        }
    }

    /// Refuses every option.
    pub(super) fn of_action(&self) -> Result<(), Problem> {
        self.of_one()?;
        match self.select {
            Some(_) => Err(Problem::unsupported_query("Query option '$select' is not allowed here.")),
            None => Ok(()),
        }
    }

    pub(super) fn page_size(&self) -> usize {
        self.top.unwrap_or(PAGE)
    }

    /// What the directory is asked for: a page and one more, to know whether there is a next.
    /// `condition` knows which properties of the entity can be compared, and how.
    pub(super) fn listing(
        &self,
        entity: &str,
        condition: impl Fn(&str, bool, &str) -> Option<Condition>,
    ) -> Result<Listing, Problem> {
        let conditions = self.filter.iter().map(|comparison| {
            let Comparison { property, starts_with, text } = comparison;
            condition(property, *starts_with, text).ok_or_else(|| {
                Problem::unsupported_query(format!(
                    "Unsupported or invalid query filter clause specified for property '{property}' of resource \
                     '{entity}'."
                ))
            })
        });
        let conditions = conditions.collect::<Result<_, _>>()?;
        let limit = u32::try_from(self.page_size()).unwrap_or(u32::MAX).saturating_add(1);
        Ok(Listing { conditions, after: self.after, limit })
    }

    /// The address of the page after the entity `last`.
    pub(super) fn next_link(&self, collection: &str, last: Uuid) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.repeated);
        query.append_pair("$skiptoken", &base64url::encode(last.as_bytes()));
        format!("{collection}?{}", query.finish())
    }
}

fn select(value: &str) -> Result<Option<Vec<String>>, Problem> {
    let mut names: Vec<String> = Vec::new();
    for name in value.split(',').map(str::trim) {
        let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        match name {
            "*" => return Ok(None),
            _ if !plain => return Err(Problem::bad_request("Parsing OData Select and Expand failed.")),
            _ if names.iter().any(|known| known == name) => {}
            _ => names.push(name.to_owned()),
        }
    }
    Ok(Some(names))
}

fn top(value: &str) -> Result<usize, Problem> {
    value.trim().parse().ok().filter(|top| (1..=MAX_PAGE).contains(top)).ok_or_else(|| {
        let value: String = value.chars().take(32).collect();
        Problem::request(format!("Invalid page size specified: '{value}'. Must be between 1 and 999 inclusive."))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_options_are_read_and_others_named() {
        let query = Query::parse(Some("$filter=appId+eq+'x'&%24select=id,appId,id&$top=5&")).unwrap();
        assert_eq!(query.select, Some(vec!["id".to_owned(), "appId".to_owned()]));
        assert_eq!((query.page_size(), query.filter.len()), (5, 1));
        for refused in ["$expand=owners", "$orderby=id", "$count=true", "filter=x", "$top=0", "$top=1000", "$top=a"] {
            assert!(Query::parse(Some(refused)).is_err(), "{refused}");
        }
        for refused in ["$top=1&$top=2", "$skiptoken=x", "$select=a,,b", "$select=owners/id"] {
            assert!(Query::parse(Some(refused)).is_err(), "{refused}");
        }
        assert!(Query::parse(Some("$top=5")).unwrap().of_one().is_err());
        assert!(Query::parse(Some("$select=id")).unwrap().of_one().is_ok());
    }

    #[test]
    fn the_next_page_repeats_the_question() {
        let query = Query::parse(Some("$filter=startswith(displayName,'a+%26 b')&$top=2")).unwrap();
        let link = query.next_link("https://h/v1.0/applications", Uuid::from_u128(7));
        let next = Query::parse(link.split_once('?').map(|(_, query)| query)).unwrap();
        assert_eq!(next.filter, query.filter);
        assert_eq!((next.top, next.after), (Some(2), Some(Uuid::from_u128(7))));
    }

    proptest! {
        #[test]
        fn any_query_is_read_without_panic(text: String) {
            let _ = Query::parse(Some(&text));
            let _ = Query::parse(Some(&format!("$filter={text}")));
            let _ = Query::parse(Some(&format!("$select={text}")));
        }
    }
}
