//! Which org, and who calls it.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{DEFAULT_DATA, SourceFlags};

/// Where the org and its token service are.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Org")]
pub(crate) struct PlaceFlags {
    /// The org's URL, such as `https://contoso.crm4.dynamics.com` [env: KEYHOLDER_ORG_URL]
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// The tenant's id or domain; found from the org when absent [env: KEYHOLDER_TENANT_ID]
    #[arg(long, value_name = "TENANT")]
    pub(crate) tenant: Option<String>,
    /// The token service that may be given the credential, when it is neither Microsoft's nor on this
    /// machine [env: KEYHOLDER_AUTHORITY]
    #[arg(long, value_name = "URL")]
    pub(crate) authority: Option<String>,
    /// A CA certificate (PEM) to trust beside the usual ones [env: KEYHOLDER_CA_FILE]
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// A file of NAME=value lines with the names above and below, such as quickstart writes
    #[arg(long, value_name = "FILE")]
    pub(crate) env_file: Option<PathBuf>,
}

/// Which org, as whom, and where from.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ConnectionFlags {
    #[command(flatten)]
    pub(crate) place: PlaceFlags,
    #[command(flatten)]
    pub(crate) caller: CallerFlags,
    #[command(flatten)]
    pub(crate) source: SourceFlags,
}

/// The flags that say nothing beside `--local`, by which the org is that of the folder and the caller its administering
/// application; of clap's names, each structure's is that of a group of its flags.
pub(crate) const CONNECTION: [&str; 3] = ["PlaceFlags", "CallerFlags", "profile"];

/// One org to work on, and as whom: a real one, or the local org of a folder.
#[derive(Debug, Clone, Args)]
pub(crate) struct OrgPlace {
    /// Work on the local org of a folder: the running one, or one that runs as long as this command
    #[arg(
        long,
        value_name = "DIR",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = DEFAULT_DATA,
        conflicts_with_all = CONNECTION
    )]
    pub(crate) local: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) connection: ConnectionFlags,
}

/// Who calls: an application by one of three credentials, or a person.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Caller (one credential; with none, the sign-in that `keyholder login` kept)")]
pub(crate) struct CallerFlags {
    /// The application (client) id; for a person, the public client [env: KEYHOLDER_CLIENT_ID, AZURE_CLIENT_ID]
    #[arg(long, value_name = "ID")]
    pub(crate) client_id: Option<String>,
    /// A file that holds the client secret, or `-` for standard input [env, the secret itself: KEYHOLDER_CLIENT_SECRET]
    #[arg(long, value_name = "FILE")]
    pub(crate) client_secret_file: Option<PathBuf>,
    /// A PEM file with the application's certificate and its private key [env: KEYHOLDER_CLIENT_CERTIFICATE_FILE]
    #[arg(long, value_name = "FILE")]
    pub(crate) certificate_file: Option<PathBuf>,
    /// A file with an outside issuer's token, as Kubernetes mounts it [env: KEYHOLDER_FEDERATED_TOKEN_FILE]
    #[arg(long, value_name = "FILE")]
    pub(crate) federated_token_file: Option<PathBuf>,
    /// The pipeline that this runs in and that hands out such tokens [env: KEYHOLDER_FEDERATED]
    #[arg(long, value_enum, value_name = "PIPELINE")]
    pub(crate) federated: Option<FederatedSource>,
    /// The managed identity with that client id, of the Azure service that this runs on [env: KEYHOLDER_MANAGED_IDENTITY]
    #[arg(long)]
    pub(crate) managed_identity: bool,
    /// A person: with --password-file, or the one of several whose sign-in is kept [env: KEYHOLDER_USERNAME]
    #[arg(long, value_name = "NAME")]
    pub(crate) username: Option<String>,
    /// A file that holds that person's password, or `-` for standard input [env, the password itself: KEYHOLDER_PASSWORD]
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
    /// Whoever is signed in to the Azure CLI (`az`)
    #[arg(long)]
    pub(crate) azure_cli: bool,
}

/// The pipelines that hand out federated tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FederatedSource {
    /// GitHub Actions; the job needs `permissions: id-token: write`
    Github,
    /// Azure Pipelines; the step needs SYSTEM_ACCESSTOKEN and the service connection's id
    AzureDevops,
}

impl FederatedSource {
    /// The same as the environment says it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::AzureDevops => "azure-devops",
        }
    }
}

/// `login`.
#[derive(Debug, Args)]
pub(crate) struct Login {
    /// Show a code to type into a browser anywhere: the way when this machine has none
    #[arg(long, group = "how")]
    pub(crate) device_code: bool,
    /// Open a browser on this machine [default, where there is one]
    #[arg(long, group = "how")]
    pub(crate) browser: bool,
    /// Use whoever the Azure CLI (`az`) has signed in
    #[arg(long, group = "how")]
    pub(crate) azure_cli: bool,
    /// Show whose sign-ins are kept, and do nothing else
    #[arg(long, conflicts_with_all = ["how", "url", "tenant", "username", "client_id"])]
    pub(crate) list: bool,
    /// The name to fill in on the sign-in page
    #[arg(long, value_name = "NAME")]
    pub(crate) username: Option<String>,
    /// The public client to sign in through [default: Microsoft's own Azure CLI, which every tenant knows]
    #[arg(long, value_name = "ID")]
    pub(crate) client_id: Option<String>,
    #[command(flatten)]
    pub(crate) place: PlaceFlags,
    #[command(flatten)]
    pub(crate) source: SourceFlags,
}

/// `logout`.
#[derive(Debug, Args)]
pub(crate) struct Logout {
    /// Forget every sign-in, even where the file has become unreadable
    #[arg(long, conflicts_with_all = ["url", "tenant", "username", "env_file", "profile"])]
    pub(crate) all: bool,
    /// Forget this person's
    #[arg(long, value_name = "NAME")]
    pub(crate) username: Option<String>,
    #[command(flatten)]
    pub(crate) place: PlaceFlags,
    #[command(flatten)]
    pub(crate) source: SourceFlags,
}
