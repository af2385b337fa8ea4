//! What contradicts itself in a declaration, or what the services would refuse, as far as it can be
//! told without asking them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use uuid::Uuid;

use super::document::shown;
use super::lifetime::print_lifetime;
use super::mistakes::{MOST, Mistake, Mistakes};
use super::nearest::did_you_mean;
use super::{Credential, Declaration, Federation, Sink, Stance, federation};

/// A place in a declaration: table, entry and key, apart by a character that no name has.
pub(super) fn path(parts: &[&str]) -> String {
    parts.join("\0")
}

impl Declaration {
    /// Checks a declaration that was made in code against itself; one that was read has been.
    ///
    /// # Errors
    /// All mistakes together, without their lines.
    pub fn check(&self) -> Result<(), Mistakes> {
        let mistakes = check(self, &|section, name| match section {
            "tenants" => self.tenants.contains_key(name),
            "orgs" => self.orgs.contains_key(name),
            "application-users" => self.application_users.contains_key(name),
            _ => self.roles.contains_key(name),
        });
        let users = self.application_users.iter().map(|(key, user)| (key, &user.orgs));
        let nowhere = users
            .chain(self.non_interactive_users.iter().map(|(key, user)| (key, &user.orgs)))
            .filter(|(_, orgs)| orgs.is_empty())
            .map(|(key, _)| format!("`{key}` is in no org"));
        let messages = mistakes.into_iter().map(|(_, message)| message).chain(nowhere);
        let list: Vec<_> = messages.map(|message| Mistake { position: None, message }).collect();
        if list.is_empty() { Ok(()) } else { Err(Mistakes::new(None, list)) }
    }
}

/// Every contradiction, with the path of what it is about. `has_entry` tells whether a table has an
/// entry of a name, be it one that could not be read: such a one is not "unknown" as well.
pub(super) fn check(declaration: &Declaration, has_entry: &dyn Fn(&str, &str) -> bool) -> Vec<(String, String)> {
    let mut check = Check { declaration, has_entry, found: Vec::new() };
    check.names();
    check.tenants_and_orgs();
    check.roles();
    check.application_users();
    check.registrations();
    check.non_interactive_users();
    check.subscribers();
    check.sinks();
    check.found
}

struct Check<'a> {
    declaration: &'a Declaration,
    has_entry: &'a dyn Fn(&str, &str) -> bool,
    found: Vec<(String, String)>,
}

/// A name within the bounds of what it is for, or what is wrong with it.
fn check_name(name: &str, limit: usize) -> Result<(), String> {
    if name.trim().is_empty() {
        return Err("is empty".to_owned());
    }
    if name.trim() != name {
        return Err("begins or ends with a blank".to_owned());
    }
    if name.chars().any(char::is_control) {
        return Err("has a control character in it".to_owned());
    }
    match name.chars().count() {
        length if length > limit => Err(format!("has {length} characters, and {limit} are the most")),
        _ => Ok(()),
    }
}

/// Whether a name from elsewhere may stand in a declaration.
pub(crate) fn is_entry_name(name: &str, limit: usize) -> bool {
    check_name(name, limit).is_ok()
}

/// Whether a text may be a tenant's id or one of its domains.
fn is_tenant(id: &str) -> bool {
    let is_domain =
        id.contains('.') && id.len() <= 253 && id.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'));
    is_domain || Uuid::try_parse(id).is_ok()
}

/// One of the tenants, or whichever the orgs say: without any declared, all are taken to be in one.
type TenantOf<'a> = Option<&'a str>;

impl<'a> Check<'a> {
    fn note(&mut self, place: &[&str], message: String) {
        if self.found.len() >= MOST {
            return;
        }
        self.found.push((path(place), message));
    }

    fn name(&mut self, place: &[&str], name: &str, limit: usize) {
        if let Err(problem) = check_name(name, limit) {
            let what: Vec<_> = place.iter().map(|part| shown(part)).collect();
            self.note(place, format!("the name of `{}` {problem}", what.join(".")));
        }
    }

    fn names(&mut self) {
        if let Some(name) = &self.declaration.name {
            let is_plain = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
            if name.is_empty() || name.len() > 40 || !is_plain {
                let text = shown(name);
                self.note(
                    &["name"],
                    format!("`name` is `{text}`; it may have 1 to 40 letters, digits, `-`, `_` and `.`"),
                );
            }
        }
    }

    fn tenants_and_orgs(&mut self) {
        let declaration = self.declaration;
        let mut ids: BTreeMap<String, &str> = BTreeMap::new();
        for (name, tenant) in &declaration.tenants {
            let id = tenant.id.as_str();
            if !is_tenant(id) {
                let text = shown(id);
                self.note(
                    &["tenants", name, "id"],
                    format!("`tenants.{name}.id` is `{text}`, which is neither a GUID nor a domain"),
                );
            }
            if let Some(other) = ids.insert(id.to_ascii_lowercase(), name) {
                self.note(&["tenants", name], format!("`tenants.{name}` and `tenants.{other}` are the same tenant"));
            }
        }
        let mut urls: BTreeMap<String, &str> = BTreeMap::new();
        for (name, org) in &declaration.orgs {
            if let Some(tenant) = &org.tenant {
                self.known(&["orgs", name, "tenant"], "tenants", tenant, declaration.tenants.keys());
            }
            if let Some(environment) = &org.environment {
                let id = environment.strip_prefix("Default-").unwrap_or(environment);
                if Uuid::try_parse(id).is_err() {
                    let message = format!("`orgs.{name}.environment` is `{}`, which is no environment's id", shown(id));
                    self.note(&["orgs", name, "environment"], message);
                }
            }
            if let Some(other) = urls.insert(org.url.to_string(), name) {
                self.note(&["orgs", name, "url"], format!("`orgs.{name}` and `orgs.{other}` are the same org"));
            }
        }
    }

    /// Notes a name that refers to nothing.
    fn known(&mut self, place: &[&str], section: &str, name: &str, names: impl Iterator<Item = &'a String>) {
        if self.found.len() >= MOST || (self.has_entry)(section, name) {
            return;
        }
        let meant = did_you_mean(name, names.map(String::as_str));
        let text = shown(name);
        let what = match section {
            "tenants" => "tenant",
            "orgs" => "org",
            "application-users" => "application user",
            _ => "role",
        };
        let hint = if meant.is_empty() { format!("; declare it in `[{section}.{text}]`") } else { meant };
        self.note(place, format!("there is no {what} `{text}`{hint}"));
    }

    fn roles(&mut self) {
        let mut names: BTreeMap<String, &str> = BTreeMap::new();
        for (key, role) in &self.declaration.roles {
            self.name(&["roles", key], &role.name, 100);
            // Dataverse compares names without their case.
            if let Some(other) = names.insert(role.name.to_lowercase(), key) {
                let message = format!("`roles.{key}` and `roles.{other}` are both called `{}`", role.name);
                self.note(&["roles", key], message);
            }
        }
    }

    fn references(&mut self, section: &str, key: &str, orgs: &[String], roles: &[String], unit: Option<&str>) {
        let declaration = self.declaration;
        for (kind, names) in [("orgs", orgs), ("roles", roles)] {
            let mut named = BTreeSet::new();
            for (place_in_list, name) in names.iter().enumerate() {
                let number = place_in_list.to_string();
                let place = [section, key, kind, &number];
                match kind {
                    "orgs" => self.known(&place, kind, name, declaration.orgs.keys()),
                    _ => self.known(&place, kind, name, declaration.roles.keys()),
                }
                if !named.insert(name) {
                    let message = format!("`{section}.{key}.{kind}` names `{}` twice", shown(name));
                    self.note(&place, message);
                }
            }
        }
        if let Some(unit) = unit {
            self.name(&[section, key, "business-unit"], unit, 160);
        }
    }

    /// In which tenants an entry is, by its orgs. A tenant that there is not has been noted.
    fn tenants_of(&self, orgs: &[String]) -> Vec<TenantOf<'a>> {
        let declaration = self.declaration;
        let tenants = orgs.iter().filter_map(|org| declaration.orgs.get(org)).map(|org| org.tenant.as_deref());
        let mut tenants: Vec<_> =
            tenants.filter(|tenant| tenant.is_none_or(|tenant| declaration.tenants.contains_key(tenant))).collect();
        tenants.sort_unstable();
        tenants.dedup();
        tenants
    }

    fn is_in_several_tenants(&self, orgs: &[String]) -> bool {
        self.tenants_of(orgs).iter().flatten().count() > 1
    }

    fn application_users(&mut self) {
        for (key, user) in &self.declaration.application_users {
            let section = "application-users";
            self.name(&[section, key], &user.name, 120);
            self.references(section, key, &user.orgs, &user.roles, user.business_unit.as_deref());
            if self.is_in_several_tenants(&user.orgs) && !user.multi_tenant {
                let message = format!(
                    "`{section}.{key}` has orgs of several tenants: say `multi-tenant = true`, or make an entry for each"
                );
                self.note(&[section, key], message);
            }
            let mut names: Vec<&str> = Vec::new();
            let mut subjects: Vec<(&str, &str)> = Vec::new();
            for (number, credential) in user.credentials.iter().enumerate() {
                let number = number.to_string();
                let place = [section, key.as_str(), "credential", &number];
                match credential {
                    Credential::Secret { lifetime, .. } => {
                        if self.declaration.policies.secrets == Stance::Refuse {
                            let message = format!(
                                "`{section}.{key}` has a client secret, which `policies.secrets` refuses: \
                                 use a federated credential or a certificate"
                            );
                            self.note(&place, message);
                        }
                        self.lifetime(&place, *lifetime);
                    }
                    Credential::Certificate { lifetime, .. } => self.lifetime(&place, *lifetime),
                    Credential::Federated(federation) => {
                        self.federation(&place, federation);
                        let pair = (federation.issuer.as_str(), federation.subject.as_str());
                        if subjects.contains(&pair) {
                            let message = format!(
                                "`{section}.{key}` has two federated credentials with the same issuer and subject"
                            );
                            self.note(&place, message);
                        } else if names.contains(&federation.name.as_str()) {
                            let message =
                                format!("`{section}.{key}` has two federated credentials called `{}`", federation.name);
                            self.note(&place, message);
                        }
                        subjects.push(pair);
                        names.push(&federation.name);
                    }
                }
            }
            if names.len() > 20 {
                let message =
                    format!("`{section}.{key}` has {} federated credentials, and 20 are the most", names.len());
                self.note(&[section, key], message);
            }
        }
    }

    fn lifetime(&mut self, place: &[&str], lifetime: Duration) {
        if let Some(longest) = self.declaration.policies.longest_lifetime.filter(|longest| lifetime > *longest) {
            let (wanted, longest) = (print_lifetime(lifetime), print_lifetime(longest));
            let message = format!(
                "`{}.{}` has a credential that lives for {wanted}, and `policies.longest-lifetime` is {longest}",
                place[0], place[1]
            );
            self.note(place, message);
        }
    }

    fn federation(&mut self, place: &[&str], federation: &Federation) {
        let Federation { name, issuer, subject, audience } = federation;
        let of = format!("{}.{}", place[0], place[1]);
        let is_name = (3..=120).contains(&name.len())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        if !is_name {
            let text = shown(name);
            self.note(place, format!("a federated credential of `{of}` is called `{text}`; it may have 3 to 120 letters, digits, `-` and `_`"));
        }
        for (what, text) in [("issuer", issuer), ("subject", subject), ("audience", audience)] {
            let problem = match text.chars().count() {
                0 => "is empty".to_owned(),
                length if length > federation::LIMIT => {
                    format!("has {length} characters, and {} are the most", federation::LIMIT)
                }
                _ if text.trim() != text => "begins or ends with a blank".to_owned(),
                _ => continue,
            };
            self.note(place, format!("the {what} of a federated credential of `{of}` {problem}"));
        }
    }

    /// Two entries would take turns in changing the same registration.
    fn registrations(&mut self) {
        let mut by_id = BTreeMap::new();
        let mut by_name: BTreeMap<(TenantOf<'_>, String), &str> = BTreeMap::new();
        for (key, user) in &self.declaration.application_users {
            if let Some(id) = user.client_id {
                if let Some(other) = by_id.insert(id, key) {
                    let message = format!(
                        "`application-users.{key}` and `application-users.{other}` have the same client id {id}: \
                         put their orgs and roles into one entry"
                    );
                    self.note(&["application-users", key, "client-id"], message);
                }
                continue;
            }
            for tenant in self.tenants_of(&user.orgs) {
                // The directory's filters compare names without their case.
                if let Some(other) = by_name.insert((tenant, user.name.to_lowercase()), key) {
                    let message = format!(
                        "`application-users.{key}` and `application-users.{other}` are both called `{}` in one tenant: \
                         put their orgs and roles into one entry, or give one another `name`",
                        user.name
                    );
                    self.note(&["application-users", key], message);
                    break;
                }
            }
        }
    }

    fn non_interactive_users(&mut self) {
        let section = "non-interactive-users";
        let mut user_names: BTreeMap<String, &str> = BTreeMap::new();
        for (key, user) in &self.declaration.non_interactive_users {
            self.name(&[section, key, "display-name"], &user.display_name, 256);
            self.references(section, key, &user.orgs, &user.roles, user.business_unit.as_deref());
            if self.is_in_several_tenants(&user.orgs) {
                let message = format!("`{section}.{key}` has orgs of several tenants, and a user belongs to one");
                self.note(&[section, key], message);
            }
            if let Err(problem) = check_user_name(&user.user_name) {
                let text = shown(&user.user_name);
                self.note(
                    &[section, key, "user-name"],
                    format!("`{section}.{key}.user-name` is `{text}`, which {problem}"),
                );
            }
            if let Some(other) = user_names.insert(user.user_name.to_lowercase(), key) {
                let message = format!("`{section}.{key}` and `{section}.{other}` are the same user");
                self.note(&[section, key, "user-name"], message);
            }
            if let Some(licence) = &user.licence {
                let is_sku = !licence.is_empty() && licence.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
                if !is_sku {
                    let text = shown(licence);
                    let message = format!(
                        "`{section}.{key}.licence` is `{text}`, which is no SKU part number like `DYN365_ENTERPRISE_PLAN1`"
                    );
                    self.note(&[section, key, "licence"], message);
                }
            }
            let is_country =
                |location: &String| location.len() == 2 && location.chars().all(|c| c.is_ascii_uppercase());
            if let Some(location) = user.usage_location.as_ref().filter(|location| !is_country(location)) {
                let text = shown(location);
                let message = format!(
                    "`{section}.{key}.usage-location` is `{text}`, which is no country: write two capital letters, like `DE`"
                );
                self.note(&[section, key, "usage-location"], message);
            }
        }
    }

    fn subscribers(&mut self) {
        let declaration = self.declaration;
        let mut seen: BTreeMap<(String, &str, Option<String>), &str> = BTreeMap::new();
        for (key, subscriber) in &declaration.subscribers {
            let place = ["subscribers", key.as_str()];
            let application = subscriber.application.as_str();
            if !is_tenant(&subscriber.tenant) {
                let text = shown(&subscriber.tenant);
                let message = format!("`subscribers.{key}.tenant` is `{text}`, which is neither a GUID nor a domain");
                self.note(&[place[0], place[1], "tenant"], message);
            }
            let at = [place[0], place[1], "application"];
            self.known(&at, "application-users", application, declaration.application_users.keys());
            if declaration.application_users.get(application).is_some_and(|user| !user.multi_tenant) {
                let message = format!(
                    "`subscribers.{key}` subscribes to `{application}`, which other tenants cannot consent to: say \
                     `multi-tenant = true` in `application-users.{application}`"
                );
                self.note(&at, message);
            }
            let url = subscriber.url.as_ref().map(ToString::to_string);
            if let Some(other) = seen.insert((subscriber.tenant.to_ascii_lowercase(), application, url), key) {
                let message = format!("`subscribers.{key}` and `subscribers.{other}` are the same subscriber");
                self.note(&place, message);
            }
        }
    }

    /// The second to write a file would undo what the first has written.
    fn sinks(&mut self) {
        let mut files: BTreeMap<PathBuf, String> = BTreeMap::new();
        let mut all: Vec<(Vec<&str>, String, Sink)> = Vec::new();
        let numbers: Vec<String> = (0..self.declaration.longest_list()).map(|number| number.to_string()).collect();
        for (key, user) in &self.declaration.application_users {
            for (credential, number) in user.credentials.iter().zip(&numbers) {
                if let Credential::Secret { sink, .. } | Credential::Certificate { sink, .. } = credential {
                    let place = vec!["application-users", key.as_str(), "credential", number];
                    if let (Credential::Certificate { .. }, Sink::EnvFile(file)) = (credential, sink) {
                        let mut pem = file.clone().into_os_string();
                        pem.push(".pem");
                        all.push((place.clone(), format!("application-users.{key}"), Sink::File(pem.into())));
                    }
                    all.push((place, format!("application-users.{key}"), sink.clone()));
                }
            }
        }
        for (key, user) in &self.declaration.non_interactive_users {
            let place = vec!["non-interactive-users", key.as_str(), "password"];
            all.push((place, format!("non-interactive-users.{key}"), user.password.clone()));
        }
        for (place, name, sink) in all {
            let Some(file) = sink.file() else { continue };
            match files.get(&plain(file)) {
                Some(other) if *other == name => {
                    self.note(&place, format!("`{name}` writes two credentials into `{}`", file.display()));
                }
                Some(other) => {
                    self.note(&place, format!("`{name}` and `{other}` both write into `{}`", file.display()));
                }
                None => {
                    files.insert(plain(file), name);
                }
            }
        }
    }
}

impl Declaration {
    fn longest_list(&self) -> usize {
        self.application_users.values().map(|user| user.credentials.len()).max().unwrap_or_default()
    }
}

/// A path without its detours.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(plain.components().next_back(), Some(Component::Normal(_))) => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}

/// After Graph's `userPrincipalName`: letters, digits and `'.-_!#^~`, an at sign, a domain.
fn check_user_name(name: &str) -> Result<(), &'static str> {
    let Some((local, domain)) = name.split_once('@') else {
        return Err("has no domain: write it like `integration@contoso.com`");
    };
    let is_local =
        (1..=64).contains(&local.len()) && local.chars().all(|c| c.is_ascii_alphanumeric() || "'.-_!#^~".contains(c));
    let is_domain = domain.contains('.')
        && (3..=48).contains(&domain.len())
        && domain.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'));
    match (is_local, is_domain) {
        (true, true) => Ok(()),
        (false, _) => Err("the directory does not take: before the `@` stand letters, digits and any of `'.-_!#^~`"),
        (_, false) => Err("has no domain of the directory behind the `@`"),
    }
}
