//! Secrets and certificates: their ends, their lengths, their number.

use std::collections::BTreeMap;
use std::time::Duration;

use keyholder_foundation::{KeyId, Timestamp};

use super::{DAY, Found, Judging, Rule, days, for_shell, listed, of_application, shown};
use crate::audit::facts::{ApplicationFacts, HeldCredential, Successor};
use crate::audit::finding::{Point, Severity, Subject, SubjectKind};
use crate::declaration::ApplicationUser;
use crate::kept::KeyKind;

static EXPIRED: Rule = Rule {
    id: "KH101",
    name: "credential-expired",
    severity: Severity::Error,
    title: "An application's last credential, or the last of a place, has expired",
    explanation: "Nothing that the application could sign in with works any more: its program gets no tokens \
        (AADSTS7000222 for a secret, AADSTS700027 for a certificate). Where others of it work, and Keyholder wrote this one to a \
        place that got no later one, the program at that place has stopped: a warning, as that place may be out of use.",
    mend: "Give it a new credential with `keyholder credential add`, or let it accept another issuer's tokens.",
};
static EXPIRING: Rule = Rule {
    id: "KH102",
    name: "credential-expiring",
    severity: Severity::Warning,
    title: "An application's last credential, or the last of a place, expires soon",
    explanation: "When it expires, the program that uses it stops, in every org at once. Of each place that Keyholder wrote to \
        the last one counts, because a rotation leaves an older one to its end; what bears no place counts by itself, and is a \
        note where a later one may have taken its place. What stands on the service principal does not count for the \
        registration's.",
    mend: "Replace it before, with `keyholder rotate`.",
};
static TOO_LONG: Rule = Rule {
    id: "KH103",
    name: "credential-too-long-lived",
    severity: Severity::Warning,
    title: "A secret or certificate lives too long",
    explanation: "Whoever gets hold of it can use it until its end. Shorter lives are safer, and rotation then is a habit.",
    mend: "Replace it with one of a shorter life, with `keyholder rotate`.",
};
static FEDERATION: Rule = Rule {
    id: "KH104",
    name: "secret-instead-of-federation",
    severity: Severity::Note,
    title: "An application signs in with a secret alone",
    explanation: "A program that runs in GitHub Actions, Azure DevOps, Kubernetes or any place with an identity of its own \
        can show that place's token instead of a secret: nothing is kept, nothing expires, nothing leaks. Whether this \
        program runs in such a place, the directory does not tell.",
    mend: "Where it does, let the application accept that issuer's tokens, and revoke the secret.",
};
static SEVERAL: Rule = Rule {
    id: "KH105",
    name: "several-live-secrets",
    severity: Severity::Warning,
    title: "Several secrets of an application live side by side",
    explanation: "Two secrets overlap while one takes the other's place. Where they go on side by side, one of them is \
        known to somebody and watched by nobody. Secrets that Keyholder wrote to different places are not counted \
        together.",
    mend: "Find out which one is in use, and revoke the other.",
};
static LEFT: Rule = Rule {
    id: "KH106",
    name: "expired-credential-left",
    severity: Severity::Note,
    title: "An expired secret or certificate was left on an application",
    explanation: "It opens nothing any more, and hides what does.",
    mend: "Remove it.",
};
static HIDDEN: Rule = Rule {
    id: "KH107",
    name: "credential-on-principal",
    severity: Severity::Warning,
    title: "A service principal has a credential of its own",
    explanation: "It opens the application as well as the registration's credentials do, and the portals do not show it: a \
        known way to stay in a tenant unseen.",
    mend: "Remove it in Microsoft Graph, unless it is for SAML or somebody can say what it is for.",
};
static NONE: Rule = Rule {
    id: "KH108",
    name: "no-credential",
    severity: Severity::Note,
    title: "An application has nothing to sign in with",
    explanation: "It has neither secret nor certificate and accepts no other issuer's tokens: its org user is a door \
        without a key.",
    mend: "Give it a credential, or remove it.",
};

pub(super) static RULES: &[&Rule] = &[&EXPIRED, &EXPIRING, &TOO_LONG, &FEDERATION, &SEVERAL, &LEFT, &HIDDEN, &NONE];

pub(super) fn judge(judging: &mut Judging<'_>) {
    for application in judging.facts.applications.iter().filter(|one| !one.is_local_administrator) {
        // Of another tenant's application nobody here looks after credentials.
        if application.registration.is_some() {
            let told = ends(judging, application);
            each(judging, application, &told);
            several(judging, application);
            federation(judging, application);
        }
        hidden(judging, application);
    }
}

/// What goes on working when a credential does not; gives those of which it was told that their programs stopped.
fn ends(judging: &mut Judging<'_>, application: &ApplicationFacts) -> Vec<KeyId> {
    let now = judging.now();
    let orgs = judging.orgs_of(application.client_id);
    let name = shown(&application.name);
    // What accepts another issuer's tokens, or may, can go on without any of its own.
    let is_federated = may_be_federated(judging, application);
    if application.credentials.is_empty() {
        if !orgs.is_empty() && !is_federated {
            let message = format!("{name} has nothing to sign in with, and is a user of {}", listed(&orgs));
            let found = Found::new(&NONE, of_application(application), message).in_orgs(orgs);
            judging.add(
                found
                    .mend(add(application, None))
                    .mend(format!("or `keyholder app-user remove {}`", application.client_id)),
            );
        }
        return Vec::new();
    }
    let has_own = application.credentials.iter().any(|held| !held.is_on_principal);
    let own: Vec<&HeldCredential> =
        application.credentials.iter().filter(|held| !held.is_on_principal || !has_own).collect();
    // The one that works the longest; one without an end is there for good.
    let Some(last) = own.iter().copied().max_by_key(|held| (held.ends.is_none(), held.ends, held.id)) else {
        return Vec::new();
    };
    the_last(judging, application, last, is_federated);
    let mut told = Vec::new();
    // Where the last one is over, that says all of the others.
    for held in own.into_iter().filter(|held| held.id != last.id && last.lives(now)) {
        told.extend(of_place(judging, application, held, is_federated));
    }
    told
}

/// What ends at its place, while others of the application work elsewhere.
fn of_place(
    judging: &mut Judging<'_>,
    application: &ApplicationFacts,
    held: &HeldCredential,
    is_federated: bool,
) -> Option<KeyId> {
    let (now, end) = (judging.now(), held.ends?);
    let successor = application.successor(held, now);
    let is_over = end <= now;
    let is_soon = !is_over && end.since(now) <= judging.limits.expiring;
    if successor == Successor::Known || (is_over && (is_federated || held.label().is_none())) || !(is_over || is_soon) {
        return None;
    }
    let orgs = judging.orgs_of(application.client_id);
    let what = format!("the {} {} of {}", held.kind.noun(), described(held), shown(&application.name));
    let revoke = format!("`keyholder credential revoke {} {}`", application.client_id, held.id);
    let (rule, message, consequence) = if is_over {
        let message = format!("{what} expired on {}, and its place got no later one", end.date());
        (&EXPIRED, message, format!("the program at that place has not reached {} since", listed(&orgs)))
    } else {
        let unless = match (is_federated, successor) {
            (true, _) => ", unless it signs in with another issuer's tokens",
            (_, Successor::Perhaps) => ", unless it has got the later one",
            _ => "",
        };
        let place = |one: &HeldCredential| one.label().map(|(id, _)| id.to_owned());
        let is_of_place = |one: &&HeldCredential| one.id != held.id && one.lives(now) && place(one) == place(held);
        let others = match held.label().and_then(|_| application.credentials.iter().find(is_of_place)) {
            Some(_) => "an older one of its place works longer",
            None => "others work longer elsewhere",
        };
        let message = format!("{what} expires on {}, {}; {others}", end.date(), left(end, now));
        (&EXPIRING, message, format!("the program that holds this one stops reaching {} then{unless}", listed(&orgs)))
    };
    let is_sure = !is_federated && successor == Successor::Nobody;
    let found = Found::new(rule, of_credential(application, held), message).program(&application.name).when(held.ends);
    let found = if orgs.is_empty() { found } else { found.so(consequence).in_orgs(orgs) };
    let found = match (is_over, declared_name(judging, application)) {
        (true, Some(_)) => found.mend("`keyholder apply`"),
        (true, None) => found.mend(add(application, Some(held))),
        (false, _) => found.mend(rotate(judging, application, held)),
    };
    let found = found.mend(format!("or {revoke}, where nothing uses it any more"));
    judging.add_at_most(if is_sure { Severity::Warning } else { Severity::Note }, found);
    is_over.then_some(held.id)
}

/// How long that is from now.
fn left(end: Timestamp, now: Timestamp) -> String {
    match end.since(now) {
        left if left < DAY => "today".to_owned(),
        // The day on which it ends is told too: half a day more is one more.
        left => format!("in {}", days(left + DAY - Duration::from_millis(1))),
    }
}

/// What is to be said of the one that works the longest.
fn the_last(judging: &mut Judging<'_>, application: &ApplicationFacts, last: &HeldCredential, is_federated: bool) {
    let now = judging.now();
    let orgs = judging.orgs_of(application.client_id);
    let name = shown(&application.name);
    let Some(end) = last.ends else { return };
    let (rule, message, consequence) = if end <= now && is_federated {
        return;
    } else if end <= now {
        let message = format!("the last credential of {name}, a {}, expired on {}", last.kind.noun(), end.date());
        (&EXPIRED, message, format!("the program has not reached {} since", listed(&orgs)))
    } else if end.since(now) <= judging.limits.expiring {
        let left = left(end, now);
        let message =
            format!("the last credential of {name}, a {}, expires on {}, {left}", last.kind.noun(), end.date());
        let unless = if is_federated { ", unless it signs in with another issuer's tokens" } else { "" };
        (&EXPIRING, message, format!("the program stops reaching {} then{unless}", listed(&orgs)))
    } else {
        return;
    };
    let found = Found::new(rule, of_application(application), message).program(&application.name).when(Some(end));
    let found = found.says([point(last)]);
    let found = if orgs.is_empty() { found } else { found.so(consequence).in_orgs(orgs) };
    let found = match (end <= now, declared_name(judging, application)) {
        (true, Some(_)) => found.mend("`keyholder apply`"),
        (true, None) => found.mend(add(application, Some(last))),
        (false, _) => found.mend(rotate(judging, application, last)),
    };
    let found = found.mend(format!(
        "or one that never expires, where the program runs in a pipeline or cluster: {}",
        add_trust(application)
    ));
    judging.add_at_most(if is_federated { Severity::Note } else { Severity::Error }, found);
}

/// What is to be said of each by itself.
fn each(judging: &mut Judging<'_>, application: &ApplicationFacts, told: &[KeyId]) {
    let now = judging.now();
    let works =
        application.federations.len() + application.credentials.iter().filter(|held| held.lives(now)).count() > 0;
    for held in application.credentials.iter().filter(|held| !held.is_on_principal) {
        let what = format!("the {} {} of {}", held.kind.noun(), described(held), shown(&application.name));
        let revoke = format!("`keyholder credential revoke {} {}`", application.client_id, held.id);
        if !held.lives(now) {
            // Where nothing works any more, that is what there is to say.
            if works && !told.contains(&held.id) {
                let ended = held.ends.map(|ends| ends.date()).unwrap_or_default();
                let message = format!("{what} expired on {ended} and is still there");
                let found = Found::new(&LEFT, of_credential(application, held), message).when(held.ends);
                judging.add(found.program(&application.name).mend(revoke));
            }
            continue;
        }
        let longest = judging.limits.longest_lifetime;
        let life = held.starts.zip(held.ends).map(|(starts, ends)| ends.since(starts)).filter(|_| !held.is_endless());
        if life.is_none_or(|life| life > longest) {
            let life = life.map_or_else(|| "has no end".to_owned(), |life| format!("lives for {}", days(life)));
            let message = format!("{what} {life}, and {} is the longest", days(longest));
            let found = Found::new(&TOO_LONG, of_credential(application, held), message);
            let orgs = judging.orgs_of(application.client_id);
            let found =
                found.program(&application.name).in_orgs(orgs).so("whoever gets hold of it can use it until then");
            judging.add(found.mend(rotate(judging, application, held)));
        }
    }
}

fn several(judging: &mut Judging<'_>, application: &ApplicationFacts) {
    let now = judging.now();
    let is_live = |held: &&HeldCredential| held.kind == KeyKind::Secret && !held.is_on_principal && held.lives(now);
    let mut places: BTreeMap<&str, Vec<&HeldCredential>> = BTreeMap::new();
    for held in application.credentials.iter().filter(is_live) {
        places.entry(held.place.as_deref().unwrap_or_default()).or_default().push(held);
    }
    // What bears no place could be a second one for any of them.
    let unplaced = places.get("").map_or(0, Vec::len);
    let crowded = places.iter().find(|(place, held)| held.len() + if place.is_empty() { 0 } else { unplaced } > 1);
    let Some(_) = crowded else { return };
    let live: Vec<&HeldCredential> = application.credentials.iter().filter(is_live).collect();
    let newest = live.iter().filter_map(|held| held.starts).max();
    let is_rotation = live.len() == 2 && newest.is_some_and(|newest| now.since(newest) <= judging.limits.overlap);
    if is_rotation {
        return;
    }
    let each: Vec<String> = live
        .iter()
        .map(|held| format!("{} until {}", described(held), held.ends.map_or("ever".to_owned(), |end| end.date())))
        .collect();
    let message =
        format!("{} secrets of {} live side by side: {}", live.len(), shown(&application.name), listed(&each));
    let orgs = judging.orgs_of(application.client_id);
    let found = Found::new(&SEVERAL, of_application(application), message).program(&application.name).in_orgs(orgs);
    let found = found.says(live.iter().map(|held| point(held)));
    judging.add(
        found
            .so("one of them may be known to somebody and is watched by nobody")
            .mend(format!("`keyholder credential list {}` tells them apart", application.client_id))
            .mend(format!("`keyholder credential revoke {} ID` for what is not used", application.client_id)),
    );
}

fn federation(judging: &mut Judging<'_>, application: &ApplicationFacts) {
    let now = judging.now();
    let lives = |held: &&HeldCredential| held.lives(now);
    let has = |kind: KeyKind| application.credentials.iter().filter(lives).any(|held| held.kind == kind);
    let orgs = judging.orgs_of(application.client_id);
    let others = has(KeyKind::Certificate) || may_be_federated(judging, application);
    if !has(KeyKind::Secret) || others || orgs.is_empty() {
        return;
    }
    let message = format!("{} signs in with a client secret, which can leak and expires", shown(&application.name));
    let found = Found::new(&FEDERATION, of_application(application), message).program(&application.name).in_orgs(orgs);
    judging.add(found.mend(format!(
        "where its program runs in a pipeline or cluster: {}; then revoke the secret",
        add_trust(application)
    )));
}

fn hidden(judging: &mut Judging<'_>, application: &ApplicationFacts) {
    let Some(principal) = &application.principal else { return };
    // What Microsoft puts on its own applications and managed identities is its own to look after.
    if application.is_microsofts || principal.is_managed_identity {
        return;
    }
    let now = judging.now();
    for held in application.credentials.iter().filter(|held| held.is_on_principal && held.lives(now)) {
        let what = format!("the {} {}", held.kind.noun(), described(held));
        let name = shown(&application.name);
        let message = format!("the service principal of {name} has {what}, which its registration does not show");
        let orgs = judging.orgs_of(application.client_id);
        let found = Found::new(&HIDDEN, of_credential(application, held), message).program(&application.name);
        let action = match held.kind {
            KeyKind::Secret => "removePassword",
            KeyKind::Certificate => "removeKey",
        };
        judging.add(found.in_orgs(orgs).so("it opens the same as the registration's own").when(held.ends).mend(
            format!("Microsoft Graph: `POST /servicePrincipals/{}/{action}` with the id {}", principal.id, held.id),
        ));
    }
}

fn may_be_federated(judging: &Judging<'_>, application: &ApplicationFacts) -> bool {
    !application.federations.is_empty() || !judging.facts.federations_are_known(&application.tenant)
}

/// Replaces what works, without a gap.
fn rotate(judging: &Judging<'_>, application: &ApplicationFacts, held: &HeldCredential) -> String {
    let client = application.client_id;
    match declared_name(judging, application) {
        Some(name) => format!("`keyholder rotate {}`", for_shell(name)),
        None => {
            let (flags, which) = place_flags(Some(held));
            format!("`keyholder rotate {client} --lifetime 180d {flags}`, with {which}")
        }
    }
}

/// The flags that name a credential's place, as far as its label tells it, and what is to be filled in or looked at.
fn place_flags(held: Option<&HeldCredential>) -> (String, &'static str) {
    let Some((held, (_, place))) = held.and_then(|held| Some((held, held.label()?))) else {
        return ("--save-env FILE".to_owned(), "the file that holds it now");
    };
    let path = std::path::Path::new(place);
    let ending = path.extension().and_then(std::ffi::OsStr::to_str).unwrap_or_default();
    match (place.strip_prefix("github "), place.strip_prefix("command ")) {
        (Some(secret), _) => (format!("--save-github {}", for_shell(secret)), "a token of GitHub's in GH_TOKEN"),
        (_, Some(_)) => {
            ("--save-with 'PROGRAM ARGUMENTS'".to_owned(), "the program that has taken it, as it was given")
        }
        _ if place.starts_with("https://") => {
            (format!("--save-key-vault {}", for_shell(place)), "a way into the vault")
        }
        _ if matches!(ending, "yaml" | "yml") => (
            format!("--save-kubernetes {} --kubernetes-secret NAMESPACE/NAME", for_shell(place)),
            "the names that stand in that manifest, where it is",
        ),
        _ => {
            let flag = match held.kind {
                _ if ending == "env" => "--save-env",
                KeyKind::Secret => "--save-secret",
                KeyKind::Certificate => "--save-key",
            };
            (format!("{flag} {}", for_shell(place)), "the file on the machine where it is")
        }
    }
}

/// The name of its entry in keyholder.toml, where it is declared.
fn declared_name<'a>(judging: &Judging<'a>, application: &ApplicationFacts) -> Option<&'a str> {
    let client = application.client_id;
    let is_it = |one: &ApplicationUser| one.client_id.map_or(one.name == application.name, |id| id == client);
    let mut declared = judging.declared?.application_users.iter();
    declared.find(|(_, one)| is_it(one)).map(|(name, _)| name.as_str())
}

/// One more, of the kind and for the place of one that has ended.
fn add(application: &ApplicationFacts, ended: Option<&HeldCredential>) -> String {
    let kind = match ended.map(|held| held.kind) {
        Some(KeyKind::Certificate) => "--certificate",
        _ => "--secret",
    };
    let (flags, _) = place_flags(ended);
    format!("`keyholder credential add {} {kind} --lifetime 180d {flags}`", application.client_id)
}

fn add_trust(application: &ApplicationFacts) -> String {
    format!(
        "`keyholder credential add {} --trust github --repository OWNER/NAME --branch main`, or another issuer's",
        application.client_id
    )
}

/// A credential by its name and id.
fn described(held: &HeldCredential) -> String {
    match held.name.as_deref().filter(|name| !name.is_empty()) {
        Some(name) => format!("{} ({})", shown(name), held.id),
        None => held.id.to_string(),
    }
}

/// A credential as what a finding says: its name may change, its id does not.
fn point(held: &HeldCredential) -> Point {
    Point::new(format!("the {} {}", held.kind.noun(), held.id))
}

fn of_credential(application: &ApplicationFacts, held: &HeldCredential) -> Subject {
    Subject {
        kind: SubjectKind::Credential,
        key: format!("credential:{}:{}", application.client_id, held.id),
        name: format!("{}, {}", application.name, held.kind.noun()),
    }
}
