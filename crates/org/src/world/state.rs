//! One state of a world: its record, its directory and its orgs, all open.

use std::sync::{Arc, PoisonError, RwLock};

use keyholder_data::{Organization, OrganizationConfig};
use keyholder_entra::well_known::USER_IMPERSONATION;
use keyholder_foundation::{ObjectId, OrgId, TenantId, Timestamp};
use keyholder_identity::{Audience, GraphOptions, Identity, IdentityConfig, Resources, UserFacts};
use keyholder_store::DatabaseOptions;

use super::shared::{Known, Shared};
use super::{WorldOptions, keys};
use crate::door::DirectoryDoor;
use crate::error::{Refused, StartError};
use crate::folder::{DataFolder, FolderError, OrgEntry, Pretence, StateFolder, World};
use crate::listeners::Listeners;
use crate::propagation::Propagation;

/// How many accounts and contacts a new org has.
const FIRST_SAMPLE_ROWS: u32 = 10;

/// One state of a world.
pub(crate) struct State {
    /// What `world.json` or the shared database says.
    pub(crate) record: World,
    /// The shared world's epoch that this is of.
    pub(super) epoch: i64,
    pub(crate) identity: Arc<Identity>,
    /// The one at the origin first.
    pub(crate) orgs: Vec<Arc<OpenOrg>>,
    pub(super) urls: Arc<Organizations>,
    pub(crate) propagation: Propagation,
}

/// An org that can answer.
#[derive(Debug)]
pub(crate) struct OpenOrg {
    pub(crate) id: OrgId,
    pub(crate) name: String,
    pub(crate) tenant: TenantId,
    /// The group whose members may come into it; everybody when absent.
    security_group: RwLock<Option<ObjectId>>,
    /// When this process opened it, by the org's clock.
    pub(crate) opened: Timestamp,
    /// Its address without a trailing slash.
    pub(crate) url: String,
    pub(crate) pretend: Option<Pretence>,
    pub(crate) organization: Organization,
    /// What a token must be for, to be let in.
    pub(crate) audience: Audience,
}

/// The URLs of all orgs, as the token service asks for them.
#[derive(Debug, Default)]
pub(crate) struct Organizations(RwLock<Vec<(TenantId, String)>>);

impl Organizations {
    pub(super) fn add(&self, tenant: TenantId, url: &str) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).push((tenant, url.to_ascii_lowercase()));
    }
}

impl Resources for Organizations {
    fn has_organization(&self, tenant: TenantId, url: &str) -> bool {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.iter().any(|(owner, known)| *owner == tenant && known == url)
    }
}

impl OpenOrg {
    /// Whether a person may come in, as far as the security group is asked.
    pub(crate) fn lets_in(&self, person: &UserFacts) -> bool {
        self.security_group().is_none_or(|group| person.groups.contains(&group))
    }

    /// The id of the security group.
    pub(crate) fn security_group(&self) -> Option<ObjectId> {
        *self.security_group.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn use_security_group(&self, group: Option<ObjectId>) {
        *self.security_group.write().unwrap_or_else(PoisonError::into_inner) = group;
    }

    /// A short name that no other org has: what the first part of a host name is in the cloud.
    pub(crate) fn short_name(&self) -> String {
        keyholder_data::short_name(self.id)
    }
}

impl State {
    /// The org at the origin.
    pub(crate) fn first(&self) -> Result<&Arc<OpenOrg>, StartError> {
        // A world without an org is not opened.
        self.orgs.first().ok_or(StartError::Interrupted)
    }

    /// The org with this id, address or name.
    pub(crate) fn org_called(&self, org: &str) -> Result<Arc<OpenOrg>, StartError> {
        let wanted = |open: &&Arc<OpenOrg>| {
            open.id.to_string() == org || open.url == org.trim_end_matches('/') || open.name.eq_ignore_ascii_case(org)
        };
        self.orgs.iter().find(wanted).cloned().ok_or_else(|| {
            let known = self.orgs.iter().map(|org| org.name.clone()).collect();
            Refused::NoOrg { name: org.chars().take(80).collect(), known }.into()
        })
    }

    /// The org with this id.
    pub(crate) fn org(&self, id: OrgId) -> Option<&Arc<OpenOrg>> {
        self.orgs.iter().find(|org| org.id == id)
    }

    /// Does what waits in the orgs' databases and closes them.
    pub(super) fn close(self) {
        for org in self.orgs {
            org.organization.clone().close();
        }
    }
}

/// What it takes to open a state.
pub(super) struct Opening<'a> {
    pub(super) folder: &'a DataFolder,
    pub(super) shared: Option<&'a Shared>,
    pub(super) options: &'a WorldOptions,
    pub(super) origin: &'a str,
    pub(super) listeners: &'a Listeners,
}

impl Opening<'_> {
    /// Opens what the record names, making what is missing. The ports that orgs get are noted in
    /// the state's record.
    pub(super) async fn open(&self, mut record: World, known: Option<Known>) -> Result<State, StartError> {
        let folder = self.folder.state(record.state);
        let (signing_keys, epoch) = match (self.shared, known) {
            (Some(shared), Some(known)) => keys::shared(shared, known, self.options).await?,
            _ => {
                folder.create()?;
                (keys::read_or_make(self.folder, &record, self.options).await?, 0)
            }
        };
        let (urls, settings) = (Arc::new(Organizations::default()), &self.options.settings);
        let identity = Identity::open(IdentityConfig {
            database: self.directory(&folder)?,
            signing_keys,
            clocks: self.options.clocks.clone(),
            random: Arc::clone(&self.options.random),
            origin: self.origin.to_owned(),
            resources: Arc::clone(&urls) as Arc<dyn Resources>,
            issuer_documents: Arc::clone(&settings.issuer_documents),
            directory_lag: settings.directory_lag,
            graph: GraphOptions { throttle: settings.throttle, propagation_delay: settings.propagation_delay },
        })
        .await?;
        let identity = Arc::new(identity);
        let mut orgs = Vec::new();
        for tenant in &mut record.tenants {
            let id = tenant.id;
            for entry in &mut tenant.orgs {
                adopt_group(&identity, id, entry).await?;
                let open = self.org(&folder, id, entry, orgs.is_empty(), &identity).await?;
                urls.add(id, &open.url);
                orgs.push(open);
            }
        }
        Ok(State { record, epoch, identity, orgs, urls, propagation: Propagation::default() })
    }

    /// Where the directory is.
    fn directory(&self, folder: &StateFolder) -> Result<DatabaseOptions, FolderError> {
        let at = match self.shared {
            Some(shared) => shared.at.directory(),
            None => DatabaseOptions::file(self.folder.private_database(folder.directory_file())?),
        };
        Ok(at.durability(self.options.durability))
    }

    /// Where an org's rows are.
    fn rows(&self, folder: &StateFolder, org: OrgId) -> Result<DatabaseOptions, FolderError> {
        let at = match self.shared {
            Some(shared) => shared.at.org(org.0),
            None => DatabaseOptions::file(self.folder.private_database(folder.org_file(org))?),
        };
        Ok(at.durability(self.options.durability))
    }

    /// Opens one org, making it where it is new.
    pub(super) async fn org(
        &self,
        folder: &StateFolder,
        tenant: TenantId,
        entry: &mut OrgEntry,
        is_first: bool,
        identity: &Arc<Identity>,
    ) -> Result<Arc<OpenOrg>, StartError> {
        let url = if is_first {
            self.origin.to_owned()
        } else {
            let port = self.listeners.claim(entry.id, entry.port).await?;
            entry.port = Some(port);
            with_port(self.origin, port)
        };
        let pretend = entry.pretend.or(self.options.settings.pretend.filter(|_| is_first));
        let organization = Organization::open(OrganizationConfig {
            database: self.rows(folder, entry.id)?,
            organization: entry.id,
            tenant,
            name: entry.name.clone(),
            url: url.clone(),
            login: self.origin.to_owned(),
            clocks: self.options.clocks.clone(),
            random: Arc::clone(&self.options.random),
            directory: Arc::new(DirectoryDoor::new(Arc::clone(identity), tenant)),
            non_interactive_limit: self.options.settings.non_interactive_limit,
            role_policy: self.options.settings.role_policy,
            version: pretend.map_or(keyholder_data::VERSION, Pretence::version),
            sample_rows: FIRST_SAMPLE_ROWS,
            trouble: self.options.trouble.clone(),
        })
        .await?;
        Ok(Arc::new(OpenOrg {
            id: entry.id,
            name: entry.name.clone(),
            tenant,
            audience: Audience::any_of([&url]).of_tenant(tenant).with_scope(USER_IMPERSONATION),
            url,
            security_group: RwLock::new(entry.security_group.as_ref().map(|group| group.id)),
            opened: self.options.clocks.now().whole_seconds(),
            pretend,
            organization,
        }))
    }
}

/// Has the directory take over a security group that the record kept as a list of people. Done
/// again after a kill it changes nothing.
async fn adopt_group(identity: &Identity, tenant: TenantId, entry: &mut OrgEntry) -> Result<(), StartError> {
    if let Some(group) = entry.security_group.as_mut().filter(|group| !group.members.is_empty()) {
        let name = format!("Security group of {}", entry.name);
        identity.adopt_group(tenant, group.id, name, std::mem::take(&mut group.members)).await?;
    }
    Ok(())
}

/// The origin with another port.
pub(super) fn with_port(origin: &str, port: u16) -> String {
    // The last colon belongs to the port unless it stands inside an IPv6 address or the scheme.
    let host = match origin.rsplit_once(':') {
        Some((host, digits)) if digits.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => origin,
    };
    format!("{host}:{port}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_further_org_has_the_origin_with_its_own_port() {
        for (origin, url) in [
            ("https://localhost:8443", "https://localhost:9000"),
            ("https://box", "https://box:9000"),
            ("https://[fe80::1]", "https://[fe80::1]:9000"),
            ("https://[fe80::1]:8443", "https://[fe80::1]:9000"),
        ] {
            assert_eq!(with_port(origin, 9000), url);
        }
    }
}
