//! The org's rows that matter here: users, roles, business units; read in bulk.

use keyholder_client::dataverse::{encode, quote};
use keyholder_client::{Dataverse, Error as ClientError};
use keyholder_foundation::ObjectId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::plan::is_system_administrator;

/// `accessmode` of a user who may do everything by hand.
pub(super) const READ_WRITE: i64 = 0;
/// `accessmode` of a user who sees settings and no data.
pub(crate) const ADMINISTRATIVE: i64 = 1;
/// `accessmode` of a non-interactive user.
pub(crate) const NON_INTERACTIVE: i64 = 4;
/// `accessmode` of the row that stands for a partner's administrators.
pub(crate) const DELEGATED_ADMINISTRATOR: i64 = 5;

/// What is read of a role that a user or a team has.
pub(crate) const ASSIGNED_COLUMNS: &str = "roleid,name,_roletemplateid_value";

const USER_COLUMNS: &str = "systemuserid,azureactivedirectoryobjectid,domainname,fullname,accessmode,isdisabled,\
    islicensed,setupuser,disabledreason,_businessunitid_value";

/// A person's user in an org.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct OrgUser {
    /// Its id.
    #[serde(rename = "systemuserid")]
    pub id: Uuid,
    /// The person's object id in the directory.
    #[serde(rename = "azureactivedirectoryobjectid", default)]
    pub person: Option<ObjectId>,
    /// The user name.
    #[serde(rename = "domainname", default)]
    pub user_name: Option<String>,
    /// The name for people.
    #[serde(rename = "fullname", default)]
    pub full_name: Option<String>,
    /// 4 for a non-interactive user.
    #[serde(rename = "accessmode", default)]
    pub access_mode: i64,
    /// Whether it is disabled.
    #[serde(rename = "isdisabled", default)]
    pub is_disabled: bool,
    /// Whether the org takes the person for licensed; it learns that late.
    #[serde(rename = "islicensed", default)]
    pub is_licensed: Option<bool>,
    /// Whether it is an administrator of the tenant without a licence.
    #[serde(rename = "setupuser", default)]
    pub is_setup_user: Option<bool>,
    /// Why it is disabled, where the org says so.
    #[serde(rename = "disabledreason", default)]
    pub disabled_reason: Option<String>,
    /// Its business unit.
    #[serde(rename = "_businessunitid_value", default)]
    pub unit: Option<Uuid>,
    /// Its own security roles, where they were read too.
    #[serde(skip)]
    pub roles: Vec<AssignedRole>,
}

impl OrgUser {
    /// Whether it counts against the org's limit.
    #[must_use]
    pub fn takes_a_slot(&self) -> bool {
        self.access_mode == NON_INTERACTIVE && !self.is_disabled
    }

    pub(super) fn name(&self) -> String {
        let names = [&self.user_name, &self.full_name];
        names.into_iter().flatten().find(|name| !name.is_empty()).cloned().unwrap_or_else(|| self.id.to_string())
    }
}

/// A role that a user has.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct AssignedRole {
    /// The id of its copy in the user's business unit.
    #[serde(rename = "roleid")]
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// Which role that came with the org it is.
    #[serde(rename = "_roletemplateid_value", default, skip_serializing)]
    pub template: Option<Uuid>,
}

impl AssignedRole {
    pub(crate) fn is_system_administrator(&self) -> bool {
        is_system_administrator(self.template)
    }
}

/// A security role, as its copy in one business unit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Role {
    /// The copy's id.
    #[serde(rename = "roleid")]
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// The root business unit's copy, for a copy.
    #[serde(rename = "_parentrootroleid_value", default)]
    pub root: Option<Uuid>,
    /// Which role that came with the org it is.
    #[serde(rename = "_roletemplateid_value", default)]
    pub template: Option<Uuid>,
}

impl Role {
    pub(super) fn is_system_administrator(&self) -> bool {
        is_system_administrator(self.template)
    }

    pub(super) fn is(&self, name_or_id: &str) -> bool {
        let id = Uuid::parse_str(name_or_id).ok();
        self.name == name_or_id || id.is_some_and(|id| id == self.id || Some(id) == self.root)
    }
}

/// A business unit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Unit {
    /// Its id.
    #[serde(rename = "businessunitid")]
    pub id: Uuid,
    /// Its name.
    #[serde(default)]
    pub name: String,
}

/// Who takes an org's places for non-interactive users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slots {
    /// The users that count: enabled, non-interactive, no application's.
    pub holders: Vec<OrgUser>,
    /// How many there may be.
    pub limit: u32,
}

impl Slots {
    /// How many are taken.
    #[must_use]
    pub fn used(&self) -> usize {
        self.holders.len()
    }

    /// Whether one more may come.
    #[must_use]
    pub fn has_room(&self) -> bool {
        u32::try_from(self.used()).is_ok_and(|used| used < self.limit)
    }
}

/// The org's non-interactive users, whoever they are, this person's user, and `also` this one.
pub(super) async fn users(
    org: &Dataverse,
    person: Option<ObjectId>,
    also: Option<Uuid>,
) -> Result<Vec<OrgUser>, ClientError> {
    let mut filter = format!("(applicationid eq null and accessmode eq {NON_INTERACTIVE})");
    if let Some(also) = also {
        filter.push_str(&format!(" or systemuserid eq {also}"));
    }
    if let Some(person) = person {
        filter.push_str(&format!(" or azureactivedirectoryobjectid eq {person}"));
    }
    read_users(org, &filter).await
}

/// This person's user, with its roles.
pub(super) async fn user_of(org: &Dataverse, person: ObjectId) -> Result<Option<OrgUser>, ClientError> {
    let found = read_users(org, &format!("azureactivedirectoryobjectid eq {person}")).await?;
    match found.into_iter().next() {
        Some(user) => Ok(Some(with_roles(org, user).await?)),
        None => Ok(None),
    }
}

/// The same user with its roles.
pub(super) async fn with_roles(org: &Dataverse, user: OrgUser) -> Result<OrgUser, ClientError> {
    let query = format!("systemusers({})/systemuserroles_association?$select={ASSIGNED_COLUMNS}", user.id);
    Ok(OrgUser { roles: org.query(&query).collect_as().await?, ..user })
}

/// Users by a filter, without their roles.
pub(super) async fn read_users(org: &Dataverse, filter: &str) -> Result<Vec<OrgUser>, ClientError> {
    let query = format!("systemusers?$select={USER_COLUMNS}&$filter={}", encode(filter));
    org.query(&query).collect_as().await
}

/// The business unit of that name, or the root one.
pub(super) async fn unit(org: &Dataverse, name: Option<&str>) -> Result<Option<Unit>, ClientError> {
    let filter = name.map_or("parentbusinessunitid eq null".to_owned(), |name| format!("name eq {}", quote(name)));
    let query = format!("businessunits?$select=businessunitid,name&$filter={}", encode(&filter));
    Ok(org.query(&query).collect_as::<Unit>().await?.into_iter().next())
}

/// The business unit with that id.
pub(super) async fn unit_by_id(org: &Dataverse, id: Uuid) -> Result<Option<Unit>, ClientError> {
    let query = format!("businessunits?$select=businessunitid,name&$filter=businessunitid eq {id}");
    Ok(org.query(&query).collect_as::<Unit>().await?.into_iter().next())
}

/// The copies in a business unit of the roles of these names or ids.
pub(super) async fn roles(org: &Dataverse, wanted: &[String], unit: Uuid) -> Result<Vec<Role>, ClientError> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let named: Vec<_> = wanted
        .iter()
        .map(|wanted| match Uuid::parse_str(wanted) {
            Ok(id) => format!("roleid eq {id} or _parentrootroleid_value eq {id}"),
            Err(_) => format!("name eq {}", quote(wanted)),
        })
        .collect();
    let filter = format!("_businessunitid_value eq {unit} and ({})", named.join(" or "));
    let columns = "roleid,name,_parentrootroleid_value,_roletemplateid_value";
    org.query(format!("roles?$select={columns}&$filter={}", encode(&filter))).collect_as().await
}

/// An access mode as the portals call it.
pub(super) fn access_mode_name(mode: i64) -> String {
    match mode {
        READ_WRITE => "Read-Write".to_owned(),
        ADMINISTRATIVE => "Administrative".to_owned(),
        2 => "Read".to_owned(),
        3 => "Support User".to_owned(),
        NON_INTERACTIVE => "Non-interactive".to_owned(),
        5 => "Delegated Admin".to_owned(),
        other => other.to_string(),
    }
}
