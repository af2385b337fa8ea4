//! Who is there: the non-interactive users of each org, the places that they take, the licences that
//! they hold for nothing; and apart from them the administrative users, who are no service users.

use std::collections::BTreeMap;

use futures::future::try_join_all;
use keyholder_client::Error as ClientError;
use keyholder_entra::graph::{SubscribedSku, User};
use keyholder_foundation::ObjectId;
use serde::Serialize;
use uuid::Uuid;

use super::access::{Access, OrgAccess};
use super::licence::{self, HeldLicence};
use super::rows::{self, ADMINISTRATIVE, AssignedRole, NON_INTERACTIVE, OrgUser};
use crate::TAG;
use crate::error::{Error, While};

/// One org.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedOrg {
    /// Its name for people.
    pub org: String,
    /// Its address.
    pub url: String,
    /// How many enabled non-interactive users it has; applications do not count.
    pub slots_used: usize,
    /// How many it may have.
    pub slots_limit: u32,
    /// The non-interactive users, the disabled ones too.
    pub non_interactive: Vec<ListedUser>,
    /// The administrative users: people who see settings and no data. Unlicensed administrators of
    /// the tenant become such by themselves.
    pub administrative: Vec<ListedUser>,
}

/// A person's user in an org.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedUser {
    /// The user's id in the org.
    pub user_id: Uuid,
    /// The person's object id in the directory.
    pub object_id: Option<ObjectId>,
    /// The user name.
    pub user_name: String,
    /// The name for people.
    pub full_name: Option<String>,
    /// Whether it is disabled, and so takes no place.
    pub is_disabled: bool,
    /// Its own security roles.
    pub roles: Vec<AssignedRole>,
    /// What it holds that lets it into Dataverse, which it does not need; nothing when the directory
    /// does not tell.
    pub licences: Option<Vec<HeldLicence>>,
    /// Whether the person administers the tenant, and is here because of that.
    pub is_setup_user: bool,
    /// Whether Keyholder made the person; nothing when the directory does not tell.
    pub is_ours: Option<bool>,
}

/// What the directory says.
struct People {
    by_id: BTreeMap<ObjectId, User>,
    bought: Vec<SubscribedSku>,
}

/// Lists the non-interactive and the administrative users of every org of `access`. `limit` is how
/// many non-interactive users an org may have. `notes` takes what could not be told.
///
/// # Errors
/// What an org says. A directory that does not tell is no error: licences then stay unknown.
pub async fn list(access: &Access, limit: u32, notes: &mut Vec<String>) -> Result<Vec<ListedOrg>, Error> {
    let found = try_join_all(access.orgs.iter().map(read)).await?;
    let mut ids: Vec<_> = found.iter().flatten().filter_map(|user| user.person).collect();
    ids.sort_unstable();
    ids.dedup();
    let people = match people(access, &ids).await {
        Ok(people) => Some(people),
        Err(error) => {
            notes.push(format!("who holds a licence cannot be told: {error}"));
            None
        }
    };
    let orgs = access.orgs.iter().zip(found);
    Ok(orgs.map(|(org, users)| listed(org, users, limit, people.as_ref())).collect())
}

async fn read(org: &OrgAccess) -> Result<Vec<OrgUser>, Error> {
    let modes = format!("accessmode eq {NON_INTERACTIVE} or accessmode eq {ADMINISTRATIVE}");
    let doing = || format!("read the users of {}", org.name);
    let users = rows::read_users(&org.org, &format!("applicationid eq null and ({modes})")).await.while_doing(doing)?;
    try_join_all(users.into_iter().map(|user| rows::with_roles(&org.org, user))).await.while_doing(doing)
}

async fn people(access: &Access, ids: &[ObjectId]) -> Result<People, ClientError> {
    if ids.is_empty() {
        return Ok(People { by_id: BTreeMap::new(), bought: Vec::new() });
    }
    let (users, bought) =
        futures::future::try_join(access.graph.users_by_id(ids), access.graph.subscribed_skus()).await?;
    Ok(People { by_id: users.into_iter().map(|user| (user.id, user)).collect(), bought })
}

fn listed(org: &OrgAccess, users: Vec<OrgUser>, limit: u32, people: Option<&People>) -> ListedOrg {
    let slots_used = users.iter().filter(|user| user.takes_a_slot()).count();
    let shown = |user: OrgUser| {
        let person = people.zip(user.person).map(|(people, id)| (people, people.by_id.get(&id)));
        ListedUser {
            user_id: user.id,
            object_id: user.person,
            user_name: user.name(),
            full_name: user.full_name.clone(),
            is_disabled: user.is_disabled,
            // Whoever the directory does not have any more holds nothing.
            licences: person
                .map(|(people, person)| person.map_or_else(Vec::new, |person| licence::held(person, &people.bought))),
            is_setup_user: user.is_setup_user == Some(true),
            is_ours: person
                .map(|(_, person)| person.is_some_and(|person| person.profile.employee_type.as_deref() == Some(TAG))),
            roles: user.roles,
        }
    };
    let (non_interactive, administrative): (Vec<_>, Vec<_>) =
        users.into_iter().partition(|user| user.access_mode == NON_INTERACTIVE);
    let mut both = [non_interactive, administrative].map(|users| users.into_iter().map(shown).collect::<Vec<_>>());
    for users in &mut both {
        users.sort_by(|one, other| (&one.user_name, one.user_id).cmp(&(&other.user_name, other.user_id)));
    }
    let [non_interactive, administrative] = both;
    ListedOrg {
        org: org.name.clone(),
        url: org.url.to_string(),
        slots_used,
        slots_limit: limit,
        non_interactive,
        administrative,
    }
}
