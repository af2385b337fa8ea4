//! An org: business units, roles with their privileges, application users with their roles.
//!
//! Four questions side by side, then three that need their answers, then up to three for what nobody
//! knows yet: ten requests but for pages, however many users there are, and three more for pruning.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::{join, join3, join4};
use futures::stream::{self, StreamExt, TryStreamExt};
use keyholder_client::dataverse::{encode, quote};
use keyholder_client::{Dataverse, Error as ClientError, WhoAmI};
use keyholder_foundation::ClientId;
use keyholder_security::{Depth, default_role_privileges};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::Look;
use crate::declaration::{Declaration, RoleSource};
use crate::marks::{role_id, role_mark};
use crate::non_interactive::DELEGATED_ADMINISTRATOR;
use crate::wishes::Wishes;

/// More names than this, and reading all of them is less to send.
const MOST_NAMES: usize = 100;
/// How many ids one request names: an address has its limits.
const MOST_IDS: usize = 400;
/// How many such requests are under way at once.
const AT_ONCE: usize = 4;

pub(crate) const ROLES: &str =
    "roles?$select=roleid,name,_businessunitid_value,_parentrootroleid_value,_roletemplateid_value,description";
const PRIVILEGES: &str = "privileges?$select=privilegeid,name,canbebasic,canbelocal,canbedeep,canbeglobal";

/// What an org holds of a declaration.
#[derive(Debug, Clone, PartialEq)]
pub struct OrgSeen {
    /// Who the administrator is, and which org it is.
    pub who: WhoAmI,
    /// The root business unit and the declared ones.
    pub units: Vec<UnitSeen>,
    /// Roles of declared names in every business unit, those that Keyholder would have made, and
    /// those that bear the declaration's mark where pruning asks for them.
    pub roles: Vec<RoleSeen>,
    /// What roles grant, by the id of their root copy: those of declared rights.
    pub granted: BTreeMap<Uuid, BTreeMap<Uuid, Depth>>,
    /// The privileges that have to do with declared roles.
    pub privileges: Vec<PrivilegeSeen>,
    /// All application users, those that were deleted only once too.
    pub users: Vec<UserSeen>,
    /// How many people and teams hold a role that is a candidate for pruning, by its root copy.
    pub holders: BTreeMap<Uuid, usize>,
}

/// A business unit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct UnitSeen {
    /// Its id.
    #[serde(rename = "businessunitid")]
    pub id: Uuid,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// The one above it; none for the root.
    #[serde(rename = "_parentbusinessunitid_value", default)]
    pub parent: Option<Uuid>,
}

/// A role, or one of its copies in a business unit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RoleSeen {
    /// Its id.
    #[serde(rename = "roleid")]
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// Its business unit.
    #[serde(rename = "_businessunitid_value", default)]
    pub unit: Option<Uuid>,
    /// The copy in the root business unit, which has the privileges.
    #[serde(rename = "_parentrootroleid_value", default)]
    pub root: Option<Uuid>,
    /// What it was made from, for roles that come with an org.
    #[serde(rename = "_roletemplateid_value", default)]
    pub template: Option<Uuid>,
    /// Its description.
    #[serde(default)]
    pub description: Option<String>,
}

impl RoleSeen {
    /// The id of the copy that has the privileges.
    #[must_use]
    pub fn root(&self) -> Uuid {
        self.root.unwrap_or(self.id)
    }
}

/// A privilege.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PrivilegeSeen {
    /// Its id, which for custom tables differs between orgs.
    #[serde(rename = "privilegeid")]
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// How deep it can be granted.
    #[serde(flatten)]
    pub depths: DepthsSeen,
}

/// How deep a privilege can be granted; what an org does not say is not held against anybody.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub struct DepthsSeen {
    #[serde(default)]
    canbebasic: Option<bool>,
    #[serde(default)]
    canbelocal: Option<bool>,
    #[serde(default)]
    canbedeep: Option<bool>,
    #[serde(default)]
    canbeglobal: Option<bool>,
}

impl DepthsSeen {
    /// Whether a role can grant it so deep.
    #[must_use]
    pub fn allow(self, depth: Depth) -> bool {
        let said = match depth {
            Depth::Basic => self.canbebasic,
            Depth::Local => self.canbelocal,
            Depth::Deep => self.canbedeep,
            Depth::Global => self.canbeglobal,
        };
        said != Some(false)
    }
}

/// An application user.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct UserSeen {
    /// Its id.
    #[serde(rename = "systemuserid")]
    pub id: Uuid,
    /// The application.
    #[serde(rename = "applicationid")]
    pub application: ClientId,
    /// Its name, which the org took from the directory once.
    #[serde(rename = "fullname", default)]
    pub full_name: Option<String>,
    /// Whether it may not get in.
    #[serde(rename = "isdisabled", default)]
    pub is_disabled: bool,
    /// Its business unit.
    #[serde(rename = "_businessunitid_value")]
    pub unit: Uuid,
    /// 0 for a row that lives; absent in old versions.
    #[serde(rename = "deletedstate", default)]
    deleted_state: Option<i64>,
    /// The service principal that it was made for.
    #[serde(rename = "azureactivedirectoryobjectid", default)]
    pub principal: Option<Uuid>,
    /// Its own roles by their ids, those of its teams not among them.
    #[serde(skip)]
    pub roles: Vec<Uuid>,
}

impl UserSeen {
    /// Whether it was deleted once: such a row blocks a new user of the same application.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.deleted_state.unwrap_or(0) != 0
    }
}

impl OrgSeen {
    /// The business unit that has no parent.
    #[must_use]
    pub fn root_unit(&self) -> Option<&UnitSeen> {
        self.units.iter().find(|unit| unit.parent.is_none())
    }

    /// The privilege of that name, in any case.
    #[must_use]
    pub fn privilege(&self, name: &str) -> Option<&PrivilegeSeen> {
        self.privileges.iter().find(|privilege| privilege.name.eq_ignore_ascii_case(name))
    }

    /// The living user of an application.
    #[must_use]
    pub fn user(&self, application: ClientId) -> Option<&UserSeen> {
        self.users.iter().find(|user| user.application == application && !user.is_deleted())
    }

    /// What was left of an application's users that were deleted once.
    pub fn deleted(&self, application: ClientId) -> impl Iterator<Item = &UserSeen> {
        self.users.iter().filter(move |user| user.application == application && user.is_deleted())
    }

    /// The role, or copy of one, with that id.
    #[must_use]
    pub fn role(&self, id: Uuid) -> Option<&RoleSeen> {
        self.roles.iter().find(|role| role.id == id)
    }

    /// The copy of a role in a business unit.
    #[must_use]
    pub fn copy_in(&self, root: Uuid, unit: Uuid) -> Option<&RoleSeen> {
        self.roles.iter().find(|role| role.root() == root && role.unit == Some(unit))
    }
}

/// What a declaration needs to know of an org.
pub(super) struct Wanted<'a> {
    units: BTreeSet<&'a str>,
    /// Roles with declared rights.
    made: BTreeSet<&'a str>,
    roles: BTreeSet<&'a str>,
    privileges: BTreeSet<&'a str>,
    mark: Option<String>,
}

impl<'a> Wanted<'a> {
    pub(super) fn of(declaration: &'a Declaration, wishes: &'a Wishes, org: &str, look: Look) -> Self {
        let here = || declaration.application_users.values().filter(|user| user.orgs.iter().any(|name| name == org));
        let others =
            || declaration.non_interactive_users.values().filter(|user| user.orgs.iter().any(|name| name == org));
        let units = here().filter_map(|user| user.business_unit.as_deref());
        let units = units.chain(others().filter_map(|user| user.business_unit.as_deref())).collect();
        let names = declaration.roles_in(org);
        let declared = || names.iter().filter_map(|name| Some((*name, declaration.roles.get(*name)?)));
        let made = declared().filter(|(_, role)| matches!(role.source, RoleSource::Rights(_)));
        Self {
            units,
            made: made.clone().map(|(_, role)| role.name.as_str()).collect(),
            roles: declared().map(|(_, role)| role.name.as_str()).collect(),
            privileges: made.flat_map(|(name, _)| wishes.role(name)).map(|wish| wish.name.as_str()).collect(),
            mark: look.prune.then(|| role_mark(declaration.name.as_deref())),
        }
    }
}

pub(super) async fn read(org: &Dataverse, wanted: &Wanted<'_>) -> Result<OrgSeen, ClientError> {
    let (who, units, privileges, users) =
        join4(org.who_am_i(), units(org, wanted), privileges(org, wanted), users(org)).await;
    let (who, units, mut privileges, mut users) = (who?, units?, privileges?, users?);
    let ours: Vec<Uuid> = wanted.made.iter().map(|name| role_id(who.organization_id, name)).collect();
    let living: Vec<Uuid> = users.iter().filter(|user| !user.is_deleted()).map(|user| user.id).collect();
    let (roles, granted, pairs) = join3(roles(org, wanted, &ours), granted(org, &ours), pairs(org, &living)).await;
    let (mut roles, mut granted) = (roles?, granted?);
    for pair in pairs? {
        if let Some(user) = users.iter_mut().find(|user| user.id == pair.systemuserid) {
            user.roles.push(pair.roleid);
        }
    }

    // Namesakes that Keyholder did not make: whether they do is told by what they grant.
    // The org compares names without case.
    let made: BTreeSet<String> = wanted.made.iter().map(|name| name.to_lowercase()).collect();
    let is_namesake = |role: &&RoleSeen| made.contains(&role.name.to_lowercase()) && !ours.contains(&role.root());
    let namesakes: BTreeSet<Uuid> = roles.iter().filter(is_namesake).map(RoleSeen::root).collect();
    let held = users.iter().flat_map(|user| &user.roles).copied();
    let strange: BTreeSet<Uuid> = held.filter(|id| !roles.iter().any(|role| role.id == *id)).collect();
    let namesakes: Vec<Uuid> = namesakes.into_iter().collect();
    let (more_granted, more_roles) = join(self::granted(org, &namesakes), of_ids(org, ROLES, "roleid", &strange)).await;
    granted.extend(more_granted?);
    roles.extend(more_roles?);
    let known = |id: &Uuid| privileges.iter().any(|privilege| privilege.id == *id);
    let nameless: BTreeSet<Uuid> = granted.values().flat_map(BTreeMap::keys).filter(|id| !known(id)).copied().collect();
    privileges.extend(privileges_of(org, &nameless).await?);
    let holders = match &wanted.mark {
        Some(mark) => holders(org, &mut roles, &users, mark).await?,
        None => BTreeMap::new(),
    };
    Ok(OrgSeen { who, units, roles, granted, privileges, users, holders })
}

#[derive(Deserialize)]
struct TeamRole {
    roleid: Uuid,
}

/// Who else holds the roles that bear the declaration's mark; all their copies are read for that.
async fn holders(
    org: &Dataverse,
    roles: &mut Vec<RoleSeen>,
    users: &[UserSeen],
    mark: &str,
) -> Result<BTreeMap<Uuid, usize>, ClientError> {
    let is_marked =
        |role: &&RoleSeen| role.description.as_ref().is_some_and(|text| text.ends_with(&format!("({mark})")));
    let roots: BTreeSet<Uuid> = roles.iter().filter(is_marked).map(RoleSeen::root).collect();
    let copies: Vec<RoleSeen> = of_ids(org, ROLES, "_parentrootroleid_value", &roots).await?;
    let root_of: BTreeMap<Uuid, Uuid> = copies.iter().map(|copy| (copy.id, copy.root())).collect();
    let ids: BTreeSet<Uuid> = root_of.keys().copied().collect();
    let (people, teams) = join(
        of_ids::<UserRole>(org, "systemuserrolescollection?$select=systemuserid,roleid", "roleid", &ids),
        of_ids::<TeamRole>(org, "teamrolescollection?$select=roleid", "roleid", &ids),
    )
    .await;
    let people = people?.into_iter().filter(|pair| !users.iter().any(|user| user.id == pair.systemuserid));
    let mut holders: BTreeMap<Uuid, usize> = BTreeMap::new();
    for role in people.map(|pair| pair.roleid).chain(teams?.into_iter().map(|pair| pair.roleid)) {
        if let Some(root) = root_of.get(&role) {
            *holders.entry(*root).or_default() += 1;
        }
    }
    roles.extend(copies.into_iter().filter(|copy| !roles.iter().any(|role| role.id == copy.id)).collect::<Vec<_>>());
    Ok(holders)
}

/// An org with all its application users, their roles and what those grant.
#[derive(Debug)]
pub(crate) struct WholeOrg {
    pub(crate) seen: OrgSeen,
    /// The roles that came with the org or with a solution of somebody's, by their root copies.
    pub(crate) shipped: BTreeSet<Uuid>,
}

#[derive(Deserialize)]
struct Origin {
    roleid: Uuid,
    #[serde(default)]
    ismanaged: Option<bool>,
    #[serde(default)]
    canbedeleted: Option<ManagedFlag>,
}

#[derive(Deserialize)]
struct ManagedFlag {
    #[serde(rename = "Value")]
    value: bool,
}

/// Reads a whole org: eight requests, but for pages.
pub(crate) async fn whole_org(org: &Dataverse) -> Result<WholeOrg, ClientError> {
    let mut seen = everyone(org).await?;
    let roles = seen.roles.clone();
    let (rights, shipped) = join(read_rights(org, &mut seen), shipped(org, &roles)).await;
    rights?;
    Ok(WholeOrg { seen, shipped: shipped? })
}

/// Which of these roles came with the org or with a solution of somebody's, by their root copies: one request, but for
/// pages.
pub(crate) async fn shipped(org: &Dataverse, roles: &[RoleSeen]) -> Result<BTreeSet<Uuid>, ClientError> {
    let roots: BTreeSet<Uuid> = roles.iter().map(RoleSeen::root).collect();
    let origins = of_ids::<Origin>(org, "roles?$select=roleid,ismanaged,canbedeleted", "roleid", &roots).await?;
    let is_shipped = |origin: &Origin| {
        origin.ismanaged == Some(true) || origin.canbedeleted.as_ref().is_some_and(|flag| !flag.value)
    };
    let shipped = origins.into_iter().filter(is_shipped).map(|origin| origin.roleid);
    let templates = roles.iter().filter(|role| role.template.is_some()).map(RoleSeen::root);
    Ok(shipped.chain(templates).collect())
}

/// Reads an org's business units and all its application users with the roles that they hold, but not
/// what those grant: five requests, but for pages.
pub(crate) async fn everyone(org: &Dataverse) -> Result<OrgSeen, ClientError> {
    let all_units = org.query("businessunits?$select=businessunitid,name,_parentbusinessunitid_value").collect_as();
    let (who, units, mut users) = futures::try_join!(org.who_am_i(), all_units, users(org))?;
    let living: Vec<Uuid> = users.iter().filter(|user| !user.is_deleted()).map(|user| user.id).collect();
    for pair in pairs(org, &living).await? {
        if let Some(user) = users.iter_mut().find(|user| user.id == pair.systemuserid) {
            user.roles.push(pair.roleid);
        }
    }
    let held: BTreeSet<Uuid> = users.iter().flat_map(|user| &user.roles).copied().collect();
    let roles = of_ids(org, ROLES, "roleid", &held).await?;
    Ok(OrgSeen { who, units, roles, granted: BTreeMap::new(), privileges: Vec::new(), users, holders: BTreeMap::new() })
}

/// All roles, each with its copies in the business units; those of this name or id alone, where it is given.
pub(crate) async fn all_roles(org: &Dataverse, which: Option<&str>) -> Result<Vec<RoleSeen>, ClientError> {
    let Some(which) = which else { return org.query(ROLES).collect_as().await };
    let filter = match Uuid::parse_str(which.trim()) {
        Ok(id) => format!("roleid eq {id}"),
        Err(_) => format!("name eq {}", quote(which)),
    };
    let mut found: Vec<RoleSeen> = org.query(format!("{ROLES}&$filter={}", encode(&filter))).collect_as().await?;
    // The org compares names without case; another spelling is another name, where there is one of this.
    if found.iter().any(|role| role.name == which) {
        found.retain(|role| role.name == which);
    }
    let roots: BTreeSet<Uuid> = found.iter().map(RoleSeen::root).collect();
    of_ids(org, ROLES, "_parentrootroleid_value", &roots).await
}

/// Reads further roles by their ids.
pub(crate) async fn read_roles(org: &Dataverse, ids: &BTreeSet<Uuid>) -> Result<Vec<RoleSeen>, ClientError> {
    of_ids(org, ROLES, "roleid", ids).await
}

/// Reads what all the roles of `seen` grant: two requests, but for pages.
pub(crate) async fn read_rights(org: &Dataverse, seen: &mut OrgSeen) -> Result<(), ClientError> {
    let roots: BTreeSet<Uuid> = seen.roles.iter().map(RoleSeen::root).collect();
    let all: Vec<Uuid> = roots.into_iter().collect();
    seen.granted = granted(org, &all).await?;
    let ids: BTreeSet<Uuid> = seen.granted.values().flat_map(BTreeMap::keys).copied().collect();
    seen.privileges = privileges_of(org, &ids).await?;
    Ok(())
}

async fn units(org: &Dataverse, wanted: &Wanted<'_>) -> Result<Vec<UnitSeen>, ClientError> {
    let mut filter = "_parentbusinessunitid_value eq null".to_owned();
    for name in &wanted.units {
        filter.push_str(&format!(" or name eq {}", quote(name)));
    }
    let query = "businessunits?$select=businessunitid,name,_parentbusinessunitid_value&$filter=";
    org.query(format!("{query}{}", encode(&filter))).collect_as().await
}

async fn privileges(org: &Dataverse, wanted: &Wanted<'_>) -> Result<Vec<PrivilegeSeen>, ClientError> {
    if wanted.made.is_empty() {
        return Ok(Vec::new());
    }
    if wanted.privileges.len() > MOST_NAMES {
        return org.query(PRIVILEGES).collect_as().await;
    }
    let defaults: Vec<String> = default_role_privileges().map(|(privilege, _)| privilege.name).collect();
    let names = wanted.privileges.iter().copied().chain(defaults.iter().map(String::as_str));
    let filter = any(names.map(|name| format!("name eq {}", quote(name))));
    org.query(format!("{PRIVILEGES}&$filter={}", encode(&filter))).collect_as().await
}

async fn users(org: &Dataverse) -> Result<Vec<UserSeen>, ClientError> {
    let select = "systemuserid,applicationid,fullname,isdisabled,_businessunitid_value,deletedstate,azureactivedirectoryobjectid";
    org.query(format!("systemusers?$select={select}&$filter=applicationid ne null")).collect_as().await
}

#[derive(Deserialize)]
pub(crate) struct UserRole {
    pub(crate) systemuserid: Uuid,
    pub(crate) roleid: Uuid,
}

/// Which roles these users hold, from the table of pairs.
pub(crate) async fn pairs(org: &Dataverse, users: &[Uuid]) -> Result<Vec<UserRole>, ClientError> {
    let ids = users.iter().copied().collect();
    of_ids(org, "systemuserrolescollection?$select=systemuserid,roleid", "systemuserid", &ids).await
}

async fn roles(org: &Dataverse, wanted: &Wanted<'_>, ours: &[Uuid]) -> Result<Vec<RoleSeen>, ClientError> {
    let by_name = wanted.roles.iter().map(|name| format!("name eq {}", quote(name)));
    let by_id = ours.iter().map(|id| format!("roleid eq {id}"));
    let by_mark = wanted.mark.iter().map(|mark| format!("endswith(description,{})", quote(&format!("({mark})"))));
    let filter = any(by_name.chain(by_id).chain(by_mark));
    if filter.is_empty() {
        return Ok(Vec::new());
    }
    org.query(format!("{ROLES}&$filter={}", encode(&filter))).collect_as().await
}

#[derive(Deserialize)]
struct RolePrivilege {
    roleid: Uuid,
    privilegeid: Uuid,
    privilegedepthmask: i64,
}

/// What these roles grant, from the table of pairs.
pub(crate) async fn granted(
    org: &Dataverse,
    roles: &[Uuid],
) -> Result<BTreeMap<Uuid, BTreeMap<Uuid, Depth>>, ClientError> {
    let ids = roles.iter().copied().collect();
    let query = "roleprivilegescollection?$select=roleid,privilegeid,privilegedepthmask";
    let pairs: Vec<RolePrivilege> = of_ids(org, query, "roleid", &ids).await?;
    let mut granted: BTreeMap<Uuid, BTreeMap<Uuid, Depth>> = BTreeMap::new();
    for pair in pairs {
        if let Some(depth) = Depth::from_mask(pair.privilegedepthmask) {
            granted.entry(pair.roleid).or_default().insert(pair.privilegeid, depth);
        }
    }
    Ok(granted)
}

/// One entry of `RetrieveUserPrivileges`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct HeldPrivilege {
    depth: Depth,
    #[serde(default)]
    privilege_name: Option<String>,
}

impl HeldPrivilege {
    pub(crate) fn name(&self) -> Option<&str> {
        self.privilege_name.as_deref()
    }

    pub(crate) fn depth(&self) -> Depth {
        self.depth
    }

    pub(crate) fn is_at_least(&self, name: &str, depth: Depth) -> bool {
        self.depth >= depth && self.privilege_name.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(name))
    }
}

/// What a user may, by roles of its own and of its teams.
pub(crate) async fn held(org: &Dataverse, user: Uuid) -> Result<Vec<HeldPrivilege>, ClientError> {
    let mut answer = org.get(&format!("systemusers({user})/Microsoft.Dynamics.CRM.RetrieveUserPrivileges()")).await?;
    let list = answer.remove("RolePrivileges").unwrap_or_default();
    serde_json::from_value(list).map_err(|_| ClientError::Protocol {
        origin: "the org".to_owned(),
        found: "a list of privileges without depths".to_owned(),
    })
}

/// Whether a user stands for a partner's administrators, of whom every org has one (access mode 5).
pub(crate) async fn is_delegated(org: &Dataverse, user: Uuid) -> Result<bool, ClientError> {
    let row = org.get(&format!("systemusers({user})?$select=accessmode")).await?;
    Ok(row.get("accessmode").and_then(serde_json::Value::as_i64) == Some(DELEGATED_ADMINISTRATOR))
}

/// The rows of a query whose column holds one of these ids, and no others: a request for each four hundred of them.
pub(crate) async fn of_ids<T: DeserializeOwned>(
    org: &Dataverse,
    query: &str,
    column: &str,
    ids: &BTreeSet<Uuid>,
) -> Result<Vec<T>, ClientError> {
    let ids: Vec<Uuid> = ids.iter().copied().collect();
    let mut read = Vec::with_capacity(ids.len().div_ceil(MOST_IDS));
    for some in ids.chunks(MOST_IDS) {
        let filter = any(some.iter().map(|id| format!("{column} eq {id}")));
        read.push(org.query(format!("{query}&$filter={}", encode(&filter))).collect_as());
    }
    let chunks: Vec<Vec<T>> = stream::iter(read).buffered(AT_ONCE).try_collect().await?;
    Ok(chunks.into_iter().flatten().collect())
}

/// The privileges with these ids; or all there are, where that is less to send: an org has some thousands, whatever its
/// size.
pub(crate) async fn privileges_of(org: &Dataverse, ids: &BTreeSet<Uuid>) -> Result<Vec<PrivilegeSeen>, ClientError> {
    if ids.len() > MOST_IDS {
        return org.query(PRIVILEGES).collect_as().await;
    }
    of_ids(org, PRIVILEGES, "privilegeid", ids).await
}

fn any(conditions: impl Iterator<Item = String>) -> String {
    conditions.collect::<Vec<_>>().join(" or ")
}
