//! What could not be read: an audit has no silent gaps.

use super::{Found, Judging, Rule, shown};
use crate::audit::facts::USERS;
use crate::audit::finding::{Severity, Subject, SubjectKind};

static ORG: Rule = Rule {
    id: "KH001",
    name: "org-not-audited",
    severity: Severity::Error,
    title: "An org could not be audited",
    explanation: "The org could not be reached, or the caller may not read its users, or not all of them: an org answers whoever \
        may read a part with that part, and says nothing of the rest. Nothing is known of the service users that were not read.",
    mend: "Make it reachable, or sign in as somebody who may read users and roles there.",
};
static TENANT: Rule = Rule {
    id: "KH002",
    name: "tenant-not-audited",
    severity: Severity::Error,
    title: "A tenant's directory could not be audited",
    explanation: "The directory could not be reached, or the caller may not read applications. Nothing is known of the \
        registrations and credentials of the org users of its orgs.",
    mend: "Give the caller the right to read applications: the Microsoft Graph permission Application.Read.All, or a \
        directory role that has it.",
};
static FACT: Rule = Rule {
    id: "KH003",
    name: "not-read",
    severity: Severity::Warning,
    title: "Something could not be read",
    explanation: "The rules that need it say nothing: no finding of theirs means nothing then. What only adds to what is known \
        (sign-ins, policies, names) is a note.",
    mend: "What is named: a right for the caller, a plan for the tenant, or a later try; what the service does not have at all is \
        accepted in a baseline.",
};

pub(super) static RULES: &[&Rule] = &[&ORG, &TENANT, &FACT];

pub(super) fn judge(judging: &mut Judging<'_>) {
    let facts = judging.facts;
    for org in &facts.orgs {
        let Some(trouble) = &org.trouble else { continue };
        let subject = Subject { kind: SubjectKind::Org, key: format!("org:{}", org.url), name: org.name.clone() };
        let message = format!("the org {} could not be audited: {}", shown(&org.name), trouble.why);
        let found = Found::new(&ORG, subject, message).in_orgs(vec![org.name.clone()]);
        let found = found.so("nothing is known of its service users");
        let found = trouble.hints.iter().fold(found, |found, hint| found.mend(hint));
        judging.add(
            found.mend(
                "a role that reads users, roles, teams and business units of the whole org is enough to audit it",
            ),
        );
    }
    for tenant in &facts.tenants {
        let Some(trouble) = &tenant.trouble else { continue };
        let message =
            format!("the directory of the tenant {} could not be audited: {}", shown(&tenant.name), trouble.why);
        let of_it = facts.orgs.iter().filter(|org| org.tenant.as_ref() == Some(&tenant.authority));
        let found = Found::new(&TENANT, of_tenant(&tenant.authority, &tenant.name), message)
            .in_orgs(of_it.map(|org| org.name.clone()).collect())
            .so("nothing is known of the credentials of the applications in its orgs");
        judging.add(trouble.hints.iter().fold(found, |found, hint| found.mend(hint)));
    }
    for unread in &facts.unread {
        let org = unread.org.as_ref().and_then(|name| facts.orgs.iter().find(|org| org.name == *name));
        let tenant = unread.tenant.as_ref().and_then(|authority| facts.tenant(authority));
        let (mut subject, place) = match (org, tenant) {
            (Some(org), _) => {
                let key = format!("org:{}", org.url);
                (
                    Subject { kind: SubjectKind::Org, key, name: org.name.clone() },
                    format!("the org {}", shown(&org.name)),
                )
            }
            (None, Some(tenant)) => {
                (of_tenant(&tenant.authority, &tenant.name), format!("the tenant {}", shown(&tenant.name)))
            }
            (None, None) => continue,
        };
        subject.key.push_str(&format!(":{}", unread.what.replace(' ', "-")));
        let orgs: Vec<String> = org.map(|org| org.name.clone()).into_iter().collect();
        let (found, weight) = if unread.what == USERS {
            let message = format!("{place} was audited in part: {}", unread.why);
            let found = Found::new(&ORG, subject, message);
            (found.so("nothing is known of the service users that the caller does not see"), Severity::Error)
        } else {
            let message = format!("of {place} it could not be read {}: {}", unread.what, unread.why);
            let weight = if unread.is_grave { Severity::Warning } else { Severity::Note };
            (Found::new(&FACT, subject, message), weight)
        };
        judging.add_as(weight, unread.needs.iter().fold(found.in_orgs(orgs), |found, need| found.mend(need)));
    }
}

fn of_tenant(authority: &str, name: &str) -> Subject {
    Subject { kind: SubjectKind::Tenant, key: format!("tenant:{authority}"), name: name.to_owned() }
}
