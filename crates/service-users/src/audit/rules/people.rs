//! Non-interactive users: places, licences, passwords, and the way off them.

use super::{Found, Judging, Rule, days, for_shell, of_user, shown};
use crate::audit::facts::{LeftOut, LeftOutBy, OrgFacts, PersonFacts, ServiceUser, UserKind};
use crate::audit::finding::{Point, Severity, Subject, SubjectKind};

static SLOTS: Rule = Rule {
    id: "KH501",
    name: "few-places-left",
    severity: Severity::Warning,
    title: "An org has hardly any place left for non-interactive users",
    explanation: "An org takes seven of them (five in older documents), and refuses the next one. Application users need no \
        place.",
    mend: "Move them to application users, or give back places that nobody uses.",
};
static LICENCE: Rule = Rule {
    id: "KH502",
    name: "licence-for-nothing",
    severity: Severity::Warning,
    title: "A non-interactive user holds a licence for nothing",
    explanation: "It takes a licence to become one, and none to be one: the licence could serve a person.",
    mend: "Give the licence back.",
};
static REPLACEABLE: Rule = Rule {
    id: "KH503",
    name: "non-interactive-user",
    severity: Severity::Note,
    title: "A non-interactive user could be an application user",
    explanation: "It signs in with a password, which multi-factor authentication stops and people know. An application that \
        accepts a pipeline's or a cluster's tokens has no secret at all, no licence and no limit to their number. Whether the \
        program on the other side can do that, nobody here can tell.",
    mend: "Where the program can: move it to an application user.",
};
static PASSWORD: Rule = Rule {
    id: "KH504",
    name: "password-old",
    severity: Severity::Warning,
    title: "A non-interactive user's password is old",
    explanation: "Whoever learned it in all that time can still use it.",
    mend: "Set a new one and hand it to the program, or move to an application user.",
};
static LEFT_OUT: Rule = Rule {
    id: "KH505",
    name: "left-out-of-multi-factor",
    severity: Severity::Warning,
    title: "A non-interactive user is left out of multi-factor authentication",
    explanation: "A Conditional Access policy excludes it, by name, by a group that it is in or by a directory role that it \
        holds, because its program cannot answer: its password alone lets anybody in from anywhere. Whoever may change the \
        members of such a group decides whom else the policy leaves out.",
    mend: "Move to an application user and take the exclusion away, or let another policy allow certain addresses only.",
};
static PERSON_GONE: Rule = Rule {
    id: "KH506",
    name: "person-gone",
    severity: Severity::Warning,
    title: "A non-interactive user's person is gone or may not sign in",
    explanation: "The directory does not have the person any more, or has disabled it: its program gets no token, and the org \
        user still takes a place.",
    mend: "Give the place back, or let the person in again.",
};
static UNUSED: Rule = Rule {
    id: "KH507",
    name: "person-unused",
    severity: Severity::Warning,
    title: "A non-interactive user has not signed in for long",
    explanation: "A password that nobody uses is one that nobody watches, and its user takes a place.",
    mend: "Ask whose it is, then give the place back.",
};

pub(super) static RULES: &[&Rule] = &[&SLOTS, &LICENCE, &REPLACEABLE, &PASSWORD, &LEFT_OUT, &PERSON_GONE, &UNUSED];

pub(super) fn judge(judging: &mut Judging<'_>) {
    let facts = judging.facts;
    for org in &facts.orgs {
        slots(judging, org);
        for user in org.users.iter().filter(|user| user.kind == UserKind::NonInteractive) {
            let person =
                facts.people.iter().find(|one| Some(one.id) == user.object && Some(&one.tenant) == org.tenant.as_ref());
            if let Some(person) = person {
                one(judging, org, user, person);
            }
            if !user.is_disabled {
                replaceable(judging, org, user);
            }
        }
    }
}

fn slots(judging: &mut Judging<'_>, org: &OrgFacts) {
    let (used, limit) = (org.slots_used(), usize::try_from(org.slots_limit).unwrap_or(usize::MAX));
    if used == 0 || used + 1 < limit {
        return;
    }
    let none = || "none is left".to_owned();
    let (left, what) = match limit.checked_sub(used) {
        Some(left @ 1..) => (format!("{left} is left"), Point::new("one place is left").or([none()])),
        _ => (none(), Point::new(none())),
    };
    let message = format!("{used} of the {limit} places for non-interactive users of {} are taken: {left}", org.name);
    let subject = Subject { kind: SubjectKind::Org, key: format!("org:{}", org.url), name: org.name.clone() };
    let found = Found::new(&SLOTS, subject, message).in_orgs(vec![org.name.clone()]).says([what]);
    judging.add(
        found
            .so("the org refuses the next one".to_owned())
            .mend(format!("`keyholder non-interactive list --url {}` shows who takes them", org.url))
            .mend(format!(
                "`keyholder non-interactive migrate USER --save-env FILE --url {}` for what an application user can do",
                org.url
            )),
    );
}

fn one(judging: &mut Judging<'_>, org: &OrgFacts, user: &ServiceUser, person: &PersonFacts) {
    let now = judging.now();
    let (name, place) = (shown(&user.name), &org.name);
    let found = |rule, message: String| {
        Found::new(rule, of_user(org, user), message).in_orgs(vec![place.clone()]).program(&user.name)
    };
    let for_shell = for_shell(&user.name);
    let release = |how: &str| format!("`keyholder non-interactive release {for_shell}{how} --url {}`", org.url);
    let migrate = || format!("`keyholder non-interactive migrate {for_shell} --save-env FILE --url {}`", org.url);
    let mut declared = judging.declared.into_iter().flat_map(|declared| &declared.non_interactive_users);
    let declared = declared.find(|(_, one)| one.user_name.eq_ignore_ascii_case(&user.name)).map(|(name, _)| name);
    if !person.licences.is_empty() {
        let held: Vec<&str> = person.licences.iter().map(|one| one.part_number.as_str()).collect();
        let message = format!("{name} of {place} holds {} for nothing", held.join(", "));
        let by_group = person.licences.iter().any(|one| one.group.is_some());
        let group = "what a group gives: take the person out of that group";
        let found = found(&LICENCE, message).says(held.into_iter().map(Point::new));
        let found = found.so("the licence is paid for and serves nobody").mend(release(""));
        judging.add(if by_group { found.mend(group) } else { found });
    }
    if user.is_disabled {
        return;
    }
    if !person.is_there || !person.is_enabled {
        let what = if person.is_there { "may not sign in" } else { "is not in the directory any more" };
        let message = format!("the person behind {name} of {place} {what}");
        let found = found(&PERSON_GONE, message).so("its program gets no token, and it still takes a place");
        judging.add(found.mend(release(" --slot disable")));
        return;
    }
    if let Some(set) = person.password_set.filter(|set| now.since(*set) > judging.limits.password_age) {
        let age = days(now.since(set));
        let message = format!("the password of {name} of {place} was set on {}, {age} ago", set.date());
        let found = found(&PASSWORD, message).so("whoever learned it since can use it");
        let set = match declared {
            // Set by hand, the password at its place would be wrong.
            Some(name) => format!("`keyholder rotate {}`", super::for_shell(name)),
            None => "Entra admin center, Users, the person: Reset password, and hand it to the program".to_owned(),
        };
        judging.add(found.mend(set).mend(format!("or {}", migrate())));
    }
    if let Some(policies) = person.left_out_by.as_ref().filter(|policies| !policies.is_empty()) {
        let policies: Vec<String> = policies.iter().map(left_out).collect();
        let message = format!("{name} of {place} is left out of {}", policies.join(", "));
        let what = policies.iter().map(|policy| Point::new(format!("left out of {policy}")));
        let found =
            found(&LEFT_OUT, message).says(what).so("they do not ask it for more than its password; others may");
        judging.add(found.mend(migrate()));
    }
    let made = user.made.is_some_and(|made| now.since(made) > judging.limits.unused);
    let message = match person.last_sign_in {
        Some(last) if now.since(last) > judging.limits.unused => {
            format!("{name} of {place} signed in last on {}, {} ago", last.date(), days(now.since(last)))
        }
        None if person.sign_ins_are_known && made => {
            format!("{name} of {place} has never signed in, as far as the directory knows")
        }
        _ => return,
    };
    let found = found(&UNUSED, message).so(format!("it keeps a way into {place} that nobody watches"));
    judging.add(found.mend(release(" --slot disable")));
}

/// A policy by its name, and what it leaves somebody out by.
fn left_out(one: &LeftOut) -> String {
    let policy = shown(&one.policy);
    match &one.by {
        None => policy,
        Some(LeftOutBy::Group(group)) => format!("{policy} by the group {}", shown(group)),
        Some(LeftOutBy::Role(role)) => format!("{policy} by the directory role {}", shown(role)),
    }
}

fn replaceable(judging: &mut Judging<'_>, org: &OrgFacts, user: &ServiceUser) {
    let message = format!("{} of {} signs in with a password", shown(&user.name), org.name);
    let found =
        Found::new(&REPLACEABLE, of_user(org, user), message).in_orgs(vec![org.name.clone()]).program(&user.name);
    judging.add(found.mend(format!(
        "`keyholder non-interactive migrate {} --trust github --repository OWNER/NAME --branch main --url {}`, or another \
         issuer's",
        for_shell(&user.name),
        org.url
    )));
}
