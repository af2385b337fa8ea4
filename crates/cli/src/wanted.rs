//! What flags say of an application's rights and credentials, as the library wants it.

use std::time::Duration;

use keyholder_service_users::declaration::federation::{self, AUDIENCE, GitHubRef};
use keyholder_service_users::declaration::{Credential, Federation, Right, Sink, parse_grant, read_role_file};
use uuid::Uuid;

use crate::args::{RightsFlags, SinkFlags, TrustFlags, Trusted};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::progress::shown;

impl SinkFlags {
    /// The secret or certificate that is wanted, if one is.
    pub(crate) fn credential(&self, lifetime: Duration) -> Option<Credential> {
        let sink = self.sink()?;
        Some(match self.certificate {
            true => Credential::Certificate { lifetime, sink },
            false => Credential::Secret { lifetime, sink },
        })
    }

    /// What is to be done with what was written, if anything.
    pub(crate) fn next(&self) -> Option<String> {
        let env = self.save_env.as_ref().map(|path| format!("Try it: `keyholder whoami --env-file {}`.", shown(path)));
        let manifest = || Some(format!("Apply it: `kubectl apply -f {}`.", shown(self.save_kubernetes.as_ref()?)));
        env.or_else(manifest)
    }

    /// Where a secret or certificate goes, when one is wanted.
    pub(crate) fn sink(&self) -> Option<Sink> {
        let words = |text: &String| text.split_whitespace().map(str::to_owned).collect();
        let file = self.save_env.clone().map(Sink::EnvFile).or_else(|| self.save_secret.clone().map(Sink::File));
        let manifest = || Some((self.save_kubernetes.clone()?, self.kubernetes_secret.clone()?));
        let program = || {
            self.save_with.as_ref().map(|text| match self.kubernetes_secret.clone() {
                Some(secret) => Sink::ManifestCommand { words: words(text), secret },
                None => Sink::Command(words(text)),
            })
        };
        file.or_else(|| manifest().map(|(file, secret)| Sink::Manifest { file, secret }))
            .or_else(program)
            .or_else(|| self.save_github.clone().map(Sink::GitHub))
            .or_else(|| self.save_key_vault.clone().map(Sink::KeyVault))
    }
}

impl TrustFlags {
    /// Whose tokens are accepted, when some are. `tenant` is the org's, by its id or domain.
    ///
    /// # Errors
    /// What the issuer needs and was not given.
    pub(crate) fn federation(&self, tenant: &str) -> Result<Option<Federation>, Failure> {
        let Some(issuer) = self.trust else { return Ok(None) };
        let mut federation = match issuer {
            Trusted::Github => self.github()?,
            Trusted::AzureDevops => {
                let needs = "`--trust azure-devops` needs `--organization-id` and `--service-connection-id`";
                let (Some(organization), Some(connection)) = (self.organization_id, self.service_connection_id) else {
                    return Err(Failure::new(Exit::Usage, needs)
                        .hint("the service connection's page in Azure DevOps shows both, in its issuer and subject"));
                };
                let tenant = Uuid::parse_str(tenant).map_err(|_| {
                    let message = format!("the tenant is known as `{tenant}`, and the issuer's address has its id");
                    Failure::new(Exit::Usage, message).hint("give the tenant by its id: `--tenant ID`")
                })?;
                federation::azure_devops(tenant, organization, connection)
            }
            Trusted::Kubernetes => match (&self.issuer, &self.namespace, &self.service_account) {
                (Some(issuer), Some(namespace), Some(account)) => federation::kubernetes(issuer, namespace, account),
                _ => return Err(needs("kubernetes", "`--issuer`, `--namespace` and `--service-account`")),
            },
            Trusted::Issuer => match (&self.issuer, &self.subject) {
                (Some(issuer), Some(subject)) => federation::issuer(issuer, subject, AUDIENCE),
                _ => return Err(needs("issuer", "`--issuer` and `--subject`")),
            },
        };
        self.refuse_idle(issuer)?;
        if let Some(audience) = &self.audience {
            federation.audience.clone_from(audience);
        }
        Ok(Some(federation))
    }

    fn github(&self) -> Result<Federation, Failure> {
        let of = match (&self.branch, &self.tag, &self.environment, self.pull_request) {
            (Some(branch), ..) => GitHubRef::Branch(branch),
            (_, Some(tag), ..) => GitHubRef::Tag(tag),
            (.., Some(environment), _) => GitHubRef::Environment(environment),
            (.., true) => GitHubRef::PullRequest,
            _ => return Err(needs("github", "one of `--branch`, `--tag`, `--environment` and `--pull-request`")),
        };
        let Some((owner, name)) = &self.repository else { return Err(needs("github", "`--repository OWNER/NAME`")) };
        Ok(federation::github(owner, name, self.owner_id.zip(self.repository_id), of))
    }

    /// A flag of another issuer would do nothing.
    fn refuse_idle(&self, issuer: Trusted) -> Result<(), Failure> {
        let given = [
            (self.repository.is_some(), "--repository", &[Trusted::Github][..]),
            (self.organization_id.is_some(), "--organization-id", &[Trusted::AzureDevops]),
            (self.issuer.is_some(), "--issuer", &[Trusted::Kubernetes, Trusted::Issuer]),
            (self.namespace.is_some(), "--namespace", &[Trusted::Kubernetes]),
            (self.subject.is_some(), "--subject", &[Trusted::Issuer]),
        ];
        match given.iter().find(|(is_given, _, of)| *is_given && !of.contains(&issuer)) {
            None => Ok(()),
            Some((_, flag, _)) => Err(Failure::new(Exit::Usage, format!("`{flag}` says nothing about that issuer"))
                .hint("leave it out, or name the issuer that it is of with `--trust`")),
        }
    }
}

fn needs(issuer: &str, what: &str) -> Failure {
    Failure::new(Exit::Usage, format!("`--trust {issuer}` needs {what}"))
}

impl RightsFlags {
    /// What a role of the application's own grants.
    ///
    /// # Errors
    /// What is wrong with a grant or the role file.
    pub(crate) fn rights(&self) -> Result<Vec<Right>, Failure> {
        let mut rights = Vec::new();
        for grant in &self.grant {
            rights.extend(parse_grant(grant).map_err(|mistakes| Failure::new(Exit::Usage, mistakes.join("; ")))?);
        }
        if let Some(path) = &self.role_file {
            let (_, more) = read_role_file(path).map_err(|problem| Failure::new(Exit::BadData, problem))?;
            rights.extend(more);
        }
        Ok(rights)
    }
}
