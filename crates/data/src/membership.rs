//! Who somebody is in the org, for those who only want to know: the org's web page, the service
//! that lists a person's orgs, and whoever administers environments.

use std::sync::Arc;

use keyholder_dataverse::Value;
use keyholder_dataverse::error::AccessMode;
use keyholder_store::Snapshot;
use uuid::Uuid;

use crate::caller::TokenFacts;
use crate::catalogue::{Catalogue, Record};
use crate::error::{Error, Failure};
use crate::organization::{Core, Organization};
use crate::platform::Platform;
use crate::seed::DELEGATED_ADMIN;

/// A user of the org.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// `systemuserid`
    pub user: Uuid,
    /// The whole name.
    pub full_name: String,
    /// The name that the person signs in with; an application's is made up.
    pub user_name: String,
    /// Whether the user is disabled.
    pub is_disabled: bool,
    /// Why, when the directory disabled it.
    pub disabled_reason: Option<String>,
    /// How the user may use the org.
    pub access_mode: AccessMode,
    /// Whether it is an application.
    pub is_application: bool,
    /// Whether the directory's licence is known here.
    pub is_licensed: bool,
    /// The names of the roles that the user holds, directly and through teams.
    pub roles: Vec<String>,
    /// Whether one of them is System Administrator.
    pub is_administrator: bool,
}

impl Organization {
    /// The user that a token's bearer is here, whatever its state; nothing when there is none.
    ///
    /// # Errors
    /// What the store says.
    pub async fn membership(&self, token: &TokenFacts) -> Result<Option<Membership>, Error> {
        if token.tenant != self.core().tenant {
            return Ok(None);
        }
        let (core, token) = (Arc::clone(self.core()), *token);
        let catalogue = core.catalogue();
        let work = move |snapshot: &mut Snapshot<'_>| Ok::<_, Error>(find(&core, &catalogue, snapshot, &token)?);
        self.core().database.read(work).await
    }
}

fn find(
    core: &Core,
    catalogue: &Catalogue,
    snapshot: &mut Snapshot<'_>,
    token: &TokenFacts,
) -> Result<Option<Membership>, Failure> {
    let platform = Platform { catalogue };
    let user = if token.delegated {
        Some(core.seed_id(DELEGATED_ADMIN))
    } else if token.app_only {
        // One that was deleted is none, though its row is there for a while.
        platform.application_user(snapshot, token.client.0)?.filter(|(_, deleted)| !deleted).map(|(user, _)| user)
    } else {
        platform.person(snapshot, token.object_id.0)?
    };
    let Some(user) = user else { return Ok(None) };
    let Some(row) = Record::load(snapshot, catalogue, &catalogue.layout_of("systemuser")?, user)? else {
        return Ok(None);
    };
    if row.get("azureactivedirectoryobjectid").guid().is_some_and(|known| known != token.object_id.0) {
        return Ok(None);
    }
    let mut held = platform.roles(snapshot, user, false)?;
    for (team, _) in platform.teams(snapshot, user)? {
        held.extend(platform.roles(snapshot, team, true)?);
    }
    let mut roles = Vec::new();
    let layout = catalogue.layout_of("role")?;
    for role in &held {
        let name = Record::load(snapshot, catalogue, &layout, role.root)?;
        roles.extend(name.and_then(|role| role.get("name").text().map(ToOwned::to_owned)));
    }
    roles.sort();
    roles.dedup();
    let administrator = core.seed_id("System Administrator");
    let text = |name: &str| row.get(name).text().unwrap_or_default().to_owned();
    let yes = |name: &str| *row.get(name) == Value::Boolean(true);
    let access_mode = match row.get("accessmode") {
        Value::Integer(mode) => AccessMode::from_number(*mode),
        _ => None,
    };
    Ok(Some(Membership {
        user,
        full_name: text("fullname"),
        user_name: text("domainname"),
        is_disabled: yes("isdisabled"),
        disabled_reason: row.get("disabledreason").text().map(ToOwned::to_owned),
        access_mode: access_mode.unwrap_or(AccessMode::ReadWrite),
        is_application: !row.get("applicationid").is_null(),
        is_licensed: yes("islicensed"),
        is_administrator: held.iter().any(|role| role.root == administrator),
        roles,
    }))
}
