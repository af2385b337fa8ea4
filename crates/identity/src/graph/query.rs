//! Query options. Those that are not known here are refused by name.
//!
//! What Graph answers from an index that lags behind (`ne`, `not`, `endswith`, counting, searching,
//! filtering and ordering at once) it answers only for callers who say `ConsistencyLevel: eventual`;
//! here nothing lags, but whoever forgot to say so learns it as from the real service.

use std::sync::Arc;

use http::HeaderMap;
use keyholder_entra::base64url;

use super::filter::{self, Filter, Properties};
use super::problem::Problem;
use crate::directory::listing::{Condition, Cursor, Keep, Listing, Order, folded};

/// How many entities a page has when nothing is said.
const PAGE: usize = 100;
/// How many it may have.
const MAX_PAGE: usize = 999;
/// The longest option, in bytes.
const MAX_TEXT: usize = 8 * 1024;

/// What a list can be asked.
pub(super) struct Askable<C> {
    /// The kind of object, as sentences have it.
    pub(super) entity: &'static str,
    /// What a filter may name.
    pub(super) properties: Properties,
    /// Which comparisons narrow what is read.
    pub(super) narrows: C,
    /// Whether it has names to order by and to search.
    pub(super) named: bool,
}

/// For lists that have no columns to narrow by.
pub(super) fn narrows_nothing(_: &str, _: bool, _: &str) -> Option<Condition> {
    None
}

/// The query options of a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Query {
    pub(super) filter: Option<Filter>,
    /// The properties to show, each once, in the order asked.
    pub(super) select: Option<Vec<String>>,
    /// What else to show of each: `owners`.
    pub(super) expand: Vec<String>,
    /// Since when changes are asked for.
    pub(super) delta_token: Option<String>,
    search: Option<String>,
    top: Option<usize>,
    after: Option<Cursor>,
    count: bool,
    order: Order,
    /// Whether the caller says that it can bear an index that lags behind.
    eventual: bool,
    /// All but the place in the list as it came, for the next page's address.
    repeated: Vec<(String, String)>,
}

impl Query {
    /// Reads a query string, and what headers say about it.
    pub(super) fn parse(text: Option<&str>, headers: &HeaderMap) -> Result<Self, Problem> {
        let level = headers.get("consistencylevel").and_then(|value| value.to_str().ok());
        let eventual = match level {
            None => false,
            Some(level) if level.trim().eq_ignore_ascii_case("eventual") => true,
            Some(_) => return Err(Problem::request("The header 'ConsistencyLevel' has an invalid value.")),
        };
        let mut query = Self { eventual, ..Self::default() };
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
        query.check_level()?;
        Ok(query)
    }

    fn set(&mut self, option: &str, value: &str) -> Result<(), Problem> {
        if value.len() > MAX_TEXT {
            return Err(Problem::bad_request(&format!("The value of '{}' is too long.", cut(option))));
        }
        match option {
            "$filter" => self.filter = Some(filter::parse(value)?),
            "$select" => self.select = select(value)?,
            "$expand" => self.expand = expand(value)?,
            "$search" => self.search = Some(search(value)?),
            "$orderby" => self.order = order(value)?,
            "$count" => self.count = boolean(value)?,
            "$top" => self.top = Some(top(value)?),
            "$skiptoken" => {
                let token = base64url::decode(value).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
                self.after = Some(token.ok_or_else(Problem::bad_skip_token)?);
            }
            "$deltatoken" => self.delta_token = Some(value.to_owned()),
            "$format" if matches!(value, "json" | "application/json") => {}
            // Correlation only: it changes nothing about the answer.
            "client-request-id" => {}
            other => {
                return Err(Problem::unsupported_query(format!("Unsupported query option '{}'.", cut(other))));
            }
        }
        if !matches!(option, "$skiptoken" | "$deltatoken" | "client-request-id") {
            self.repeated.push((option.to_owned(), value.to_owned()));
        }
        Ok(())
    }

    /// Refuses what needs the index from callers who did not ask for it; a count they just do not get.
    fn check_level(&mut self) -> Result<(), Problem> {
        if self.search.is_some() && !self.eventual {
            return Err(Problem::unsupported_query(
                "Request with $search query parameter only works through MSGraph with a special request header: \
                 'ConsistencyLevel: eventual'",
            ));
        }
        let advanced =
            self.filter.as_ref().is_some_and(Filter::is_advanced) || self.filter.is_some() && self.order != Order::Id;
        if advanced && !(self.eventual && self.count) {
            return Err(Problem::unsupported_query("Unsupported Query."));
        }
        self.count &= self.eventual;
        Ok(())
    }

    /// Whether it asks for the start of a list.
    pub(super) fn is_first_page(&self) -> bool {
        self.after.is_none()
    }

    /// Whether this property is asked for by name.
    pub(super) fn selects(&self, property: &str) -> bool {
        self.select.iter().flatten().any(|name| name == property)
    }

    /// Refuses the options that only lists have.
    pub(super) fn of_one(&self) -> Result<(), Problem> {
        let mut names = self.repeated.iter().map(|(name, _)| name.as_str());
        let listed = names.find(|name| !matches!(*name, "$select" | "$expand" | "$format"));
        let place = self.after.as_ref().map(|_| "$skiptoken").or(self.delta_token.as_ref().map(|_| "$deltatoken"));
        match listed.or(place) {
            Some(name) => Err(Problem::unsupported_query(format!(
                "Query option '{name}' is not allowed. To use it, address a collection."
            ))),
            None => Ok(()),
        }
    }

    /// Refuses every option.
    pub(super) fn of_action(&self) -> Result<(), Problem> {
        self.of_one()?;
        match (&self.select, self.expand.first()) {
            (Some(_), _) => Err(Problem::unsupported_query("Query option '$select' is not allowed here.")),
            (_, Some(_)) => Err(Problem::unsupported_query("Query option '$expand' is not allowed here.")),
            (None, None) => Ok(()),
        }
    }

    /// Refuses everything but `$select` on a list that is always whole.
    pub(super) fn of_whole_list(&self) -> Result<(), Problem> {
        self.of_one()?;
        match self.expand.first() {
            Some(_) => Err(Problem::unsupported_query("Query option '$expand' is not allowed here.")),
            None => Ok(()),
        }
    }

    /// What the directory is asked for.
    pub(super) fn listing(
        &self,
        askable: &Askable<impl Fn(&str, bool, &str) -> Option<Condition>>,
    ) -> Result<Listing, Problem> {
        let refused = |option: &str| Problem::unsupported_query(format!("Unsupported query option '{option}'."));
        if self.delta_token.is_some() {
            return Err(refused("$deltatoken"));
        }
        if !askable.named && self.search.is_some() {
            return Err(refused("$search"));
        }
        if !askable.named && self.order != Order::Id {
            return Err(refused("$orderby"));
        }
        let mut conditions = Vec::new();
        if let Some(filter) = &self.filter {
            filter.check(askable.entity, askable.properties)?;
            conditions = filter.narrowing(&askable.narrows);
        }
        let keep = (self.filter.is_some() || self.search.is_some()).then(|| {
            let (filter, search) = (self.filter.clone(), self.search.clone());
            Keep(Arc::new(move |object: &serde_json::Value| {
                filter.as_ref().is_none_or(|filter| filter.matches(object))
                    && search.as_ref().is_none_or(|search| is_found(search, object))
            }))
        });
        Ok(Listing {
            conditions,
            keep,
            order: self.order,
            after: self.after.clone(),
            size: self.top.unwrap_or(PAGE),
            count: self.count,
        })
    }

    /// A listing of everything that fits, for counting.
    pub(super) fn counting(
        &self,
        askable: &Askable<impl Fn(&str, bool, &str) -> Option<Condition>>,
    ) -> Result<Listing, Problem> {
        if !self.eventual {
            return Err(Problem::request("$count is not currently supported."));
        }
        Ok(Listing { size: 0, count: true, after: None, ..self.listing(askable)? })
    }

    /// The address of the page that starts after `cursor`.
    pub(super) fn next_link(&self, collection: &str, cursor: &Cursor) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.repeated);
        query.append_pair("$skiptoken", &base64url::encode(serde_json::to_vec(cursor).unwrap_or_default()));
        format!("{collection}?{}", query.finish())
    }

    /// The address under which changes since an epoch are asked for.
    pub(super) fn delta_link(&self, collection: &str, epoch: i64) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.repeated);
        query.append_pair("$deltatoken", &base64url::encode(epoch.to_string()));
        format!("{collection}?{}", query.finish())
    }
}

/// The epoch of a delta token.
pub(super) fn parse_delta_token(token: &str) -> Option<i64> {
    std::str::from_utf8(&base64url::decode(token).ok()?).ok()?.parse().ok()
}

fn cut(text: &str) -> String {
    text.chars().take(64).collect()
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

/// `owners`, or `owners($select=id)`; what is selected inside changes only how much is shown.
fn expand(value: &str) -> Result<Vec<String>, Problem> {
    let failed = || Problem::bad_request("Parsing OData Select and Expand failed.");
    let name = match value.trim().split_once('(') {
        Some((name, options)) => {
            let inner =
                options.strip_suffix(')').and_then(|inner| inner.strip_prefix("$select=")).ok_or_else(failed)?;
            select(inner)?;
            name
        }
        None => value.trim(),
    };
    let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if plain { Ok(vec![name.to_owned()]) } else { Err(failed()) }
}

/// `"displayName:text"`; the text.
fn search(value: &str) -> Result<String, Problem> {
    let inner = value.trim().strip_prefix('"').and_then(|inner| inner.strip_suffix('"'));
    let inner = inner.ok_or_else(|| {
        Problem::bad_request("Syntax error: a $search clause is a property and a text in double quotes.")
    })?;
    match inner.split_once(':') {
        Some(("displayName", text)) if !text.contains('"') => Ok(text.to_owned()),
        Some((property, _)) if property != "displayName" => Err(Problem::unsupported_query(format!(
            "Unsupported or invalid search clause specified for property '{}'.",
            cut(property)
        ))),
        _ => Err(Problem::bad_request("Syntax error: a $search clause names a property, as in \"displayName:text\".")),
    }
}

/// Whether a word of the name starts with the text, or the name with all of it.
fn is_found(search: &str, object: &serde_json::Value) -> bool {
    let name = folded(object.get("displayName").and_then(serde_json::Value::as_str).unwrap_or_default());
    let search = folded(search);
    let mut starts = name.char_indices().scan(false, |inside, (at, c)| {
        let start = c.is_alphanumeric() && !*inside;
        *inside = c.is_alphanumeric();
        Some((at, start))
    });
    starts.any(|(at, start)| (start || at == 0) && name.get(at..).is_some_and(|rest| rest.starts_with(&search)))
}

fn order(value: &str) -> Result<Order, Problem> {
    let mut words = value.split_ascii_whitespace();
    let (property, direction, rest) = (words.next(), words.next(), words.next());
    match (property, direction, rest) {
        (Some("displayName"), None | Some("asc"), None) => Ok(Order::Name { descending: false }),
        (Some("displayName"), Some("desc"), None) => Ok(Order::Name { descending: true }),
        (Some(property), ..) => Err(Problem::unsupported_query(format!(
            "Sort by '{}' is not supported here; sort by displayName, one property, asc or desc.",
            cut(property)
        ))),
        (None, ..) => Err(Problem::bad_request("The value of '$orderby' is empty.")),
    }
}

fn boolean(value: &str) -> Result<bool, Problem> {
    match value.trim().to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Problem::bad_request("Invalid value specified for '$count': it is true or false.")),
    }
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
    use uuid::Uuid;

    const NAMED: Properties = &[("displayName", filter::Type::Text)];

    fn parse(text: &str) -> Result<Query, Problem> {
        Query::parse(Some(text), &HeaderMap::new())
    }

    fn eventual(text: &str) -> Result<Query, Problem> {
        Query::parse(
            Some(text),
            &HeaderMap::from_iter([("consistencylevel".parse().unwrap(), "eventual".parse().unwrap())]),
        )
    }

    #[test]
    fn known_options_are_read_and_others_named() {
        let query = parse("$filter=appId+eq+'x'&%24select=id,appId,id&$top=5&").unwrap();
        assert_eq!(query.select, Some(vec!["id".to_owned(), "appId".to_owned()]));
        assert_eq!((query.top, query.filter.is_some()), (Some(5), true));
        for refused in ["$skip=1", "$orderby=id", "$count=x", "filter=x", "$top=0", "$top=1000", "$top=a"] {
            assert!(eventual(refused).is_err(), "{refused}");
        }
        for refused in
            ["$top=1&$top=2", "$skiptoken=x", "$select=a,,b", "$select=owners/id", "$search=x", "$expand=a/b"]
        {
            assert!(eventual(refused).is_err(), "{refused}");
        }
        assert!(parse("$top=5").unwrap().of_one().is_err());
        assert!(parse("$select=id").unwrap().of_one().is_ok());
        assert!(parse("$expand=owners").unwrap().of_action().is_err());
    }

    #[test]
    fn what_needs_the_index_must_say_so() {
        for advanced in ["$filter=a ne 'x'", "$filter=not(a eq 'x')", "$filter=a eq 'x'&$orderby=displayName"] {
            assert!(parse(advanced).is_err(), "{advanced}");
            assert!(parse(&format!("{advanced}&$count=true")).is_err(), "{advanced}");
            assert!(eventual(advanced).is_err(), "{advanced}");
            assert!(eventual(&format!("{advanced}&$count=true")).is_ok(), "{advanced}");
        }
        assert!(parse("$search=\"displayName:x\"").is_err());
        assert!(eventual("$search=\"displayName:x\"").is_ok());
        assert!(!parse("$count=true").unwrap().count, "a count is dropped in silence, as Graph does");
        assert!(parse("$orderby=displayName desc").is_ok());
    }

    #[test]
    fn a_search_finds_the_starts_of_words() {
        let object = serde_json::json!({ "displayName": "Orders sync-Job" });
        for (search, found) in [("orders", true), ("SYNC", true), ("job", true), ("rders", false), ("orders s", true)] {
            assert_eq!(is_found(search, &object), found, "{search}");
        }
    }

    #[test]
    fn the_next_page_repeats_the_question() {
        let query = parse("$filter=startswith(displayName,'a+%26 b')&$top=2").unwrap();
        let cursor = Cursor { id: Uuid::from_u128(7), name: Some("é".to_owned()), epoch: Some(5), since: None };
        let link = query.next_link("https://h/v1.0/applications", &cursor);
        let next = parse(link.split_once('?').map(|(_, query)| query).unwrap()).unwrap();
        assert_eq!(next.filter, query.filter);
        assert_eq!((next.top, next.after), (Some(2), Some(cursor)));
        let link = query.delta_link("https://h", 12);
        let next = parse(link.split_once('?').map(|(_, query)| query).unwrap()).unwrap();
        assert_eq!(next.delta_token.as_deref().and_then(parse_delta_token), Some(12));
    }

    proptest! {
        #[test]
        fn any_query_is_read_without_panic(text: String) {
            for option in ["", "$filter=", "$select=", "$expand=", "$search=\"", "$orderby=", "$skiptoken=", "$deltatoken="] {
                if let Ok(query) = eventual(&format!("{option}{text}")) {
                    let askable = Askable { entity: "X", properties: NAMED, narrows: narrows_nothing, named: true };
                    let _ = query.listing(&askable);
                }
            }
            let _ = parse_delta_token(&text);
        }
    }
}
