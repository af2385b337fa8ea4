//! What service users may do and did not, as far as that is known.

use std::collections::BTreeSet;

use keyholder_security::Verb;

use super::{Found, Judging, Rule, days, listed, of_user, rights_as_points, shown};
use crate::audit::facts::{Activity, OrgFacts, ServiceUser, UserKind};
use crate::audit::finding::Severity;
use crate::declaration::{Right, in_words};

static UNUSED: Rule = Rule {
    id: "KH305",
    name: "unused-rights",
    severity: Severity::Note,
    title: "A service user may create or change rows of tables in which it did neither lately",
    explanation: "No row of those tables bears it as Created By or Modified By since then (`--activity`). Rows that somebody \
        else changed afterwards, or that were deleted, do not tell; which rows it read, nothing tells.",
    mend: "Take the verbs out of its role, table by table, once whoever runs the program agrees.",
};

pub(super) static RULES: &[&Rule] = &[&UNUSED];

pub(super) fn judge(judging: &mut Judging<'_>) {
    let facts = judging.facts;
    for (org, user) in facts.users() {
        let application = user.application.and_then(|client| facts.application(org.tenant.as_deref()?, client));
        let is_ours_to_judge =
            !application.is_some_and(|one| one.is_microsofts) && user.kind != UserKind::Administrative;
        if let Some(activity) =
            user.activity.as_ref().filter(|_| is_ours_to_judge && !user.is_disabled && !user.is_caller)
        {
            one(judging, org, user, activity);
        }
    }
}

fn one(judging: &mut Judging<'_>, org: &OrgFacts, user: &ServiceUser, activity: &Activity) {
    let span = judging.limits.activity;
    // What was made a moment ago has not been used yet.
    if user.made.is_none_or(|made| judging.now().since(made) < span) {
        return;
    }
    let Some(rights) = user.rights.as_ref().filter(|rights| !rights.is_everything) else { return };
    let used: BTreeSet<&str> = activity.tables.iter().map(|one| one.table.as_str()).collect();
    let is_unused = |right: &&Right| match right {
        Right::Table { table, verb: Verb::Create | Verb::Write, .. } => {
            org.activity_of.iter().any(|known| known == table) && !used.contains(table.as_str())
        }
        _ => false,
    };
    let unused: Vec<Right> = rights.rights.iter().filter(is_unused).cloned().collect();
    if unused.is_empty() {
        return;
    }
    let (words, span) = (listed(&in_words(&unused)), days(span));
    let message = format!("{} {words}, and did neither in the last {span} ({})", shown(&user.name), org.name);
    let found = Found::new(&UNUSED, of_user(org, user), message).in_orgs(vec![org.name.clone()]).program(&user.name);
    let found = found.says(rights_as_points(&unused));
    let show = format!("`keyholder role list --url {}` shows its roles", org.url);
    judging.add(found.mend(format!("{show}; take those verbs out of them once whoever runs the program agrees")));
}
