//! Service users that share a load.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use keyholder_client::{Dataverse, EnvFile, Limits, Pool, Tokens};

use crate::Failure;
use crate::org_process::Org;
use crate::own_client::connect;

/// As many service users of one org.
pub(super) struct Users {
    client: Dataverse,
    tokens: Vec<Arc<Tokens>>,
}

impl Users {
    /// Makes them by command, each with a role that reaches what it owns.
    pub(super) async fn new(keyholder: &Path, org: &Org, folder: &Path, count: usize) -> Result<Self, Failure> {
        let mut clients = Vec::new();
        for number in 0..count {
            let file = folder.join(format!("bench-{number}.env"));
            let made = tokio::process::Command::new(keyholder)
                .args(["app-user", "create", &format!("bench-{number}"), "--yes", "--save-env"])
                .arg(&file)
                .args(["--grant", "contact=read:organization create:user write:user"])
                .envs(org.administrator())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .await?;
            if !made.success() {
                return Err(format!("app-user create failed: {made}").into());
            }
            let settings = EnvFile::read(&file)?;
            clients.push(connect(|name| settings.get(name).map(|variable| variable.value.expose().to_owned())).await?);
        }
        let tokens = clients.iter().map(|client| client.tokens().clone()).collect();
        Ok(Self { client: clients.pop().ok_or("no service user")?, tokens })
    }

    pub(super) fn len(&self) -> usize {
        self.tokens.len()
    }

    /// The org with a new pool of all of them, which takes these for its limits.
    pub(super) fn pooled(&self, limits: Limits) -> (Dataverse, Arc<Pool>) {
        let pool = Pool::new(self.tokens.iter().cloned(), limits);
        (self.client.with_pool(pool.clone()), pool)
    }

    /// The org as the last of them has it.
    pub(super) fn one(&self) -> &Dataverse {
        &self.client
    }
}
