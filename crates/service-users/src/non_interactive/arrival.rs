//! Waiting for the org to learn of a person, and of what has changed about them: minutes to hours.

use std::time::Duration;

use keyholder_client::Error as ClientError;
use keyholder_foundation::ObjectId;

use super::access::{Access, OrgAccess};
use super::observe::ObservedOrg;
use super::problem::{Problem, in_words};
use super::rows::{self, NON_INTERACTIVE, OrgUser};
use crate::error::{Error, While};
use crate::report::Reporter;

/// The first wait; each further one is half as long again.
const FIRST_WAIT: Duration = Duration::from_secs(2);
/// The longest single wait.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// The longest that it is waited for the org to notice that a licence is gone: nothing hangs on it.
const LONGEST_CONFIRMATION: Duration = Duration::from_secs(30 * 60);

/// A wait with back-off and a deadline.
struct Waiting<'a> {
    access: &'a Access,
    what: String,
    deadline: Duration,
    waited: Duration,
    next: Duration,
}

impl<'a> Waiting<'a> {
    fn new(access: &'a Access, what: String, deadline: Duration) -> Self {
        Self { access, what, deadline, waited: Duration::ZERO, next: FIRST_WAIT }
    }

    /// Waits once more; `false` when the deadline has passed.
    async fn again(&mut self, reporter: &dyn Reporter) -> bool {
        if self.waited >= self.deadline {
            return false;
        }
        let this = self.next.min(self.deadline.saturating_sub(self.waited));
        let progress = match self.waited {
            Duration::ZERO => format!("{} (for at most {})", self.what, in_words(self.deadline)),
            waited => format!("{} ({} of at most {})", self.what, in_words(waited), in_words(self.deadline)),
        };
        reporter.waiting(&progress, this);
        self.access.http.sleep(this).await;
        self.waited = self.waited.saturating_add(this);
        self.next = self.next.saturating_mul(3).checked_div(2).unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT);
        true
    }
}

/// What came of asking Power Platform to bring somebody over.
enum Brought {
    /// It did.
    Yes,
    /// It does not know of the licence yet.
    NotYet,
    /// It cannot be asked; the org learns by itself.
    Never(String),
    /// The environment's security group leaves the person out.
    LeftOut,
}

async fn bring(org: &OrgAccess, found: &ObservedOrg, person: ObjectId) -> Brought {
    let (Some(power_platform), Some(environment)) = (&org.power_platform, &found.environment) else {
        return Brought::Never(found.no_environment.clone().unwrap_or_default());
    };
    match power_platform.add_user(&environment.id, person).await {
        Ok(()) => Brought::Yes,
        Err(ClientError::PowerPlatform(refusal)) if refusal.says("userNotLicensed") => Brought::NotYet,
        Err(ClientError::PowerPlatform(refusal))
            if ["securityGroup", "security group"].into_iter().any(|word| refusal.says(word)) =>
        {
            Brought::LeftOut
        }
        // A directory that answers in two minds does not know the person yet.
        Err(ClientError::PowerPlatform(refusal)) if refusal.says("userNotFound") => Brought::NotYet,
        Err(error) => Brought::Never(error.to_string()),
    }
}

/// Waits until the org has a user for the person that it lets in.
pub(super) async fn arrival(
    access: &Access,
    org: &OrgAccess,
    found: &ObservedOrg,
    user_name: &str,
    person: ObjectId,
    notes: &mut Vec<String>,
    reporter: &dyn Reporter,
) -> Result<OrgUser, Error> {
    let left_out = || Problem::left_out(found, user_name);
    let mut waiting = Waiting::new(access, format!("`{user_name}` to appear in {}", found.name), access.wait);
    let (mut was_brought, mut may_ask) = (false, true);
    loop {
        let user = rows::user_of(&org.org, person)
            .await
            .while_doing(|| format!("look for the user of `{user_name}` in {}", found.name))?;
        if let Some(user) = user {
            let is_let_in = user.access_mode == NON_INTERACTIVE || user.is_licensed != Some(false);
            if is_let_in && user.is_disabled && found.group().is_some() && found.is_in_group != Some(true) {
                return Err(left_out().into());
            }
            if is_let_in {
                if was_brought {
                    notes.push("Power Platform brought it over at once".to_owned());
                }
                return Ok(user);
            }
        }
        if may_ask && !was_brought {
            match bring(org, found, person).await {
                Brought::Yes => {
                    was_brought = true;
                    // It may be there already.
                    continue;
                }
                Brought::NotYet => {}
                Brought::LeftOut => return Err(left_out().into()),
                Brought::Never(reason) => {
                    may_ask = false;
                    notes.push(format!("the org had to learn of the person by itself: {reason}"));
                }
            }
        }
        if !waiting.again(reporter).await {
            let (org, user_name) = (found.name.clone(), user_name.to_owned());
            return Err(Problem::NotArrived { org, user_name, waited: waiting.waited }.into());
        }
    }
}

/// What was found at the end.
pub(super) struct Confirmed {
    pub(super) user: OrgUser,
    /// Whether the org has noticed that the licence is gone.
    pub(super) has_noticed: bool,
}

/// Looks whether the user is still what it was made, once the org has noticed that the licence is
/// gone: only then does that say anything.
pub(super) async fn confirmation(
    access: &Access,
    org: &OrgAccess,
    name: &str,
    user_name: &str,
    person: ObjectId,
    licence_is_gone: bool,
    reporter: &dyn Reporter,
) -> Result<Confirmed, Error> {
    let what = format!("{name} to notice that `{user_name}` has no licence any more");
    let mut waiting = Waiting::new(access, what, access.wait.min(LONGEST_CONFIRMATION));
    loop {
        let user = rows::user_of(&org.org, person)
            .await
            .while_doing(|| format!("look whether `{user_name}` is still non-interactive in {name}"))?;
        let not = |found: &str| Problem::NotConfirmed {
            org: name.to_owned(),
            user_name: user_name.to_owned(),
            found: found.to_owned(),
        };
        let user = match user {
            None => return Err(not("gone").into()),
            Some(user) if user.access_mode != NON_INTERACTIVE => {
                return Err(not(&format!("in access mode {}", rows::access_mode_name(user.access_mode))).into());
            }
            Some(user) if user.is_disabled => {
                let reason = user.disabled_reason.filter(|reason| !reason.is_empty());
                let reason = reason.map_or_else(String::new, |reason| format!(" ({})", reason.trim_end_matches('.')));
                return Err(not(&format!("disabled{reason}")).into());
            }
            Some(user) => user,
        };
        let has_noticed = !licence_is_gone || user.is_licensed != Some(true);
        if has_noticed || !waiting.again(reporter).await {
            return Ok(Confirmed { user, has_noticed });
        }
    }
}
