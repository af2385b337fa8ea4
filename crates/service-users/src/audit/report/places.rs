//! Where in a declaration's file stands what a finding is about.

use crate::audit::facts::{ApplicationFacts, Facts, OrgFacts, ServiceUser};
use crate::audit::finding::{Finding, SubjectKind};
use crate::declaration::{Declaration, Places, Position, Section};

/// A declaration with the places of its entries.
#[derive(Debug, Clone, Copy)]
pub struct Declared<'a> {
    /// What it says.
    pub declaration: &'a Declaration,
    /// Where it says so.
    pub places: &'a Places,
    /// Its file, as seen from where the report is read: with `/`, relative to the repository.
    pub file: &'a str,
}

impl Declared<'_> {
    /// The place of the entry that a finding is about; else that of its org.
    pub(super) fn place_of(&self, facts: &Facts, finding: &Finding) -> Option<Position> {
        let (_, key) = finding.subject.key.split_once(':')?;
        let entry = match finding.subject.kind {
            SubjectKind::Application => self.application(facts, key),
            SubjectKind::Credential => key.split_once(':').and_then(|(client, _)| self.application(facts, client)),
            SubjectKind::OrgUser => {
                let found = facts.users().find(|(org, user)| is_user(org, user, key));
                found.and_then(|(org, user)| self.user(facts, org, user))
            }
            SubjectKind::Person => {
                let names = facts.people.iter().filter(|person| key.ends_with(&person.id.to_string()));
                names.filter_map(|person| person.user_name.as_deref()).find_map(|name| self.person(name))
            }
            SubjectKind::Tenant | SubjectKind::Org => None,
        };
        let org = || finding.orgs.iter().find_map(|org| self.places.of(Section::Orgs, org));
        entry.or_else(org)
    }

    fn user(&self, facts: &Facts, org: &OrgFacts, user: &ServiceUser) -> Option<Position> {
        match (user.application, org.tenant.as_deref()) {
            (Some(client), Some(tenant)) => self.of_application(facts.application(tenant, client)?),
            (Some(client), None) => self.application(facts, &client.to_string()),
            (None, _) => self.person(&user.name),
        }
    }

    fn application(&self, facts: &Facts, client: &str) -> Option<Position> {
        let known = facts.applications.iter().filter(|known| known.client_id.to_string() == client);
        known.filter_map(|application| self.of_application(application)).next()
    }

    fn of_application(&self, application: &ApplicationFacts) -> Option<Position> {
        let is_ours = application.registration.as_ref().is_some_and(|registration| registration.is_ours);
        let declared = self.declaration.application_users.iter().find(|(_, one)| match one.client_id {
            Some(id) => id == application.client_id,
            None => is_ours && one.name == application.name,
        });
        declared.and_then(|(name, _)| self.places.of(Section::ApplicationUsers, name))
    }

    fn person(&self, user_name: &str) -> Option<Position> {
        let mut people = self.declaration.non_interactive_users.iter();
        let declared = people.find(|(_, one)| one.user_name.eq_ignore_ascii_case(user_name));
        declared.and_then(|(name, _)| self.places.of(Section::NonInteractiveUsers, name))
    }

    /// The file as an URI reference (RFC 3986).
    pub(super) fn uri(&self) -> String {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
        let escape = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
        self.file.replace('\\', "/").bytes().map(escape).collect()
    }
}

fn is_user(org: &OrgFacts, user: &ServiceUser, key: &str) -> bool {
    key.strip_prefix(org.url.as_str()).and_then(|rest| rest.strip_prefix(':')) == Some(user.id.to_string().as_str())
}
