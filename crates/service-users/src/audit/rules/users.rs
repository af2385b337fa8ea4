//! Application users against their registrations and service principals: what lives on one side alone, what nobody uses,
//! what nobody declared.

use super::{Found, Judging, Rule, days, for_shell, listed, of_application, of_user, shown};
use crate::audit::facts::{ApplicationFacts, OrgFacts, Purpose, ServiceUser, UserKind};
use crate::audit::finding::Severity;
use crate::declaration::Declaration;

static GONE: Rule = Rule {
    id: "KH201",
    name: "registration-gone",
    severity: Severity::Warning,
    title: "An org user's application is not in the directory any more",
    explanation: "Neither its registration nor its service principal is there: nothing can sign in as it. The user stays in \
        the org with its roles.",
    mend: "Remove the user from the org, or register the application again under a new id.",
};
static PRINCIPAL_GONE: Rule = Rule {
    id: "KH202",
    name: "principal-gone",
    severity: Severity::Error,
    title: "An org user's application has no service principal",
    explanation: "Without a service principal in the org's tenant the application gets no token there (AADSTS7000229), \
        though its registration and credentials are in place.",
    mend: "Make the service principal again, and the org's user, which stands for the one that is gone: `keyholder app-user \
        create` with `--adopt` does both.",
};
static SHUT: Rule = Rule {
    id: "KH203",
    name: "sign-in-disabled",
    severity: Severity::Warning,
    title: "An org user's application may not sign in",
    explanation: "Sign-in is switched off for its service principal, or its registration is deactivated: its program gets no \
        tokens (AADSTS7000112). The user stays in the org with its roles.",
    mend: "Switch it on again, or remove the user.",
};
static DISABLED: Rule = Rule {
    id: "KH204",
    name: "org-user-disabled",
    severity: Severity::Note,
    title: "An application that still can sign in has a disabled org user",
    explanation: "Its credentials live, and the org refuses it (0x80040225).",
    mend: "Let it in again, or take the rest of it away too.",
};
static MISSING: Rule = Rule {
    id: "KH205",
    name: "org-user-missing",
    severity: Severity::Note,
    title: "An application is registered for Dynamics 365 and is a user of no audited org",
    explanation: "Its registration asks for permissions on Dynamics 365, or Keyholder made it, and its credentials live: \
        they open nothing here. It may be a user of an org that was not audited, or act for people who sign in. While an org of \
        its tenant cannot be read, nothing is said.",
    mend: "Remove it where it is left over.",
};
static REPLACED: Rule = Rule {
    id: "KH206",
    name: "principal-replaced",
    severity: Severity::Error,
    title: "An org user stands for an earlier service principal of its application",
    explanation: "Its service principal was deleted and made again, under a new id. The org knows its user by the old one, and \
        refuses whoever comes with the new one (0x80072560).",
    mend: "Have the org's user made anew: `keyholder app-user create` with `--adopt` does that.",
};
static UNUSED: Rule = Rule {
    id: "KH401",
    name: "unused",
    severity: Severity::Warning,
    title: "An application has not signed in for long",
    explanation: "A way in that nobody uses is one that nobody watches. The directory's report of sign-ins is what tells.",
    mend: "Ask whose it is; disable it, wait, and remove it.",
};
static SHARED: Rule = Rule {
    id: "KH402",
    name: "shared-by-production-and-test",
    severity: Severity::Warning,
    title: "One application serves a test org and another one",
    explanation: "Whoever can read the secret where tests run gets into the other org with it. What an org is for is told by \
        the org itself, where it does, or else by its name.",
    mend: "Give tests an application of their own.",
};
static UNKNOWN: Rule = Rule {
    id: "KH403",
    name: "unknown-to-configuration",
    severity: Severity::Warning,
    title: "A service user is not declared",
    explanation: "The audited configuration does not name it for this org: nobody has said that it shall be there.",
    mend: "Declare it in keyholder.toml, or remove it.",
};

pub(super) static OF_DIRECTORY: &[&Rule] = &[&GONE, &PRINCIPAL_GONE, &SHUT, &DISABLED, &MISSING, &REPLACED];
pub(super) static OF_USE: &[&Rule] = &[&UNUSED, &SHARED, &UNKNOWN];

pub(super) fn judge(judging: &mut Judging<'_>) {
    let facts = judging.facts;
    for (org, user) in facts.users() {
        let application = user.application.and_then(|client| facts.application(org.tenant.as_deref()?, client));
        if let Some(application) = application.filter(|one| !one.is_microsofts) {
            both_sides(judging, org, user, application);
        }
        if let Some(declared) =
            judging.declared.filter(|_| !user.is_caller && !application.is_some_and(|one| one.is_microsofts))
        {
            unknown(judging, declared, org, user, application);
        }
    }
    for application in facts.applications.iter().filter(|one| !one.is_microsofts) {
        missing(judging, application);
        unused(judging, application);
        shared(judging, application);
    }
}

fn both_sides(judging: &mut Judging<'_>, org: &OrgFacts, user: &ServiceUser, application: &ApplicationFacts) {
    let found = |rule, message: String| {
        Found::new(rule, of_user(org, user), message).in_orgs(vec![org.name.clone()]).program(&application.name)
    };
    let (name, place) = (shown(&user.name), &org.name);
    let remove = format!("`keyholder app-user remove {} --url {}`", application.client_id, org.url);
    // A multi-tenant application's registration is in its own tenant.
    let registered = judging
        .facts
        .applications
        .iter()
        .any(|one| one.client_id == application.client_id && one.registration.is_some());
    match &application.principal {
        _ if user.is_disabled => {
            let lives = application.credentials.iter().any(|held| held.lives(judging.now()));
            let gets_in = application.principal.as_ref().is_some_and(|one| one.is_enabled);
            if application.registration.is_some() && gets_in && (lives || !application.federations.is_empty()) {
                let message = format!("{name} is disabled in {place}, and its application can still sign in");
                judging.add(
                    found(&DISABLED, message)
                        .so(format!("{place} refuses its program"))
                        .mend(format!("`keyholder app-user enable {} --url {}`", application.client_id, org.url))
                        .mend(format!("or {remove}")),
                );
            }
        }
        None if registered => {
            let message = format!("the application of {name} has no service principal in the tenant of {place}");
            judging.add(
                found(&PRINCIPAL_GONE, message)
                    .so(format!("its program gets no token for {place}"))
                    .mend("`keyholder apply`, where it is declared")
                    .mend(anew(org, user, application)),
            );
        }
        None => {
            let message =
                format!("{name} is a user of {place}, and the directory does not have its application any more");
            let consequence = format!("nothing can sign in as it; it keeps its roles in {place}");
            judging.add(found(&GONE, message).so(consequence).mend(remove));
        }
        Some(principal) if !principal.is_enabled => {
            let message = format!("{name} is a user of {place}, and its application may not sign in");
            let deactivated = application.registration.as_ref().filter(|one| one.is_disabled);
            let mend = match deactivated {
                Some(registration) => format!(
                    "Entra admin center, App registrations, the application: Activate; or Microsoft Graph: `PATCH \
                     /applications/{}` with `{{\"isDisabled\": false}}`",
                    registration.id
                ),
                None => "Entra admin center, Enterprise applications, the application, Properties: Enabled for users to sign in"
                    .to_owned(),
            };
            let found = found(&SHUT, message).so(format!("its program gets no token for {place}"));
            judging.add(found.mend(mend).mend(format!("or {remove}")));
        }
        Some(principal) if user.object.is_some_and(|object| object != principal.id) => {
            let message =
                format!("{name} in {place} stands for a service principal that its application does not have any more");
            let found = found(&REPLACED, message).so(format!("{place} refuses its program"));
            judging.add(found.mend("`keyholder apply`, where it is declared").mend(anew(org, user, application)));
        }
        Some(_) => {}
    }
}

/// Makes the service principal, and the org's user that stands for it, with the roles and in the business unit that it has.
fn anew(org: &OrgFacts, user: &ServiceUser, application: &ApplicationFacts) -> String {
    if application.registration.is_none() {
        return format!("or Microsoft Graph: `POST /servicePrincipals` with the appId {}", application.client_id);
    }
    let own = user.roles.iter().flatten().filter(|role| role.team.is_none());
    let mut roles: Vec<String> = own.map(|role| format!("--role {}", for_shell(&role.name))).collect();
    if roles.is_empty() {
        roles.push("--role ROLE".to_owned());
    }
    let unit =
        user.business_unit.as_ref().map(|unit| format!(" --business-unit {}", for_shell(unit))).unwrap_or_default();
    let (name, client) = (for_shell(&application.name), application.client_id);
    format!("or `keyholder app-user create {name} --adopt {client} {}{unit} --url {}`", roles.join(" "), org.url)
}

fn missing(judging: &mut Judging<'_>, application: &ApplicationFacts) {
    let Some(registration) = &application.registration else { return };
    let can_sign_in =
        !application.federations.is_empty() || application.credentials.iter().any(|held| held.lives(judging.now()));
    // Where an org could not be read, it may well be a user there.
    let all_read = judging.facts.users_are_known(&application.tenant);
    let is_meant = registration.is_ours || registration.asks_for_dynamics;
    if !can_sign_in || !all_read || !is_meant || judging.users_of(application.client_id).next().is_some() {
        return;
    }
    let message =
        format!("{} is registered for Dynamics 365 and is a user of no audited org", shown(&application.name));
    let found = Found::new(&MISSING, of_application(application), message).program(&application.name);
    judging.add(
        found
            .mend("`keyholder apply`, where it is declared")
            .mend("or Entra admin center, App registrations, the application: Delete, where it is left over"),
    );
}

fn unused(judging: &mut Judging<'_>, application: &ApplicationFacts) {
    let (facts, limit) = (judging.facts, judging.limits.unused);
    let here: Vec<_> = facts
        .users()
        .filter(|(org, user)| {
            user.application == Some(application.client_id) && org.tenant.as_ref() == Some(&application.tenant)
        })
        .filter(|(_, user)| !user.is_disabled)
        .collect();
    if !application.sign_ins_are_known || here.is_empty() || here.iter().any(|(_, user)| user.is_caller) {
        return;
    }
    let registered = application.registration.as_ref().and_then(|one| one.made);
    let made = registered.or_else(|| here.iter().filter_map(|(_, user)| user.made).min());
    let name = shown(&application.name);
    let message = match application.last_sign_in {
        Some(last) if facts.now.since(last) > limit => {
            format!("{name} signed in last on {}, {} ago", last.date(), days(facts.now.since(last)))
        }
        // What was made a moment ago has not been used yet.
        None if made.is_some_and(|made| facts.now.since(made) > limit) => {
            format!("{name} has never signed in, as far as the directory knows")
        }
        _ => return,
    };
    let orgs: Vec<String> = here.iter().map(|(org, _)| org.name.clone()).collect();
    let found = Found::new(&UNUSED, of_application(application), message).program(&application.name);
    let found = found.so(format!("it keeps a way into {} that nobody watches", listed(&orgs))).in_orgs(orgs);
    let first = here.first().map(|(org, _)| org.url.as_str()).unwrap_or_default();
    judging.add(
        found
            .mend(format!(
                "`keyholder app-user disable {} --url {first}`, and see who complains",
                application.client_id
            ))
            .mend(format!("then `keyholder app-user remove {} --url {first}`", application.client_id)),
    );
}

fn shared(judging: &mut Judging<'_>, application: &ApplicationFacts) {
    // An application of several tenants is told of once, where it is registered.
    if application.registration.is_none() {
        return;
    }
    let users: Vec<_> = judging.users_of(application.client_id).filter(|(_, user)| !user.is_disabled).collect();
    if users.iter().any(|(_, user)| user.is_caller) {
        return;
    }
    let is_test = |org: &OrgFacts| matches!(org.purpose, Purpose::Test { .. });
    let names = |wanted: bool| -> Vec<String> {
        users.iter().filter(|(org, _)| is_test(org) == wanted).map(|(org, _)| org.name.clone()).collect()
    };
    let (tests, others) = (names(true), names(false));
    if tests.is_empty() || others.is_empty() {
        return;
    }
    let by = users.iter().find_map(|(org, _)| match &org.purpose {
        Purpose::Test { by } => Some(by.as_str()),
        _ => None,
    });
    let message = format!(
        "{} is a user of {}, for tests as {} says, and of {}",
        shown(&application.name),
        listed(&tests),
        by.unwrap_or("its name"),
        listed(&others)
    );
    let orgs = users.iter().map(|(org, _)| org.name.clone()).collect();
    let found = Found::new(&SHARED, of_application(application), message).program(&application.name).in_orgs(orgs);
    judging.add(
        found
            .so(format!("whoever can read its key where tests run gets into {}", listed(&others)))
            .mend("declare an application user of its own for tests in keyholder.toml, then `keyholder apply`"),
    );
}

fn unknown(
    judging: &mut Judging<'_>,
    declared: &Declaration,
    org: &OrgFacts,
    user: &ServiceUser,
    application: Option<&ApplicationFacts>,
) {
    let here = |orgs: &[String]| orgs.contains(&org.name);
    let (is_known, remove) = match (user.kind, user.application) {
        (UserKind::Application, Some(client)) => {
            let is_ours = application.and_then(|one| one.registration.as_ref()).is_some_and(|one| one.is_ours);
            let is_it = |one: &crate::declaration::ApplicationUser| match one.client_id {
                Some(id) => id == client,
                None => is_ours && application.is_some_and(|application| application.name == one.name),
            };
            let known = declared.application_users.values().any(|one| here(&one.orgs) && is_it(one));
            // Without its registration nobody can tell what is declared by name alone.
            let is_told =
                application.is_some() || declared.application_users.values().all(|one| one.client_id.is_some());
            (known || !is_told, format!("`keyholder app-user remove {client} --url {}`", org.url))
        }
        (UserKind::NonInteractive, _) => {
            let mut people = declared.non_interactive_users.values();
            let known = people.any(|one| here(&one.orgs) && one.user_name.eq_ignore_ascii_case(&user.name));
            let name = for_shell(&user.name);
            (known, format!("`keyholder non-interactive release {name} --slot disable --url {}`", org.url))
        }
        _ => return,
    };
    if is_known {
        return;
    }
    let message = format!("{} is a user of {}, and is not declared for it", shown(&user.name), org.name);
    let found = Found::new(&UNKNOWN, of_user(org, user), message).in_orgs(vec![org.name.clone()]);
    judging.add(
        found
            .program(&user.name)
            .mend("declare it in keyholder.toml (`keyholder init --from-org` prints entries for what is there)")
            .mend(format!("or {remove}")),
    );
}
