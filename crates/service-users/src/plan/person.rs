//! A non-interactive user: one change, whose steps are its reasons. They follow from each other and
//! wait for each other for hours, so none of them is done without those before it.

use std::collections::BTreeMap;

use super::role::Ready;
use super::{Action, Change, Draft, Finding, Mark, Place};
use crate::declaration::NonInteractiveUser;
use crate::non_interactive::{self, declared, plan_beside};
use crate::report::Step;

/// Plans one declared user; `roles` are those of each org that users can be given.
pub(super) fn plan(
    draft: &mut Draft<'_>,
    name: &str,
    user: &NonInteractiveUser,
    roles: &BTreeMap<&str, BTreeMap<String, Ready>>,
) {
    let observed = match draft.seen.non_interactive.get(name) {
        Some(Ok(observed)) => observed,
        Some(Err(error)) => return draft.findings.push(Finding::person(name, error)),
        None => return draft.findings.push(Finding::no_tenant(name)),
    };
    let definition = declared::definition(draft.declaration, user, draft.leave.system_administrator);
    let mut needed: Vec<(&str, &Ready)> = Vec::new();
    for org in &user.orgs {
        let ready = roles.get(org.as_str());
        needed.extend(user.roles.iter().filter_map(|role| Some((org.as_str(), ready?.get(role)?))));
    }
    let coming: Vec<_> =
        needed.iter().filter(|(_, role)| role.is_new).map(|(org, role)| (*org, role.name.as_str())).collect();
    let steps = match plan_beside(&definition, observed, &coming) {
        Ok(steps) => steps,
        Err(problem) => return draft.findings.push(Finding::person(name, &problem.into())),
    };
    let orgs: Vec<_> = observed.orgs.iter().map(|org| org.name.as_str()).collect();
    let is_new = steps.iter().any(|step| matches!(step, non_interactive::Change::CreatePerson { .. }));
    let place = match user.orgs.iter().find_map(|org| draft.seen.tenants.get(org)) {
        Some(tenant) => Place::Tenant(tenant.clone()),
        None => return draft.findings.push(Finding::no_tenant(name)),
    };
    let subject = format!("non-interactive user `{}`", user.user_name);
    let mut change = Change::new(format!("non-interactive:{name}"), Step::Person, name, place, subject)
        .after(needed.iter().map(|(_, role)| role.id.clone()));
    if let Some(person) = &observed.person {
        change = change.fact("objectId", &person.id);
    }
    for step in &steps {
        change = change.because(format!("{} {}", step.sign(), step.in_words(&user.user_name, &orgs)));
    }
    let is_password = |step: &non_interactive::Change| {
        matches!(step, non_interactive::Change::CreatePerson { .. } | non_interactive::Change::SetPassword)
    };
    if steps.iter().any(is_password) {
        change = change.because(format!("its password goes to {}", user.password.in_words()));
    }
    // The steps are looked for anew when the plan is carried out: what they go by is bound with it.
    change = change.fact("sink", &user.password.in_words()).fact("limit", &definition.limit);
    for (name, value) in [("licence", &definition.licence), ("usageLocation", &definition.usage_location)] {
        if let Some(value) = value {
            change = change.fact(name, value);
        }
    }
    if !steps.is_empty() {
        let mark = if is_new { Mark::Make } else { Mark::Change };
        change = change.to(mark, Action::BringAbout);
        change.grants.extend(
            needed.iter().map(|(org, role)| format!("the role `{}` in {org}, to whoever has the password", role.name)),
        );
    }
    draft.changes.push(change);
}
