//! Every way in which something can be wrong, judged without I/O.

use keyholder_client::error::{MissingPrivilege, Unreachable};
use keyholder_client::{DataverseRefusal, Error, ErrorKind, TokenRefusal, Told, WhoAmI};
use keyholder_foundation::{ClientId, Timestamp};
use keyholder_security::Depth;
use serde_json::json;
use url::Url;
use uuid::Uuid;

use super::needs::{CanSeen, Needed, Needs};
use super::*;

const CLIENT: ClientId = ClientId(Uuid::from_u128(7));

fn org_url() -> Url {
    Url::parse("https://contoso.crm4.dynamics.com").unwrap()
}

/// An org in which nothing is wrong, as an application sees it that may read users.
fn healthy() -> Seen {
    let now = Timestamp::from_unix_seconds(1_800_000_000);
    let claims = json!({
        "aud": "https://contoso.crm4.dynamics.com", "appid": CLIENT.to_string(), "exp": 1_800_003_600,
        "tid": Uuid::from_u128(3), "iss": "https://sts.windows.net/x/", "roles": [],
    });
    Seen {
        url: org_url(),
        client: CLIENT,
        is_person: false,
        proxy: Proxy::None,
        now,
        ahead: Some(0),
        answer: Ok(AnswerSeen { status: 401 }),
        discovered: Some(discovered()),
        tenant: Some(Ok("https://sts.windows.net/x/".to_owned())),
        credential: Ok(CredentialSeen { what: "the client secret", ends: None, presented: None }),
        token: Some(Ok(TokenSeen { claims: claims.as_object().cloned(), expires: now })),
        registration: Some(Ok(Some(registered(vec![key(Some(true), 90)])))),
        me: Some(Ok(WhoAmI {
            user_id: Uuid::from_u128(1),
            business_unit_id: Uuid::from_u128(2),
            organization_id: Uuid::from_u128(3),
        })),
        version: Some(Ok("9.2.25093.00168".to_owned())),
        user: Some(Ok(Some(user(4, Some(Uuid::from_u128(7)))))),
        source: UserSource::Itself,
        roles: Some(Ok(vec![role("Orders integration")])),
        privileges: Some(Ok(vec![("prvReadContact".to_owned(), Depth::Global)])),
        can: Vec::new(),
        room: Some(Ok(Told { requests: Some(5_990), ..Told::default() })),
        entitled: None,
    }
}

fn role(name: &str) -> RoleHeld {
    RoleHeld { name: name.to_owned(), team: None, is_system_administrator: false }
}

fn discovered() -> Result<keyholder_client::authority::Discovered, Error> {
    let login = Url::parse("https://login.microsoftonline.com").unwrap();
    let authority = keyholder_client::Authority::new(&login, &Uuid::from_u128(3).to_string()).unwrap();
    Ok(keyholder_client::authority::Discovered { authority, resource: "https://contoso.crm4.dynamics.com".to_owned() })
}

fn key(is_own: Option<bool>, days: i64) -> KeyDates {
    let ends = Some(Timestamp::from_unix_seconds(1_800_000_000 + days * 86_400));
    KeyDates { kind: "secret", name: Some("orders".to_owned()), ends, is_own }
}

fn registered(keys: Vec<KeyDates>) -> RegistrationSeen {
    RegistrationSeen { keys, is_declared: true, is_consented: Some(true), trusts: Vec::new() }
}

fn user(mode: i64, application: Option<Uuid>) -> UserSeen {
    UserSeen {
        id: Uuid::from_u128(1),
        name: Some("# orders-sync".to_owned()),
        is_disabled: false,
        access_mode: Some(mode),
        is_licensed: Some(false),
        application,
        object: None,
        sign_in_name: Some("svc@contoso.com".to_owned()),
    }
}

fn unreachable(cause: Unreachable) -> Error {
    Error::Unreachable { origin: "https://contoso.crm4.dynamics.com".to_owned(), cause }
}

fn aadsts(code: u32, status: u16) -> Error {
    Error::TokenRefused(Box::new(TokenRefusal {
        authority: "https://login.microsoftonline.com/x".to_owned(),
        status,
        error: "invalid_client".to_owned(),
        code: Some(code),
        description: "refused".to_owned(),
        correlation_id: Some("correlation-1".to_owned()),
        retry_after: None,
    }))
}

fn refused(code: &str, status: u16, message: &str) -> Error {
    Error::Dataverse(Box::new(DataverseRefusal {
        request: "GET WhoAmI".to_owned(),
        status,
        code: code.to_owned(),
        message: message.to_owned(),
        request_id: Some("request-1".to_owned()),
        retry_after: None,
        missing_privilege: MissingPrivilege::read(message),
        missing_access: None,
    }))
}

fn step(seen: &Seen, check: Check) -> Step {
    judge(seen).into_iter().find(|step| step.check == check).unwrap_or_else(|| panic!("no {check:?}"))
}

fn failed(seen: &Seen) -> Vec<Check> {
    judge(seen).into_iter().filter(|step| step.state == State::Failed).map(|step| step.check).collect()
}

#[test]
fn a_healthy_org_gives_no_finding() {
    for step in judge(&healthy()) {
        assert!(step.trouble.is_none(), "{step:?}");
        assert!(step.state == State::Ok || step.check == Check::Entitlement, "{step:?}");
    }
}

#[test]
fn each_step_stands_once_and_in_order_however_far_it_goes() {
    let mut broken = healthy();
    broken.answer = Err(unreachable(Unreachable::UnknownHost));
    broken.discovered = None;
    broken.tenant = None;
    broken.token = None;
    broken.me = None;
    broken.user = None;
    for seen in [healthy(), broken] {
        let checks: Vec<Check> = judge(&seen).iter().map(|step| step.check).collect();
        assert!(checks.is_sorted_by(|one, next| one < next), "{checks:?}");
        assert_eq!(checks.len(), 22, "{checks:?}");
    }
}

#[test]
fn the_network_fails_at_its_own_step_and_ends_what_needs_it() {
    let cases = [
        (unreachable(Unreachable::UnknownHost), Check::Dns),
        (unreachable(Unreachable::Refused), Check::Connection),
        (unreachable(Unreachable::TimedOut), Check::Connection),
        (unreachable(Unreachable::Lost("reset".to_owned())), Check::Connection),
        (
            Error::UntrustedCertificate { origin: "https://x".to_owned(), cause: "it has expired".to_owned() },
            Check::Tls,
        ),
        (Error::Protocol { origin: "https://x".to_owned(), found: "no TLS connection: x".to_owned() }, Check::Tls),
    ];
    for (error, check) in cases {
        let mut seen = healthy();
        seen.answer = Err(error);
        (seen.discovered, seen.tenant, seen.token, seen.me, seen.user) = (None, None, None, None, None);
        assert_eq!(failed(&seen), [check]);
        let told = step(&seen, Check::User);
        assert_eq!(told.state, State::NotChecked);
        assert!(told.told.contains(check.title()), "{told:?}");
        let trouble = step(&seen, check).trouble.unwrap();
        assert!(trouble.meaning.is_some() && !trouble.mends.is_empty() && !trouble.who.is_empty(), "{trouble:?}");
        // Its key's end needs nobody on the way.
        assert_eq!(step(&seen, Check::Dates).state, State::Ok);
        seen.proxy = Proxy::Through { address: "http://proxy.example:8080".to_owned(), variable: "HTTPS_PROXY" };
        if matches!(check, Check::Dns | Check::Connection) {
            assert_eq!(failed(&seen), [Check::Proxy]);
        }
    }
}

#[test]
fn what_is_no_org_of_the_online_service_is_told_apart() {
    let of = |error: Error| {
        let mut seen = healthy();
        seen.discovered = Some(Err(error));
        (seen.tenant, seen.token, seen.me, seen.user) = (None, None, None, None);
        seen
    };
    let url = "https://x".to_owned();
    let on_premises = of(Error::OnPremises { url: url.clone(), schemes: "NTLM".to_owned() });
    assert_eq!(failed(&on_premises), [Check::Org]);
    assert!(step(&on_premises, Check::Org).trouble.unwrap().meaning.unwrap().contains("Application users"));
    let page = of(Error::NotAnOrg { url: url.clone(), found: "an HTML page".to_owned() });
    assert_eq!(failed(&page), [Check::Org]);
    let untrusted =
        of(Error::UntrustedAuthority { org: url, authority: "https://evil".to_owned(), reason: "is evil".to_owned() });
    assert_eq!(failed(&untrusted), [Check::Authority]);
    let mut down = healthy();
    down.answer = Ok(AnswerSeen { status: 503 });
    (down.discovered, down.tenant, down.token, down.me, down.user) = (None, None, None, None, None);
    let trouble = step(&down, Check::Org).trouble.unwrap();
    assert_eq!(trouble.kind, ErrorKind::OutOfReach);
}

#[test]
fn the_token_services_refusals_belong_to_their_steps() {
    let cases = [
        (90_002, 400, Check::Tenant),
        (700_016, 400, Check::Application),
        (7_000_112, 400, Check::Application),
        (7_000_229, 401, Check::Application),
        (7_000_215, 401, Check::Credential),
        (7_000_222, 401, Check::Credential),
        (700_027, 401, Check::Credential),
        (50_126, 400, Check::Credential),
        (50_076, 400, Check::Credential),
        (65_001, 400, Check::Consent),
        (500_011, 400, Check::Consent),
        (90_033, 503, Check::Token),
    ];
    for (code, status, check) in cases {
        let mut seen = healthy();
        seen.token = Some(Err(aadsts(code, status)));
        (seen.me, seen.user, seen.version, seen.room) = (None, None, None, None);
        let found = failed(&seen);
        assert_eq!(found, [check], "{code}");
        let told = step(&seen, check);
        let trouble = told.trouble.unwrap();
        assert_eq!(trouble.code, Some(format!("AADSTS{code}")));
        assert_eq!(trouble.request_id.as_deref(), Some("correlation-1"));
        assert!(trouble.meaning.is_some() && !trouble.mends.is_empty(), "{trouble:?}");
        assert_eq!(step(&seen, Check::User).state, State::NotChecked);
    }
    let mut seen = healthy();
    seen.token = Some(Err(aadsts(7_000_215, 401)));
    assert_eq!(step(&seen, Check::Application).state, State::Ok, "whose secret is wrong is known");
}

#[test]
fn a_token_that_the_org_would_not_take_is_told_by_its_claims() {
    for (claim, value) in [
        ("aud", json!("https://fabrikam.crm4.dynamics.com")),
        ("tid", json!(Uuid::from_u128(99))),
        ("appid", json!(Uuid::from_u128(99))),
        ("exp", json!(1_799_999_999)),
    ] {
        let mut seen = healthy();
        if let Some(Ok(token)) = &mut seen.token {
            token.claims.as_mut().unwrap().insert(claim.to_owned(), value);
        }
        assert_eq!(failed(&seen), [Check::Token], "{claim}");
    }
}

#[test]
fn keys_are_told_by_when_they_end() {
    let state = |dates: Vec<KeyDates>| {
        let mut seen = healthy();
        seen.registration = Some(Ok(Some(registered(dates))));
        step(&seen, Check::Dates).state
    };
    assert_eq!(state(vec![key(Some(true), -1), key(Some(false), 90)]), State::Failed);
    assert_eq!(state(vec![key(Some(true), 10), key(Some(false), 90)]), State::Warning);
    assert_eq!(state(vec![key(None, 1), key(None, 90)]), State::Ok, "it could be either");
    assert_eq!(state(Vec::new()), State::NotChecked);
    let mut seen = healthy();
    seen.registration = None;
    seen.credential = Ok(CredentialSeen {
        what: "the certificate",
        ends: Some(Timestamp::from_unix_seconds(1_700_000_000)),
        presented: None,
    });
    assert_eq!(failed(&seen), [Check::Dates], "a certificate says so by itself");
}

#[test]
fn s06_what_the_registration_declares_is_told_and_is_no_finding() {
    for (is_declared, is_consented, words) in
        [(true, Some(true), "consented to"), (true, Some(false), "nobody has"), (false, None, "no permission")]
    {
        let mut seen = healthy();
        seen.registration =
            Some(Ok(Some(RegistrationSeen { is_declared, is_consented, ..registered(vec![key(Some(true), 90)]) })));
        let told = step(&seen, Check::Consent);
        assert!(told.state == State::Ok && told.details[0].contains(words), "{told:?}");
    }
}

#[test]
fn a_token_of_an_outside_issuer_is_told_beside_those_that_are_taken() {
    let trust = |subject: &str| TrustSeen {
        issuer: "https://token.actions.githubusercontent.com".to_owned(),
        subject: subject.to_owned(),
        audience: "api://AzureADTokenExchange".to_owned(),
    };
    let mut seen = healthy();
    seen.credential = Ok(CredentialSeen {
        what: "the outside issuer's token",
        ends: None,
        presented: Some(trust("repo:contoso/orders:ref:refs/heads/next")),
    });
    let mut registration = registered(Vec::new());
    registration.trusts = vec![trust("repo:contoso/orders:ref:refs/heads/main")];
    seen.registration = Some(Ok(Some(registration)));
    seen.token = Some(Err(aadsts(700_213, 401)));
    let told = step(&seen, Check::Credential).details.join(" ");
    assert!(told.contains("heads/next") && told.contains("takes those of") && told.contains("heads/main"), "{told}");
}

#[test]
fn a_clock_that_is_wrong_is_a_warning() {
    let mut seen = healthy();
    seen.ahead = Some(-3 * 3_600_000);
    let told = step(&seen, Check::Clock);
    assert_eq!(told.state, State::Warning);
    assert!(told.told.contains("3 hours ahead of"), "{told:?}");
}

#[test]
fn the_orgs_refusals_belong_to_their_steps() {
    let cases = [
        ("0x80072560", 403, Check::User),
        ("", 401, Check::User),
        ("0x80040225", 403, Check::Enabled),
        ("0x8004a112", 403, Check::Enabled),
        ("0x80044502", 403, Check::AccessMode),
        ("0x80042f09", 403, Check::Roles),
        ("0x80072322", 429, Check::Limits),
    ];
    for (code, status, check) in cases {
        let mut seen = healthy();
        seen.me = Some(Err(refused(code, status, "no")));
        (seen.version, seen.user, seen.roles, seen.privileges, seen.room) = (None, None, None, None, None);
        assert_eq!(failed(&seen), [check], "{code}");
        let trouble = step(&seen, check).trouble.unwrap();
        assert_eq!(trouble.request_id.as_deref(), Some("request-1"));
        assert!(trouble.meaning.is_some() && !trouble.mends.is_empty() && !trouble.who.is_empty(), "{trouble:?}");
    }
}

#[test]
fn an_org_from_before_application_users_is_told_by_its_version() {
    for (version, is_old) in [("8.1.0.512", true), ("7.0.1", true), ("8.2.1.185", false), ("9.2.1", false)] {
        let mut seen = healthy();
        seen.version = Some(Ok(version.to_owned()));
        assert_eq!(step(&seen, Check::Version).state == State::Failed, is_old, "{version}");
    }
}

#[test]
fn access_modes_are_known() {
    let state = |mode, application, licensed| {
        let mut seen = healthy();
        let row = UserSeen { is_licensed: Some(licensed), ..user(mode, application) };
        seen.user = Some(Ok(Some(row)));
        (step(&seen, Check::AccessMode).state, step(&seen, Check::Licence).state)
    };
    assert_eq!(state(0, None, true), (State::Ok, State::Ok));
    assert_eq!(state(1, None, false), (State::Failed, State::Ok));
    assert_eq!(state(2, None, true), (State::Warning, State::Ok));
    assert_eq!(state(4, None, false), (State::Ok, State::Ok));
    assert_eq!(state(4, None, true), (State::Ok, State::Warning));
    assert_eq!(state(5, None, false).0, State::Failed);
    assert_eq!(state(4, Some(Uuid::from_u128(7)), false), (State::Ok, State::Ok));
}

#[test]
fn no_role_and_what_cannot_be_read_are_two_things() {
    let mut seen = healthy();
    seen.roles = Some(Ok(Vec::new()));
    assert_eq!(failed(&seen), [Check::Roles]);
    let message = "Principal user (Id=5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c11, type=8), is missing prvReadUser privilege";
    let refusal = refused("0x80040220", 403, message);
    (seen.user, seen.roles) = (Some(Err(refusal.clone())), Some(Err(refusal)));
    seen.privileges = None;
    assert_eq!(failed(&seen), []);
    let told = step(&seen, Check::Roles);
    assert!(told.state == State::NotChecked && told.told.contains("prvReadUser"), "{told:?}");
}

#[test]
fn what_is_missing_for_a_request_is_named_and_how_deep_the_rest_goes() {
    let need = |name: &str, verb| Needed { privilege: name.to_owned(), of: Some(("contact".to_owned(), verb)) };
    let can = |tried| CanSeen {
        asked: "PATCH contacts(...)".parse().unwrap(),
        needs: Ok(Needs::Privileges(vec![
            need("prvReadContact", keyholder_security::Verb::Read),
            need("prvWriteContact", keyholder_security::Verb::Write),
        ])),
        tried,
    };
    let mut seen = healthy();
    seen.can = vec![can(None)];
    assert_eq!(failed(&seen), [Check::Can]);
    let told = step(&seen, Check::Can);
    assert!(told.told.contains("prvWriteContact is missing") && told.details[0].contains("Global"), "{told:?}");
    let command = told.trouble.unwrap().command.unwrap();
    let whole = format!(
        "keyholder app-user create 'prvWriteContact for {CLIENT}' --adopt {CLIENT} --grant 'contact=write:organization'"
    );
    assert_eq!(command, whole, "one command makes the role and gives it");
    let mut person = healthy();
    (person.is_person, person.can) = (true, vec![can(None)]);
    person.user = Some(Ok(Some(user(0, None))));
    let trouble = step(&person, Check::Can).trouble.unwrap();
    assert!(trouble.command.unwrap().starts_with("keyholder role create "), "no application is made for a person");
    assert!(
        trouble.mends[1]
            .contains("pac admin assign-user --environment https://contoso.crm4.dynamics.com --user svc@contoso.com")
    );
    seen.privileges =
        Some(Ok(vec![("prvreadcontact".to_owned(), Depth::Basic), ("prvWriteContact".to_owned(), Depth::Deep)]));
    assert_eq!(failed(&seen), []);
    seen.privileges = None;
    assert_eq!(step(&seen, Check::Can).state, State::NotChecked);
    seen.can = vec![can(Some(Ok(())))];
    assert_eq!(step(&seen, Check::Can).state, State::Ok);
    seen.can = vec![can(Some(Err(refused("0x80040220", 403, "no"))))];
    assert_eq!(failed(&seen), [Check::Can]);
}

#[test]
fn a_window_that_is_nearly_used_up_is_a_warning() {
    let mut seen = healthy();
    seen.room = Some(Ok(Told { requests: Some(12), ..Told::default() }));
    assert_eq!(step(&seen, Check::Limits).state, State::Warning);
    seen.room = Some(Ok(Told::default()));
    assert_eq!(step(&seen, Check::Limits).state, State::NotChecked);
}

#[test]
fn somebody_who_sees_more_tells_of_a_user_who_does_not_get_in() {
    let mut seen = healthy();
    seen.token = Some(Err(aadsts(7_000_222, 401)));
    (seen.me, seen.version, seen.room) = (None, None, None);
    seen.source = UserSource::Witness;
    seen.user = Some(Ok(Some(UserSeen { is_disabled: true, ..user(4, Some(Uuid::from_u128(7))) })));
    assert_eq!(failed(&seen), [Check::Credential, Check::Enabled]);
    assert_eq!(step(&seen, Check::Roles).state, State::Ok);
}

#[test]
fn who_may_do_everything_is_known_by_the_roles_template_and_not_by_its_name() {
    let mut seen = healthy();
    seen.can = vec![CanSeen {
        asked: "prvDeleteAccount".parse().unwrap(),
        needs: Ok(Needs::Privileges(vec![Needed { privilege: "prvDeleteAccount".to_owned(), of: None }])),
        tried: None,
    }];
    seen.roles = Some(Ok(vec![role("System Administrator")]));
    assert_eq!(failed(&seen), [Check::Can], "anybody may call a role of his own so");
    assert_ne!(step(&seen, Check::Roles).details, ["may do everything in the org"]);
    seen.roles = Some(Ok(vec![RoleHeld { is_system_administrator: true, ..role("Systemadministrator") }]));
    assert_eq!(failed(&seen), []);
    assert_eq!(step(&seen, Check::Roles).details, ["may do everything in the org"]);
    assert!(step(&seen, Check::Can).told.ends_with("yes; the role `Systemadministrator` may do everything"));
}

#[test]
fn what_mends_it_for_an_application_is_not_said_of_a_person() {
    let command = |is_person: bool, code: &str| {
        let mut seen = healthy();
        seen.is_person = is_person;
        seen.user = Some(Ok(Some(user(4, (!is_person).then(|| Uuid::from_u128(7))))));
        seen.me = Some(Err(refused(code, 403, "no")));
        (seen.version, seen.roles, seen.privileges, seen.room) = (None, None, None, None);
        judge(&seen).into_iter().find(|step| step.state == State::Failed).unwrap().trouble.unwrap().command
    };
    let assign = "pac admin assign-user --environment https://contoso.crm4.dynamics.com --user svc@contoso.com --role 'Orders integration'";
    // Its credential got it a token: it needs no other.
    let adopt = format!("keyholder app-user create orders-sync --adopt {CLIENT} --role 'Orders integration'");
    for code in ["0x80042f09", "0x80072560"] {
        assert_eq!(command(true, code).as_deref(), Some(assign));
        assert_eq!(command(false, code), Some(adopt.clone()));
    }
    assert_eq!(command(true, "0x80040225"), None);
    assert_eq!(command(false, "0x80040225"), Some(format!("keyholder app-user enable {CLIENT}")));
}

#[test]
fn what_a_click_mends_has_its_command_too() {
    let sign_in = |code| {
        let mut seen = healthy();
        seen.token = Some(Err(aadsts(code, 400)));
        (seen.me, seen.user, seen.version, seen.room) = (None, None, None, None);
        judge(&seen).into_iter().find(|step| step.state == State::Failed).unwrap().trouble.unwrap().command.unwrap()
    };
    assert_eq!(sign_in(7_000_112), format!("az ad sp update --id {CLIENT} --set accountEnabled=true"));
    assert!(sign_in(500_014).starts_with("az ad sp update --id 00000007-0000-0000-c000-000000000000 "));
    assert!(sign_in(50_057).starts_with("az ad user update --id svc-orders@contoso.com "));
    let network = |url: &str, cause| {
        let mut seen = healthy();
        seen.url = Url::parse(url).unwrap();
        seen.answer = Err(unreachable(cause));
        (seen.discovered, seen.tenant, seen.token, seen.me, seen.user) = (None, None, None, None, None);
        judge(&seen).into_iter().find(|step| step.state == State::Failed).unwrap().trouble.unwrap().command
    };
    assert_eq!(network("https://contoso.crm4.dynamics.com", Unreachable::UnknownHost).unwrap(), "pac admin list");
    assert_eq!(network("https://localhost:8443", Unreachable::Refused).unwrap(), "keyholder org start");
    assert_eq!(network("https://contoso.crm4.dynamics.com", Unreachable::Refused), None);
    let mut seen = healthy();
    seen.user = Some(Ok(Some(user(2, None))));
    let command = step(&seen, Check::AccessMode).trouble.unwrap().command.unwrap();
    assert_eq!(command, "keyholder non-interactive convert svc@contoso.com");
}

#[test]
fn what_is_not_known_is_not_judged_and_what_was_tried_is_believed() {
    let can = |tried| CanSeen {
        asked: "GET new_Things()".parse().unwrap(),
        needs: Ok(Needs::Unknown("not known here".to_owned())),
        tried,
    };
    let mut seen = healthy();
    seen.can = vec![can(None)];
    assert_eq!(step(&seen, Check::Can).state, State::NotChecked);
    seen.can = vec![can(Some(Ok(())))];
    assert_eq!(step(&seen, Check::Can).state, State::Ok);
    seen.can = vec![CanSeen { needs: Ok(Needs::Privileges(Vec::new())), ..can(None) }];
    assert!(step(&seen, Check::Can).told.ends_with("yes; it takes no privilege, only to be let in"));
    let held = Needed { privilege: "prvReadContact".to_owned(), of: None };
    seen.can = vec![CanSeen { needs: Ok(Needs::AtLeast(vec![held])), ..can(None) }];
    assert!(step(&seen, Check::Can).details.last().unwrap().contains("may take more"));
}
