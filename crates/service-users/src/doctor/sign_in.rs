//! From the org's authority to a token that opens the org.

use keyholder_client::{Error, ErrorKind};
use keyholder_foundation::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::reach::span;
use super::seen::{KeyDates, Seen, TokenSeen, TrustSeen};
use super::step::{Chart, Check, HERE, SETTINGS, Step, Trouble, code_of};
use crate::claims;
use crate::codes::Code;

/// What ends sooner is told.
const SOON: u64 = 30 * 86_400;

/// More of those whom a registration trusts are not told.
const MOST_TRUSTS: usize = 20;

/// The audience by which tokens may name every org ("Dynamics CRM").
const EVERY_ORG: &str = "00000007-0000-0000-c000-000000000000";

/// The steps, in the order in which the token service takes them.
const STEPS: [Check; 4] = [Check::Application, Check::Credential, Check::Consent, Check::Token];

/// Who mends a registration.
const REGISTRATION: &str =
    "an owner of the app registration, or Application Administrator or Cloud Application Administrator";

/// Judges it; in the way of what follows is the step in the error.
pub(super) fn judge(seen: &Seen, reached: Result<(), Check>, chart: &mut Chart) -> Result<(), Check> {
    if let Err(blocker) = reached {
        if blocker != Check::Tenant {
            chart.skip(&[Check::Tenant], blocker);
        }
        return Err(stopped(seen, blocker, chart));
    }
    let is_refused = matches!(&seen.token, Some(Err(error)) if place_of(error) == Check::Tenant);
    match &seen.tenant {
        Some(Ok(_)) if is_refused => {}
        Some(Ok(issuer)) => {
            chart.ok(Check::Tenant, format!("known there as {issuer}"));
        }
        Some(Err(error)) => {
            chart.fail_with(Check::Tenant, error, HERE).command(SETTINGS);
            return Err(stopped(seen, Check::Tenant, chart));
        }
        None => chart.skip(&[Check::Tenant], Check::Authority),
    }
    match &seen.token {
        None => Err(stopped(seen, Check::Tenant, chart)),
        Some(Ok(token)) => {
            let who = if seen.is_person { "the program" } else { "the application" };
            chart.ok(Check::Application, format!("{who} {} is known in the tenant", seen.client));
            chart.ok(Check::Credential, format!("{} was accepted", what(seen)));
            consent(seen, chart);
            says(seen, token, chart)
        }
        Some(Err(error)) => Err(refused(seen, error, chart)),
    }
}

/// That there is a token says the most; what the registration declares is told beside it.
fn consent(seen: &Seen, chart: &mut Chart) {
    let step = chart.ok(Check::Consent, "the tenant gives tokens for the org");
    let Some(Ok(Some(registration))) = &seen.registration else { return };
    let told = match (registration.is_declared, registration.is_consented) {
        (true, Some(true)) => {
            "the registration declares Dynamics CRM user_impersonation, and it is consented to for the tenant"
        }
        (true, Some(false)) => {
            "the registration declares Dynamics CRM user_impersonation, and nobody has consented for the tenant"
        }
        (true, None) => {
            "the registration declares Dynamics CRM user_impersonation; whether that is consented to the directory does not tell"
        }
        (false, _) => "the registration declares no permission on Dynamics CRM",
    };
    step.detail(format!("{told}; server-to-server needs neither, programs that act for people need both"));
    step.fact("userImpersonation", registration.is_declared).fact("isConsented", registration.is_consented);
}

/// Nobody was asked for a token; what is wrong with the credential itself shows all the same.
fn stopped(seen: &Seen, blocker: Check, chart: &mut Chart) -> Check {
    match &seen.credential {
        Err(error) => {
            chart.fail_with(Check::Credential, error, HERE).command(SETTINGS);
            chart.skip(&[Check::Application, Check::Consent, Check::Token], blocker);
        }
        Ok(_) => chart.skip(&STEPS, blocker),
    }
    blocker
}

fn what(seen: &Seen) -> &'static str {
    seen.credential.as_ref().map_or("it", |credential| credential.what)
}

fn refused(seen: &Seen, error: &Error, chart: &mut Chart) -> Check {
    let place = place_of(error);
    let trouble = Trouble::of(error, HERE).about(seen);
    for check in STEPS {
        if check == place {
            let step = chart.fail(check, error.to_string(), trouble.clone());
            if check == Check::Credential {
                compare(seen, step);
            }
        } else if check < place || place == Check::Tenant {
            earlier(seen, check, place, chart);
        } else {
            chart.skip(&[check], place);
        }
    }
    if place == Check::Tenant {
        chart.fail(Check::Tenant, error.to_string(), trouble);
    }
    place
}

/// What an outside issuer's token says beside what the registration takes: they have to agree letter by letter.
fn compare(seen: &Seen, step: &mut Step) {
    let Some(presented) = seen.credential.as_ref().ok().and_then(|credential| credential.presented.as_ref()) else {
        return;
    };
    let TrustSeen { issuer, subject, audience } = presented;
    step.detail(format!("the token is of the issuer {issuer}, about {subject}, for {audience}"));
    let Some(Ok(Some(registration))) = &seen.registration else { return };
    if registration.trusts.is_empty() {
        step.detail("the registration takes nobody's tokens");
    }
    for TrustSeen { issuer, subject, audience } in registration.trusts.iter().take(MOST_TRUSTS) {
        step.detail(format!("the registration takes those of {issuer}, about {subject}, for {audience}"));
    }
}

/// What comes before the step at which the token service refused.
fn earlier(seen: &Seen, check: Check, place: Check, chart: &mut Chart) {
    match (place, check) {
        (Check::Credential, Check::Application) => {
            chart.ok(check, format!("{} is known in the tenant", seen.client));
        }
        // The real service and its age decide what it looks at first.
        (Check::Consent, _) => {
            chart.unchecked(check, "the token service refused for the org's sake, and says nothing of it");
        }
        (Check::Token, _) => {
            chart.unchecked(check, "the token service gave no answer to that");
        }
        _ => chart.skip(&[check], place),
    }
}

/// The step that a refusal belongs to.
fn place_of(error: &Error) -> Check {
    match code_of(error) {
        Some(Code::SignIn(90_002 | 90_038 | 900_023 | 900_439 | 50_059 | 50_128 | 50_194 | 9_001_023 | 9_002_346)) => {
            Check::Tenant
        }
        Some(Code::SignIn(700_016 | 70_001 | 7_000_112 | 7_000_229)) => Check::Application,
        Some(Code::SignIn(
            65_001 | 65_002 | 65_004 | 65_005 | 90_094 | 650_053 | 650_057 | 500_011 | 500_014 | 501_051 | 50_105,
        )) => Check::Consent,
        _ if matches!(error.kind(), ErrorKind::OutOfReach | ErrorKind::BadData) => Check::Token,
        _ => Check::Credential,
    }
}

/// What the token says, and whether the org will take it.
fn says(seen: &Seen, token: &TokenSeen, chart: &mut Chart) -> Result<(), Check> {
    let Some(body) = &token.claims else {
        chart.ok(Check::Token, "it is no JWT: only the org can read it");
        return Ok(());
    };
    let wrong = wrong_claims(seen, body);
    let step = match wrong.first() {
        None => chart.ok(Check::Token, format!("good for this org until {}", token.expires)),
        Some(first) => {
            let trouble = Trouble::new(
                ErrorKind::Configuration,
                "The org takes only tokens that are made for it, in its tenant, for the caller, and within their time.",
                "Ask for `<org>/.default` at the org's own authority; `keyholder token --decode` shows every claim.",
                HERE,
            );
            chart.fail(Check::Token, first.clone(), trouble.with_command("keyholder token --decode"))
        }
    };
    for sentence in wrong.iter().skip(1) {
        step.detail(sentence);
    }
    for claim in ["aud", "iss", "tid", "appid", "azp", "oid", "idtyp", "roles", "scp"] {
        if let Some(value) = body.get(claim) {
            let words = claims::explain(claim, value).unwrap_or_default();
            step.detail(format!("{claim} {}: {words}", claims::shown(claim, value)));
            step.fact(claim, value);
        }
    }
    step.fact("expires", token.expires.to_string());
    if wrong.is_empty() { Ok(()) } else { Err(Check::Token) }
}

/// What is wrong with a token's claims, a sentence each.
fn wrong_claims(seen: &Seen, body: &Map<String, Value>) -> Vec<String> {
    let text = |claim: &str| body.get(claim).and_then(Value::as_str);
    let mut wrong = Vec::new();
    if let Some(Ok(found)) = &seen.discovered {
        let audience = text("aud").unwrap_or_default();
        let is_for_org = audience.trim_end_matches('/').eq_ignore_ascii_case(&found.resource);
        if !is_for_org && audience != EVERY_ORG {
            wrong.push(format!("it is for {audience}, not for {}", found.resource));
        }
        let tenant = found.authority.tenant().parse::<Uuid>().ok();
        let own = text("tid").and_then(|id| id.parse::<Uuid>().ok());
        if let (Some(tenant), Some(own)) = (tenant, own)
            && tenant != own
        {
            wrong.push(format!("it is of the tenant {own}, not of {tenant}"));
        }
    }
    let application = text("appid").or_else(|| text("azp")).and_then(|id| id.parse::<Uuid>().ok());
    if let Some(application) = application.filter(|id| !seen.is_person && *id != seen.client.0) {
        wrong.push(format!("it is for the application {application}, not for {}", seen.client));
    }
    let ends = body.get("exp").and_then(Value::as_i64).map(Timestamp::from_unix_seconds);
    if let Some(ends) = ends.filter(|ends| *ends <= seen.now) {
        wrong.push(format!("it ended at {ends}, and the org has {}", seen.now));
    }
    wrong
}

/// When what the caller proves itself with ends, as far as somebody tells.
pub(super) fn dates(seen: &Seen, chart: &mut Chart) {
    let own = seen.credential.as_ref().ok().and_then(|credential| credential.ends);
    if let Some(ends) = own {
        judge_date(seen, "the certificate in the file", ends, chart);
        return;
    }
    if seen.is_person {
        chart.unchecked(Check::Dates, "a person's sign-in has no date that can be read");
        return;
    }
    match &seen.registration {
        None => {
            chart.unchecked(Check::Dates, "nobody could be asked when the application's keys end");
        }
        Some(Err(error)) => {
            let why = match error {
                Error::Graph(refusal) if matches!(refusal.status, 401 | 403) => {
                    "the directory does not let the caller read its registration (Application.Read.All)".to_owned()
                }
                other => other.to_string(),
            };
            chart.unchecked(Check::Dates, why);
        }
        Some(Ok(Some(registration))) => registered(seen, &registration.keys, chart),
        Some(Ok(None)) => {
            chart.unchecked(
                Check::Dates,
                "the directory has no registration of it: it is another tenant's, or was deleted",
            );
        }
    }
}

fn registered(seen: &Seen, keys: &[KeyDates], chart: &mut Chart) {
    let mine: Vec<&KeyDates> = keys.iter().filter(|key| key.is_own == Some(true)).collect();
    let chosen: Vec<&KeyDates> = if mine.is_empty() { keys.iter().collect() } else { mine };
    // Of several that it could be, the one that lasts longest decides.
    let latest = chosen.iter().filter_map(|key| Some((key.ends?, *key))).max_by_key(|(ends, _)| *ends);
    match latest {
        Some((ends, key)) => {
            let name = key.name.as_deref().map(|name| format!(" `{name}`")).unwrap_or_default();
            judge_date(seen, &format!("the {}{name}", key.kind), ends, chart);
        }
        None => {
            chart.unchecked(Check::Dates, "the registration has no key with an end");
        }
    }
}

fn judge_date(seen: &Seen, what: &str, ends: Timestamp, chart: &mut Chart) {
    let left = ends.since(seen.now).as_secs();
    let is_certificate = what.contains("certificate");
    // What works is rotated; what has ended has nothing to be replaced from.
    let command = match (ends <= seen.now, is_certificate) {
        (true, false) => "keyholder credential add orders-sync --secret --save-env orders-sync.env",
        (true, true) => "keyholder credential add orders-sync --certificate --save-key orders-sync.pem",
        (false, false) => "keyholder rotate orders-sync --save-env orders-sync.env",
        (false, true) => "keyholder rotate orders-sync --certificate --save-key orders-sync.pem",
    };
    let trouble = |meaning: &str, kind| {
        let mend = "Add a new one, move the programs over, then revoke the old one; `--trust` gives a credential that never ends.";
        Trouble::new(kind, meaning, mend, REGISTRATION).with_command(command).about(seen)
    };
    let step = if ends <= seen.now {
        let told = format!("{what} ended at {ends}");
        chart.fail(Check::Dates, told, trouble("It opens nothing any more.", ErrorKind::NotAllowed))
    } else if left < SOON {
        let told = format!("{what} ends at {ends}, in {}", span(left));
        chart.warn(Check::Dates, told, trouble("From then on it opens nothing.", ErrorKind::NotAllowed))
    } else {
        chart.ok(Check::Dates, format!("{what} works until {ends} ({})", span(left)))
    };
    step.fact("ends", ends.to_string());
}
