//! From the tree to the [`Declaration`]: values are parsed, what may be left out is filled in.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use keyholder_platform::read_bounded;
use uuid::Uuid;

use crate::audit::Switches;
use crate::audit::rules::parse_switch;

use super::document::{At, Reader, number, shown};
use super::federation::{self, GitHubRef};
use super::lifetime::parse_lifetime;
use super::mistakes::Mistakes;
use super::rights::{parse_rights, read_role_file};
use super::{
    ApplicationUser, AuditLines, Credential, Declaration, Federation, KubernetesSecret, NonInteractiveUser, Org,
    Policies, Right, Role, RoleSource, Sink, Stance, Subscriber, Tenant, check, shape,
};

/// Longest file, in bytes: room for some ten thousand entries.
pub const LARGEST_FILE: u64 = 1024 * 1024;

/// How long a secret or certificate works when the file does not say.
const LIFETIME: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// Why a file gave no declaration.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It cannot be read, is too large, or no text.
    #[error(transparent)]
    File(#[from] keyholder_platform::FileError),
    /// It says something wrong.
    #[error(transparent)]
    Mistakes(#[from] Mistakes),
}

impl Declaration {
    /// Reads a file and checks it against itself. The paths in it are relative to its folder.
    ///
    /// # Errors
    /// [`ReadError`]; all mistakes together.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        Ok(Self::parse(&read_bounded(path, LARGEST_FILE)?, path)?)
    }

    /// Reads the text of the file `place` and checks it against itself. Role files that it names
    /// are read.
    ///
    /// # Errors
    /// All mistakes together.
    pub fn parse(text: &str, place: &Path) -> Result<Self, Mistakes> {
        let mut reader = Reader::new(text);
        let root = reader.parse(text);
        let root = At::root(&root);
        if reader.mistakes.is_empty() {
            reader.check(&shape::FILE, &root);
        }
        let mut reading = Reading { reader, folder: place.parent().unwrap_or(Path::new("")), places: BTreeMap::new() };
        let declaration = reading.declaration(&root);
        let Reading { mut reader, places, .. } = reading;
        // A table whose name is mistyped is missed wherever it is referred to: that says nothing new.
        let is_whole = root.table.keys().all(|key| shape::FILE.keys.iter().any(|known| known.name == key.get_ref()));
        if !is_whole {
            return Err(Mistakes::new(Some(place), reader.mistakes));
        }
        for (path, message) in check::check(&declaration, &|section, name| has_entry(&root, section, name)) {
            reader.mistake(nearest_place(&places, &path), message);
        }
        if reader.mistakes.is_empty() { Ok(declaration) } else { Err(Mistakes::new(Some(place), reader.mistakes)) }
    }
}

/// Whether the file has an entry, be it one that could not be read.
fn has_entry(root: &At<'_, '_>, section: &str, name: &str) -> bool {
    root.below_table(section).is_some_and(|section| section.has(name))
}

/// Where a path of the file stands, or the longest part of it that stands anywhere.
fn nearest_place(places: &BTreeMap<String, usize>, path: &str) -> usize {
    let mut path = path;
    loop {
        if let Some(place) = places.get(path) {
            return *place;
        }
        match path.rsplit_once('\0') {
            Some((above, _)) => path = above,
            None => return 0,
        }
    }
}

struct Reading<'t, 'p> {
    reader: Reader<'t>,
    folder: &'p Path,
    /// Where things stand, by their path; see [`check::path`].
    places: BTreeMap<String, usize>,
}

impl<'t> Reading<'t, '_> {
    fn declaration(&mut self, root: &At<'_, 't>) -> Declaration {
        let mut declaration = Declaration { name: self.text(root, &["name"], "name"), ..Declaration::default() };
        for (name, at) in root.named("tenants") {
            self.place(&["tenants", name], at.at);
            if let Some(id) = self.text(&at, &["tenants", name], "id") {
                declaration.tenants.insert(name.to_owned(), Tenant { id });
            }
        }
        for (name, at) in root.named("orgs") {
            if let Some(org) = self.org(name, &at, root) {
                declaration.orgs.insert(name.to_owned(), org);
            }
        }
        for (name, at) in root.named("roles") {
            if let Some(role) = self.role(name, &at) {
                declaration.roles.insert(name.to_owned(), role);
            }
        }
        for (name, at) in root.named("application-users") {
            let user = self.application_user(name, &at, root);
            declaration.application_users.insert(name.to_owned(), user);
        }
        for (name, at) in root.named("non-interactive-users") {
            if let Some(user) = self.non_interactive_user(name, &at, root) {
                declaration.non_interactive_users.insert(name.to_owned(), user);
            }
        }
        for (name, at) in root.named("subscribers") {
            if let Some(subscriber) = self.subscriber(name, &at, root) {
                declaration.subscribers.insert(name.to_owned(), subscriber);
            }
        }
        if let Some(at) = root.below_table("policies") {
            declaration.policies = self.policies(&at);
        }
        if let Some(at) = root.below_table("audit") {
            declaration.audit = self.audit(&at);
        }
        declaration
    }

    fn place(&mut self, path: &[&str], at: usize) {
        self.places.insert(check::path(path), at);
    }

    /// A text, whose place is kept below `path`.
    fn text(&mut self, at: &At<'_, 't>, path: &[&str], key: &str) -> Option<String> {
        let text = at.text(key)?;
        let path: Vec<&str> = if path == [key] { vec![key] } else { path.iter().copied().chain([key]).collect() };
        self.place(&path, at.place_of(key));
        Some(text.to_owned())
    }

    /// A text that is parsed; what is wrong with it is noted as "`path.key` ...".
    fn parsed<T>(&mut self, at: &At<'_, 't>, key: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let text = at.text(key)?;
        match parse(text) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.reader.mistake(at.place_of(key), format!("`{}.{key}` {problem}", at.path));
                None
            }
        }
    }

    fn guid(&mut self, at: &At<'_, 't>, key: &str) -> Option<Uuid> {
        self.parsed(at, key, |text| {
            Uuid::try_parse(text).map_err(|_| format!("is `{}`, which is no GUID", shown(text)))
        })
    }

    fn org(&mut self, name: &str, at: &At<'_, 't>, root: &At<'_, 't>) -> Option<Org> {
        let path = ["orgs", name];
        self.place(&path, at.at);
        let tenant = self.text(at, &path, "tenant").or_else(|| {
            let tenants = root.below_table("tenants")?;
            let mut names = tenants.table.keys();
            let only = names.next()?.get_ref().as_ref().to_owned();
            if names.next().is_none() {
                return Some(only);
            }
            let message = format!("`{}` does not say in which of the tenants it is: add `tenant`", at.path);
            self.reader.mistake(at.at, message);
            None
        });
        let environment = self.text(at, &path, "environment");
        let url = self.parsed(at, "url", |text| text.parse().map_err(|problem| format!("{problem}")))?;
        self.place(&[path[0], path[1], "url"], at.place_of("url"));
        Some(Org { url, tenant, environment })
    }

    fn subscriber(&mut self, name: &str, at: &At<'_, 't>, root: &At<'_, 't>) -> Option<Subscriber> {
        let path = ["subscribers", name];
        self.place(&path, at.at);
        let tenant = self.text(at, &path, "tenant");
        let url = self.parsed(at, "url", |text| text.parse().map_err(|problem| format!("{problem}")));
        self.place(&[path[0], path[1], "url"], at.place_of("url"));
        let application = self.text(at, &path, "application").or_else(|| {
            let published: Vec<_> =
                root.named("application-users").into_iter().filter(|(_, user)| user.flag("multi-tenant")).collect();
            if let [(only, _)] = published.as_slice() {
                return Some((*only).to_owned());
            }
            let many = if published.is_empty() { "none has" } else { "several have" };
            let message =
                format!("`{}` does not say whose subscriber it is: add `application` ({many} `multi-tenant`)", at.path);
            self.reader.mistake(at.at, message);
            None
        })?;
        if at.has("url") && url.is_none() {
            return None;
        }
        Some(Subscriber { tenant: tenant?, url, application })
    }

    fn role(&mut self, name: &str, at: &At<'_, 't>) -> Option<Role> {
        let path = ["roles", name];
        self.place(&path, at.at);
        let own_name = self.text(at, &path, "name");
        let adopt = at.flag("adopt");
        if let Some(existing) = self.text(at, &path, "existing") {
            let is_alone = !at.has("privileges") && !at.has("file");
            for key in ["name", "adopt"].into_iter().filter(|key| is_alone && at.has(key)) {
                let message = format!("`{}.{key}` says nothing beside `existing`: leave it out", at.path);
                self.reader.mistake(at.place_of(key), message);
            }
            return Some(Role { name: existing, source: RoleSource::Existing, adopt: false });
        }
        if at.has("file") {
            let (named, rights) = self.role_file(at)?;
            return Some(Role { name: own_name.unwrap_or(named), source: RoleSource::Rights(rights), adopt });
        }
        let rights = at.below_table("privileges").map(|rights| self.rights(&rights)).unwrap_or_default();
        let name = own_name.unwrap_or_else(|| name.to_owned());
        Some(Role { name, source: RoleSource::Rights(rights), adopt })
    }

    fn rights(&mut self, at: &At<'_, 't>) -> Vec<Right> {
        let mut rights = Vec::new();
        for (key, value) in at.table {
            let Some(text) = value.get_ref().as_str() else { continue };
            match parse_rights(key.get_ref(), text) {
                Ok(more) => rights.extend(more),
                Err(mistakes) => {
                    for mistake in mistakes {
                        self.reader.mistake(key.span().start, format!("{mistake} (in `{}`)", at.path));
                    }
                }
            }
        }
        rights
    }

    fn role_file(&mut self, at: &At<'_, 't>) -> Option<(String, Vec<Right>)> {
        let path = self.path(at, "file")?;
        match read_role_file(&path) {
            Ok(read) => Some(read),
            Err(problem) => {
                self.reader.mistake(at.place_of("file"), format!("`{}.file`: {problem}", at.path));
                None
            }
        }
    }

    /// A path, relative to the file's folder.
    fn path(&mut self, at: &At<'_, 't>, key: &str) -> Option<PathBuf> {
        let folder = self.folder;
        self.parsed(at, key, |text| {
            if text.is_empty() {
                return Err("is empty".to_owned());
            }
            if text.contains('\0') {
                return Err("has a NUL in it".to_owned());
            }
            if text.starts_with('~') {
                return Err(format!("is `{}`, and `~` stands for nothing here: write the folder out", shown(text)));
            }
            let plain = folder.join(text);
            Ok(plain.components().filter(|part| !matches!(part, Component::CurDir)).collect())
        })
    }

    /// Which orgs an entry is for: those that it names, or the only one.
    fn orgs(&mut self, at: &At<'_, 't>, path: &[&str], root: &At<'_, 't>) -> Vec<String> {
        if at.has("orgs") {
            if at.texts("orgs").is_some_and(|orgs| orgs.is_empty()) {
                self.reader.mistake(at.place_of("orgs"), format!("`{}` is in no org", at.path));
            }
            return self.names(at, path, "orgs");
        }
        let orgs: Vec<_> = root.named("orgs").into_iter().map(|(name, _)| name.to_owned()).collect();
        match orgs.len() {
            1 => return orgs,
            0 => self.reader.mistake(at.at, format!("`{}` has no org to be in: declare one in `orgs`", at.path)),
            _ => self.reader.mistake(at.at, format!("`{}` does not say in which orgs: add `orgs`", at.path)),
        }
        Vec::new()
    }

    fn names(&mut self, at: &At<'_, 't>, path: &[&str], key: &str) -> Vec<String> {
        let names = at.texts(key).unwrap_or_default();
        for (number, (_, place)) in names.iter().enumerate() {
            let number = number.to_string();
            let path: Vec<&str> = path.iter().copied().chain([key, &number]).collect();
            self.place(&path, *place);
        }
        names.into_iter().map(|(name, _)| name.to_owned()).collect()
    }

    fn application_user(&mut self, name: &str, at: &At<'_, 't>, root: &At<'_, 't>) -> ApplicationUser {
        let path = ["application-users", name];
        self.place(&path, at.at);
        let client_id = self.guid(at, "client-id").map(Into::into);
        self.place(&[path[0], path[1], "client-id"], at.place_of("client-id"));
        let credentials = at.below_table("credential").map(|below| self.credentials(&below, &path)).unwrap_or_default();
        ApplicationUser {
            name: self.text(at, &path, "name").unwrap_or_else(|| name.to_owned()),
            client_id,
            orgs: self.orgs(at, &path, root),
            business_unit: self.text(at, &path, "business-unit"),
            roles: self.names(at, &path, "roles"),
            credentials,
            user_impersonation: at.flag("user-impersonation"),
            multi_tenant: at.flag("multi-tenant"),
        }
    }

    fn credentials(&mut self, at: &At<'_, 't>, path: &[&str]) -> Vec<Credential> {
        let mut found: Vec<(Credential, usize)> = Vec::new();
        if let Some(federated) = at.below_table("federated") {
            type Read<'a, 't, 'p> = fn(&mut Reading<'t, 'p>, &At<'_, 't>) -> Option<Federation>;
            let kinds: [(&str, Read<'_, 't, '_>); 4] = [
                ("github", Self::github),
                ("azure-devops", Self::azure_devops),
                ("kubernetes", Self::kubernetes),
                ("issuer", Self::issuer),
            ];
            for (kind, read) in kinds {
                for at in federated.one_or_more(kind) {
                    if let Some(mut federation) = read(self, &at) {
                        if let Some(name) = at.text("name") {
                            federation.name = name.to_owned();
                        }
                        if let Some(audience) = at.text("audience") {
                            federation.audience = audience.to_owned();
                        }
                        found.push((Credential::Federated(federation), at.at));
                    }
                }
            }
        }
        for at in at.one_or_more("certificate") {
            let lifetime = self.lifetime(&at);
            if let Some(sink) = self.sink(&at) {
                found.push((Credential::Certificate { lifetime, sink }, at.at));
            }
        }
        for at in at.one_or_more("secret") {
            let lifetime = self.lifetime(&at);
            if let Some(sink) = self.sink(&at) {
                found.push((Credential::Secret { lifetime, sink }, at.at));
            }
        }
        for (number, (_, place)) in found.iter().enumerate() {
            let number = number.to_string();
            let path: Vec<&str> = path.iter().copied().chain(["credential", &number]).collect();
            self.place(&path, *place);
        }
        found.into_iter().map(|(credential, _)| credential).collect()
    }

    fn lifetime(&mut self, at: &At<'_, 't>) -> Duration {
        self.parsed(at, "lifetime", parse_lifetime).unwrap_or(LIFETIME)
    }

    fn sink(&mut self, at: &At<'_, 't>) -> Option<Sink> {
        if at.has("kubernetes-secret") && !at.has("kubernetes") && !at.has("command") {
            let message = format!("`{}.kubernetes-secret` goes with `kubernetes` or `command` alone", at.path);
            self.reader.mistake(at.place_of("kubernetes-secret"), message);
        }
        if at.has("env-file") {
            return self.path(at, "env-file").map(Sink::EnvFile);
        }
        if at.has("file") {
            return self.path(at, "file").map(Sink::File);
        }
        if at.has("github") {
            return self.parsed(at, "github", str::parse).map(Sink::GitHub);
        }
        if at.has("key-vault") {
            return self.parsed(at, "key-vault", str::parse).map(Sink::KeyVault);
        }
        let secret = self.parsed::<KubernetesSecret>(at, "kubernetes-secret", str::parse);
        if at.has("kubernetes") {
            let file = self.path(at, "kubernetes")?;
            if !at.has("kubernetes-secret") {
                let message = format!("`{}` has `kubernetes` without `kubernetes-secret`, the Secret's name", at.path);
                self.reader.mistake(at.place_of("kubernetes"), message);
            }
            return Some(Sink::Manifest { file, secret: secret? });
        }
        let words: Vec<_> = at.texts("command")?.into_iter().map(|(word, _)| word.to_owned()).collect();
        if words.first().is_none_or(|program| program.trim().is_empty()) {
            let message = format!("`{}.command` names no program", at.path);
            self.reader.mistake(at.place_of("command"), message);
            return None;
        }
        if words.iter().any(|word| word.contains('\0')) {
            self.reader.mistake(at.place_of("command"), format!("`{}.command` has a NUL in it", at.path));
            return None;
        }
        match secret {
            Some(secret) => Some(Sink::ManifestCommand { words, secret }),
            // It was said what is wrong with it.
            None if at.has("kubernetes-secret") => None,
            None => Some(Sink::Command(words)),
        }
    }

    fn github(&mut self, at: &At<'_, 't>) -> Option<Federation> {
        let repository = self.parsed(at, "repository", federation::parse_repository)?;
        let ids = match (at.get("owner-id"), at.get("repository-id")) {
            (Some(owner), Some(repository)) => {
                let read = |value: &toml::Spanned<_>| number(value.get_ref()).and_then(|id| u64::try_from(id).ok());
                Some((read(owner)?, read(repository)?))
            }
            (None, None) => None,
            (owner, _) => {
                let (there, missing) =
                    if owner.is_some() { ("owner-id", "repository-id") } else { ("repository-id", "owner-id") };
                let message = format!("`{}` has `{there}` without `{missing}`", at.path);
                self.reader.mistake(at.place_of(there), message);
                None
            }
        };
        let key = ["environment", "branch", "tag"].into_iter().find(|key| at.has(key));
        let of = match key {
            Some(key) => {
                let name = self.parsed(at, key, federation::parse_reference)?;
                (key, name)
            }
            None if at.flag("pull-request") => ("pull-request", String::new()),
            None => {
                if at.has("pull-request") && at.get("pull-request").is_some_and(|value| value.get_ref().is_bool()) {
                    let message = format!("`{}.pull-request` is false, and nothing else is said", at.path);
                    self.reader.mistake(at.place_of("pull-request"), message);
                }
                return None;
            }
        };
        let of = match (of.0, of.1.as_str()) {
            ("environment", name) => GitHubRef::Environment(name),
            ("branch", name) => GitHubRef::Branch(name),
            ("tag", name) => GitHubRef::Tag(name),
            _ => GitHubRef::PullRequest,
        };
        Some(federation::github(&repository.0, &repository.1, ids, of))
    }

    fn azure_devops(&mut self, at: &At<'_, 't>) -> Option<Federation> {
        let organization = self.guid(at, "organization-id");
        let by_id = ["service-connection-id", "tenant-id"];
        let by_name = ["service-connection", "organization", "project"];
        let (needed, strange): (&[&str], &[&str]) =
            if at.has(by_id[0]) { (&by_id, &by_name) } else { (&by_name, &by_id) };
        if !at.has(needed.first()?) {
            return None;
        }
        for key in needed.iter().filter(|key| !at.has(key)) {
            let message = format!("`{}` has `{}`, which needs `{key}`", at.path, needed[0]);
            self.reader.mistake(at.at, message);
        }
        for key in strange.iter().filter(|key| at.has(key) && !at.has(strange[0])) {
            let message = format!("`{}.{key}` says nothing beside `{}`", at.path, needed[0]);
            self.reader.mistake(at.place_of(key), message);
        }
        if at.has(by_id[0]) {
            let (connection, tenant) = (self.guid(at, by_id[0]), self.guid(at, by_id[1]));
            return Some(federation::azure_devops(tenant?, organization?, connection?));
        }
        let (connection, name, project) = (at.text(by_name[0])?, at.text(by_name[1])?, at.text(by_name[2])?);
        Some(federation::azure_devops_own_issuer(organization?, name, project, connection))
    }

    fn kubernetes(&mut self, at: &At<'_, 't>) -> Option<Federation> {
        let issuer = self.parsed(at, "issuer", federation::parse_issuer);
        let namespace = self.parsed(at, "namespace", federation::parse_kubernetes_name);
        let account = self.parsed(at, "service-account", federation::parse_kubernetes_name);
        Some(federation::kubernetes(&issuer?, &namespace?, &account?))
    }

    fn issuer(&mut self, at: &At<'_, 't>) -> Option<Federation> {
        let issuer = self.parsed(at, "issuer", federation::parse_issuer);
        Some(federation::issuer(&issuer?, at.text("subject")?, federation::AUDIENCE))
    }

    fn non_interactive_user(&mut self, name: &str, at: &At<'_, 't>, root: &At<'_, 't>) -> Option<NonInteractiveUser> {
        let path = ["non-interactive-users", name];
        self.place(&path, at.at);
        let user_name = self.text(at, &path, "user-name");
        let display_name = self.text(at, &path, "display-name").unwrap_or_else(|| name.to_owned());
        let orgs = self.orgs(at, &path, root);
        let business_unit = self.text(at, &path, "business-unit");
        let roles = self.names(at, &path, "roles");
        let licence = self.text(at, &path, "licence");
        let usage_location = self.text(at, &path, "usage-location");
        let password = at.below_table("password").and_then(|password| {
            self.place(&[path[0], path[1], "password"], password.at);
            self.sink(&password)
        });
        Some(NonInteractiveUser {
            user_name: user_name?,
            display_name,
            orgs,
            business_unit,
            roles,
            licence,
            usage_location,
            password: password?,
            change_first_password: at.flag("change-first-password"),
        })
    }

    fn audit(&mut self, at: &At<'_, 't>) -> AuditLines {
        let mut rules = Switches::default();
        for (text, place) in at.texts("rules").unwrap_or_default() {
            match parse_switch(text) {
                Ok((rule, severity)) => rules.set(rule, severity),
                Err(problem) => self.reader.mistake(place, format!("`{}`: {problem}", shown(text))),
            }
        }
        AuditLines {
            expiring: self.parsed(at, "expiring", parse_lifetime),
            unused: self.parsed(at, "unused", parse_lifetime),
            password_age: self.parsed(at, "password-age", parse_lifetime),
            rules,
        }
    }

    fn policies(&mut self, at: &At<'_, 't>) -> Policies {
        let stance = |key| match at.text(key) {
            Some("allow") => Some(Stance::Allow),
            Some("warn") => Some(Stance::Warn),
            Some("refuse") => Some(Stance::Refuse),
            _ => None,
        };
        let usual = Policies::default();
        let limit = at.get("non-interactive-limit").and_then(|value| number(value.get_ref()));
        Policies {
            out_of_the_box_roles: stance("out-of-the-box-roles").unwrap_or(usual.out_of_the_box_roles),
            secrets: stance("secrets").unwrap_or(usual.secrets),
            longest_lifetime: self.parsed(at, "longest-lifetime", parse_lifetime),
            non_interactive_limit: limit
                .and_then(|limit| u32::try_from(limit).ok())
                .unwrap_or(usual.non_interactive_limit),
        }
    }
}
