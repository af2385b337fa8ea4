//! What `keyholder.toml` may contain: each table, each key, what its values are and what it means.
//!
//! The reader refuses what is not here, the JSON Schema for editors is printed from here, and the
//! reference page is held against it by a test. So the three cannot say different things.

/// A table of the file.
#[derive(Debug)]
pub(crate) struct Table {
    /// What the schema calls it.
    pub(crate) title: &'static str,
    pub(crate) keys: &'static [Key],
    /// Keys of which exactly one has to be there.
    pub(crate) choices: &'static [&'static [&'static str]],
}

/// A key of a table.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) is_required: bool,
    /// What it means, in a sentence or two.
    pub(crate) about: &'static str,
}

/// What a value is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// A text.
    Text(Text),
    /// `true` or `false`.
    Flag,
    /// A whole number within bounds.
    Number(i64, i64),
    /// One of these words.
    Word(&'static [&'static str]),
    /// A list of texts.
    Texts(Text),
    /// A table.
    Table(&'static Table),
    /// A table, or a list of such tables.
    OneOrMore(&'static Table),
    /// Tables by names that the author chooses.
    Named(&'static Table),
    /// Tables and privileges with what may be done.
    Rights,
}

/// What a text is; tells editors, the reader parses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Text {
    Any,
    Url,
    Guid,
    Duration,
    Path,
}

const fn optional(name: &'static str, kind: Kind, about: &'static str) -> Key {
    Key { name, kind, is_required: false, about }
}

const fn required(name: &'static str, kind: Kind, about: &'static str) -> Key {
    Key { name, kind, is_required: true, about }
}

const ANY: Kind = Kind::Text(Text::Any);
const GUID: Kind = Kind::Text(Text::Guid);
const STANCES: Kind = Kind::Word(&["allow", "warn", "refuse"]);

/// The file itself.
pub(crate) static FILE: Table = Table {
    title: "keyholder.toml",
    keys: &[
        optional(
            "name",
            ANY,
            "Which declaration this is, where several manage the same tenant: what one of them made, the pruning of \
             another leaves alone. At most 40 letters, digits, `-`, `_` and `.`.",
        ),
        optional("tenants", Kind::Named(&TENANT), "The Microsoft Entra tenants, by names of your own."),
        optional("orgs", Kind::Named(&ORG), "The Dataverse orgs (environments), by names of your own."),
        optional("roles", Kind::Named(&ROLE), "The security roles, by names of your own."),
        optional(
            "application-users",
            Kind::Named(&APPLICATION_USER),
            "The application users, by name; each is one app registration.",
        ),
        optional(
            "non-interactive-users",
            Kind::Named(&NON_INTERACTIVE_USER),
            "The non-interactive users, by names of your own; each is one directory user.",
        ),
        optional(
            "subscribers",
            Kind::Named(&SUBSCRIBER),
            "Other people's tenants that use a published application, by names of your own. `plan` and `apply` leave \
             them alone; `keyholder subscriber list` looks at them with the application's own key.",
        ),
        optional("policies", Kind::Table(&POLICIES), "What shall not be, whoever asks for it."),
        optional("audit", Kind::Table(&AUDIT), "Where `keyholder audit` draws its lines."),
    ],
    choices: &[],
};

static TENANT: Table = Table {
    title: "tenant",
    keys: &[required("id", ANY, "The tenant's id or one of its domains, `contoso.onmicrosoft.com`.")],
    choices: &[],
};

static ORG: Table = Table {
    title: "org",
    keys: &[
        required("url", Kind::Text(Text::Url), "Its address, `https://contoso.crm4.dynamics.com`."),
        optional(
            "tenant",
            ANY,
            "The name of its tenant in `tenants`. May be left out where one tenant is declared; where none is, the \
             org itself says to which it belongs.",
        ),
        optional(
            "environment",
            ANY,
            "The environment's id in Power Platform, where it is not the one that is found by the address.",
        ),
    ],
    choices: &[],
};

static ROLE: Table = Table {
    title: "role",
    keys: &[
        optional(
            "name",
            ANY,
            "Its name in the orgs, at most 100 characters. Without: what `existing` says, the name in the role file, \
             or the table's own.",
        ),
        optional(
            "file",
            Kind::Text(Text::Path),
            "A role file as unpacked solutions have it, `Roles/X.xml`: exactly the privileges that it lists.",
        ),
        optional("existing", ANY, "A role that the orgs have, by its name: used as it is and never changed."),
        optional(
            "privileges",
            Kind::Rights,
            "What it grants beyond what every new role gets: tables by their logical names with verbs and depths, \
             `contact = \"read:organization write:business-unit\"`, or privileges by their names with a depth alone, \
             `prvActOnBehalfOfAnotherUser = \"organization\"`.",
        ),
        optional("adopt", Kind::Flag, "Whether a role of that name that Keyholder did not make is taken over."),
    ],
    choices: &[&["privileges", "file", "existing"]],
};

static APPLICATION_USER: Table = Table {
    title: "application user",
    keys: &[
        optional("name", ANY, "The registration's name, at most 120 characters. Without: the table's own."),
        optional(
            "client-id",
            GUID,
            "The application (client) id of the registration to use, whoever made it. Without, one of that name is \
             found again only when Keyholder made it.",
        ),
        optional("orgs", Kind::Texts(Text::Any), "Its orgs in `orgs`. May be left out where one is declared."),
        optional("business-unit", ANY, "The name of its business unit, the same in each org. Without: the root one."),
        optional("roles", Kind::Texts(Text::Any), "Its roles in `roles`."),
        optional(
            "credential",
            Kind::Table(&CREDENTIAL),
            "How it signs in. Without, others look after its credentials, and its way in cannot be proved.",
        ),
        optional(
            "user-impersonation",
            Kind::Flag,
            "Whether the registration declares the delegated permission Dynamics CRM `user_impersonation` and gets \
             tenant-wide consent to it. Server-to-server does not need it.",
        ),
        optional("multi-tenant", Kind::Flag, "Whether other tenants can consent to the application."),
    ],
    choices: &[],
};

static CREDENTIAL: Table = Table {
    title: "credential",
    keys: &[
        optional("federated", Kind::Table(&FEDERATED), "Tokens of another issuer: no secret at all."),
        optional(
            "certificate",
            Kind::OneOrMore(&CERTIFICATE),
            "A certificate, whose key is made here and goes to the sink; the directory gets the certificate alone.",
        ),
        optional("secret", Kind::OneOrMore(&SECRET), "A client secret."),
    ],
    choices: &[],
};

const LIFETIME: Key = optional(
    "lifetime",
    Kind::Text(Text::Duration),
    "How long a new one works: hours, days or weeks, `12h`, `90d`, `6w`. Without: 90 days.",
);
const ENV_FILE: Key = optional(
    "env-file",
    Kind::Text(Text::Path),
    "A file of `NAME=value` lines with the whole way in, readable by its owner alone.",
);
const FILE_SINK: Key =
    optional("file", Kind::Text(Text::Path), "A file that holds it and nothing else, readable by its owner alone.");
const COMMAND: Key = optional(
    "command",
    Kind::Texts(Text::Any),
    "A program and its arguments, which reads it from its standard input. It is never among the arguments.",
);
const KUBERNETES_FILE: Key = optional(
    "kubernetes",
    Kind::Text(Text::Path),
    "A file with the manifest of the Secret that `kubernetes-secret` names, for `kubectl apply -f`, readable by its \
     owner alone.",
);
const KUBERNETES_SECRET: Key = optional(
    "kubernetes-secret",
    ANY,
    "The Kubernetes Secret, `NAMESPACE/NAME` or `NAME`. With `command`, the program reads its manifest.",
);
const GITHUB_SECRET: Key = optional(
    "github",
    ANY,
    "A GitHub Actions secret: `OWNER/REPOSITORY#NAME`, `OWNER/REPOSITORY@ENVIRONMENT#NAME`, or an organization's, \
     `ORGANIZATION#NAME`. The token is in `GH_TOKEN`.",
);
const KEY_VAULT: Key = optional(
    "key-vault",
    Kind::Text(Text::Url),
    "A secret in an Azure key vault, `https://NAME.vault.azure.net/secrets/SECRET`, opened by the caller's own sign-in.",
);
const SINKS: &[&str] = &["env-file", "file", "command", "kubernetes", "github", "key-vault"];

static SECRET: Table = Table {
    title: "client secret",
    keys: &[LIFETIME, ENV_FILE, FILE_SINK, COMMAND, KUBERNETES_FILE, KUBERNETES_SECRET, GITHUB_SECRET, KEY_VAULT],
    choices: &[SINKS],
};

static CERTIFICATE: Table = Table {
    title: "certificate",
    keys: &[LIFETIME, ENV_FILE, FILE_SINK, COMMAND, KUBERNETES_FILE, KUBERNETES_SECRET, GITHUB_SECRET, KEY_VAULT],
    choices: &[SINKS],
};

static FEDERATED: Table = Table {
    title: "federated credential",
    keys: &[
        optional("github", Kind::OneOrMore(&GITHUB), "Jobs of GitHub Actions."),
        optional("azure-devops", Kind::OneOrMore(&AZURE_DEVOPS), "A service connection of Azure Pipelines."),
        optional("kubernetes", Kind::OneOrMore(&KUBERNETES), "A service account of a Kubernetes cluster."),
        optional("issuer", Kind::OneOrMore(&ISSUER), "Any other issuer of OpenID Connect tokens."),
    ],
    choices: &[],
};

const CREDENTIAL_NAME: Key = optional(
    "name",
    ANY,
    "Its name on the registration, 3 to 120 letters, digits, `-` and `_`. Without: one that is made from its subject.",
);
const AUDIENCE: Key = optional(
    "audience",
    ANY,
    "Whom the tokens are issued for. Without: `api://AzureADTokenExchange`; national clouds have others.",
);

static GITHUB: Table = Table {
    title: "GitHub Actions",
    keys: &[
        CREDENTIAL_NAME,
        required("repository", ANY, "`OWNER/NAME`."),
        optional("environment", ANY, "Jobs of this deployment environment."),
        optional("branch", ANY, "Jobs of this branch."),
        optional("tag", ANY, "Jobs of this tag."),
        optional("pull-request", Kind::Flag, "`true`: jobs of pull requests."),
        optional(
            "owner-id",
            Kind::Number(1, i64::MAX),
            "The owner's number, with `repository-id`. Repositories that were made after 15 July 2026, or renamed \
             since, name both in their subjects.",
        ),
        optional("repository-id", Kind::Number(1, i64::MAX), "The repository's number, with `owner-id`."),
        AUDIENCE,
    ],
    choices: &[&["environment", "branch", "tag", "pull-request"]],
};

static AZURE_DEVOPS: Table = Table {
    title: "Azure Pipelines",
    keys: &[
        CREDENTIAL_NAME,
        required("organization-id", GUID, "The id of the Azure DevOps organization."),
        optional(
            "service-connection-id",
            GUID,
            "The id of the service connection, with `tenant-id`: for connections whose issuer is Microsoft Entra, as \
             all are that were made since 2025.",
        ),
        optional("tenant-id", GUID, "The id of the tenant that the Azure DevOps organization is connected to."),
        optional(
            "service-connection",
            ANY,
            "The name of the service connection, with `organization` and `project`: for connections whose issuer is \
             Azure DevOps, which ends on 1 July 2027.",
        ),
        optional("organization", ANY, "The name of the Azure DevOps organization."),
        optional("project", ANY, "The name of the project."),
        AUDIENCE,
    ],
    choices: &[&["service-connection-id", "service-connection"]],
};

static KUBERNETES: Table = Table {
    title: "Kubernetes",
    keys: &[
        CREDENTIAL_NAME,
        required(
            "issuer",
            Kind::Text(Text::Url),
            "The cluster's service account issuer, letter by letter, which Entra must be able to reach.",
        ),
        required("namespace", ANY, "The service account's namespace."),
        required("service-account", ANY, "The service account's name."),
        AUDIENCE,
    ],
    choices: &[],
};

static ISSUER: Table = Table {
    title: "issuer",
    keys: &[
        CREDENTIAL_NAME,
        required("issuer", Kind::Text(Text::Url), "The tokens' `iss`, letter by letter."),
        required("subject", ANY, "The tokens' `sub`, letter by letter; there are no wildcards."),
        AUDIENCE,
    ],
    choices: &[],
};

static NON_INTERACTIVE_USER: Table = Table {
    title: "non-interactive user",
    keys: &[
        required("user-name", ANY, "Its user name (user principal name) in the directory."),
        optional("display-name", ANY, "Its name for people. Without: the table's own name."),
        optional("orgs", Kind::Texts(Text::Any), "Its orgs in `orgs`. May be left out where one is declared."),
        optional("business-unit", ANY, "The name of its business unit, the same in each org. Without: the root one."),
        optional("roles", Kind::Texts(Text::Any), "Its roles in `roles`."),
        optional(
            "licence",
            ANY,
            "The plan whose licence is borrowed, by its SKU part number. Without: any Dynamics 365 plan with a free \
             unit.",
        ),
        optional("usage-location", ANY, "Where it is used, as licences must know: two letters of ISO 3166."),
        required("password", Kind::Table(&PASSWORD), "Where its generated password goes."),
        optional(
            "change-first-password",
            Kind::Flag,
            "Whether a new user gets a first password that has to be changed, as some tenants' rules want it; it is \
             changed at once, so that signing in without a window works.",
        ),
    ],
    choices: &[],
};

static PASSWORD: Table = Table {
    title: "password",
    keys: &[ENV_FILE, FILE_SINK, COMMAND, KUBERNETES_FILE, KUBERNETES_SECRET, KEY_VAULT],
    choices: &[&["env-file", "file", "command", "kubernetes", "key-vault"]],
};

static SUBSCRIBER: Table = Table {
    title: "subscriber",
    keys: &[
        required("tenant", ANY, "The tenant's id or one of its domains, `fabrikam.com`."),
        optional(
            "url",
            Kind::Text(Text::Url),
            "The org that the application reaches there. Without, only the consent can be told.",
        ),
        optional(
            "application",
            ANY,
            "The application user in `application-users` that is meant, with `multi-tenant = true`. May be left out \
             where one such is declared.",
        ),
    ],
    choices: &[],
};

static AUDIT: Table = Table {
    title: "audit",
    keys: &[
        optional("expiring", LENGTH, "How long before its end a credential is told of. Without: 30 days."),
        optional("unused", LENGTH, "After how long without a sign-in something is not used. Without: 90 days."),
        optional("password-age", LENGTH, "How old the password of a non-interactive user may be. Without: 365 days."),
        optional(
            "rules",
            Kind::Texts(Text::Any),
            "Rules with another severity, by id or name, or off: `[\"KH104=off\", \"unused=error\"]`.",
        ),
    ],
    choices: &[],
};

const LENGTH: Kind = Kind::Text(Text::Duration);

static POLICIES: Table = Table {
    title: "policies",
    keys: &[
        optional("out-of-the-box-roles", STANCES, "What becomes of a role that comes with the org. Without: `warn`."),
        optional("secrets", STANCES, "What becomes of a client secret. Without: `allow`."),
        optional(
            "longest-lifetime",
            Kind::Text(Text::Duration),
            "The longest life of a secret or certificate. Without: no limit of its own.",
        ),
        optional(
            "non-interactive-limit",
            Kind::Number(0, 1000),
            "How many non-interactive users an org may have, where it does not tell. Without: 7.",
        ),
    ],
    choices: &[],
};
