//! What a caller lacks for something, all of it at once.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::{join, try_join_all};
use keyholder_client::dataverse::quote;
use keyholder_client::{Dataverse, Error};
use keyholder_foundation::ClientId;
use keyholder_security::Verb;
use serde::Deserialize;

use super::needs::{Needed, command_that_grants};
use crate::observe::held;

/// The privileges that somebody lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lacking {
    /// Their names.
    pub privileges: Vec<String>,
    /// A command that gives them to the application that calls.
    pub command: Option<String>,
}

#[derive(Deserialize)]
struct Privileges {
    #[serde(rename = "Privileges")]
    all: Vec<Privilege>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Privilege {
    name: String,
    privilege_type: String,
}

/// Which privileges the caller lacks for these verbs on these tables, at whatever depth.
///
/// # Errors
/// When the org does not let the caller read what its own roles give (`prvReadUser`), or what privileges the tables have.
pub async fn lacking(org: &Dataverse, wanted: &[(String, Verb)]) -> Result<Lacking, Error> {
    let me = org.who_am_i().await?;
    let (held, names) = join(held(org, me.user_id), names(org, wanted)).await;
    let (held, names) = (held?, names?);
    let is_held = |name: &str| held.iter().any(|one| one.name().is_some_and(|own| own.eq_ignore_ascii_case(name)));
    let needed = wanted.iter().filter_map(|(table, verb)| {
        let privilege = names.get(&(table.as_str(), verb.name()))?.clone();
        Some(Needed { privilege, of: Some((table.clone(), *verb)) })
    });
    let missing: Vec<Needed> = needed.filter(|need| !is_held(&need.privilege)).collect();
    let client: ClientId = org.tokens().credential().client_id();
    let is_person = org.tokens().credential().is_person();
    let command = (!is_person).then(|| command_that_grants(client, &missing.iter().collect::<Vec<_>>())).flatten();
    Ok(Lacking { privileges: missing.into_iter().map(|need| need.privilege).collect(), command })
}

/// What the privileges of the tables are called, by table and verb. Tables may share theirs, as activities do; what nobody
/// can be given, such as to share what the org owns, has none.
async fn names<'a>(
    org: &Dataverse,
    wanted: &'a [(String, Verb)],
) -> Result<BTreeMap<(&'a str, &'static str), String>, Error> {
    let tables: BTreeSet<&str> = wanted.iter().map(|(table, _)| table.as_str()).collect();
    let read = tables.into_iter().map(|table| async move {
        let path = format!("EntityDefinitions(LogicalName={})?$select=Privileges", quote(table));
        let definition = org.get(&path).await?;
        let read = serde_json::from_value::<Privileges>(definition.into());
        let read = read.map_err(|_| Error::Protocol {
            origin: "the org".to_owned(),
            found: format!("a definition of `{table}` without privileges"),
        })?;
        let of = |privilege: Privilege| {
            let verb = Verb::ALL.into_iter().find(|verb| verb.name() == privilege.privilege_type)?;
            Some(((table, verb.name()), privilege.name))
        };
        Ok::<_, Error>(read.all.into_iter().filter_map(of).collect::<Vec<_>>())
    });
    Ok(try_join_all(read).await?.into_iter().flatten().collect())
}
