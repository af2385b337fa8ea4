//! What a request to the Web API needs, and whether a user has it. Nothing is sent that changes anything.
//!
//! The request is bound as the local org binds it, against the tables that ship or, where those do not have it, against
//! the org's own metadata document; the privileges follow from the bound operation.

use std::collections::HashMap;
use std::str::FromStr;

use http::{HeaderMap, Method};
use keyholder_client::dataverse::encode;
use keyholder_client::{Dataverse, Error, ErrorKind};
use keyholder_dataverse::csdl;
use keyholder_dataverse::error::DataverseError;
use keyholder_dataverse::schema::{Schema, SchemaDefinition};
use keyholder_operation::{Request, bind};
use keyholder_security::{Depth, Verb, required};

use super::org::ADMINISTRATOR;
use super::seen::Seen;
use super::step::{Chart, Check, HERE, Trouble};
use crate::declaration::{Right, print_rights};

/// The row that stands for any.
const ANY_ROW: &str = "00000000-0000-0000-0000-000000000000";

/// What somebody wants to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// To hold a privilege, at any depth.
    Privilege(String),
    /// To send a request.
    Request {
        /// As it was typed.
        text: String,
        /// The method.
        method: Method,
        /// What follows `/api/data/v9.2/`, without the query.
        path: String,
        /// What follows the `?`.
        query: Option<String>,
        /// The body.
        body: String,
    },
}

impl FromStr for Asked {
    type Err = String;

    /// Reads `prvReadAccount`, `GET contacts?$top=3`, `PATCH accounts(...)` or `POST accounts {"name":"x"}`.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let is_name = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if text.len() > 3 && text.to_ascii_lowercase().starts_with("prv") && is_name(text) {
            return Ok(Self::Privilege(text.to_owned()));
        }
        let wrong = || "it is a privilege like `prvReadAccount`, or a request like `GET contacts?$top=3` or `PATCH accounts(...)`";
        let (method, rest) = text.split_once(char::is_whitespace).ok_or_else(wrong)?;
        let method =
            ["GET", "POST", "PATCH", "PUT", "DELETE"].into_iter().find(|known| known.eq_ignore_ascii_case(method));
        let method = method.and_then(|method| Method::from_str(method).ok()).ok_or_else(wrong)?;
        let (address, body) =
            rest.split_once(" {").map_or((rest, "{}".to_owned()), |(address, body)| (address, format!("{{{body}")));
        let any_row = |text: &str| text.replace("(...)", &format!("({ANY_ROW})"));
        let (address, body) = (any_row(address.trim()), any_row(&body));
        let address = address.trim_start_matches('/');
        let address = ["api/data/v9.2/", "api/data/v9.1/", "api/data/v9.0/"]
            .iter()
            .find_map(|start| address.strip_prefix(start))
            .unwrap_or(address);
        if address.is_empty() || address.contains("://") {
            return Err("the request is below the org's Web API: give what follows `/api/data/v9.2/`".to_owned());
        }
        let (path, query) = address.split_once('?').map_or((address, None), |(path, query)| (path, Some(query)));
        Ok(Self::Request {
            text: text.to_owned(),
            method,
            path: path.to_owned(),
            // An address that a person types has blanks and quotes in it; the service gets none.
            query: query.map(|query| query.replace(' ', "%20")),
            body,
        })
    }
}

impl Asked {
    /// As it was typed.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Privilege(name) => name,
            Self::Request { text, .. } => text,
        }
    }
}

/// One privilege that is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needed {
    /// Its name.
    pub privilege: String,
    /// The table and the verb, where it is about one.
    pub of: Option<(String, Verb)>,
}

/// What a request needs.
#[derive(Debug, Clone, PartialEq)]
pub enum Needs {
    /// These privileges, each at some depth.
    Privileges(Vec<Needed>),
    /// The org would refuse the request itself.
    Refused(DataverseError),
    /// The org has no privilege of that name.
    NoPrivilege,
}

/// What was asked, and what came of it.
#[derive(Debug)]
pub struct CanSeen {
    /// What was asked.
    pub asked: Asked,
    /// What it needs; an error where the org's tables could not be read.
    pub needs: Result<Needs, Error>,
    /// What the request came to: sent only if it reads, and if nobody could tell what the user has.
    pub tried: Option<Result<(), Error>>,
}

/// What the shipped tables, or those of the org, say that this needs.
pub(super) async fn needs(asked: &Asked, org: Option<&Dataverse>) -> Result<Needs, Error> {
    let (method, path, query, body) = match asked {
        Asked::Privilege(name) => {
            return Ok(match org {
                Some(org) if !has_privilege(org, name).await => Needs::NoPrivilege,
                _ => Needs::Privileges(vec![Needed { privilege: name.clone(), of: None }]),
            });
        }
        Asked::Request { method, path, query, body, .. } => (method, path, query.as_deref(), body),
    };
    let path = format!("v9.2/{path}");
    let mut headers = HeaderMap::new();
    if *method == Method::PATCH {
        // A change to a row that is there; without this it could be a new row as well.
        headers.insert(http::header::IF_MATCH, http::HeaderValue::from_static("*"));
    }
    let request = Request { method, path: &path, query, headers: &headers, body: body.as_bytes(), references: None };
    let broken = |error: &dyn std::fmt::Display| Error::Protocol {
        origin: "the org's metadata document".to_owned(),
        found: error.to_string(),
    };
    let core = Schema::core().map_err(|error| broken(&error))?;
    let refused = match of_request(&core, &request) {
        Ok(needed) => return Ok(Needs::Privileges(needed)),
        Err(refused) => refused,
    };
    // A table or column of the org's own.
    let Some(org) = org else { return Ok(Needs::Refused(refused)) };
    let answer = org.send(Method::GET, "$metadata", None).await?;
    let read = csdl::read("$metadata", answer.body()).map_err(|error| broken(&error))?;
    let mut definition = SchemaDefinition::core().map_err(|error| broken(&error))?;
    definition.add(&read.definition);
    definition.number(&HashMap::new());
    let own = Schema::new(definition).map_err(|error| broken(&error))?;
    Ok(match of_request(&own, &request) {
        Ok(needed) => Needs::Privileges(needed),
        Err(refused) => Needs::Refused(refused),
    })
}

/// Whether the org has a privilege of that name; where it does not say, the name is taken as it is. A name that was asked
/// for is of letters, digits and `_`.
async fn has_privilege(org: &Dataverse, name: &str) -> bool {
    let filter = encode(&format!("name eq '{name}'"));
    let found = org.get(&format!("privileges?$select=name&$filter={filter}")).await;
    !found.is_ok_and(|found| found.get("value").and_then(|rows| rows.as_array()).is_some_and(Vec::is_empty))
}

fn of_request(schema: &Schema, request: &Request<'_>) -> Result<Vec<Needed>, DataverseError> {
    let bound = bind(schema, request)?;
    let mut needed: Vec<Needed> = Vec::new();
    for need in required(&bound) {
        let Some(privilege) = need.table.privilege_name(need.verb) else { continue };
        if !needed.iter().any(|known| known.privilege == privilege) {
            needed.push(Needed { privilege, of: Some((need.table.logical_name().to_owned(), need.verb)) });
        }
    }
    Ok(needed)
}

/// Whether the user may do what was asked.
pub(super) fn judge(seen: &Seen, chart: &mut Chart) {
    for can in &seen.can {
        judge_one(seen, can, chart);
    }
}

fn judge_one(seen: &Seen, can: &CanSeen, chart: &mut Chart) {
    let text = can.asked.text();
    let needed = match &can.needs {
        Ok(Needs::Privileges(needed)) => needed,
        Ok(Needs::Refused(refusal)) => {
            let trouble = Trouble::new(
                ErrorKind::BadData,
                "The org would refuse the request itself, whoever sends it.",
                "Correct the request: names are those of the org's tables and columns, and case-sensitive.",
                HERE,
            );
            chart.fail(Check::Can, format!("{text}: {refusal}"), trouble);
            return;
        }
        Ok(Needs::NoPrivilege) => {
            let trouble = Trouble::new(
                ErrorKind::BadData,
                "The org has no privilege of that name, and so no role can have it.",
                "Correct the name; of a request, such as `GET accounts`, it is told which privileges it needs.",
                HERE,
            );
            chart.fail(Check::Can, format!("{text}: the org has no such privilege"), trouble);
            return;
        }
        Err(error) => {
            chart.unchecked(Check::Can, format!("{text}: the org's tables cannot be read: {error}"));
            return;
        }
    };
    let is_administrator =
        matches!(&seen.roles, Some(Ok(roles)) if roles.iter().any(|role| role.name == "System Administrator"));
    match (&seen.privileges, &can.tried) {
        (Some(Ok(_)), _) if is_administrator => {
            let step = chart.ok(Check::Can, format!("{text}: yes, as a System Administrator"));
            step.fact("asked", text);
        }
        (Some(Ok(held)), _) => compare(seen, text, needed, held, chart),
        (_, Some(Ok(()))) => {
            chart.ok(Check::Can, format!("{text}: yes; it was tried")).fact("asked", text);
        }
        (_, Some(Err(error))) if error.is_missing() => {
            chart.ok(Check::Can, format!("{text}: yes; it was tried, and there is no such row")).fact("asked", text);
        }
        (_, Some(Err(error))) => {
            let step = chart.fail_with(Check::Can, error, ADMINISTRATOR);
            step.told = format!("{text}: {}", step.told);
            step.fact("asked", text).fact("needs", names(needed));
        }
        _ => {
            let needs = names(needed).join(", ");
            let why = "which of them it has the caller may not read (prvReadUser), and a change is not tried";
            let step = chart.unchecked(Check::Can, format!("{text}: it needs {needs}; {why}"));
            step.fact("asked", text).fact("needs", names(needed));
        }
    }
}

fn names(needed: &[Needed]) -> Vec<&str> {
    needed.iter().map(|need| need.privilege.as_str()).collect()
}

fn compare(seen: &Seen, text: &str, needed: &[Needed], held: &[(String, Depth)], chart: &mut Chart) {
    let depth_of =
        |name: &str| held.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, depth)| *depth).max();
    let missing: Vec<&Needed> = needed.iter().filter(|need| depth_of(&need.privilege).is_none()).collect();
    let said: Vec<String> = needed
        .iter()
        .map(|need| {
            let depth = depth_of(&need.privilege).map_or("missing", rows);
            format!("{}: {depth}", need.privilege)
        })
        .collect();
    let step = if missing.is_empty() {
        chart.ok(Check::Can, format!("{text}: yes, for the rows that its depth reaches"))
    } else {
        let listed = missing.iter().map(|need| need.privilege.as_str()).collect::<Vec<_>>().join(", ");
        let mut trouble = Trouble::of_code(crate::codes::Code::Org(0x8004_0220), ErrorKind::NotAllowed);
        trouble.command = grant(seen, &missing);
        trouble.meaning =
            Some("No role of the user, and none of its teams', has what is missing, at whatever depth.".to_owned());
        trouble.mends = vec![
            "Give one of the user's roles what is missing, or make a role that has it and give the user that one too."
                .to_owned(),
        ];
        chart.fail(Check::Can, format!("{text}: no, {listed} is missing"), trouble)
    };
    for sentence in said {
        step.detail(sentence);
    }
    step.fact("asked", text)
        .fact("needs", names(needed))
        .fact("missing", missing.iter().map(|need| &need.privilege).collect::<Vec<_>>());
}

/// Which rows a depth reaches.
fn rows(depth: Depth) -> &'static str {
    match depth {
        Depth::Basic => "held for its own rows (Basic)",
        Depth::Local => "held for the rows of its business unit (Local)",
        Depth::Deep => "held for the rows of its business unit and those below (Deep)",
        Depth::Global => "held for all rows (Global)",
    }
}

/// A role with what is missing, as a command.
fn grant(seen: &Seen, missing: &[&Needed]) -> Option<String> {
    let rights: Vec<Right> = missing
        .iter()
        .map(|need| match &need.of {
            Some((table, verb)) => Right::Table { table: table.clone(), verb: *verb, depth: Depth::Global },
            None => Right::Privilege { name: need.privilege.clone(), depth: Depth::Global },
        })
        .collect();
    let grants = print_rights(&rights).into_iter().map(|(what, how)| format!(" --grant '{what}={how}'"));
    let grants: String = grants.collect();
    (!grants.is_empty()).then(|| format!("keyholder role create 'More for {}'{grants}", seen.client))
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    fn needs_of(text: &str) -> Needs {
        needs(&text.parse().unwrap(), None).now_or_never().unwrap().unwrap()
    }

    fn privileges(text: &str) -> Vec<String> {
        match needs_of(text) {
            Needs::Privileges(needed) => needed.into_iter().map(|need| need.privilege).collect(),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn what_a_request_needs_follows_from_what_it_says() {
        assert_eq!(privileges("prvReadAccount"), ["prvReadAccount"]);
        assert_eq!(privileges("GET contacts?$top=3"), ["prvReadContact"]);
        assert_eq!(privileges("patch accounts(...)"), ["prvWriteAccount"]);
        assert_eq!(privileges("DELETE /api/data/v9.2/accounts(...)"), ["prvDeleteAccount"]);
        assert_eq!(privileges("GET contacts?$filter=lastname eq 'Ng'&$top=1"), ["prvReadContact"]);
        let pointing = privileges(
            r#"POST contacts {"parentcustomerid_account@odata.bind": "/accounts(11111111-2222-3333-4444-555555555555)"}"#,
        );
        assert!(
            pointing.contains(&"prvAppendToAccount".to_owned()) && pointing.contains(&"prvAppendContact".to_owned()),
            "{pointing:?}"
        );
        let any = privileges(r#"POST contacts {"parentcustomerid_account@odata.bind": "/accounts(...)"}"#);
        assert_eq!(any, pointing);
        assert!(matches!(needs_of("GET shipments"), Needs::Refused(_)));
        for wrong in ["", "contacts", "FLY contacts", "GET", "GET https://elsewhere.example/contacts"] {
            assert!(wrong.parse::<Asked>().is_err(), "{wrong}");
        }
    }
}
