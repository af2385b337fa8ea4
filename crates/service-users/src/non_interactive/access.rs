//! What a run works with: the directory, the orgs, and how long it may wait.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use keyholder_client::{Dataverse, Error as ClientError, Graph, Http, OrgUrl, PowerPlatform};
use keyholder_foundation::{Random, Secret, Timestamp, WallClock};

use super::password::WayIn;
use crate::error::Error;
use crate::journal::Journal;
use crate::sink::Means;
use crate::{Administrator, Patience};

/// How long an org user is waited for when nothing else is said: "minutes to hours".
pub(super) const DEFAULT_WAIT: Duration = Duration::from_secs(2 * 60 * 60);

/// An org, signed in to as somebody who may administer it.
#[derive(Debug, Clone)]
pub struct OrgAccess {
    /// Its name for people.
    pub name: String,
    /// Its address.
    pub url: OrgUrl,
    /// Its Web API.
    pub org: Dataverse,
    /// Power Platform's administration, which can bring a person over at once.
    pub power_platform: Option<PowerPlatform>,
    /// The environment's id, where it is not found by the address.
    pub environment: Option<String>,
}

impl OrgAccess {
    /// The org of an administrator.
    ///
    /// # Errors
    /// As [`PowerPlatform::connect`].
    pub fn new(
        name: impl Into<String>,
        administrator: &Administrator,
        environment: Option<String>,
    ) -> Result<Self, ClientError> {
        let url = &administrator.connection.url;
        let tokens = administrator.org.tokens().clone();
        let power_platform = PowerPlatform::connect(tokens, url.as_url().host_str(), administrator.http.clone())?;
        Ok(Self {
            name: name.into(),
            url: url.clone(),
            org: administrator.org.clone(),
            power_platform: Some(power_platform),
            environment,
        })
    }
}

/// The directory of a tenant, and orgs of it.
#[derive(Debug, Clone)]
pub struct Access {
    /// The directory.
    pub graph: Graph,
    /// The orgs, all of the directory's tenant.
    pub orgs: Vec<OrgAccess>,
    /// What requests are sent with.
    pub http: Http,
    /// How long the directory's own replication is waited out.
    pub patience: Patience,
    /// How long an org user is waited for.
    pub wait: Duration,
    /// Where loans are recorded.
    pub journal: Journal,
    /// Where passwords come from.
    pub random: Arc<dyn Random>,
    /// The CA file that goes with a way in, absolute.
    pub ca_file: Option<PathBuf>,
    /// What it takes to reach places beyond this machine where passwords go.
    pub means: Means,
}

impl Access {
    /// The directory and the one org of an administrator.
    ///
    /// # Errors
    /// As [`PowerPlatform::connect`].
    pub fn new(administrator: &Administrator, journal: Journal, random: Arc<dyn Random>) -> Result<Self, ClientError> {
        let name = administrator.connection.url.to_string();
        Ok(Self {
            graph: administrator.graph.clone(),
            orgs: vec![OrgAccess::new(name, administrator, None)?],
            http: administrator.http.clone(),
            patience: administrator.patience,
            wait: DEFAULT_WAIT,
            journal,
            random,
            ca_file: administrator.connection.ca_file.as_deref().and_then(|file| std::path::absolute(file).ok()),
            means: administrator.means(),
        })
    }

    pub(super) fn now(&self) -> Timestamp {
        self.http.clock().now()
    }

    /// A person's way into the orgs, the first of them above all.
    pub(super) fn way_in(&self, tenant: &str, user_name: &str, password: Secret) -> Result<WayIn, Error> {
        let first = self.orgs.first().ok_or_else(|| Error::Unplanned("an org".to_owned()))?;
        let login = first.org.tokens().authority().login();
        let is_known =
            keyholder_client::cloud::is_microsoft_login(login) || keyholder_client::transport::is_loopback(login);
        Ok(WayIn {
            urls: self.orgs.iter().map(|org| org.url.clone()).collect(),
            tenant: tenant.to_owned(),
            authority: (!is_known).then(|| login.clone()),
            user_name: user_name.to_owned(),
            password,
            ca_file: self.ca_file.clone(),
        })
    }
}
