//! What must not be done, or had better not be: each about one declared thing, by name.

use keyholder_client::{Error as ClientError, ErrorKind};
use keyholder_foundation::ClientId;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// It is done, and better were not.
    Warning,
    /// Nothing is done about what it names.
    Stop,
}

/// Something about a declared thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// How much it weighs.
    pub severity: Severity,
    /// Which kind of finding, for programs: `foreignRegistration`.
    pub code: String,
    /// The declared service user, role or org.
    pub item: String,
    /// The org, for what is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<String>,
    /// What is found.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
    /// As coarse as an exit code.
    #[serde(skip, default = "configuration")]
    pub kind: ErrorKind,
}

fn configuration() -> ErrorKind {
    ErrorKind::Configuration
}

impl Finding {
    fn new(severity: Severity, code: &str, item: &str, message: String) -> Self {
        Self {
            severity,
            code: code.to_owned(),
            item: item.to_owned(),
            org: None,
            message,
            hints: Vec::new(),
            kind: configuration(),
        }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    fn within(mut self, org: &str) -> Self {
        self.org = Some(org.to_owned());
        self
    }

    fn service(code: &str, item: &str, message: String, error: &ClientError) -> Self {
        let mut finding = Self::new(Severity::Stop, code, item, message);
        finding.hints = error.hints();
        finding.kind = error.kind();
        finding
    }

    pub(crate) fn org_out_of_reach(org: &str, error: &ClientError) -> Self {
        Self::service("orgOutOfReach", org, format!("the org `{org}` could not be read: {error}"), error).within(org)
    }

    pub(crate) fn directory_out_of_reach(user: &str, error: &ClientError) -> Self {
        let message = format!("the directory of the tenant of `{user}` could not be read: {error}");
        Self::service("directoryOutOfReach", user, message, error)
    }

    pub(crate) fn no_tenant(user: &str) -> Self {
        let message = format!("none of the orgs of `{user}` could be reached, so its tenant is not known");
        let mut finding = Self::new(Severity::Stop, "noTenant", user, message);
        finding.kind = ErrorKind::OutOfReach;
        finding
    }

    pub(crate) fn several_tenants(user: &str, tenants: &[&str]) -> Self {
        let message = format!("the orgs of `{user}` are of several tenants: {}", tenants.join(", "));
        Self::new(Severity::Stop, "severalTenants", user, message)
            .hint("say `multi-tenant = true`, or declare one application user for each tenant")
    }

    pub(crate) fn wrong_tenant(org: &str, actual: &str, declared: &str) -> Self {
        let message = format!("the org `{org}` belongs to the tenant {actual}, but {declared} is declared");
        Self::new(Severity::Stop, "wrongTenant", org, message).within(org)
    }

    pub(crate) fn several_registrations(user: &str, name: &str, ids: &[ClientId]) -> Self {
        let listed: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let message = format!("{} app registrations are called `{name}`: {}", ids.len(), listed.join(", "));
        Self::new(Severity::Stop, "severalRegistrations", user, message)
            .hint("say which with `--client-id`, or `client-id` in the declaration")
    }

    pub(crate) fn foreign_registration(user: &str, name: &str, client_id: ClientId) -> Self {
        let message =
            format!("there is an app registration `{name}` (client id {client_id}) that Keyholder did not make");
        Self::new(Severity::Stop, "foreignRegistration", user, message).hint(format!(
            "to use it all the same, name it with `--client-id {client_id}`, or `client-id` in the declaration; it will not be removed later"
        ))
    }

    pub(crate) fn other_declarations_registration(user: &str, name: &str, client_id: ClientId, other: &str) -> Self {
        let message = format!("the app registration `{name}` (client id {client_id}) is of the declaration `{other}`");
        Self::new(Severity::Stop, "otherDeclaration", user, message)
            .hint("choose another name, or name it with `client-id` to share it; it will not be removed later")
    }

    pub(crate) fn no_such_registration(user: &str, client_id: ClientId) -> Self {
        let message = format!("the tenant has no app registration with the client id {client_id}");
        Self::new(Severity::Stop, "noSuchRegistration", user, message)
            .hint("check the client id; the object id of a registration is another one")
    }

    pub(crate) fn unexplained_credentials(user: &str, name: &str, client_id: ClientId, all: &[String]) -> Self {
        let message = format!(
            "the app registration `{name}` (client id {client_id}) bears Keyholder's mark, but has credentials that do \
             not come from here: {}",
            all.join(", ")
        );
        Self::new(Severity::Stop, "unexplainedCredentials", user, message)
            .hint("whoever made those credentials would get the same way in: find out who that was")
            .hint(format!(
                "if they are yours (another folder's or machine's), name it with `--client-id {client_id}`, or `client-id` in the declaration"
            ))
    }

    pub(crate) fn nothing_to_consent_to(user: &str) -> Self {
        let message = format!(
            "the tenant has no service principal of Dynamics CRM, so `{user}` gets no consent to it; it needs none"
        );
        Self::new(Severity::Note, "nothingToConsentTo", user, message)
    }

    pub(crate) fn disabled_principal(user: &str) -> Self {
        let message = format!("the service principal of `{user}` is disabled, so the sign-in will be refused");
        Self::new(Severity::Warning, "disabledPrincipal", user, message).hint("enable it in the directory")
    }

    pub(crate) fn not_made_yet(user: &str, what: &str) -> Self {
        Self::new(Severity::Stop, "notSupported", user, format!("`{user}`: {what} cannot be made yet"))
            .hint("declare a client secret or a federated credential")
    }

    /// What stands in the way of a non-interactive user.
    pub(crate) fn person(user: &str, error: &Error) -> Self {
        let mut message = error.to_string();
        let mut next = std::error::Error::source(error);
        while let Some(cause) = next {
            message.push_str(&format!(": {cause}"));
            next = cause.source();
        }
        let mut finding = Self::new(Severity::Stop, "nonInteractiveUser", user, message);
        finding.hints = error.hints();
        finding.kind = error.kind();
        finding
    }

    pub(crate) fn forbidden_secret(user: &str) -> Self {
        let message = format!("`{user}` is declared with a client secret, which the declaration's policies refuse");
        Self::new(Severity::Stop, "secretRefused", user, message).hint("use a federated credential or a certificate")
    }

    pub(crate) fn discouraged_secret(user: &str) -> Self {
        Self::new(Severity::Warning, "secret", user, format!("`{user}` signs in with a client secret, which expires"))
            .hint("a federated credential has no secret at all")
    }

    pub(crate) fn long_lifetime(user: &str, days: u64, most: u64) -> Self {
        let message =
            format!("`{user}` is declared with a credential of {days} days; the declaration's policies allow {most}");
        Self::new(Severity::Stop, "lifetimeRefused", user, message)
    }

    pub(crate) fn expires_soon(user: &str, place: &str, date: &str) -> Self {
        let message = format!("the client secret of `{user}` in `{place}` expires on {date}");
        Self::new(Severity::Note, "expiresSoon", user, message)
    }

    pub(crate) fn no_privilege(role: &str, org: &str, names: &[String], tables: &[String]) -> Self {
        let of = match tables {
            [] => String::new(),
            tables => format!("; is there a table {}?", tables.join(", ")),
        };
        let message = format!("role `{role}`: the org `{org}` has no privilege called {}{of}", names.join(", "));
        Self::new(Severity::Stop, "noSuchPrivilege", role, message)
            .within(org)
            .hint("privileges are called `prv`, the verb and the table's schema name, like `prvReadContact`")
    }

    pub(crate) fn no_role(role: &str, name: &str, org: &str) -> Self {
        let message = format!("the org `{org}` has no role called `{name}`");
        Self::new(Severity::Stop, "noSuchRole", role, message)
            .within(org)
            .hint("declare its rights, and Keyholder makes it")
    }

    pub(crate) fn foreign_role(role: &str, name: &str, org: &str, id: uuid::Uuid, missing: &[String]) -> Self {
        let message = format!(
            "there is a role `{name}` ({id}) in the org `{org}` that Keyholder did not make, and it lacks {}",
            missing.join(", ")
        );
        Self::new(Severity::Stop, "foreignRole", role, message).within(org).hint(
            "rename that role, choose another name, add the privileges to it by hand, or say `adopt = true` to let Keyholder change it",
        )
    }

    pub(crate) fn system_administrator(role: &str, org: &str) -> Self {
        let message = format!("role `{role}` is System Administrator in the org `{org}`: it may do everything there");
        Self::new(Severity::Stop, "systemAdministrator", role, message)
            .within(org)
            .hint("declare the rights that are needed; if it must be, say `--i-know`")
    }

    pub(crate) fn out_of_the_box(role: &str, name: &str, org: &str, refuse: bool) -> Self {
        let severity = if refuse { Severity::Stop } else { Severity::Warning };
        let message = format!(
            "the role `{name}` comes with the org `{org}`: it grants more than one integration needs, and updates change it"
        );
        Self::new(severity, "outOfTheBoxRole", role, message).within(org).hint("declare the rights that are needed")
    }

    pub(crate) fn no_unit(user: &str, unit: Option<&str>, org: &str) -> Self {
        let (message, hint) = match unit {
            Some(unit) => (
                format!("`{user}`: the org `{org}` has no business unit called `{unit}`"),
                "business units are made in the org, not here",
            ),
            None => (
                format!("the org `{org}` shows no root business unit"),
                "the administrator may lack the right to read business units",
            ),
        };
        Self::new(Severity::Stop, "noBusinessUnit", user, message).within(org).hint(hint)
    }

    pub(crate) fn no_copy(user: &str, role: &str, org: &str) -> Self {
        let message = format!("the role `{role}` has no copy in the business unit of `{user}` in the org `{org}`");
        Self::new(Severity::Stop, "noRoleInUnit", user, message).within(org)
    }

    pub(crate) fn prune_needs_a_name() -> Self {
        let message = "what the declaration made cannot be told from what others made: it has no name".to_owned();
        Self::new(Severity::Stop, "pruneWithoutName", "", message)
            .hint("add `name = \"...\"` to the declaration and apply it; what it makes from then on can be pruned")
    }

    pub(crate) fn left(item: &str, org: Option<&str>, message: String) -> Self {
        let finding = Self::new(Severity::Note, "left", item, message);
        match org {
            Some(org) => finding.within(org),
            None => finding,
        }
    }
}
