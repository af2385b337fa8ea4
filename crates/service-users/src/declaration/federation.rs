//! Whose tokens a registration accepts: what each issuer writes into `iss`, `sub` and `aud`.
//!
//! The directory compares all three exactly, letter by letter, so they are put together here and
//! not by hand.
//!
//! - GitHub Actions: "OpenID Connect reference" of GitHub's documentation, with the subjects that
//!   name ids beside names, which repositories have that were made after 15 July 2026.
//! - Azure Pipelines: "Use an Azure Resource Manager service connection" of Azure DevOps'
//!   documentation. Since 2025 Entra itself is the issuer; Azure DevOps' own is retired on 1 July 2027.
//! - Kubernetes: "Configure Service Accounts for Pods" and Entra's "Workload identity federation".

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use uuid::{Uuid, uuid};

use super::Federation;
use super::document::shown;

/// What tokens for Entra's token exchange are issued for, in the public cloud.
pub const AUDIENCE: &str = "api://AzureADTokenExchange";

/// Who issues GitHub Actions' tokens.
pub const GITHUB: &str = "https://token.actions.githubusercontent.com";

/// Azure DevOps as an application of the directory.
const AZURE_DEVOPS: Uuid = uuid!("499b84ac-1321-427f-aa17-267ca6975798");

/// Longest issuer, subject and audience.
pub(super) const LIMIT: usize = 600;

/// What of a repository may sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GitHubRef<'a> {
    /// Jobs of a deployment environment, from whichever branch.
    Environment(&'a str),
    /// Jobs of a branch.
    Branch(&'a str),
    /// Jobs of a tag.
    Tag(&'a str),
    /// Jobs of pull requests, whoever opened them from within the repository.
    PullRequest,
}

/// Jobs of GitHub Actions. `ids` are the numbers of owner and repository where the repository's
/// subjects name them.
#[must_use]
pub fn github(owner: &str, repository: &str, ids: Option<(u64, u64)>, of: GitHubRef<'_>) -> Federation {
    let repository = match ids {
        None => format!("{owner}/{repository}"),
        Some((owner_id, repository_id)) => format!("{owner}@{owner_id}/{repository}@{repository_id}"),
    };
    let of = match of {
        GitHubRef::Environment(name) => format!("environment:{}", name.replace(':', "%3A")),
        GitHubRef::Branch(name) => format!("ref:refs/heads/{name}"),
        GitHubRef::Tag(name) => format!("ref:refs/tags/{name}"),
        GitHubRef::PullRequest => "pull_request".to_owned(),
    };
    named("github", GITHUB, &format!("repo:{repository}:{of}"), AUDIENCE)
}

/// A service connection of Azure Pipelines that has Entra as its issuer. `tenant` is the directory
/// that the Azure DevOps organization is connected to.
#[must_use]
pub fn azure_devops(tenant: Uuid, organization: Uuid, connection: Uuid) -> Federation {
    let prefix = format!("/eid1/c/pub/t/{}/a/{}", compact(tenant), compact(AZURE_DEVOPS));
    let issuer = format!("https://login.microsoftonline.com/{tenant}/v2.0");
    named("azure-devops", &issuer, &format!("{prefix}/sc/{organization}/{connection}"), AUDIENCE)
}

/// A GUID's bytes as .NET lays them out, in base64url.
fn compact(id: Uuid) -> String {
    URL_SAFE_NO_PAD.encode(id.to_bytes_le())
}

/// A service connection of Azure Pipelines that still has Azure DevOps itself as its issuer.
#[must_use]
pub fn azure_devops_own_issuer(id: Uuid, organization: &str, project: &str, connection: &str) -> Federation {
    let issuer = format!("https://vstoken.dev.azure.com/{id}");
    named("azure-devops", &issuer, &format!("sc://{organization}/{project}/{connection}"), AUDIENCE)
}

/// A service account of a Kubernetes cluster; `issuer` is the cluster's `--service-account-issuer`.
#[must_use]
pub fn kubernetes(issuer: &str, namespace: &str, service_account: &str) -> Federation {
    named("kubernetes", issuer, &format!("system:serviceaccount:{namespace}:{service_account}"), AUDIENCE)
}

/// Any other issuer.
#[must_use]
pub fn issuer(issuer: &str, subject: &str, audience: &str) -> Federation {
    named("issuer", issuer, subject, audience)
}

/// Reads `OWNER/NAME`.
///
/// # Errors
/// What is wrong with the text; continues "`repository` ...", as those below do for their keys.
pub fn parse_repository(text: &str) -> Result<(String, String), String> {
    let is_name = |name: &str| {
        (1..=100).contains(&name.len())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    match text.split_once('/') {
        Some((owner, name)) if is_name(owner) && is_name(name) => Ok((owner.to_owned(), name.to_owned())),
        _ => Err(format!("is `{}`; write `OWNER/NAME`", shown(text))),
    }
}

/// Reads the name of a branch, tag or deployment environment.
///
/// # Errors
/// What is wrong with the text.
pub fn parse_reference(text: &str) -> Result<String, String> {
    match text {
        "" => Err("is empty".to_owned()),
        text if text.contains(['*', '?']) => {
            Err(format!("is `{}`: the directory compares letter by letter, there are no wildcards", shown(text)))
        }
        text => match text.strip_prefix("refs/heads/").or(text.strip_prefix("refs/tags/")) {
            Some(short) => Err(format!("is `{}`: write `{}`", shown(text), shown(short))),
            None => Ok(text.to_owned()),
        },
    }
}

/// Reads an issuer, which is compared letter by letter: nothing is trimmed or completed.
///
/// # Errors
/// What is wrong with the text.
pub fn parse_issuer(text: &str) -> Result<String, String> {
    let is_plain = |url: &url::Url| url.scheme() == "https" && url.has_host() && url.query().is_none();
    match url::Url::parse(text) {
        Ok(url) if is_plain(&url) && text.trim() == text => Ok(text.to_owned()),
        _ => Err(format!("is `{}`, which is no issuer: those are https addresses", shown(text))),
    }
}

/// Reads the name of a namespace or service account.
///
/// # Errors
/// What is wrong with the text.
pub fn parse_kubernetes_name(text: &str) -> Result<String, String> {
    let is_name = (1..=253).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.'));
    if is_name { Ok(text.to_owned()) } else { Err(format!("is `{}`, which is no Kubernetes name", shown(text))) }
}

/// Named after what it is, so that it is found again and two never share a name.
fn named(kind: &str, issuer: &str, subject: &str, audience: &str) -> Federation {
    let mut hash = Sha256::new();
    for part in [issuer, subject, audience] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let hash: String = hash.finalize().iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    Federation {
        name: format!("keyholder-{kind}-{}{hash}", slug(subject)),
        issuer: issuer.to_owned(),
        subject: subject.to_owned(),
        audience: audience.to_owned(),
    }
}

/// The end of the subject, which tells most, in letters that URLs and people read alike.
fn slug(subject: &str) -> String {
    const LONGEST: usize = 60;
    let subject = subject.strip_prefix("repo:").or(subject.strip_prefix("system:serviceaccount:")).unwrap_or(subject);
    let letters = subject.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
    let letters: String = letters.collect();
    let words: Vec<_> = letters.split('-').filter(|word| !word.is_empty()).collect();
    let whole = words.join("-");
    let end = whole.get(whole.len().saturating_sub(LONGEST)..).unwrap_or_default().trim_matches('-');
    if end.is_empty() { String::new() } else { format!("{end}-") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s07_github_subjects() {
        let of = |of| github("octo-org", "octo-repo", None, of);
        let environment = of(GitHubRef::Environment("production"));
        assert_eq!(environment.issuer, "https://token.actions.githubusercontent.com");
        assert_eq!(environment.subject, "repo:octo-org/octo-repo:environment:production");
        assert_eq!(environment.audience, "api://AzureADTokenExchange");
        assert!(environment.name.starts_with("keyholder-github-octo-org-octo-repo-environment-production-"));
        assert_eq!(of(GitHubRef::Branch("main")).subject, "repo:octo-org/octo-repo:ref:refs/heads/main");
        assert_eq!(of(GitHubRef::Tag("v1.0")).subject, "repo:octo-org/octo-repo:ref:refs/tags/v1.0");
        assert_eq!(of(GitHubRef::PullRequest).subject, "repo:octo-org/octo-repo:pull_request");
        assert_eq!(of(GitHubRef::Environment("a:b")).subject, "repo:octo-org/octo-repo:environment:a%3Ab");
        let newer = github("octo-org", "octo-repo", Some((123_456, 456_789)), GitHubRef::Branch("main"));
        assert_eq!(newer.subject, "repo:octo-org@123456/octo-repo@456789:ref:refs/heads/main");
    }

    #[test]
    fn s07_azure_devops_and_kubernetes_subjects() {
        // A subject that Azure DevOps showed for a service connection, kept in public.
        let tenant = uuid!("66946bae-c7f1-4099-b768-6ec1ac684280");
        let organization = uuid!("23609cc8-ca30-4d7d-a018-0a285693d227");
        let connection = uuid!("b840b286-3e83-43e4-8e02-b8e8c0db0545");
        let entra = azure_devops(tenant, organization, connection);
        assert_eq!(entra.issuer, "https://login.microsoftonline.com/66946bae-c7f1-4099-b768-6ec1ac684280/v2.0");
        assert_eq!(
            entra.subject,
            "/eid1/c/pub/t/rmuUZvHHmUC3aG7BrGhCgA/a/rISbSSETf0KqFyZ8ppdXmA\
             /sc/23609cc8-ca30-4d7d-a018-0a285693d227/b840b286-3e83-43e4-8e02-b8e8c0db0545"
        );
        let own = azure_devops_own_issuer(organization, "contoso", "Integrations", "orders-sync");
        assert_eq!(own.issuer, "https://vstoken.dev.azure.com/23609cc8-ca30-4d7d-a018-0a285693d227");
        assert_eq!(own.subject, "sc://contoso/Integrations/orders-sync");
        let pod = kubernetes("https://oidc.example.com/cluster/", "integration", "orders-sync");
        assert_eq!(pod.issuer, "https://oidc.example.com/cluster/");
        assert_eq!(pod.subject, "system:serviceaccount:integration:orders-sync");
        assert!(pod.name.starts_with("keyholder-kubernetes-integration-orders-sync-"), "{}", pod.name);
    }

    #[test]
    fn names_differ_and_are_what_the_directory_takes() {
        let long = "x".repeat(600);
        let subjects = ["a", "A", "ä", "", "a/b", "a-b", &long];
        let names: std::collections::BTreeSet<_> =
            subjects.iter().map(|subject| issuer("https://i.example", subject, AUDIENCE).name).collect();
        assert_eq!(names.len(), subjects.len());
        for name in names {
            assert!((3..=120).contains(&name.len()), "{name}");
            assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "{name}");
        }
    }
}
