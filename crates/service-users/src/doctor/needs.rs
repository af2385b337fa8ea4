//! What somebody wants to do, and whether a user may.

use std::str::FromStr;

use http::Method;
use keyholder_client::{Error, ErrorKind};
use keyholder_dataverse::error::DataverseError;
use keyholder_foundation::ClientId;
use keyholder_security::{Depth, Verb};

use super::org::{ADMINISTRATOR, whose};
use super::seen::Seen;
use super::step::{Chart, Check, HERE, Trouble};
use crate::declaration::{Right, print_rights};
use crate::shell::for_shell;

/// Lists the org's tables with their names in addresses.
const TABLES: &str = "keyholder query 'EntityDefinitions?$select=LogicalName,EntitySetName'";

/// The row that stands for any.
pub(super) const ANY_ROW: &str = "00000000-0000-0000-0000-000000000000";

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
        /// The body, where one was typed.
        body: Option<String>,
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
            rest.split_once(" {").map_or((rest, None), |(address, body)| (address, Some(format!("{{{body}"))));
        let any_row = |text: &str| {
            ["(...)", "(..)", "(\u{2026})"]
                .iter()
                .fold(text.to_owned(), |text, any| text.replace(any, &format!("({ANY_ROW})")))
        };
        let (address, body) = (any_row(address.trim()), body.as_deref().map(any_row));
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
    /// These privileges, each at some depth; none, where whoever is let in may.
    Privileges(Vec<Needed>),
    /// These, and perhaps others: the org alone knows all that an action takes.
    AtLeast(Vec<Needed>),
    /// It is not known here what it takes: why, and what to do.
    Unknown(String),
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
    /// What the request came to: sent only if it reads, and if nobody could tell what it takes or what the user has.
    pub tried: Option<Result<(), Error>>,
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
        Ok(Needs::Privileges(needed) | Needs::AtLeast(needed)) => needed,
        _ if can.tried.as_ref().is_some_and(tells) => return tried(text, can, &[], chart),
        Ok(Needs::Unknown(why)) => {
            chart.unchecked(Check::Can, format!("{text}: {why}")).fact("asked", text);
            return;
        }
        Ok(Needs::Refused(refusal)) => {
            let trouble = Trouble::new(
                ErrorKind::BadData,
                "The org would refuse the request itself, whoever sends it.",
                "Correct the request: names are those of the org's tables and columns, and case-sensitive.",
                HERE,
            );
            let trouble = trouble.with_command(TABLES);
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
    if needed.is_empty() {
        let told = format!("{text}: yes; it takes no privilege, only to be let in");
        chart.ok(Check::Can, told).fact("asked", text);
        return;
    }
    let boss =
        seen.roles.as_ref().and_then(|held| held.as_ref().ok()?.iter().find(|role| role.is_system_administrator));
    match (boss, &seen.privileges, &can.tried) {
        (Some(boss), ..) => {
            let told = format!("{text}: yes; the role `{}` may do everything", boss.name);
            chart.ok(Check::Can, told).fact("asked", text).fact("needs", names(needed));
        }
        (None, Some(Ok(held)), _) => compare(seen, can, needed, held, chart),
        (.., Some(_)) => tried(text, can, needed, chart),
        _ => {
            let needs = names(needed).join(", ");
            let more = if matches!(can.needs, Ok(Needs::AtLeast(_))) { " at least" } else { "" };
            let why = format!("which of them it has the {} may not read (prvReadUser)", whose(seen));
            let told = format!("{text}: it needs {needs}{more}; {why}, and a change is not tried");
            chart.unchecked(Check::Can, told).fact("asked", text).fact("needs", names(needed));
        }
    }
}

/// Whether what a request came to says whether the user may send it.
fn tells(tried: &Result<(), Error>) -> bool {
    match tried {
        Ok(()) => true,
        Err(error) => error.dataverse().is_some_and(|refusal| refusal.missing_privilege.is_some()),
    }
}

/// What a request that reads came to.
fn tried(text: &str, can: &CanSeen, needed: &[Needed], chart: &mut Chart) {
    let step = match &can.tried {
        Some(Err(error)) if !error.is_missing() => {
            let step = chart.fail_with(Check::Can, error, ADMINISTRATOR);
            step.told = format!("{text}: {}", step.told);
            step
        }
        Some(Err(_)) => chart.ok(Check::Can, format!("{text}: yes; it was tried, and there is no such row")),
        _ => chart.ok(Check::Can, format!("{text}: yes; it was tried")),
    };
    step.fact("asked", text).fact("needs", names(needed));
}

fn names(needed: &[Needed]) -> Vec<&str> {
    needed.iter().map(|need| need.privilege.as_str()).collect()
}

fn compare(seen: &Seen, can: &CanSeen, needed: &[Needed], held: &[(String, Depth)], chart: &mut Chart) {
    let text = can.asked.text();
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
        let mut mends = vec![
            "Give one of the user's roles what is missing, or make a role that has it and give the user that one too."
                .to_owned(),
        ];
        if seen.is_person {
            let (url, name) =
                (seen.url.as_str().trim_end_matches('/'), seen.sign_in_name().unwrap_or("svc-orders@contoso.com"));
            let role = role_of_person(&missing);
            mends.push(format!(
                "The role is given then: `pac admin assign-user --environment {url} --user {} --role {}`.",
                for_shell(name),
                for_shell(&role)
            ));
        }
        trouble.mends = mends;
        chart.fail(Check::Can, format!("{text}: no, {listed} is missing"), trouble)
    };
    for sentence in said {
        step.detail(sentence);
    }
    if matches!(can.needs, Ok(Needs::AtLeast(_))) {
        step.detail("an action may take more than what is known of it here: the org alone knows");
    }
    if needed.iter().any(|need| matches!(need.of, Some((_, Verb::Assign)))) {
        step.detail("the new owner has to be able to read such rows too (0x80040299)");
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

/// What gives the user what is missing, as a command: an application a role beside those that it has; of a person the
/// role alone, which is given then.
fn grant(seen: &Seen, missing: &[&Needed]) -> Option<String> {
    match seen.is_person {
        true => Some(format!("keyholder role create {}{}", for_shell(&role_of_person(missing)), grants(missing))),
        false => command_that_grants(seen.client, missing),
    }
}

/// What makes an application a role with what is missing, beside those that it has.
pub(super) fn command_that_grants(client: ClientId, missing: &[&Needed]) -> Option<String> {
    let first = missing.first()?.privilege.as_str();
    // Another time something else may be missing, and that role is not to lose this one's.
    let name = match missing.len() - 1 {
        0 => format!("{first} for {client}"),
        more => format!("{first} and {more} more for {client}"),
    };
    Some(format!("keyholder app-user create {} --adopt {client}{}", for_shell(&name), grants(missing)))
}

fn grants(missing: &[&Needed]) -> String {
    let right = |need: &&Needed| match &need.of {
        Some((table, verb)) => Right::Table { table: table.clone(), verb: *verb, depth: Depth::Global },
        None => Right::Privilege { name: need.privilege.clone(), depth: Depth::Global },
    };
    let rights: Vec<Right> = missing.iter().map(right).collect();
    print_rights(&rights)
        .into_iter()
        .map(|(what, how)| format!(" --grant {}", for_shell(&format!("{what}={how}"))))
        .collect()
}

fn role_of_person(missing: &[&Needed]) -> String {
    let first = missing.first().map(|need| need.privilege.as_str()).unwrap_or_default();
    format!("{first} and what goes with it")
}

#[cfg(test)]
mod tests {
    use super::super::request::needs;
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
        assert_eq!(privileges("PATCH accounts(..)"), ["prvWriteAccount"]);
        let owner = privileges(r#"PATCH accounts(...) {"ownerid@odata.bind": "/systemusers(...)"}"#);
        assert_eq!(owner, ["prvWriteAccount", "prvAssignAccount"]);
        // What is pointed at is of the table that the relationship leads to.
        let paired = privileges("POST accounts(...)/contact_customer_accounts/$ref");
        assert_eq!(paired, ["prvWriteContact", "prvAppendToAccount", "prvAppendContact"]);
        let pointed = privileges("PUT contacts(...)/parentcustomerid_account/$ref");
        assert_eq!(pointed, ["prvWriteContact", "prvAppendToAccount", "prvAppendContact"]);
        assert_eq!(privileges("GET WhoAmI"), [""; 0]);
        for wrong in ["", "contacts", "FLY contacts", "GET", "GET https://elsewhere.example/contacts"] {
            assert!(wrong.parse::<Asked>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_not_known_here_is_not_called_refused() {
        for (asked, words) in [
            // Nobody could be asked for the org's own tables.
            ("GET shipments", "the org's own tables could not be read"),
            ("POST $batch", "each of its requests"),
            ("POST GrantAccess", "with its body"),
            ("POST WinOpportunity", "with its body"),
            ("POST accounts/Microsoft.Dynamics.CRM.CreateMultiple", "with its body"),
            ("POST EntityDefinitions", "customize"),
            ("POST PublishXml", "customize"),
            ("POST leads(...)/Microsoft.Dynamics.CRM.QualifyLead", "not known here"),
            ("POST new_MyCustomApi", "the org's own tables could not be read"),
        ] {
            match needs_of(asked) {
                Needs::Unknown(why) => assert!(why.contains(words), "{asked}: {why}"),
                other => panic!("{asked}: {other:?}"),
            }
        }
        let set = r#"POST accounts/Microsoft.Dynamics.CRM.CreateMultiple {"Targets": [{"@odata.type": "Microsoft.Dynamics.CRM.account", "name": "x"}]}"#;
        assert_eq!(privileges(set), ["prvCreateAccount"]);
        // What was typed, and is wrong, is wrong.
        assert!(matches!(needs_of(r#"POST GrantAccess {"Target": 1}"#), Needs::Refused(_)));
        assert!(
            matches!(needs_of("GET accounts?$select=nmae"), Needs::Unknown(_)),
            "a column of the org's own, perhaps"
        );
        assert!(matches!(needs_of("DELETE contacts"), Needs::Refused(_)));
    }
}
