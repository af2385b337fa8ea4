//! What must not be done, or had better not be: each about one declared thing, by name.

mod replacing;

use std::time::Duration;

use keyholder_client::{Error as ClientError, ErrorKind};
use keyholder_foundation::ClientId;
use serde::{Deserialize, Serialize};

use crate::declaration::{Federation, print_lifetime};
use crate::error::{Error, with_causes};
use crate::kept::KeyKind;
use crate::rules::{Offence, Rule};

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

/// How a registration is used that is not known to be ours.
fn named_by_id(client_id: ClientId) -> String {
    format!(
        "if it is to be used all the same, name it by its id: `client-id = \"{client_id}\"` in keyholder.toml, `--adopt \
         {client_id}` on the command line"
    )
}

fn configuration() -> ErrorKind {
    ErrorKind::Configuration
}

/// A lifetime for people.
fn days(lifetime: Duration) -> String {
    let seconds = lifetime.as_secs();
    match seconds / (24 * 60 * 60) {
        0 => format!("{} hours", seconds / (60 * 60)),
        days => format!("{days} days"),
    }
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
        Self::new(Severity::Stop, "wrongTenant", org, message).within(org).hint(
            "nothing is done in that org, nor about the users that are declared for it: check its `url` and `tenant`",
        )
    }

    pub(crate) fn tenant_unknown(org: &str, declared: &str, error: &ClientError) -> Self {
        let message = format!(
            "whether the org `{org}` belongs to the tenant {declared}, as it is declared, is not known: the directory of \
             its tenant could not be read: {error}"
        );
        Self::service("tenantUnknown", org, message, error).within(org)
    }

    pub(crate) fn several_registrations(user: &str, name: &str, ids: &[ClientId]) -> Self {
        let listed: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let message = format!("{} app registrations are called `{name}`: {}", ids.len(), listed.join(", "));
        Self::new(Severity::Stop, "severalRegistrations", user, message)
            .hint("say which by its id: `client-id = \"...\"` in keyholder.toml, `--adopt` on the command line")
    }

    pub(crate) fn foreign_registration(user: &str, name: &str, client_id: ClientId) -> Self {
        let message =
            format!("there is an app registration `{name}` (client id {client_id}) that Keyholder did not make");
        Self::new(Severity::Stop, "foreignRegistration", user, message)
            .hint(format!("{}; it will not be removed later", named_by_id(client_id)))
    }

    pub(crate) fn other_declarations_registration(user: &str, name: &str, client_id: ClientId, other: &str) -> Self {
        let message = format!("the app registration `{name}` (client id {client_id}) is of the declaration `{other}`");
        Self::new(Severity::Stop, "otherDeclaration", user, message)
            .hint(format!("choose another name; {}; it will not be removed later", named_by_id(client_id)))
    }

    pub(crate) fn no_such_registration(user: &str, client_id: ClientId) -> Self {
        let message = format!("the tenant has no app registration with the client id {client_id}");
        Self::new(Severity::Stop, "noSuchRegistration", user, message)
            .hint("check the client id; the object id of a registration is another one")
            .hint("if it is another tenant's application, say `multi-tenant = true`")
    }

    pub(crate) fn abroad(user: &str, has_credentials: bool) -> Self {
        let made = if has_credentials { ": none is made here, whatever is declared" } else { "" };
        let message = format!(
            "the registration of `{user}` is another tenant's, where its credentials are made{made}; its way in is \
             proved by its publisher"
        );
        Self::new(Severity::Note, "abroad", user, message)
    }

    pub(crate) fn not_published(name: &str, client_id: ClientId, audience: &str) -> Self {
        let message = format!(
            "the app registration `{name}` (client id {client_id}) admits {audience} alone: other tenants cannot consent to it"
        );
        Self::new(Severity::Stop, "notPublished", name, message)
            .hint("say `multi-tenant = true` of it in keyholder.toml and apply that, or set its signInAudience to AzureADMultipleOrgs")
    }

    pub(crate) fn no_registration_called(name: &str) -> Self {
        let message = format!("the tenant has no app registration called `{name}`");
        Self::new(Severity::Stop, "noSuchRegistration", name, message)
            .hint("give its client id instead, or look whether you are signed in to the publisher's tenant")
    }

    pub(crate) fn unexplained_credentials(
        severity: Severity,
        user: &str,
        (name, client_id): (&str, ClientId),
        all: &[String],
    ) -> Self {
        let bears = if severity == Severity::Stop { " bears Keyholder's mark, but" } else { "" };
        let message = format!(
            "the app registration `{name}` (client id {client_id}){bears} has credentials that do not come from here: {}",
            all.join(", ")
        );
        let finding = Self::new(severity, "unexplainedCredentials", user, message);
        match severity {
            Severity::Stop => finding
                .hint(
                    "whoever made those credentials would get the same way in: find out who that was, and remove what \
                     is nobody's (a run of yours that was stopped can have left one)",
                )
                .hint(named_by_id(client_id)),
            Severity::Warning | Severity::Note => finding.hint(
                "whoever has one of them gets the same way in: another machine's stays as it is, what is nobody's any \
                 more `keyholder credential revoke` removes",
            ),
        }
    }

    /// Credentials whose labels name places of other machines.
    pub(crate) fn of_other_places(user: &str, (name, client_id): (&str, ClientId), all: &[String]) -> Self {
        let message = format!(
            "the app registration `{name}` (client id {client_id}) has credentials of other machines' or containers' \
             places, as their labels say: {}",
            all.join(", ")
        );
        Self::new(Severity::Note, "credentialsOfOtherPlaces", user, message)
            .hint("they stay as they are; what is nobody's any more `keyholder credential revoke` removes")
    }

    pub(crate) fn other_owners(
        severity: Severity,
        user: &str,
        (name, client_id): (&str, ClientId),
        owners: &[String],
    ) -> Self {
        let owners = owners.join(", ");
        let message = format!(
            "the app registration `{name}` (client id {client_id}) is owned by {owners}: an owner can give it credentials \
             and get the same way in"
        );
        let finding = Self::new(severity, "otherOwners", user, message);
        match severity {
            Severity::Stop => finding
                .hint("it bears Keyholder's mark, which anybody can copy: find out whether they made it for this")
                .hint(named_by_id(client_id)),
            Severity::Warning | Severity::Note => finding,
        }
    }

    pub(crate) fn foreign_federation(
        user: &str,
        wanted: &Federation,
        there: &keyholder_entra::graph::FederatedIdentityCredential,
    ) -> Self {
        let message = format!(
            "`{user}`: its registration, which Keyholder did not make, has a federated credential `{}` of somebody else's, \
             which accepts {} from {}",
            there.name, there.subject, there.issuer
        );
        let finding = Self::new(Severity::Stop, "foreignFederation", user, message);
        if wanted.name == there.name {
            finding.hint("give the declared one another `name`, or remove that one, if it is nobody's any more")
        } else {
            finding.hint("declare it as it is, or remove that one, if it is nobody's any more")
        }
    }

    pub(crate) fn same_registration(user: &str, other: &str, name: &str) -> Self {
        let message = format!("`{user}` and `{other}` are declared for one app registration, `{name}`");
        Self::new(Severity::Stop, "sameRegistration", user, message).hint(
            "each would undo what the other does: make one entry of them, or choose another `name` or `client-id`",
        )
    }

    pub(crate) fn nothing_to_consent_to(user: &str) -> Self {
        let message = format!(
            "the tenant has no service principal of Dynamics CRM, so `{user}` gets no consent to it; it needs none"
        );
        Self::new(Severity::Note, "nothingToConsentTo", user, message)
    }

    pub(crate) fn disabled_principal(user: &str, client_id: ClientId) -> Self {
        let message = format!("the service principal of `{user}` is disabled, so the sign-in will be refused");
        Self::new(Severity::Warning, "disabledPrincipal", user, message).hint(format!(
            "enable it in the directory: Entra admin center, Enterprise applications, Properties, or `az ad sp update --id \
             {client_id} --set accountEnabled=true`"
        ))
    }

    /// What stands in the way of a non-interactive user.
    pub(crate) fn person(user: &str, error: &Error) -> Self {
        let mut finding = Self::new(Severity::Stop, "nonInteractiveUser", user, with_causes(error));
        finding.hints = error.hints();
        finding.kind = error.kind();
        finding
    }

    pub(crate) fn not_registered_here(name: &str, client_id: ClientId) -> Self {
        let message = format!("the application `{name}` (client id {client_id}) is not registered in this tenant");
        Self::new(Severity::Stop, "notRegisteredHere", name, message)
            .hint("its credentials are in its own tenant: work on an org of that one")
    }

    pub(crate) fn no_principal(name: &str) -> Self {
        let message =
            format!("the application `{name}` has no service principal in this tenant: it gets no token here");
        Self::new(Severity::Stop, "noServicePrincipal", name, message)
            .hint("`keyholder app-user create` makes one, with the application user")
    }

    /// What stands where a key is to go must not be touched.
    pub(crate) fn foreign_sink(user: &str, place: &str, reason: &str) -> Self {
        let message = format!("the key of `{user}` is declared to go into `{place}`, which is left alone: {reason}");
        Self::new(Severity::Stop, "foreignSink", user, message)
            .hint("if nobody needs what is there, delete it; else move it away, or declare another place")
    }

    /// Why a place cannot be looked at, or its key not tried.
    pub(crate) fn sink(user: &str, place: &str, error: &Error) -> Self {
        let mut finding = Self::person(user, error);
        "sinkOutOfReach".clone_into(&mut finding.code);
        finding.message = format!("the key of `{user}` in `{place}`: {}", finding.message);
        finding
    }

    /// A sign-in that is refused whatever the key is.
    pub(crate) fn barred(user: &str, place: &str, error: &ClientError) -> Self {
        let message =
            format!("`{user}` cannot sign in, which is not for the key in `{place}`, so that it stays: {error}");
        let mut finding = Self::service("signInRefused", user, message, error);
        finding.severity = Severity::Warning;
        finding
    }

    pub(crate) fn forbidden_secret(user: &str) -> Self {
        let message = format!("`{user}` is declared with a client secret, which the declaration's policies refuse");
        Self::new(Severity::Stop, "secretRefused", user, message).hint("use a federated credential or a certificate")
    }

    /// What the tenant's administrators do not allow.
    pub(crate) fn against_rules(
        name: &str,
        kind: KeyKind,
        lifetime: Duration,
        offence: &Offence,
        is_made_now: bool,
    ) -> Self {
        let noun = kind.noun();
        let whose = if offence.is_own { "that application's policy" } else { "the tenant's policy" };
        let says = match offence.rule {
            Rule::Forbidden => format!("forbids new {noun}s"),
            Rule::Lifetime(most) => {
                format!("lets a new {noun} last {} at most, and {} is wanted", days(most), days(lifetime))
            }
            Rule::OfAuthority => "takes only certificates of certificate authorities that it names".to_owned(),
        };
        let message = format!("`{name}`: {whose} `{}` {says}", offence.policy);
        let finding = if is_made_now {
            Self::new(Severity::Stop, "tenantPolicy", name, message)
        } else {
            let message = format!("{message}; the one there is works until it ends, and no new one can be made then");
            Self::new(Severity::Warning, "tenantPolicy", name, message)
        };
        match (offence.rule, kind) {
            (Rule::Lifetime(most), _) => finding.hint(format!("say a lifetime of at most `{}`", print_lifetime(most))),
            (_, KeyKind::Secret) => finding.hint(
                "use a federated credential, which has no secret at all (`credential.federated`, `--trust`), or a \
                 certificate (`credential.certificate`, `--certificate`)",
            ),
            (_, KeyKind::Certificate) => finding.hint(
                "use a federated credential, which has no key at all (`credential.federated`, `--trust`), or ask for a \
                 policy of its own for this application",
            ),
        }
    }

    /// The tenant's policies could not be read.
    pub(crate) fn rules_unreadable(reason: &str) -> Self {
        let message = format!(
            "what the tenant allows of secrets and certificates could not be read, so it is not checked: {reason}"
        );
        Self::new(Severity::Note, "policiesNotRead", "", message)
            .hint("the Graph permission `Policy.Read.All` lets it be read")
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

    pub(crate) fn expires_soon(user: &str, noun: &str, place: &str, date: &str) -> Self {
        let message = format!("the {noun} of `{user}` in `{place}` expires on {date}");
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
            .hint("a role file made elsewhere: `--leave-out-unknown` takes what this org has of it")
    }

    pub(crate) fn no_such_depth(role: &str, org: &str, impossible: &[String]) -> Self {
        let message =
            format!("role `{role}`: the org `{org}` cannot grant {}: nobody owns rows there", impossible.join(", "));
        Self::new(Severity::Stop, "noSuchDepth", role, message)
            .within(org)
            .hint("rows of such tables belong to the organization: grant them to its depth, like `read:organization`")
    }

    pub(crate) fn several_roles(name: &str, ids: &[uuid::Uuid]) -> Self {
        let listed: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let message = format!("{} roles are called `{name}`: {}", ids.len(), listed.join(", "));
        Self::new(Severity::Stop, "severalRoles", name, message).hint("name it by its id")
    }

    pub(crate) fn no_role(role: &str, name: &str, org: &str) -> Self {
        let message = format!("the org `{org}` has no role called `{name}`");
        Self::new(Severity::Stop, "noSuchRole", role, message)
            .within(org)
            .hint("declare its rights, and Keyholder makes it")
    }

    pub(crate) fn foreign_role(
        role: &str,
        (name, id): (&str, uuid::Uuid),
        org: &str,
        missing: &[String],
        surplus: &[String],
    ) -> Self {
        let differs = [("lacks", missing), ("also grants", surplus)];
        let differs = differs.iter().filter(|(_, names)| !names.is_empty());
        let differs: Vec<String> = differs.map(|(verb, names)| format!("{verb} {}", names.join(", "))).collect();
        let message = format!(
            "there is a role `{name}` ({id}) in the org `{org}` that Keyholder did not make, and it {}",
            differs.join(" and ")
        );
        Self::new(Severity::Stop, "foreignRole", role, message).within(org).hint(
            "rename that role, choose another name, let it grant what is declared by hand, say `adopt = true` to let \
             Keyholder change it, or `existing` to use it as it is",
        )
    }

    pub(crate) fn other_declarations_role(role: &str, name: &str, org: &str, other: &str) -> Self {
        let message = format!("the role `{name}` in the org `{org}` is of the declaration `{other}`");
        Self::new(Severity::Stop, "otherDeclaration", role, message).within(org).hint(
            "two declarations would undo each other's changes to it: choose another name, or use it as it is with \
             `existing`",
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

    pub(crate) fn kept_for_unread_orgs(named: &str, client_id: ClientId, orgs: &[&str]) -> Self {
        let orgs: Vec<String> = orgs.iter().map(|org| format!("`{org}`")).collect();
        let message = format!(
            "the app registration `{named}` (client id {client_id}) is not declared any more and stays for now: {} could \
             not be looked into, and a user of it there could not be removed any more without it",
            orgs.join(", ")
        );
        Self::left(named, None, message).hint("once every org can be read, `--prune` removes it")
    }

    pub(crate) fn no_application(who: &str) -> Self {
        let message = format!("neither the directory nor the org knows an application `{who}`");
        Self::new(Severity::Stop, "noSuchApplication", who, message).hint(
            "`keyholder app-user list` shows the application users that there are; names are compared letter by letter",
        )
    }

    pub(crate) fn several_applications(who: &str, ids: &[ClientId]) -> Self {
        let listed: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let message = format!("{} applications are called `{who}`: {}", ids.len(), listed.join(", "));
        Self::new(Severity::Stop, "severalApplications", who, message).hint("say which by its client id")
    }

    pub(crate) fn no_application_user(who: &str, client_id: ClientId, org: &str) -> Self {
        let message = format!("`{who}` (client id {client_id}) has no application user in the org {org}");
        Self::new(Severity::Stop, "noApplicationUser", who, message)
            .hint("`keyholder app-user list` shows those that there are, `keyholder app-user create` makes one")
    }

    pub(crate) fn is_the_caller(who: &str) -> Self {
        let message = format!("`{who}` is the application that this very command is signed in as");
        Self::new(Severity::Stop, "isTheCaller", who, message)
            .hint("do it as another administrator: this one would not get in again")
    }

    pub(crate) fn not_via_admin_api(who: &str, why: &str, hint: &str) -> Self {
        let message = format!("`{who}` cannot be let in through Power Platform (`--via-admin-api`): {why}");
        Self::new(Severity::Stop, "notViaAdminApi", who, message).hint(hint)
    }

    pub(crate) fn owns_rows(who: &str, rows: &str) -> Self {
        let message = format!("`{who}` owns {rows}, and the org does not let go of a user whom rows belong to");
        Self::new(Severity::Stop, "ownsRows", who, message)
            .hint("give them to another owner first, in the org")
            .hint("with `--leave-rows` they stay its own, and its row stays in the org, deleted; nobody gets in by it")
    }

    pub(crate) fn left(item: &str, org: Option<&str>, message: String) -> Self {
        let finding = Self::new(Severity::Note, "left", item, message);
        match org {
            Some(org) => finding.within(org),
            None => finding,
        }
    }
}
