//! Who is calling: from the facts of a token to a user of the org and what they may do.
//!
//! A token is not membership. The org looks for a user row: of an application by its application
//! id, of a person by the object id. What that user may do is remembered until the security epoch
//! moves, never longer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use keyholder_dataverse::Value;
use keyholder_dataverse::error::{self, AccessMode, PrincipalFacts};
use keyholder_foundation::{ClientId, ObjectId, TenantId};
use keyholder_security::{Grants, Holder};
use keyholder_store::Snapshot;
use uuid::Uuid;

use crate::catalogue::{Catalogue, Record};
use crate::error::Failure;
use crate::organization::Core;
use crate::platform::Platform;
use crate::seed::DELEGATED_ADMIN;

/// The most callers remembered; an org has a few hundred.
const MOST_CALLERS: usize = 4_096;

/// What a verified token says about its bearer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenFacts {
    /// The tenant that issued it.
    pub tenant: TenantId,
    /// The application that got it.
    pub client: ClientId,
    /// The object id of the person, or of the application's service principal.
    pub object_id: ObjectId,
    /// Whether the application acts in its own name.
    pub app_only: bool,
    /// Whether the person is a partner's, who administers the tenant by delegation.
    pub delegated: bool,
}

/// A user of the org, and what they may do.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) user: Uuid,
    pub(crate) business_unit: Uuid,
    pub(crate) grants: Grants,
}

/// Callers of one security epoch.
#[derive(Debug, Default)]
pub(crate) struct Callers {
    known: Mutex<(i64, HashMap<TokenFacts, Arc<Caller>>)>,
}

/// A caller, and the security epoch that they were found in.
#[derive(Debug, Clone)]
pub(crate) struct Entered {
    pub(crate) caller: Arc<Caller>,
    epoch: i64,
}

impl Callers {
    /// The caller behind a token, as this snapshot has them.
    ///
    /// Nothing is remembered here: inside a transaction the epoch may be one that is never
    /// committed, whose number another change then gets.
    pub(crate) fn find(
        &self,
        snapshot: &mut Snapshot<'_>,
        catalogue: &Catalogue,
        epoch: i64,
        core: &Core,
        token: &TokenFacts,
    ) -> Result<Entered, Failure> {
        let caller = match self.known(epoch, token) {
            Some(caller) => caller,
            None => Arc::new(sign_in(snapshot, catalogue, core, token)?),
        };
        Ok(Entered { caller, epoch })
    }

    /// Remembers a caller whose epoch is known to be committed: found in a snapshot, or in a
    /// transaction that has ended well.
    pub(crate) fn remember(&self, token: &TokenFacts, entered: &Entered) {
        let Entered { caller, epoch } = entered;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // A snapshot from before the last change must not bring back what held then.
        if known.0 < *epoch || known.1.len() >= MOST_CALLERS {
            *known = (known.0.max(*epoch), HashMap::new());
        }
        if known.0 == *epoch {
            known.1.insert(*token, Arc::clone(caller));
        }
    }

    fn known(&self, epoch: i64, token: &TokenFacts) -> Option<Arc<Caller>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        (known.0 == epoch).then(|| known.1.get(token).cloned()).flatten()
    }
}

fn sign_in(
    snapshot: &mut Snapshot<'_>,
    catalogue: &Catalogue,
    core: &Core,
    token: &TokenFacts,
) -> Result<Caller, Failure> {
    let platform = Platform { catalogue };
    let user = if token.delegated {
        // One row stands for all of them.
        Some(core.seed_id(DELEGATED_ADMIN))
    } else if token.app_only {
        platform.application_user(snapshot, token.client.0)?.map(|(user, _)| user)
    } else {
        platform.person(snapshot, token.object_id.0)?
    };
    let user = user.ok_or_else(error::not_a_member)?;
    let layout = catalogue.layout_of("systemuser")?;
    let row = Record::load(snapshot, catalogue, &layout, user)?.ok_or_else(error::not_a_member)?;
    // An application registered anew under an old client id has another service principal.
    if row.get("azureactivedirectoryobjectid").guid().is_some_and(|known| known != token.object_id.0) {
        return Err(error::not_a_member().into());
    }
    if *row.get("isdisabled") == Value::Boolean(true) {
        return Err(error::user_disabled(user, core.organization.0).into());
    }
    let unit = row.business_unit().unwrap_or_default();
    if platform.unit_is_disabled(snapshot, unit)? {
        return Err(error::unit_of_user_disabled().into());
    }
    let grants = grants(snapshot, catalogue, &row)?;
    Ok(Caller { user, business_unit: grants.caller().business_unit, grants })
}

/// Everything that a user's roles and teams give them.
pub(crate) fn grants(snapshot: &mut Snapshot<'_>, catalogue: &Catalogue, user: &Record) -> Result<Grants, Failure> {
    let platform = Platform { catalogue };
    let unit = user.business_unit().unwrap_or_default();
    let mode = match user.get("accessmode") {
        Value::Integer(mode) => AccessMode::from_number(*mode).unwrap_or(AccessMode::ReadWrite),
        _ => AccessMode::ReadWrite,
    };
    let mut facts = PrincipalFacts::new(user.id(), unit, mode, user.get("azureactivedirectoryobjectid").guid());
    facts.known_privileges = platform.privilege_count(snapshot)?;

    let teams = platform.teams(snapshot, user.id())?;
    let mut grants = Grants::new(facts, teams.iter().map(|(team, _)| *team).collect());
    let below = platform.subtree(snapshot, unit)?;
    for role in platform.roles(snapshot, user.id(), false)? {
        grants.add_role(Holder::User, unit, &below, platform.privileges(snapshot, role.root)?);
    }
    for (team, unit) in teams {
        let below = platform.subtree(snapshot, unit)?;
        for role in platform.roles(snapshot, team, true)? {
            let holder = Holder::Team { team, inherited: role.inherited };
            grants.add_role(holder, unit, &below, platform.privileges(snapshot, role.root)?);
        }
    }
    Ok(grants)
}

#[cfg(test)]
mod tests;
