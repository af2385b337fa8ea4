//! That it stands as it was made, and that the password opens it.

use super::{InOrg, NonInteractive, Run};
use crate::error::{Error, While};
use crate::non_interactive::licence::HeldLicence;
use crate::non_interactive::password::KeptPassword;
use crate::non_interactive::proof::{self, Proof};
use crate::non_interactive::{arrival, rows};
use crate::report::{Event, Outcome, Step};

impl Run<'_> {
    pub(super) async fn confirm(&mut self) -> Result<NonInteractive, Error> {
        let (id, name) = (self.person()?.id, self.definition.user_name.clone());
        let licence_is_gone = self.of_groups.is_empty();
        let mut orgs = Vec::new();
        for (org, found) in self.access.orgs.iter().zip(&self.observed.orgs) {
            let (access, org_name) = (self.access, &found.name);
            let confirmed =
                arrival::confirmation(access, org, org_name, &name, id, licence_is_gone, self.reporter).await?;
            let users = rows::users(&org.org, Some(id), None).await;
            let users = users.while_doing(|| format!("count the non-interactive users of {org_name}"))?;
            let used = users.iter().filter(|user| user.takes_a_slot()).count();
            orgs.push((
                InOrg {
                    org: org_name.clone(),
                    user_id: confirmed.user.id,
                    business_unit_id: confirmed.user.unit,
                    roles: confirmed.user.roles,
                    slots_before: found.slots.used(),
                    slots_used: used,
                    slots_limit: found.slots.limit,
                    confirmed: confirmed.has_noticed,
                },
                found.name.clone(),
            ));
        }
        for (org, org_name) in &orgs {
            let limit = org.slots_limit;
            let mut event = Event::new(
                Step::Confirmation,
                Outcome::Proved,
                format!("`{name}` is non-interactive and enabled in {org_name}"),
            )
            .note(format!("{} of at most {limit} non-interactive users", org.slots_used))
            .fact("slotsUsed", &org.slots_used)
            .fact("slotsLimit", &limit);
            if u32::try_from(org.slots_used).is_ok_and(|used| used >= limit) {
                event = event.note("that was the last place; application users need none");
            }
            if !org.confirmed {
                event =
                    event.note("the org has not noticed yet that the licence is gone: run this again later to be sure");
            }
            if org.roles.is_empty() {
                event =
                    event.note("it has no security role of its own, so it may do nothing unless a team gives it one");
            }
            self.report(&event);
        }
        let names = |held: &[HeldLicence]| held.iter().map(|held| held.part_number.clone()).collect();
        Ok(NonInteractive {
            user_name: name,
            object_id: id,
            password_place: self.sink.map(|sink| sink.place().to_owned()),
            licences_removed: names(&self.removed),
            licences_of_groups: names(&self.of_groups),
            orgs: orgs.into_iter().map(|(org, _)| org).collect(),
            changed: self.changed,
        })
    }

    /// Signs in as the user, where the password can be had; gives it a new one where this one only lets
    /// it choose another.
    pub(super) async fn prove(&mut self) -> Result<(), Error> {
        let (Some(sink), name) = (self.sink, self.definition.user_name.clone()) else { return Ok(()) };
        let Some(org) = self.access.orgs.first() else { return Ok(()) };
        let mut is_new = !matches!(self.observed.password, Some(KeptPassword::Held(_)));
        for is_last in [false, true] {
            let KeptPassword::Held(password) = sink.load(&name).await? else { return Ok(()) };
            let proof = proof::prove(self.access, org, &name, password, is_new, self.reporter).await;
            let proof = proof.while_doing(|| format!("sign in as `{name}`"))?;
            let event = Event::new(Step::SignIn, Outcome::Skipped, format!("sign-in as `{name}` with its password"));
            let event = match proof {
                Proof::In(who) => Event { outcome: Outcome::Proved, ..event }.fact("userId", &who.user_id),
                Proof::WithoutRole => {
                    Event { outcome: Outcome::Proved, ..event }.note("it may do nothing yet: it has no role")
                }
                Proof::MustChange if !is_last => {
                    self.set_password("it could only be used to choose another").await?;
                    is_new = true;
                    continue;
                }
                Proof::MustChange => event.note("the directory wants the password changed again"),
                Proof::WantsMore(code) => event.note(format!(
                    "the tenant wants more than a password (AADSTS{code}), so no program can sign in as this user; \
                     an application user is not affected: `keyholder app-user create`"
                )),
                Proof::WrongPassword => event.note(format!(
                    "the password in `{}` is not the user's: delete it, and run this again to get a new one",
                    sink.place()
                )),
                Proof::Untried(reason) => event.note(reason),
            };
            self.report(&event);
            return Ok(());
        }
        Ok(())
    }
}
