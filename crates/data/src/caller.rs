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
use keyholder_operation::ActingFor;
use keyholder_security::{Grants, Holder, privilege_id};
use keyholder_store::Snapshot;
use uuid::Uuid;

use crate::catalogue::{Catalogue, Record};
use crate::error::Failure;
use crate::organization::Core;
use crate::platform::Platform;
use crate::seed::DELEGATED_ADMIN;
use crate::shares;

/// Lets its holder act in the name of other users.
const ACT_ON_BEHALF: &str = "prvActOnBehalfOfAnotherUser";
/// What the callers that are remembered may weigh together, in entries of [`Grants::weight`] of 16 to 64 bytes each; one caller
/// always counts a few more. An administrator weighs as much as there are privileges, somebody with a deep role in an org of
/// many business units a hundred times that.
const MOST_WEIGHT: usize = 1_000_000;
/// What a caller weighs beside what they may.
const OWN_WEIGHT: usize = 16;

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

impl TokenFacts {
    /// Who signed in: the application, when it acts in its own name, else the person.
    #[must_use]
    pub const fn principal(&self) -> Uuid {
        if self.app_only { self.client.0 } else { self.object_id.0 }
    }
}

/// A user of the org, and what they may do.
#[derive(Debug)]
pub(crate) struct Caller {
    /// In whose name everything is done.
    pub(crate) user: Uuid,
    /// Who really calls, where that is somebody else: the user and their access mode.
    pub(crate) really: Option<(Uuid, AccessMode)>,
    pub(crate) business_unit: Uuid,
    pub(crate) grants: Grants,
}

impl Caller {
    /// Whether somebody with this access mode is behind the request. Another's name takes no limit away.
    pub(crate) fn has_mode(&self, mode: AccessMode) -> bool {
        self.grants.caller().access_mode == mode || self.really.is_some_and(|(_, really)| really == mode)
    }
}

/// Who calls, and in whose name where that is not their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Calling {
    pub(crate) token: TokenFacts,
    pub(crate) acting_for: Option<ActingFor>,
}

/// Callers of one security epoch.
#[derive(Debug, Default)]
pub(crate) struct Callers {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    epoch: i64,
    callers: HashMap<Calling, Arc<Caller>>,
    /// What they weigh together.
    weight: usize,
}

/// A caller, and the security epoch that they were found in.
#[derive(Debug, Clone)]
pub(crate) struct Entered {
    pub(crate) caller: Arc<Caller>,
    pub(crate) epoch: i64,
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
        calling: &Calling,
    ) -> Result<Entered, Failure> {
        let caller = match self.known(epoch, calling) {
            Some(caller) => caller,
            None => {
                let caller = sign_in(snapshot, catalogue, core, &calling.token)?;
                Arc::new(match calling.acting_for {
                    None => caller,
                    Some(other) => in_the_name_of(snapshot, catalogue, core, caller, other)?,
                })
            }
        };
        Ok(Entered { caller, epoch })
    }

    /// Remembers a caller whose epoch is known to be committed: found in a snapshot, or in a
    /// transaction that has ended well.
    pub(crate) fn remember(&self, calling: &Calling, entered: &Entered) {
        let Entered { caller, epoch } = entered;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // A snapshot from before the last change must not bring back what held then.
        if known.epoch > *epoch || known.epoch == *epoch && known.callers.contains_key(calling) {
            return;
        }
        let weight = OWN_WEIGHT + caller.grants.weight();
        if known.epoch < *epoch || known.weight + weight > MOST_WEIGHT {
            *known = Known { epoch: *epoch, ..Known::default() };
        }
        known.weight += weight;
        known.callers.insert(*calling, Arc::clone(caller));
    }

    /// The caller behind a token, as the last epoch had them that is remembered here.
    pub(crate) fn last(&self, calling: &Calling) -> Option<Entered> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.callers.get(calling).map(|caller| Entered { caller: Arc::clone(caller), epoch: known.epoch })
    }

    fn known(&self, epoch: i64, calling: &Calling) -> Option<Arc<Caller>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        (known.epoch == epoch).then(|| known.callers.get(calling).cloned()).flatten()
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
    of_user(snapshot, catalogue, core, &row)
}

/// What a user of the org may, if they are not kept out.
fn of_user(snapshot: &mut Snapshot<'_>, catalogue: &Catalogue, core: &Core, row: &Record) -> Result<Caller, Failure> {
    let user = row.id();
    if *row.get("isdisabled") == Value::Boolean(true) {
        return Err(error::user_disabled(user, core.organization.0).into());
    }
    let unit = row.business_unit().unwrap_or_default();
    if (Platform { catalogue }).unit_is_disabled(snapshot, unit)? {
        return Err(error::unit_of_user_disabled().into());
    }
    let grants = grants(snapshot, catalogue, row)?;
    Ok(Caller { user, really: None, business_unit: grants.caller().business_unit, grants })
}

/// Lets a caller act in the name of another user, who must be one that could come in.
fn in_the_name_of(
    snapshot: &mut Snapshot<'_>,
    catalogue: &Catalogue,
    core: &Core,
    caller: Caller,
    other: ActingFor,
) -> Result<Caller, Failure> {
    let platform = Platform { catalogue };
    let user = match other {
        ActingFor::User(user) => Some(user),
        ActingFor::DirectoryObject(object) => match platform.person(snapshot, object)? {
            Some(user) => Some(user),
            None => platform.application_of(snapshot, object)?,
        },
    };
    if user == Some(caller.user) {
        return Ok(caller);
    }
    // Asked first: whoever may not act for others is not told who there is.
    if caller.grants.depth(privilege_id(ACT_ON_BEHALF)).is_none() {
        return Err(error::cannot_act_on_behalf().into());
    }
    let layout = catalogue.layout_of("systemuser")?;
    let row = match user {
        Some(user) => Record::load(snapshot, catalogue, &layout, user)?,
        None => None,
    };
    let theirs = of_user(snapshot, catalogue, core, &row.ok_or_else(error::not_a_member)?)?;
    let really = Some((caller.user, caller.grants.caller().access_mode));
    Ok(Caller { grants: caller.grants.acting_for(&theirs.grants), really, ..theirs })
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
    let principals: Vec<Uuid> = grants.principals().collect();
    grants.add_shares(shares::privileges(snapshot, catalogue, &principals)?);
    Ok(grants)
}

/// Everything that a team's own roles give it.
pub(crate) fn team_grants(
    snapshot: &mut Snapshot<'_>,
    catalogue: &Catalogue,
    team: &Record,
) -> Result<Grants, Failure> {
    let platform = Platform { catalogue };
    let unit = team.business_unit().unwrap_or_default();
    let mut grants = Grants::new(PrincipalFacts::new(team.id(), unit, AccessMode::ReadWrite, None), Vec::new());
    let below = platform.subtree(snapshot, unit)?;
    for role in platform.roles(snapshot, team.id(), true)? {
        grants.add_role(Holder::User, unit, &below, platform.privileges(snapshot, role.root)?);
    }
    grants.add_shares(shares::privileges(snapshot, catalogue, &[team.id()])?);
    Ok(grants)
}

#[cfg(test)]
pub(crate) mod tests;
