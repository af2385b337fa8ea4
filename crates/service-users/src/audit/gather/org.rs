//! One org: its service users, what they hold and what that grants.
//!
//! Four questions side by side, then two, then up to seven that need their answers: thirteen requests but for pages, and a
//! few more for each four hundred users beyond the first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::future::{join, join4};
use keyholder_client::dataverse::{Row, encode};
use keyholder_client::{Dataverse, Error as ClientError};
use keyholder_foundation::{ClientId, ObjectId, Timestamp};
use keyholder_security::{Depth, default_role_privileges};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::{Notes, Reading, activity, trouble, unread_org};
use crate::Administrator;
use crate::audit::facts::{HeldRole, OrgFacts, Purpose, Rights, ServiceUser, USERS, Unread, UserKind};
use crate::declaration::in_words;
use crate::granted::Privileges;
use crate::non_interactive::{ADMINISTRATIVE, NON_INTERACTIVE};
use crate::observe::{
    self, HeldPrivilege, PrivilegeSeen, ROLES, RoleSeen, UnitSeen, granted, of_ids, pairs, privileges_of, shipped,
};
use crate::plan::is_system_administrator;

const COLUMNS: &str = "systemuserid,applicationid,fullname,domainname,isdisabled,accessmode,deletedstate,createdon,\
    azureactivedirectoryobjectid,_businessunitid_value";
const WHICH: &str = "which org it is";
/// Words in an org's name or host that tell of tests.
const TEST_WORDS: [&str; 14] = [
    "test",
    "tests",
    "testing",
    "dev",
    "develop",
    "development",
    "sandbox",
    "uat",
    "qa",
    "staging",
    "demo",
    "trial",
    "training",
    "preprod",
];

#[derive(Deserialize)]
struct User {
    systemuserid: Uuid,
    #[serde(default)]
    applicationid: Option<ClientId>,
    #[serde(default)]
    fullname: Option<String>,
    #[serde(default)]
    domainname: Option<String>,
    #[serde(default)]
    isdisabled: bool,
    #[serde(default)]
    accessmode: i64,
    #[serde(default)]
    deletedstate: Option<i64>,
    #[serde(default)]
    createdon: Option<String>,
    #[serde(default)]
    azureactivedirectoryobjectid: Option<ObjectId>,
    #[serde(rename = "_businessunitid_value", default)]
    unit: Option<Uuid>,
}

#[derive(Deserialize)]
struct Membership {
    systemuserid: Uuid,
    teamid: Uuid,
}

#[derive(Deserialize)]
struct Team {
    teamid: Uuid,
    #[serde(default)]
    name: Option<String>,
}

#[derive(Deserialize)]
struct TeamRole {
    teamid: Uuid,
    roleid: Uuid,
}

/// What service users hold, each with its own roles and its teams'.
struct Held {
    roles: BTreeMap<Uuid, RoleSeen>,
    /// Those that came with the org or with a solution, by their root copies.
    shipped: BTreeSet<Uuid>,
    /// By user: the role's copy, and the team that it comes through.
    by_user: BTreeMap<Uuid, Vec<(Uuid, Option<String>)>>,
}

pub(super) async fn read(
    administrator: &Administrator,
    name: &str,
    tenant: Option<&str>,
    reading: &Reading,
    privileges: &Privileges,
) -> (OrgFacts, Vec<Unread>) {
    let (org, url) = (&administrator.org, administrator.connection.url.to_string());
    let modes = format!("accessmode eq {NON_INTERACTIVE} or accessmode eq {ADMINISTRATIVE}");
    let filter = encode(&format!("applicationid ne null or {modes}"));
    let users = org.query(format!("systemusers?$select={COLUMNS}&$filter={filter}")).collect_as::<User>();
    let units =
        org.query("businessunits?$select=businessunitid,name,_parentbusinessunitid_value").collect_as::<UnitSeen>();
    let (who, users, units, itself) = join4(org.who_am_i(), users, units, itself(org)).await;
    let mut notes = Notes::of_org(name);
    let (who, mut users) = match who.and_then(|who| Ok((who, users?))) {
        Ok(read) => read,
        Err(error) => return (unread_org(name, &url, tenant, reading, trouble(&error)), Vec::new()),
    };
    users.retain(|user| user.deletedstate.unwrap_or(0) == 0);
    let units = notes.take("the business units", &["the privilege `prvReadBusinessUnit`"], units).unwrap_or_default();
    let itself = notes.take(WHICH, &[], itself);
    let ids: BTreeSet<Uuid> = users.iter().map(|user| user.systemuserid).collect();
    let (held, may) = join(held(org, &ids), observe::held(org, who.user_id)).await;
    let needs = ["the privileges `prvReadRole` and `prvReadTeam` for the whole org"];
    let held = notes.take_grave("which roles its service users hold", &needs, held);
    depths(may, held.is_some(), &mut notes);
    let rights = match &held {
        Some(held) => {
            let rights = rights(org, held, privileges).await;
            notes.take_grave("what its roles grant", &["the privilege `prvReadRole` for the whole org"], rights)
        }
        None => None,
    };
    let mut users: Vec<ServiceUser> = users
        .into_iter()
        .map(|user| {
            let id = user.systemuserid;
            let own = held.as_ref().map(|held| held.by_user.get(&id).cloned().unwrap_or_default());
            let roles = held.as_ref().zip(own.as_ref()).map(|(held, own)| held.named(own));
            let rights = rights.as_ref().zip(own.as_ref()).map(|(rights, own)| {
                let roots = held.as_ref().map(|held| held.roots(own)).unwrap_or_default();
                rights.get(&roots).cloned().unwrap_or_default()
            });
            let unit = units.iter().find(|unit| Some(unit.id) == user.unit).map(|unit| unit.name.clone());
            service_user(user, who.user_id, unit, roles, rights)
        })
        .collect();
    users.sort_by(|one, other| (one.kind, &one.name, one.id).cmp(&(other.kind, &other.name, other.id)));
    let mut facts = OrgFacts {
        name: name.to_owned(),
        purpose: purpose(itself.as_ref(), name, &url),
        url,
        tenant: tenant.map(str::to_owned),
        users,
        slots_limit: reading.slots_limit,
        activity_of: Vec::new(),
        trouble: None,
    };
    if !reading.activity.is_empty() {
        let since = administrator.now().minus(reading.activity_span);
        activity::read(org, &mut facts, &reading.activity, since, &mut notes).await;
    }
    (facts, notes.unread)
}

/// How much of the org the caller sees: whoever may read less than the whole is answered with fewer rows, and not refused.
fn depths(may: Result<Vec<HeldPrivilege>, ClientError>, has_roles: bool, notes: &mut Notes) {
    let what = "how much of it the caller sees";
    let Some(may) = notes.take_grave(what, &["the privilege `prvReadUser` for the whole org"], may) else { return };
    let seen = [
        ("prvReadUser", USERS, true),
        ("prvReadRole", "all of its roles", has_roles),
        ("prvReadTeam", "all of its teams", has_roles),
        ("prvReadBusinessUnit", "all of its business units", true),
    ];
    for (privilege, what, was_answered) in seen {
        let depth = may.iter().filter(|one| one.is_at_least(privilege, Depth::Basic)).map(HeldPrivilege::depth).max();
        let why = match depth {
            Some(Depth::Global) => continue,
            Some(Depth::Basic) => format!("the caller has `{privilege}` for rows of its own alone"),
            Some(Depth::Local) => format!("the caller has `{privilege}` for its business unit alone"),
            Some(Depth::Deep) => format!("the caller has `{privilege}` for its business unit and those below alone"),
            // The refusal itself was told, where there was one.
            None if !was_answered || privilege == "prvReadBusinessUnit" => continue,
            None => format!("the caller has no `{privilege}`"),
        };
        notes.note_grave(what, vec![format!("the privilege `{privilege}` for the whole org")], why);
    }
}

/// A name without the mark that orgs put before those of application users.
fn plain(name: &str) -> String {
    name.strip_prefix("# ").filter(|rest| !rest.trim().is_empty()).unwrap_or(name).to_owned()
}

fn service_user(
    user: User,
    me: Uuid,
    business_unit: Option<String>,
    roles: Option<Vec<HeldRole>>,
    rights: Option<Arc<Rights>>,
) -> ServiceUser {
    let names = [&user.fullname, &user.domainname];
    let (first, second) = if user.applicationid.is_some() { (0, 1) } else { (1, 0) };
    let named = |place: usize| names.get(place).copied().cloned().flatten().filter(|name| !name.is_empty());
    ServiceUser {
        id: user.systemuserid,
        kind: match (user.applicationid, user.accessmode) {
            (Some(_), _) => UserKind::Application,
            (None, ADMINISTRATIVE) => UserKind::Administrative,
            (None, _) => UserKind::NonInteractive,
        },
        name: named(first).or_else(|| named(second)).map_or_else(|| user.systemuserid.to_string(), |name| plain(&name)),
        application: user.applicationid,
        object: user.azureactivedirectoryobjectid,
        is_disabled: user.isdisabled,
        is_caller: user.systemuserid == me,
        made: user.createdon.and_then(|text| Timestamp::parse(&text).ok()),
        business_unit,
        roles,
        rights,
        activity: None,
    }
}

/// Which roles these users hold, by themselves and by their teams: at most six requests, but for pages and for each four
/// hundred users.
async fn held(org: &Dataverse, users: &BTreeSet<Uuid>) -> Result<Held, ClientError> {
    let all: Vec<Uuid> = users.iter().copied().collect();
    let members = "teammemberships?$select=systemuserid,teamid";
    let (own, members) = join(pairs(org, &all), of_ids::<Membership>(org, members, "systemuserid", users)).await;
    let members = members?;
    let teams: BTreeSet<Uuid> = members.iter().map(|one| one.teamid).collect();
    let (names, team_roles) = join(
        of_ids::<Team>(org, "teams?$select=teamid,name", "teamid", &teams),
        of_ids::<TeamRole>(org, "teamrolescollection?$select=teamid,roleid", "teamid", &teams),
    )
    .await;
    let names: BTreeMap<Uuid, String> =
        names?.into_iter().map(|team| (team.teamid, team.name.unwrap_or_else(|| team.teamid.to_string()))).collect();
    let mut by_user: BTreeMap<Uuid, Vec<(Uuid, Option<String>)>> = BTreeMap::new();
    for pair in own? {
        by_user.entry(pair.systemuserid).or_default().push((pair.roleid, None));
    }
    let mut of_team: BTreeMap<Uuid, Vec<Uuid>> = BTreeMap::new();
    for pair in team_roles? {
        of_team.entry(pair.teamid).or_default().push(pair.roleid);
    }
    for member in members {
        let through = names.get(&member.teamid).cloned().unwrap_or_else(|| member.teamid.to_string());
        for role in of_team.get(&member.teamid).into_iter().flatten() {
            by_user.entry(member.systemuserid).or_default().push((*role, Some(through.clone())));
        }
    }
    let ids: BTreeSet<Uuid> = by_user.values().flatten().map(|(role, _)| *role).collect();
    let roles: Vec<RoleSeen> = of_ids(org, ROLES, "roleid", &ids).await?;
    let shipped = shipped(org, &roles).await?;
    Ok(Held { roles: roles.into_iter().map(|role| (role.id, role)).collect(), shipped, by_user })
}

impl Held {
    fn named(&self, own: &[(Uuid, Option<String>)]) -> Vec<HeldRole> {
        let mut named: Vec<HeldRole> = own
            .iter()
            .map(|(id, team)| {
                let role = self.roles.get(id);
                HeldRole {
                    name: role.map_or_else(|| id.to_string(), |role| role.name.clone()),
                    is_system_administrator: role.is_some_and(is_everything),
                    is_shipped: role.is_some_and(|role| self.shipped.contains(&role.root())),
                    team: team.clone(),
                }
            })
            .collect();
        named.sort_by(|one, other| (&one.name, &one.team).cmp(&(&other.name, &other.team)));
        named.dedup();
        named
    }

    /// The root copies of roles, which have the privileges.
    fn roots(&self, own: &[(Uuid, Option<String>)]) -> BTreeSet<Uuid> {
        own.iter().filter_map(|(id, _)| self.roles.get(id)).map(RoleSeen::root).collect()
    }
}

fn is_everything(role: &RoleSeen) -> bool {
    is_system_administrator(role.template)
}

/// What each set of roles that somebody holds lets its holders do: two requests, but for pages.
async fn rights(
    org: &Dataverse,
    held: &Held,
    known: &Privileges,
) -> Result<BTreeMap<BTreeSet<Uuid>, Arc<Rights>>, ClientError> {
    let everything: BTreeSet<Uuid> =
        held.roles.values().filter(|role| is_everything(role)).map(RoleSeen::root).collect();
    // What System Administrator grants is known without asking for its thousands of privileges.
    let asked: Vec<Uuid> = held.roles.values().map(RoleSeen::root).filter(|id| !everything.contains(id)).collect();
    let granted = granted(org, &asked).await?;
    let ids: BTreeSet<Uuid> = granted.values().flat_map(BTreeMap::keys).copied().collect();
    let named: Vec<PrivilegeSeen> = privileges_of(org, &ids).await?;
    let names: BTreeMap<Uuid, &str> = named.iter().map(|privilege| (privilege.id, privilege.name.as_str())).collect();
    let usual: BTreeSet<String> = default_role_privileges().map(|(one, _)| one.name.to_lowercase()).collect();
    let sets: BTreeSet<BTreeSet<Uuid>> = held.by_user.values().map(|own| held.roots(own)).collect();
    let of = |roots: &BTreeSet<Uuid>| {
        if !everything.is_disjoint(roots) {
            let words = vec!["may do everything in the org".to_owned()];
            return Rights { is_everything: true, words, rights: Vec::new() };
        }
        let mut all: BTreeMap<&str, Depth> = BTreeMap::new();
        for (id, depth) in roots.iter().filter_map(|root| granted.get(root)).flatten() {
            let Some(name) = names.get(id).filter(|name| !usual.contains(&name.to_lowercase())) else { continue };
            let widest = all.entry(name).or_insert(*depth);
            *widest = (*depth).max(*widest);
        }
        let rights: Vec<_> = all.iter().map(|(name, depth)| known.right(name, *depth)).collect();
        Rights { is_everything: false, words: in_words(&rights), rights }
    };
    Ok(sets.into_iter().map(|roots| (roots.clone(), Arc::new(of(&roots)))).collect())
}

/// What an org says of itself.
async fn itself(org: &Dataverse) -> Result<Row, ClientError> {
    let kind = "Microsoft.Dynamics.CRM.EndpointAccessType'Default'";
    let query = format!("RetrieveCurrentOrganization(AccessType=@p1)?@p1={}", encode(kind));
    org.get(query.as_str()).await
}

/// What an org is for: as it says itself, else by its names.
fn purpose(itself: Option<&Row>, name: &str, url: &str) -> Purpose {
    let detail = itself.and_then(|row| row.get("Detail"));
    let text = |member: &str| detail.and_then(|detail| detail.get(member)).and_then(Value::as_str);
    match text("OrganizationType") {
        Some(
            kind @ ("CustomerTest" | "CustomerFreeTest" | "CustomerPreview" | "TestDrive" | "EmailTrial" | "Trial"
            | "Developer"),
        ) => {
            return Purpose::Test { by: format!("the org itself ({kind})") };
        }
        Some(kind @ ("Customer" | "Default" | "Secondary")) if !is_test_name(name) => {
            return Purpose::Production { by: format!("the org itself ({kind})") };
        }
        _ => {}
    }
    let host = url.split("//").nth(1).and_then(|rest| rest.split(['.', ':', '/']).next()).unwrap_or_default();
    let friendly = text("FriendlyName").unwrap_or_default();
    let names = [name, friendly, host];
    if let Some(told) = names.into_iter().find(|name| is_test_name(name)) {
        return Purpose::Test { by: format!("its name, {told}") };
    }
    let is_production = |name: &&str| words(name).any(|word| ["prod", "production", "live"].contains(&word.as_str()));
    match names.into_iter().find(is_production) {
        Some(told) => Purpose::Production { by: format!("its name, {told}") },
        None => Purpose::Unknown,
    }
}

fn is_test_name(name: &str) -> bool {
    // An address names its domain too, which says nothing of one org.
    !name.contains("://") && words(name).any(|word| TEST_WORDS.contains(&word.as_str()))
}

/// The words of a name, in small letters.
fn words(name: &str) -> impl Iterator<Item = String> {
    let split = name.split(|c: char| !c.is_alphabetic());
    split.filter(|word| !word.is_empty()).map(str::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_an_org_is_for_is_told_by_itself_or_by_its_names() {
        let of = |kind: &str, name: &str, url: &str| {
            let row = json!({"Detail": {"OrganizationType": kind, "FriendlyName": "Contoso"}});
            match purpose(row.as_object(), name, url) {
                Purpose::Test { by } => format!("test by {by}"),
                Purpose::Production { by } => format!("production by {by}"),
                Purpose::Unknown => "unknown".to_owned(),
            }
        };
        let url = "https://contoso.crm4.dynamics.com";
        assert_eq!(of("CustomerTest", "prod", url), "test by the org itself (CustomerTest)");
        assert_eq!(of("Customer", "sales", url), "production by the org itself (Customer)");
        assert_eq!(of("", "sales-UAT", url), "test by its name, sales-UAT");
        assert_eq!(of("", "sales", "https://contoso-dev.crm4.dynamics.com"), "test by its name, contoso-dev");
        assert_eq!(of("", "prod", url), "production by its name, prod");
        // Words, not parts of words.
        assert_eq!(of("", "contest", "https://devon.crm4.dynamics.com"), "unknown");
        assert_eq!(of("", "https://test.contoso.com", "https://contoso.test.com:8443"), "unknown");
    }
}
