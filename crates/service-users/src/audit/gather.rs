//! Reading what rules judge: orgs and directories side by side, a bounded number at once.
//!
//! Of an org it takes the same number of requests however many service users it has, but for pages; of a directory, pages
//! of 999 and batches of twenty. What cannot be read is kept as that, beside what can.

mod activity;
mod directory;
mod mend;
mod org;

pub use activity::TABLES;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::stream::{self, StreamExt};
use keyholder_client::Error as ClientError;
use keyholder_foundation::{ClientId, ObjectId, Timestamp};

use super::facts::{Facts, OrgFacts, Purpose, TenantFacts, Trouble, Unread};
use crate::Administrator;
use crate::declaration::Declaration;
use crate::error::with_causes;
use crate::estate::Estate;
use crate::granted::Privileges;

/// How many orgs or directories are read at once.
const AT_ONCE: usize = 16;

/// What is read beyond what always is.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// How many non-interactive users an org may have.
    pub slots_limit: u32,
    /// The tables of which to read who created and changed rows lately, by their logical names; none for nobody.
    pub activity: Vec<String>,
    /// How far back that is.
    pub activity_span: Duration,
}

/// Reads the orgs of a declaration, and their directories. `now` is the time where no server has told it.
pub async fn gather(estate: &Estate, declaration: &Declaration, reading: &Reading, now: Timestamp) -> Facts {
    let privileges = Privileges::known();
    let orgs: Vec<_> = estate
        .orgs()
        .map(|(name, administrator)| {
            let privileges = &privileges;
            async move {
                match administrator {
                    Ok(administrator) => {
                        org::read(administrator, name, estate.tenant_of(name), reading, privileges).await
                    }
                    Err(error) => {
                        let url = declaration.orgs.get(name).map(|org| org.url.to_string()).unwrap_or_default();
                        (unread_org(name, &url, estate.tenant_of(name), reading, trouble(error)), Vec::new())
                    }
                }
            }
        })
        .collect();
    let read: Vec<(OrgFacts, Vec<Unread>)> = stream::iter(orgs).buffer_unordered(AT_ONCE).collect().await;
    let mut facts = Facts {
        now: estate.orgs().find_map(|(_, org)| org.ok()).map_or(now, Administrator::now),
        tenants: Vec::new(),
        orgs: Vec::with_capacity(read.len()),
        applications: Vec::new(),
        people: Vec::new(),
        unread: Vec::new(),
    };
    for (org, unread) in read {
        facts.orgs.push(org);
        facts.unread.extend(unread);
    }
    facts.orgs.sort_by(|one, other| one.name.cmp(&other.name));
    facts.unread.sort_by(|one, other| (&one.org, &one.what).cmp(&(&other.org, &other.what)));

    let wanted: BTreeMap<&str, Wanted> = wanted(&facts.orgs);
    let tenants: Vec<_> = estate
        .directories()
        .into_keys()
        .map(|tenant| {
            let wanted = wanted.get(tenant.as_str()).cloned().unwrap_or_default();
            async move {
                let administrator = estate.administrator_of(&tenant)?;
                Some(directory::read(administrator, &tenant, &wanted).await)
            }
        })
        .collect();
    let tenants: Vec<_> = stream::iter(tenants).buffer_unordered(AT_ONCE).collect().await;
    let mut tenants: Vec<directory::Read> = tenants.into_iter().flatten().collect();
    tenants.sort_by(|one, other| one.tenant.authority.cmp(&other.tenant.authority));
    for read in tenants {
        facts.tenants.push(read.tenant);
        facts.applications.extend(read.applications);
        facts.people.extend(read.people);
        facts.unread.extend(read.unread);
    }
    mark_callers(&mut facts);
    facts
}

/// What is to be read of one directory.
#[derive(Debug, Clone, Default)]
struct Wanted {
    /// The applications of org users, with the names that the orgs have for them.
    clients: BTreeMap<ClientId, String>,
    /// Those of which some org user names a service principal that it was made for.
    with_principal: BTreeSet<ClientId>,
    /// The people of org users.
    people: BTreeSet<ObjectId>,
}

fn wanted(orgs: &[OrgFacts]) -> BTreeMap<&str, Wanted> {
    let mut all: BTreeMap<&str, Wanted> = BTreeMap::new();
    for org in orgs {
        let Some(tenant) = org.tenant.as_deref() else { continue };
        let wanted = all.entry(tenant).or_default();
        for user in &org.users {
            match (user.application, user.object) {
                (Some(client), object) => {
                    wanted.clients.entry(client).or_insert_with(|| user.name.clone());
                    wanted.with_principal.extend(object.map(|_| client));
                }
                (None, Some(person)) => {
                    wanted.people.insert(person);
                }
                (None, None) => {}
            }
        }
    }
    all
}

/// Whoever audits a tenant is the same in all its orgs.
fn mark_callers(facts: &mut Facts) {
    let callers: Vec<ClientId> = facts.tenants.iter().filter_map(|tenant| tenant.caller).collect();
    for user in facts.orgs.iter_mut().flat_map(|org| &mut org.users) {
        user.is_caller |= user.application.is_some_and(|client| callers.contains(&client));
    }
}

/// An org of which nothing could be read.
fn unread_org(name: &str, url: &str, tenant: Option<&str>, reading: &Reading, trouble: Trouble) -> OrgFacts {
    OrgFacts {
        name: name.to_owned(),
        url: url.to_owned(),
        tenant: tenant.map(str::to_owned),
        purpose: Purpose::Unknown,
        users: Vec::new(),
        slots_limit: reading.slots_limit,
        activity_of: Vec::new(),
        trouble: Some(trouble),
    }
}

fn trouble(error: &ClientError) -> Trouble {
    Trouble { why: with_causes(error), hints: error.hints() }
}

/// Keeps what was read; notes what was not.
struct Notes {
    org: Option<String>,
    tenant: Option<String>,
    unread: Vec<Unread>,
}

impl Notes {
    fn of_org(name: &str) -> Self {
        Self { org: Some(name.to_owned()), tenant: None, unread: Vec::new() }
    }

    fn of_tenant(authority: &str) -> Self {
        Self { org: None, tenant: Some(authority.to_owned()), unread: Vec::new() }
    }

    /// `rights` are those that reading it takes; where the service answered that it is for something else, that is noted.
    fn take<T>(&mut self, what: &str, rights: &[&str], read: Result<T, ClientError>) -> Option<T> {
        match read {
            Ok(read) => Some(read),
            Err(error) => {
                self.note(what, mend::of(&error, rights), with_causes(&error));
                None
            }
        }
    }

    fn note(&mut self, what: &str, needs: Vec<String>, why: String) {
        let (org, tenant) = (self.org.clone(), self.tenant.clone());
        self.unread.push(Unread { org, tenant, what: what.to_owned(), why, needs, is_grave: false });
    }

    /// The same, of what rules cannot do without.
    fn take_grave<T>(&mut self, what: &str, rights: &[&str], read: Result<T, ClientError>) -> Option<T> {
        let before = self.unread.len();
        let taken = self.take(what, rights, read);
        self.unread.iter_mut().skip(before).for_each(|unread| unread.is_grave = true);
        taken
    }

    fn note_grave(&mut self, what: &str, needs: Vec<String>, why: String) {
        self.note(what, needs, why);
        self.unread.last_mut().into_iter().for_each(|unread| unread.is_grave = true);
    }
}

impl TenantFacts {
    fn of(administrator: &Administrator, authority: &str) -> Self {
        let credential = administrator.org.tokens().credential();
        Self {
            authority: authority.to_owned(),
            name: administrator.org.tokens().authority().tenant().to_owned(),
            caller: (!credential.is_person()).then(|| credential.client_id()),
            trouble: None,
        }
    }
}
