//! How an application is to sign in: where a secret goes, or whose tokens it shows instead of one.
//!
//! The caller's own credential has flags of its own ([`CallerFlags`](super::connection)); none of these may
//! bear the same name.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use keyholder_service_users::declaration::federation::{
    parse_issuer, parse_kubernetes_name, parse_reference, parse_repository,
};
use keyholder_service_users::declaration::{GitHubSecret, KubernetesSecret, VaultSecret, parse_lifetime};
use uuid::Uuid;

/// The flags of which one says where a new secret goes.
const SINKS: [&str; 6] = ["save_env", "save_secret", "save_with", "save_kubernetes", "save_github", "save_key_vault"];

/// Where a new secret goes. It is written there and nowhere else.
#[derive(Debug, Default, Args)]
#[command(group = clap::ArgGroup::new("sink").args(SINKS))]
#[group(skip)]
pub(crate) struct SinkFlags {
    /// Make a client secret, and write the whole way in to an env file (NAME=value), readable by you alone; a
    /// certificate stands beside it, in FILE.pem
    #[arg(long, value_name = "FILE")]
    pub(crate) save_env: Option<PathBuf>,
    /// Make a client secret, and write it alone to a file, readable by you alone
    #[arg(long, visible_alias = "save-key", value_name = "FILE")]
    pub(crate) save_secret: Option<PathBuf>,
    /// Make a client secret, and hand it to a program on its standard input, such as a vault's: a program and its
    /// arguments, by blanks
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) save_with: Option<String>,
    /// Make a client secret, and write the whole way in to the manifest of a Kubernetes Secret, for `kubectl apply -f`,
    /// readable by you alone
    #[arg(long, value_name = "FILE", requires = "kubernetes_secret")]
    pub(crate) save_kubernetes: Option<PathBuf>,
    /// The Kubernetes Secret; with --save-with, the program reads its manifest: `kubectl apply -f -`
    #[arg(long, value_name = "[NAMESPACE/]NAME", requires = "sink", conflicts_with_all = ["save_env", "save_secret", "save_github", "save_key_vault"])]
    pub(crate) kubernetes_secret: Option<KubernetesSecret>,
    /// Make a client secret, and make it a secret of GitHub Actions: of a repository, of an environment
    /// (OWNER/REPO@ENVIRONMENT#NAME), or of an organization (ORG#NAME); the token is in GH_TOKEN
    #[arg(long, value_name = "OWNER/REPO#NAME")]
    pub(crate) save_github: Option<GitHubSecret>,
    /// Make a client secret, and keep it in an Azure key vault, `https://NAME.vault.azure.net/secrets/SECRET`, which your
    /// own sign-in opens
    #[arg(long, value_name = "URL")]
    pub(crate) save_key_vault: Option<VaultSecret>,
    /// Make a certificate instead, whose key (RSA, PEM) is made on this machine and goes to the same place
    #[arg(long, requires = "sink")]
    pub(crate) certificate: bool,
}

/// How long a new secret or certificate works.
#[derive(Debug, Args)]
pub(crate) struct LifetimeFlag {
    /// How long a new secret or certificate works: 90d, 26w, 12h
    #[arg(long, value_name = "TIME", value_parser = parse_lifetime, default_value = "90d")]
    pub(crate) lifetime: Duration,
}

/// Whose tokens an application shows instead of a secret.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "No secret at all (with --trust)")]
pub(crate) struct TrustFlags {
    /// Accept tokens of this issuer instead of a secret
    #[arg(long, value_enum, value_name = "ISSUER")]
    pub(crate) trust: Option<Trusted>,
    /// GitHub: the repository, OWNER/NAME
    #[arg(long, value_name = "OWNER/NAME", value_parser = parse_repository, requires = "trust")]
    pub(crate) repository: Option<(String, String)>,
    /// GitHub: jobs of this branch: `main`, not `refs/heads/main`
    #[arg(long, value_name = "NAME", value_parser = parse_reference, group = "of", requires = "repository")]
    pub(crate) branch: Option<String>,
    /// GitHub: jobs of this tag
    #[arg(long, value_name = "NAME", value_parser = parse_reference, group = "of", requires = "repository")]
    pub(crate) tag: Option<String>,
    /// GitHub: jobs of this deployment environment, from whichever branch
    #[arg(long, value_name = "NAME", value_parser = parse_reference, group = "of", requires = "repository")]
    pub(crate) environment: Option<String>,
    /// GitHub: jobs of pull requests
    #[arg(long, group = "of", requires = "repository")]
    pub(crate) pull_request: bool,
    /// GitHub: the owner's number, where subjects name numbers (repositories made or renamed after 15 July 2026)
    #[arg(long, value_name = "N", requires = "repository_id")]
    pub(crate) owner_id: Option<u64>,
    /// GitHub: the repository's number; `gh api repos/OWNER/NAME --jq '.owner.id, .id'` tells both
    #[arg(long, value_name = "N", requires = "owner_id")]
    pub(crate) repository_id: Option<u64>,
    /// Azure DevOps: the organization's id
    #[arg(long, value_name = "ID", requires = "trust")]
    pub(crate) organization_id: Option<Uuid>,
    /// Azure DevOps: the service connection's id; Entra itself is the issuer, in the org's tenant
    #[arg(long, value_name = "ID", requires = "organization_id")]
    pub(crate) service_connection_id: Option<Uuid>,
    /// Kubernetes: the cluster's issuer (`--service-account-issuer`)
    #[arg(long, value_name = "URL", value_parser = parse_issuer, requires = "trust")]
    pub(crate) issuer: Option<String>,
    /// Kubernetes: the service account's namespace
    #[arg(long, value_name = "NAME", value_parser = parse_kubernetes_name, requires = "issuer")]
    pub(crate) namespace: Option<String>,
    /// Kubernetes: the service account
    #[arg(long, value_name = "NAME", value_parser = parse_kubernetes_name, requires = "namespace")]
    pub(crate) service_account: Option<String>,
    /// Another issuer's (--issuer): whom its tokens are about, exactly
    #[arg(long, value_name = "SUBJECT", requires = "issuer")]
    pub(crate) subject: Option<String>,
    /// Whom the tokens are for, where it is not api://AzureADTokenExchange (other clouds have others)
    #[arg(long, value_name = "AUDIENCE", requires = "trust")]
    pub(crate) audience: Option<String>,
}

/// The issuers whose subjects are put together here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Trusted {
    /// GitHub Actions: --repository and one of --branch, --tag, --environment, --pull-request
    Github,
    /// Azure Pipelines: --organization-id and --service-connection-id
    AzureDevops,
    /// A service account of a cluster: --issuer, --namespace and --service-account
    Kubernetes,
    /// Any other: --issuer and --subject
    Issuer,
}
