//! Rights up front: whether the caller may do all of a plan, asked before anything is changed.
//!
//! What cannot be told (a directory that does not show roles, a token that cannot be read) is not guessed:
//! then the services' own refusals tell, as they come.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::{join, join_all};
use keyholder_client::Error as ClientError;
use keyholder_entra::well_known::{
    APPLICATION_ADMINISTRATOR, APPLICATION_DEVELOPER, CLOUD_APPLICATION_ADMINISTRATOR, DirectoryRole,
    GLOBAL_ADMINISTRATOR, GRAPH_PERMISSIONS, USER_ADMINISTRATOR,
};
use keyholder_foundation::ObjectId;
use keyholder_security::Depth;
use uuid::Uuid;

use crate::Administrator;
use crate::estate::Estate;
use crate::observe::{Observation, held, is_delegated};
use crate::plan::{Action, Change, Place, Plan, registration_id};

/// What somebody needs in a directory for one kind of change.
struct Need {
    /// What it is for: "make app registrations".
    what: &'static str,
    /// The directory roles of which one is enough.
    roles: &'static [DirectoryRole],
    /// An application's own permissions of which one is enough.
    permissions: &'static [&'static str],
}

/// Registering applications, and managing those that one owns.
const REGISTER: Need = Need {
    what: "make app registrations",
    roles: &[GLOBAL_ADMINISTRATOR, APPLICATION_ADMINISTRATOR, CLOUD_APPLICATION_ADMINISTRATOR, APPLICATION_DEVELOPER],
    permissions: &["Application.ReadWrite.OwnedBy", "Application.ReadWrite.All"],
};
/// Managing what is somebody else's.
const MANAGE: Need = Need {
    what: "change app registrations and service principals that are not its own",
    roles: &[GLOBAL_ADMINISTRATOR, APPLICATION_ADMINISTRATOR, CLOUD_APPLICATION_ADMINISTRATOR],
    permissions: &["Application.ReadWrite.All"],
};
const CONSENT: Need = Need {
    what: "consent for everybody",
    roles: MANAGE.roles,
    permissions: &["DelegatedPermissionGrant.ReadWrite.All"],
};
const PEOPLE: Need = Need {
    what: "make users and give them licences",
    roles: &[GLOBAL_ADMINISTRATOR, USER_ADMINISTRATOR],
    permissions: &["User.ReadWrite.All", "Directory.ReadWrite.All"],
};

/// Delegated permissions with which a program may manage applications for a person who may.
const THROUGH: [&str; 3] = ["Application.ReadWrite.All", "Directory.ReadWrite.All", "Directory.AccessAsUser.All"];

/// What a partner's administrator is told.
const DELEGATED: &str =
    "it takes a Global Administrator of the tenant itself, with the System Administrator role in the org";

/// What the caller may not do of the plan's changes, one sentence each.
pub async fn missing(estate: &Estate, seen: &Observation, plan: &Plan) -> Vec<String> {
    let mut by_place: BTreeMap<&Place, Vec<&Change>> = BTreeMap::new();
    for change in plan.changes.iter().filter(|change| change.action.is_some()) {
        by_place.entry(&change.place).or_default().push(change);
    }
    let checks = by_place.into_iter().map(|(place, changes)| async move {
        match place {
            Place::Tenant(tenant) => match estate.administrator_of(tenant) {
                Some(administrator) => in_directory(administrator, plan, &changes).await,
                None => Vec::new(),
            },
            Place::Org(org) => match (estate.org(org), seen.orgs.get(org)) {
                (Some(administrator), Some(Ok(there))) => in_org(administrator, org, there.who.user_id, &changes).await,
                _ => Vec::new(),
            },
        }
    });
    let mut all: Vec<String> = Vec::new();
    for sentence in join_all(checks).await.into_iter().flatten() {
        // One caller is told the same of many orgs once.
        if !all.contains(&sentence) {
            all.push(sentence);
        }
    }
    all
}

/// What the caller is in a directory.
enum Caller {
    /// An application, with its directory roles and permissions.
    Application { id: ObjectId, roles: Vec<Uuid>, permissions: Vec<Uuid> },
    /// A person, with their directory roles and, where that can be told, what the program may do for them.
    Person { id: ObjectId, roles: Vec<Uuid>, through: Option<Vec<String>> },
    /// A partner's administrator.
    Delegated,
}

impl Caller {
    async fn find(administrator: &Administrator) -> Result<Option<Self>, ClientError> {
        let graph = &administrator.graph;
        let credential = administrator.org.tokens().credential();
        if !credential.is_person() {
            let Some(me) = graph.service_principal(credential.client_id()).await? else { return Ok(None) };
            let (roles, permissions) = join(graph.directory_roles_of(me.id), graph.app_roles_of(me.id)).await;
            return Ok(Some(Self::Application { id: me.id, roles: roles?, permissions: permissions? }));
        }
        let id = match graph.my_id().await {
            Ok(id) => id,
            Err(error) if error.is_missing() => return Ok(Some(Self::Delegated)),
            Err(error) => return Err(error),
        };
        let (roles, through) = join(graph.my_directory_roles(), graph.delegated_permissions()).await;
        Ok(Some(Self::Person { id, roles: roles?, through: through? }))
    }

    fn has(&self, need: &Need) -> bool {
        let (roles, permissions): (&[Uuid], &[Uuid]) = match self {
            Self::Application { roles, permissions, .. } => (roles, permissions),
            Self::Person { roles, .. } => (roles, &[]),
            Self::Delegated => return false,
        };
        let is_held =
            |name: &&str| GRAPH_PERMISSIONS.iter().any(|known| known.value == *name && permissions.contains(&known.id));
        need.roles.iter().any(|role| roles.contains(&role.template_id)) || need.permissions.iter().any(is_held)
    }

    /// What is said of a need that the caller does not meet.
    fn lacks(&self, need: &Need) -> String {
        let roles: Vec<_> = need.roles.iter().map(|role| role.display_name).collect();
        let roles = roles.join(" or ");
        let more = match self {
            Self::Application { .. } => {
                format!(", or the Microsoft Graph permission {}", need.permissions.join(" or "))
            }
            _ => " (one that is only eligible has to be activated first)".to_owned(),
        };
        format!("the caller may not {}: it needs the directory role {roles}{more}", need.what)
    }
}

async fn in_directory(administrator: &Administrator, plan: &Plan, changes: &[&Change]) -> Vec<String> {
    let Ok(Some(caller)) = Caller::find(administrator).await else { return Vec::new() };
    let mut missing = Vec::new();
    if matches!(caller, Caller::Delegated) {
        let tenant = administrator.tenant();
        missing.push(format!(
            "the caller is a delegated (partner's) administrator of {tenant}, who cannot set up service users: {DELEGATED}"
        ));
        return missing;
    }
    let mut require = |need: &Need| {
        if !caller.has(need) {
            missing.push(caller.lacks(need));
        }
    };
    let action = |change: &&&Change, is: fn(&Action) -> bool| change.action.as_ref().is_some_and(is);
    let any = |is: fn(&Action) -> bool| changes.iter().any(|change| action(&change, is));
    if any(|action| matches!(action, Action::Consent)) {
        require(&CONSENT);
    }
    if any(|action| matches!(action, Action::BringAbout)) {
        require(&PEOPLE);
    }
    let of_applications = |action: &Action| !matches!(action, Action::Consent | Action::BringAbout);
    if any(of_applications) {
        match &caller {
            Caller::Application { id, .. } => {
                let is_enough = caller.has(&MANAGE) || are_own(administrator, *id, plan, changes).await;
                require(if is_enough { &REGISTER } else { &MANAGE });
            }
            Caller::Person { id, through, .. } => {
                // Every member of a tenant may register applications, unless it has forbidden that.
                if !caller.has(&MANAGE) && !are_own(administrator, *id, plan, changes).await {
                    require(&MANAGE);
                }
                let lets = |through: &Vec<String>| THROUGH.iter().any(|one| through.iter().any(|held| held == one));
                if through.as_ref().is_some_and(|through| !lets(through)) {
                    missing.push(format!(
                        "the program through which the caller signed in may not manage applications: it needs the \
                         delegated permission {}",
                        THROUGH.join(" or ")
                    ));
                }
            }
            Caller::Delegated => {}
        }
    }
    missing
}

/// Whether the applications that the changes are about are new, or the caller's own.
async fn are_own(administrator: &Administrator, me: ObjectId, plan: &Plan, changes: &[&Change]) -> bool {
    let items: BTreeSet<&str> = changes.iter().map(|change| change.item.as_str()).collect();
    let registration = |item: &str| plan.changes.iter().find(|change| change.id == registration_id(item));
    let mut registrations: Vec<ObjectId> = Vec::new();
    for item in items {
        // Without a registration it is another tenant's application, which is nobody's own here.
        let Some(change) = registration(item) else { return false };
        if let Some(id) = change.facts.get("registrationId").and_then(|id| id.parse().ok()) {
            registrations.push(id);
        }
    }
    let owned = registrations.into_iter().map(|id| async move {
        // What is not shown is not judged.
        administrator.graph.owners_of_application(id).await.map_or(true, |owners| owners.contains(&me))
    });
    join_all(owned).await.into_iter().all(|is_owned| is_owned)
}

async fn in_org(administrator: &Administrator, org: &str, me: Uuid, changes: &[&Change]) -> Vec<String> {
    let mut needed: BTreeMap<String, Depth> = BTreeMap::new();
    let mut need = |name: &str, depth: Depth| {
        let known = needed.entry(name.to_owned()).or_insert(depth);
        *known = depth.max(*known);
    };
    for action in changes.iter().filter_map(|change| change.action.as_ref()) {
        match action {
            Action::CreateRole { privileges, .. } => {
                need("prvCreateRole", Depth::Basic);
                need("prvWriteRole", Depth::Basic);
                // Nobody gives what they do not have.
                privileges.iter().for_each(|given| need(&given.name, given.depth));
            }
            Action::AddPrivileges { privileges, .. } | Action::ReplacePrivileges { privileges, .. } => {
                need("prvWriteRole", Depth::Basic);
                privileges.iter().for_each(|given| need(&given.name, given.depth));
            }
            Action::DeleteRole { .. } => need("prvDeleteRole", Depth::Basic),
            Action::CreateUser { .. } | Action::RemakeUser { .. } => need("prvCreateUser", Depth::Basic),
            Action::UpdateUser { enable, unit, .. } => {
                need("prvWriteUser", Depth::Basic);
                if *enable {
                    need("prvDisableUser", Depth::Basic);
                }
                if unit.is_some() {
                    need("prvReparentUser", Depth::Basic);
                }
            }
            Action::AssignRole { .. } | Action::UnassignRole { .. } => need("prvAssignRole", Depth::Basic),
            Action::DeleteUser { .. } => need("prvDisableUser", Depth::Basic),
            _ => {}
        }
    }
    if is_delegated(&administrator.org, me).await.unwrap_or_default() {
        return vec![format!(
            "the caller is a delegated (partner's) administrator, whom the org `{org}` lets set up no service users: {DELEGATED}"
        )];
    }
    let Ok(held) = held(&administrator.org, me).await else { return Vec::new() };
    let lacks = |(name, depth): &(&String, &Depth)| !held.iter().any(|held| held.is_at_least(name, **depth));
    let lacking: BTreeSet<&str> = needed.iter().filter(lacks).map(|(name, _)| name.as_str()).collect();
    if lacking.is_empty() {
        return Vec::new();
    }
    let lacking: Vec<&str> = lacking.into_iter().collect();
    vec![format!("the caller lacks {} in the org `{org}`: System Administrator has all of it", lacking.join(", "))]
}
