//! Giving back what a non-interactive user takes: the licence that it holds for nothing, its place
//! among the few that an org may have, or all of it.

use keyholder_client::Error as ClientError;
use keyholder_entra::graph::{User, UserWrite};
use serde::Serialize;
use serde_json::json;

use super::access::{Access, OrgAccess};
use super::apply::take_off;
use super::licence;
use super::problem::Problem;
use super::rows::{self, NON_INTERACTIVE, OrgUser, READ_WRITE, access_mode_name};
use crate::TAG;
use crate::error::{Error, While};
use crate::report::{Event, Outcome, Reporter, Step};

/// The user has no licence, which a read-write user needs.
const NEEDS_LICENCE: &str = "0x80041d66";

/// What is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// The licences that it holds for nothing; the user goes on working.
    Licence,
    /// The place too: the user is disabled in the org and works no more.
    Disable,
    /// The place, by becoming an ordinary user again, who needs a licence of their own.
    ReadWrite,
    /// Everything: disabled in the org, and the person deleted from the directory. Only for people whom
    /// Keyholder made, unless `others_too`.
    Remove {
        /// Whether a person whom Keyholder did not make is deleted as well.
        others_too: bool,
    },
}

/// What was given back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Released {
    /// The user name.
    pub user_name: String,
    /// Licences that were taken off, by SKU part number.
    pub licences_removed: Vec<String>,
    /// The orgs whose place is free again.
    pub slots_freed: Vec<String>,
    /// Whether anything was changed.
    pub changed: bool,
}

/// Gives back what was asked for, in every org of `access`. What is given back already is found so.
///
/// # Errors
/// [`Problem::NotNonInteractive`] before anything is changed when the user of an org is none: taking
/// the licence off a person who works with it would lock them out. Else what a service says.
pub async fn release(
    access: &Access,
    user_name: &str,
    what: Release,
    reporter: &dyn Reporter,
) -> Result<Released, Error> {
    let person =
        access.graph.user(user_name).await.while_doing(|| format!("look for `{user_name}` in the directory"))?;
    let Some(person) = person else {
        if matches!(what, Release::Remove { .. }) {
            reporter.done(&Event::new(Step::Person, Outcome::Absent, format!("directory user `{user_name}`")));
            let none = Vec::new();
            return Ok(Released {
                user_name: user_name.to_owned(),
                licences_removed: none.clone(),
                slots_freed: none,
                changed: false,
            });
        }
        return Err(Problem::NoSuchPerson { user_name: user_name.to_owned() }.into());
    };
    let is_ours = person.profile.employee_type.as_deref() == Some(TAG);
    if matches!(what, Release::Remove { others_too: false }) && !is_ours {
        return Err(Problem::ForeignPerson { user_name: user_name.to_owned(), id: person.id }.into());
    }
    let mut users = Vec::new();
    for org in &access.orgs {
        let user = rows::user_of(&org.org, person.id).await;
        let user = user.while_doing(|| format!("look for the user of `{user_name}` in {}", org.name))?;
        check(org, user_name, what, user.as_ref())?;
        users.extend(user.map(|user| (org, user)));
    }
    let mut run = Run { access, user_name, person, reporter, changed: false, freed: Vec::new(), removed: Vec::new() };
    for (org, user) in &users {
        run.in_org(org, user, what).await?;
    }
    if what != Release::ReadWrite {
        run.licences().await?;
    }
    if matches!(what, Release::Remove { .. }) {
        run.remove_person().await?;
    }
    Ok(Released {
        user_name: user_name.to_owned(),
        licences_removed: run.removed,
        slots_freed: run.freed,
        changed: run.changed,
    })
}

fn check(org: &OrgAccess, user_name: &str, what: Release, user: Option<&OrgUser>) -> Result<(), Problem> {
    let not = |found: String| {
        Err(Problem::NotNonInteractive { org: org.name.clone(), user_name: user_name.to_owned(), found })
    };
    match user {
        Some(user) if user.access_mode == NON_INTERACTIVE => Ok(()),
        // Given back already.
        Some(user) if what == Release::ReadWrite && user.access_mode == READ_WRITE => Ok(()),
        Some(user) => not(access_mode_name(user.access_mode)),
        None if matches!(what, Release::Remove { .. }) => Ok(()),
        None => not("not there".to_owned()),
    }
}

struct Run<'a> {
    access: &'a Access,
    user_name: &'a str,
    person: User,
    reporter: &'a dyn Reporter,
    changed: bool,
    freed: Vec<String>,
    removed: Vec<String>,
}

impl Run<'_> {
    fn report(&mut self, event: &Event) {
        self.changed |= event.outcome.is_change();
        self.reporter.done(event);
    }

    async fn in_org(&mut self, org: &OrgAccess, user: &OrgUser, what: Release) -> Result<(), Error> {
        let name = self.user_name;
        let subject = format!("user `{name}` in {}", org.name);
        match what {
            Release::Licence => {}
            Release::Disable | Release::Remove { .. } => {
                let mut outcome = Outcome::Found;
                if !user.is_disabled {
                    let done = org.org.update("systemusers", user.id, &json!({ "isdisabled": true })).await;
                    done.while_doing(|| format!("disable the {subject}"))?;
                    outcome = Outcome::Changed;
                    self.freed.push(org.name.clone());
                }
                self.report(&Event::new(Step::OrgUser, outcome, subject).note("disabled: it takes no place any more"));
            }
            Release::ReadWrite => {
                let mut outcome = Outcome::Found;
                if user.access_mode != READ_WRITE {
                    let done = org.org.update("systemusers", user.id, &json!({ "accessmode": READ_WRITE })).await;
                    match done {
                        Err(ClientError::Dataverse(refusal)) if refusal.code == NEEDS_LICENCE => {
                            return Err(
                                Problem::NeedsLicence { org: org.name.clone(), user_name: name.to_owned() }.into()
                            );
                        }
                        done => done.while_doing(|| format!("make the {subject} an ordinary one"))?,
                    }
                    outcome = Outcome::Changed;
                    self.freed.push(org.name.clone());
                }
                let event = Event::new(Step::AccessMode, outcome, format!("access mode Read-Write in {}", org.name));
                self.report(&event);
            }
        }
        Ok(())
    }

    async fn licences(&mut self) -> Result<(), Error> {
        let name = self.user_name;
        let bought = self.access.graph.subscribed_skus().await;
        let bought = bought.while_doing(|| "read which licences the tenant has bought".to_owned())?;
        let held = licence::held(&self.person, &bought);
        let (of_groups, own): (Vec<_>, Vec<_>) = held.into_iter().partition(|held| held.group.is_some());
        if own.is_empty() && of_groups.is_empty() {
            let subject = format!("licences of `{name}` that let it into Dataverse");
            self.report(&Event::new(Step::LicenceReturn, Outcome::Absent, subject));
        }
        if !own.is_empty() {
            let skus: Vec<_> = own.iter().map(|held| held.sku).collect();
            let done = take_off(&self.access.graph, self.person.id, &skus).await;
            done.while_doing(|| format!("take the licences off `{name}`"))?;
        }
        for held in own {
            let subject = format!("licence {} of `{name}`", held.part_number);
            let event = Event::new(Step::LicenceReturn, Outcome::Removed, subject).note("free for somebody else now");
            self.report(&event.fact("skuId", &held.sku));
            self.removed.push(held.part_number);
        }
        for held in of_groups {
            let group = held.group.map(|group| group.to_string()).unwrap_or_default();
            let subject = format!("licence {} of `{name}`", held.part_number);
            let note = format!("the group {group} gives it: take the user out of that group to free it");
            self.report(&Event::new(Step::LicenceReturn, Outcome::Kept, subject).note(note).fact("groupId", &group));
        }
        Ok(())
    }

    async fn remove_person(&mut self) -> Result<(), Error> {
        let (graph, id, name) = (&self.access.graph, self.person.id, self.user_name);
        if self.person.account_enabled != Some(false) {
            let write = UserWrite { account_enabled: Some(false), ..UserWrite::default() };
            let done = graph.update_user(id, &write).await;
            done.while_doing(|| format!("disable the directory user `{name}`"))?;
        }
        // Who holds a token that renews itself would otherwise come in until it runs out.
        graph.revoke_sign_in_sessions(id).await.while_doing(|| format!("end the sessions of `{name}`"))?;
        match graph.delete_user(id).await {
            Err(error) if error.is_missing() => {}
            done => done.while_doing(|| format!("delete the directory user `{name}`"))?,
        }
        let event = Event::new(Step::Person, Outcome::Removed, format!("directory user `{name}`"));
        self.report(&event.note("the directory keeps it restorable for 30 days"));
        Ok(())
    }
}
