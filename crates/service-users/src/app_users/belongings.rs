//! What still refers to an application user: asked before it is removed, in a bounded number of requests.

use futures::future::join4;
use futures::stream::{self, StreamExt};
use keyholder_client::dataverse::encode;
use keyholder_client::{Connection, Dataverse, Error as ClientError, OrgUrl, PowerPlatform};
use keyholder_dataverse::Schema;
use keyholder_dataverse::schema::Ownership;
use keyholder_entra::graph::Application;
use keyholder_foundation::ClientId;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::beside::{RoleBeside, roles_beside};
use super::find::Found;
use crate::Administrator;
use crate::error::{Error, While};
use crate::granted::Privileges;
use crate::non_interactive::{Team, teams_of};
use crate::observe::held;
use crate::plan::Finding;

/// Most tables whose rows are counted, and other orgs that are asked.
const MOST_TABLES: usize = 40;
const MOST_ORGS: usize = 40;
/// How many are asked at once.
const AT_ONCE: usize = 8;

/// What refers to an application user.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Belongings {
    /// Its rows, table by table; tables without any are left out.
    pub rows: Vec<Owned>,
    /// Tables in which it could own rows and that were not asked.
    pub unasked: Vec<String>,
    /// The teams that it is a member of, but the business unit's own.
    pub teams: Vec<Team>,
    /// Roles that it holds, that Keyholder made, and that a removal leaves.
    pub roles: Vec<RoleBeside>,
    /// Other orgs of the tenant that have it as a user, by their addresses.
    pub elsewhere: Vec<String>,
    /// Why further orgs may have it, a sentence each; none where all were asked.
    pub elsewhere_untold: Vec<String>,
    /// What could not be told, a sentence each.
    pub notes: Vec<String>,
}

/// Whether other orgs have an application as a user, and so need its registration and keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Elsewhere {
    /// All were asked, and none has it.
    #[default]
    No,
    /// At least one has it.
    Yes,
    /// None that was asked has it, and not all could be asked.
    Unknown,
}

/// Rows of one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Owned {
    /// The table's logical name.
    pub table: String,
    /// How many; an org counts up to 5,000.
    pub rows: u64,
}

/// A table whose rows have owners.
struct Asked {
    table: String,
    entity_set: String,
    key: String,
}

/// Asks what refers to an application's user.
///
/// Rows are counted in the tables in which it may create some; in which other tables somebody gave it
/// rows, nobody can ask for.
///
/// # Errors
/// When the org cannot be asked; what Power Platform and other orgs do not tell is a note.
pub async fn belongings(administrator: &Administrator, found: &Found) -> Result<Belongings, Error> {
    let doing = || format!("ask what belongs to `{}`", found.name);
    let elsewhere = elsewhere(administrator, found);
    let Some(user) = &found.user else {
        let (elsewhere, elsewhere_untold) = elsewhere.await;
        return Ok(Belongings { elsewhere, elsewhere_untold, ..Belongings::default() });
    };
    let org = &administrator.org;
    let (privileges, teams, roles, (elsewhere, elsewhere_untold)) =
        join4(held(org, user.id), teams_of(org, user.id), roles_beside(administrator, found), elsewhere).await;
    let (privileges, teams) = (privileges.while_doing(doing)?, teams.while_doing(doing)?);
    let roles = roles.while_doing(doing)?;
    let creatable = Privileges::known().creatable(privileges.iter().filter_map(|held| held.name()));
    let mut notes = Vec::new();
    let (tables, unasked) = tables(org, creatable, &mut notes).await;
    let counts = tables.into_iter().map(|asked| async move {
        let count = count(org, &asked, user.id).await;
        (asked.table, count)
    });
    let counts: Vec<_> = counts.collect();
    let counted: Vec<(String, Result<u64, ClientError>)> = stream::iter(counts).buffered(AT_ONCE).collect().await;
    let mut rows = Vec::new();
    for (table, count) in counted {
        match count {
            Ok(0) => {}
            Ok(count) => rows.push(Owned { table, rows: count }),
            Err(error) => notes.push(format!("whether it owns rows of `{table}` cannot be told: {error}")),
        }
    }
    Ok(Belongings { rows, unasked, teams, roles, elsewhere, elsewhere_untold, notes })
}

impl Belongings {
    /// Whether other orgs need the application.
    #[must_use]
    pub fn needed_elsewhere(&self) -> Elsewhere {
        match (self.elsewhere.is_empty(), self.elsewhere_untold.is_empty()) {
            (false, _) => Elsewhere::Yes,
            (true, false) => Elsewhere::Unknown,
            (true, true) => Elsewhere::No,
        }
    }

    /// Whether rows are in the way of a removal.
    ///
    /// # Errors
    /// [`Error::Stopped`] when they are.
    pub fn let_go(&self, found: &Found) -> Result<(), Error> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let rows: Vec<String> = self.rows.iter().map(Owned::in_words).collect();
        Err(Error::Stopped(vec![Finding::owns_rows(&found.name, &rows.join(", "))]))
    }
}

impl Owned {
    /// "3 rows of `contact`".
    #[must_use]
    pub fn in_words(&self) -> String {
        match self.rows {
            1 => format!("1 row of `{}`", self.table),
            rows => format!("{rows} rows of `{}`", self.table),
        }
    }
}

/// One row of the org's description of its tables.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Definition {
    logical_name: String,
    entity_set_name: Option<String>,
    primary_id_attribute: Option<String>,
    ownership_type: Option<String>,
}

/// How these tables are asked, and which cannot be. Those that Microsoft ships are known; the org is asked
/// about the others, all at once.
async fn tables(org: &Dataverse, names: Vec<String>, notes: &mut Vec<String>) -> (Vec<Asked>, Vec<String>) {
    // The shipped schema is checked by a test of its own crate.
    let schema = Schema::core().ok();
    let (mut asked, mut strange) = (Vec::new(), Vec::new());
    for name in names {
        match shipped(schema.as_ref(), &name) {
            Some((true, table)) => asked.push(table),
            Some((false, _)) => {}
            None => strange.push(name),
        }
    }
    let mut unasked = strange.split_off(strange.len().min(MOST_TABLES));
    if !strange.is_empty() {
        let filter: Vec<String> = strange.iter().map(|name| format!("LogicalName eq '{name}'")).collect();
        let query = format!(
            "EntityDefinitions?$select=LogicalName,EntitySetName,PrimaryIdAttribute,OwnershipType&$filter={}",
            encode(&filter.join(" or "))
        );
        match org.query(&query).collect_as::<Definition>().await {
            Ok(definitions) => asked.extend(definitions.into_iter().filter_map(owned)),
            Err(error) => {
                notes.push(format!("what the org's other tables are called cannot be told: {error}"));
                unasked.splice(0..0, strange);
            }
        }
    }
    unasked.extend(asked.drain(asked.len().min(MOST_TABLES)..).map(|table| table.table));
    (asked, unasked)
}

/// How a table that Microsoft ships is asked, and whether its rows have users or teams for owners; users and teams
/// own themselves only.
fn shipped(schema: Option<&Schema>, name: &str) -> Option<(bool, Asked)> {
    let table = schema?.table(name).ok().flatten()?;
    let entity_set = table.entity_set().to_owned();
    let asked = Asked { table: name.to_owned(), entity_set, key: table.primary_id().name.to_string() };
    Some((table.ownership() == Ownership::User, asked))
}

/// A table whose rows have users or teams for owners.
fn owned(definition: Definition) -> Option<Asked> {
    let is_owned = definition.ownership_type.as_deref().is_some_and(|kind| kind == "UserOwned" || kind == "TeamOwned");
    let table = definition.logical_name;
    Some(Asked { entity_set: definition.entity_set_name?, key: definition.primary_id_attribute?, table })
        .filter(|_| is_owned)
}

async fn count(org: &Dataverse, asked: &Asked, owner: Uuid) -> Result<u64, ClientError> {
    let Asked { entity_set, key, .. } = asked;
    let query = format!("{entity_set}?$select={key}&$filter=_ownerid_value eq {owner}&$top=1&$count=true");
    let answer = org.get(&query).await?;
    let shown = answer.get("value").and_then(Value::as_array).map_or(0, Vec::len) as u64;
    Ok(answer.get("@odata.count").and_then(Value::as_u64).unwrap_or_default().max(shown))
}

/// Other orgs of the tenant that have the application as a user, and why further ones may.
async fn elsewhere(administrator: &Administrator, found: &Found) -> (Vec<String>, Vec<String>) {
    let client = found.client_id;
    let mut untold = Vec::new();
    if found.registration.as_ref().is_some_and(admits_other_tenants) {
        untold
            .push("its registration admits other tenants, whose orgs cannot be asked whether they have it".to_owned());
    }
    let connection = &administrator.connection;
    let host = connection.url.as_url().host_str();
    let tokens = administrator.org.tokens().clone();
    let environments = match PowerPlatform::connect(tokens, host, administrator.http.clone()) {
        Ok(platform) => platform.environments().await,
        Err(error) => Err(error),
    };
    let mut others: Vec<OrgUrl> = match environments {
        Ok(all) => all.into_iter().filter_map(|one| one.url).filter(|url| *url != connection.url).collect(),
        Err(error) => {
            untold.push(format!("whether other orgs of the tenant have it cannot be told: {error}"));
            return (Vec::new(), untold);
        }
    };
    let beyond = others.split_off(others.len().min(MOST_ORGS));
    let asked = others.into_iter().map(|url| async move {
        let there = has(administrator, &url, client).await;
        (url, there)
    });
    let mut elsewhere = Vec::new();
    let asked: Vec<_> = asked.collect();
    let answers: Vec<(OrgUrl, Result<bool, ClientError>)> = stream::iter(asked).buffered(AT_ONCE).collect().await;
    for (url, there) in answers {
        match there {
            Ok(true) => elsewhere.push(url.to_string()),
            Ok(false) => {}
            Err(error) => untold.push(format!("whether {url} has it cannot be told: {error}")),
        }
    }
    if !beyond.is_empty() {
        untold.push(format!("{} more orgs of the tenant were not asked whether they have it", beyond.len()));
    }
    (elsewhere, untold)
}

/// Whether orgs of other tenants can have the application.
fn admits_other_tenants(application: &Application) -> bool {
    application.sign_in_audience.as_deref().is_some_and(|audience| audience != "AzureADMyOrg")
}

#[derive(Deserialize)]
struct Row {
    #[serde(default)]
    deletedstate: Option<i64>,
}

/// Whether another org has a living user of the application.
async fn has(administrator: &Administrator, url: &OrgUrl, client: ClientId) -> Result<bool, ClientError> {
    let connection = Connection { url: url.clone(), ..administrator.connection.clone() };
    let org = Dataverse::connect(&connection, administrator.http.clone()).await?;
    let query = format!("systemusers?$select=systemuserid,deletedstate&$filter=applicationid eq {client}");
    let rows = org.query(&query).collect_as::<Row>().await?;
    Ok(rows.iter().any(|row| row.deletedstate.unwrap_or(0) == 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn users_and_teams_have_no_owners_and_are_not_asked_for_rows() {
        let schema = Schema::core().unwrap();
        let owned = |name: &str| shipped(Some(&schema), name).map(|(owned, _)| owned);
        assert_eq!(["contact", "systemuser", "team"].map(owned), [Some(true), Some(false), Some(false)]);
        assert_eq!(owned("new_shipment"), None);
    }

    #[test]
    fn not_knowing_is_not_a_no() {
        let orgs = |has: &[&str], untold: &[&str]| Belongings {
            elsewhere: has.iter().map(|org| (*org).to_owned()).collect(),
            elsewhere_untold: untold.iter().map(|why| (*why).to_owned()).collect(),
            ..Belongings::default()
        };
        assert_eq!(orgs(&[], &[]).needed_elsewhere(), Elsewhere::No);
        assert_eq!(orgs(&[], &["403"]).needed_elsewhere(), Elsewhere::Unknown);
        assert_eq!(orgs(&["https://b"], &["403"]).needed_elsewhere(), Elsewhere::Yes);
        let of = |audience: &str| {
            let id = Uuid::from_u128(1);
            let all = json!({"id": id, "appId": id, "signInAudience": audience});
            admits_other_tenants(&serde_json::from_value(all).unwrap())
        };
        assert!(of("AzureADMultipleOrgs") && !of("AzureADMyOrg"));
    }

    #[test]
    fn the_orgs_description_says_which_tables_have_owners() {
        let read = |value: Value| owned(serde_json::from_value(value).unwrap()).map(|table| table.entity_set);
        let table = |ownership: &str| {
            json!({
                "LogicalName": "new_shipment", "EntitySetName": "new_shipments",
                "PrimaryIdAttribute": "new_shipmentid", "OwnershipType": ownership, "MetadataId": "x",
            })
        };
        assert_eq!(read(table("UserOwned")).as_deref(), Some("new_shipments"));
        assert_eq!(read(table("OrganizationOwned")), None);
        assert_eq!(read(json!({"LogicalName": "x", "EntitySetName": null, "OwnershipType": "UserOwned"})), None);
    }
}
