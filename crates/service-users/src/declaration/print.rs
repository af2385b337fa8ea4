//! A declaration as the text of a file, which reads as the same declaration.

use std::fmt::Write as _;

use crate::audit::Severity;

use super::lifetime::print_lifetime;
use super::rights::print_rights;
use super::{AuditLines, Credential, Declaration, Policies, RoleSource, Sink, Stance, Subscriber};

/// The text of a `keyholder.toml`. `remark` gives the comment above an entry, by its table and name;
/// empty for none.
#[must_use]
pub fn print_declaration(declaration: &Declaration, remark: impl Fn(&str, &str) -> String) -> String {
    let mut text = Text { out: String::new() };
    if let Some(name) = &declaration.name {
        text.pair("name", &quoted(name));
    }
    for (name, tenant) in &declaration.tenants {
        text.header(&["tenants", name], &remark("tenants", name));
        text.pair("id", &quoted(&tenant.id));
    }
    for (name, org) in &declaration.orgs {
        text.header(&["orgs", name], &remark("orgs", name));
        text.pair("url", &quoted(&org.url.to_string()));
        text.optional("tenant", org.tenant.as_deref());
        text.optional("environment", org.environment.as_deref());
    }
    for (name, role) in &declaration.roles {
        text.header(&["roles", name], &remark("roles", name));
        match &role.source {
            RoleSource::Existing => text.pair("existing", &quoted(&role.name)),
            RoleSource::Rights(rights) => {
                if role.name != *name {
                    text.pair("name", &quoted(&role.name));
                }
                text.flag("adopt", role.adopt);
                text.header(&["roles", name, "privileges"], "");
                for (key, value) in print_rights(rights) {
                    text.pair(&self::key(&key), &quoted(&value));
                }
            }
        }
    }
    for (name, user) in &declaration.application_users {
        text.header(&["application-users", name], &remark("application-users", name));
        if user.name != *name {
            text.pair("name", &quoted(&user.name));
        }
        text.optional("client-id", user.client_id.map(|id| id.to_string()).as_deref());
        text.pair("orgs", &list(&user.orgs));
        text.optional("business-unit", user.business_unit.as_deref());
        text.pair("roles", &list(&user.roles));
        text.flag("user-impersonation", user.user_impersonation);
        text.flag("multi-tenant", user.multi_tenant);
        for credential in &user.credentials {
            text.credential(name, credential);
        }
    }
    for (name, user) in &declaration.non_interactive_users {
        text.header(&["non-interactive-users", name], &remark("non-interactive-users", name));
        text.pair("user-name", &quoted(&user.user_name));
        if user.display_name != *name {
            text.pair("display-name", &quoted(&user.display_name));
        }
        text.pair("orgs", &list(&user.orgs));
        text.optional("business-unit", user.business_unit.as_deref());
        text.pair("roles", &list(&user.roles));
        text.optional("licence", user.licence.as_deref());
        text.optional("usage-location", user.usage_location.as_deref());
        text.pair("password", &format!("{{ {} }}", sink(&user.password, ", ")));
        text.flag("change-first-password", user.change_first_password);
    }
    for (name, subscriber) in &declaration.subscribers {
        text.header(&["subscribers", name], &remark("subscribers", name));
        text.subscriber(subscriber);
    }
    text.policies(&declaration.policies);
    text.audit(&declaration.audit);
    text.out
}

/// A subscriber's entry alone, to be added to the end of a file.
#[must_use]
pub fn print_subscriber(name: &str, subscriber: &Subscriber) -> String {
    let mut text = Text { out: String::new() };
    text.header(&["subscribers", name], "");
    text.subscriber(subscriber);
    text.out
}

struct Text {
    out: String,
}

impl Text {
    fn header(&mut self, path: &[&str], remark: &str) {
        self.break_before();
        for line in remark.lines() {
            // A comment ends with its line, whatever a name from elsewhere has in it.
            let line: String = line.chars().filter(|c| !c.is_control()).collect();
            let _ = writeln!(self.out, "# {line}");
        }
        let path: Vec<_> = path.iter().map(|part| key(part)).collect();
        let _ = writeln!(self.out, "[{}]", path.join("."));
    }

    fn break_before(&mut self) {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
    }

    fn pair(&mut self, key: &str, value: &str) {
        let _ = writeln!(self.out, "{key} = {value}");
    }

    fn optional(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.pair(key, &quoted(value));
        }
    }

    fn flag(&mut self, key: &str, value: bool) {
        if value {
            self.pair(key, "true");
        }
    }

    fn subscriber(&mut self, subscriber: &Subscriber) {
        self.pair("tenant", &quoted(&subscriber.tenant));
        self.optional("url", subscriber.url.as_ref().map(ToString::to_string).as_deref());
        self.pair("application", &quoted(&subscriber.application));
    }

    /// Each in a list of its own kind, so that there may be several.
    fn credential(&mut self, user: &str, credential: &Credential) {
        let path: &[&str] = match credential {
            Credential::Secret { .. } => &["secret"],
            Credential::Certificate { .. } => &["certificate"],
            Credential::Federated(_) => &["federated", "issuer"],
        };
        let path: Vec<_> = ["application-users", user, "credential"].iter().chain(path).map(|part| key(part)).collect();
        self.break_before();
        let _ = writeln!(self.out, "[[{}]]", path.join("."));
        match credential {
            Credential::Secret { lifetime, sink } | Credential::Certificate { lifetime, sink } => {
                self.pair("lifetime", &quoted(&print_lifetime(*lifetime)));
                let _ = writeln!(self.out, "{}", self::sink(sink, "\n"));
            }
            Credential::Federated(federation) => {
                self.pair("name", &quoted(&federation.name));
                self.pair("issuer", &quoted(&federation.issuer));
                self.pair("subject", &quoted(&federation.subject));
                self.pair("audience", &quoted(&federation.audience));
            }
        }
    }

    fn policies(&mut self, policies: &Policies) {
        let usual = Policies::default();
        if *policies == usual {
            return;
        }
        self.header(&["policies"], "");
        if policies.out_of_the_box_roles != usual.out_of_the_box_roles {
            self.pair("out-of-the-box-roles", stance(policies.out_of_the_box_roles));
        }
        if policies.secrets != usual.secrets {
            self.pair("secrets", stance(policies.secrets));
        }
        if let Some(longest) = policies.longest_lifetime {
            self.pair("longest-lifetime", &quoted(&print_lifetime(longest)));
        }
        if policies.non_interactive_limit != usual.non_interactive_limit {
            self.pair("non-interactive-limit", &policies.non_interactive_limit.to_string());
        }
    }

    fn audit(&mut self, audit: &AuditLines) {
        if *audit == AuditLines::default() {
            return;
        }
        self.header(&["audit"], "");
        let lengths = [("expiring", audit.expiring), ("unused", audit.unused), ("password-age", audit.password_age)];
        for (key, length) in lengths {
            if let Some(length) = length {
                self.pair(key, &quoted(&print_lifetime(length)));
            }
        }
        let word = |severity: Option<Severity>| severity.map_or("off", Severity::name);
        let rules: Vec<String> =
            audit.rules.iter().map(|(rule, severity)| quoted(&format!("{rule}={}", word(severity)))).collect();
        if !rules.is_empty() {
            self.pair("rules", &format!("[{}]", rules.join(", ")));
        }
    }
}

fn stance(stance: Stance) -> &'static str {
    match stance {
        Stance::Allow => "\"allow\"",
        Stance::Warn => "\"warn\"",
        Stance::Refuse => "\"refuse\"",
    }
}

/// With several keys, `between` stands between them.
fn sink(sink: &Sink, between: &str) -> String {
    match sink {
        Sink::EnvFile(path) => format!("env-file = {}", quoted(&path.display().to_string())),
        Sink::File(path) => format!("file = {}", quoted(&path.display().to_string())),
        Sink::Command(words) => format!("command = {}", list(words)),
        Sink::Manifest { file, secret } => {
            let (file, secret) = (quoted(&file.display().to_string()), quoted(&secret.to_string()));
            format!("kubernetes = {file}{between}kubernetes-secret = {secret}")
        }
        Sink::ManifestCommand { words, secret } => {
            format!("command = {}{between}kubernetes-secret = {}", list(words), quoted(&secret.to_string()))
        }
        Sink::GitHub(secret) => format!("github = {}", quoted(&secret.to_string())),
        Sink::KeyVault(secret) => format!("key-vault = {}", quoted(&secret.to_string())),
    }
}

fn list(texts: &[String]) -> String {
    format!("[{}]", texts.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", "))
}

/// A key, bare where TOML lets it be.
fn key(text: &str) -> String {
    let is_bare = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if is_bare { text.to_owned() } else { quoted(text) }
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
