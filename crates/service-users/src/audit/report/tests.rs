//! The forms of a report, over estates that are made here: small ones, hostile ones and a large one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use keyholder_foundation::{ClientId, KeyId, ObjectId, Timestamp};
use keyholder_security::{Depth, Verb};
use serde_json::Value;
use uuid::Uuid;

use super::*;
use crate::audit::facts::{
    ApplicationFacts, HeldCredential, HeldRole, OrgFacts, Principal, Purpose, Registration, Rights, ServiceUser,
    TenantFacts, Trouble, Unread, UserKind,
};
use crate::audit::{Baseline, Limits, Switches, judge, rules};
use crate::declaration::{Declaration, Places, Right, in_words};
use crate::kept::KeyKind;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn now() -> Timestamp {
    Timestamp::parse("2026-11-28T09:00:00.5Z").unwrap()
}

fn id(number: usize) -> Uuid {
    Uuid::from_u128(0x1111_0000_0000_4000_8000_0000_0000_0000 + number as u128)
}

fn table(table: &str, verb: Verb, depth: Depth) -> Right {
    Right::Table { table: table.to_owned(), verb, depth }
}

fn rights(all: Vec<Right>) -> Arc<Rights> {
    Arc::new(Rights { is_everything: false, words: in_words(&all), rights: all })
}

fn user(number: usize, name: &str, rights: &Arc<Rights>) -> ServiceUser {
    ServiceUser {
        id: id(number),
        kind: UserKind::Application,
        name: name.to_owned(),
        application: Some(ClientId(id(number))),
        object: None,
        is_disabled: false,
        is_caller: false,
        made: Some(now().minus(DAY * 200)),
        business_unit: None,
        roles: Some(vec![HeldRole {
            name: format!("{name} role"),
            is_system_administrator: rights.is_everything,
            is_shipped: false,
            team: None,
        }]),
        rights: Some(rights.clone()),
        activity: None,
    }
}

/// An application with a secret that ends so many days from now.
fn application(number: usize, name: &str, tenant: &str, ends: i64) -> ApplicationFacts {
    let day = |days: i64| Timestamp::from_unix_seconds(now().unix_seconds() + days * 24 * 60 * 60);
    ApplicationFacts {
        tenant: tenant.to_owned(),
        client_id: ClientId(id(number)),
        name: name.to_owned(),
        is_microsofts: false,
        is_local_administrator: false,
        registration: Some(Registration {
            id: ObjectId(id(number)),
            made: None,
            is_disabled: false,
            is_ours: true,
            asks_for_dynamics: false,
        }),
        principal: Some(Principal { id: ObjectId(id(number)), is_enabled: true, is_managed_identity: false }),
        credentials: vec![HeldCredential {
            kind: KeyKind::Secret,
            id: KeyId(id(1_000_000 + number)),
            name: Some(format!("{name} key")),
            starts: Some(day(ends - 180)),
            ends: Some(day(ends)),
            place: None,
            is_on_principal: false,
        }],
        federations: Vec::new(),
        last_sign_in: Some(day(-1)),
        sign_ins_are_known: true,
    }
}

fn org(name: &str, tenant: &str, users: Vec<ServiceUser>) -> OrgFacts {
    OrgFacts {
        name: name.to_owned(),
        url: format!("https://{}.crm4.dynamics.com", name.len()),
        tenant: Some(tenant.to_owned()),
        purpose: Purpose::Unknown,
        users,
        slots_limit: 7,
        activity_of: Vec::new(),
        trouble: None,
    }
}

fn facts(orgs: Vec<OrgFacts>, applications: Vec<ApplicationFacts>) -> Facts {
    let tenants: BTreeSet<&String> = orgs.iter().filter_map(|org| org.tenant.as_ref()).collect();
    let tenants = tenants
        .into_iter()
        .map(|authority| TenantFacts {
            authority: authority.clone(),
            name: authority.clone(),
            caller: None,
            trouble: None,
        })
        .collect();
    Facts { now: now(), tenants, orgs, applications, people: Vec::new(), unread: Vec::new() }
}

fn report(facts: Facts, declared: Option<&Declaration>) -> Report {
    let findings = judge(&facts, declared, &Limits::default(), &Switches::default());
    Report { facts, findings, unused_acceptances: Vec::new() }
}

fn reader() -> Arc<Rights> {
    rights(vec![table("contact", Verb::Read, Depth::Global), table("contact", Verb::Write, Depth::Basic)])
}

/// Two orgs, three applications: one is sound, one expires, one has expired and administers; an org is out of reach.
fn small() -> Report {
    let administers = rights(vec![
        table("account", Verb::Delete, Depth::Global),
        Right::Privilege { name: "prvActOnBehalfOfAnotherUser".to_owned(), depth: Depth::Global },
    ]);
    let mut nowhere = org("nowhere", "contoso.com", Vec::new());
    nowhere.trouble = Some(Trouble { why: "connection refused".to_owned(), hints: vec!["start it".to_owned()] });
    let users = vec![user(1, "sound", &reader()), user(2, "expiring", &reader()), user(3, "expired", &administers)];
    let orgs = vec![org("prod", "contoso.com", users), nowhere];
    let applications = vec![
        application(1, "sound", "contoso.com", 170),
        application(2, "expiring", "contoso.com", 12),
        application(3, "expired", "contoso.com", -3),
    ];
    let mut facts = facts(orgs, applications);
    facts.unread.push(Unread {
        org: None,
        tenant: Some("contoso.com".to_owned()),
        what: "when applications signed in last".to_owned(),
        why: "403".to_owned(),
        needs: vec!["AuditLog.Read.All".to_owned()],
        is_grave: false,
    });
    report(facts, None)
}

/// Names as a tenant's enemy would choose them.
const HOSTILE: [&str; 6] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>' onfocus='x",
    "\u{202e}txt.exe\u{200f}\u{0}\u{1b}[2J\u{ffff}",
    "a\r\nEND:VCALENDAR\r\nBEGIN:VALARM;,\\",
    "x\"} 1\nkeyholder_audit_findings{rule=\"KH101",
    "[click](javascript:alert(1)) {0} `]]>&amp;`",
];

fn hostile() -> Report {
    let long = "\u{1f600}".repeat(1 << 18);
    let names: Vec<&str> = HOSTILE.iter().copied().chain([long.as_str()]).collect();
    let rights = rights(names.iter().map(|name| table(name, Verb::Delete, Depth::Global)).collect());
    let users = names.iter().enumerate().map(|(number, name)| user(number, name, &rights)).collect();
    let applications = names
        .iter()
        .enumerate()
        .map(|(number, name)| application(number, name, HOSTILE[0], 5 + number as i64))
        .collect();
    let mut estate = facts(vec![org(HOSTILE[1], HOSTILE[0], users)], applications);
    for name in &names {
        estate.unread.push(Unread {
            org: Some((*name).to_owned()),
            tenant: None,
            what: (*name).to_owned(),
            why: (*name).to_owned(),
            needs: vec![(*name).to_owned()],
            is_grave: false,
        });
    }
    report(estate, None)
}

fn requests(report: &Report) -> Requests {
    let asked = |today, allowance| Asked { today, forecast: today * 2, allowance };
    let users = report.facts.users().enumerate();
    let users: BTreeMap<_, _> =
        users.map(|(place, (org, user))| ((org.url.clone(), user.id), asked(1_000 * place as u64, None))).collect();
    let pool = asked(30_000, Some(500_000));
    let name = report.facts.tenants.first().map(|tenant| tenant.name.clone()).unwrap_or_default();
    Requests { day: "2026-11-28".to_owned(), tenants: vec![TenantRequests { name, pool, users }] }
}

/// All forms of a report.
fn forms(report: &Report) -> [String; 5] {
    let requests = requests(report);
    [
        sarif(report, None),
        junit(report, Severity::Warning),
        calendar(report),
        prometheus(report, Some(&requests)),
        html(report, Some(&requests)),
    ]
}

#[test]
fn the_same_report_gives_the_same_texts() {
    assert_eq!(forms(&small()), forms(&small()));
    assert_eq!(forms(&hostile()), forms(&hostile()));
}

#[test]
fn sarif_has_every_rule_and_points_at_the_declaration() {
    let text = "[orgs.prod]\nurl = \"https://4.crm4.dynamics.com\"\n\n[application-users.expiring]\norgs = [\"prod\"]\nroles = [\"r\"]\n\
        credential.secret.env-file = \"x.env\"\n[roles.r.privileges]\ncontact = \"read:user\"\n";
    let declaration = Declaration::parse(text, "keyholder.toml".as_ref()).unwrap();
    let places = Places::parse(text);
    let small = small();
    let report = report(small.facts, Some(&declaration));
    let declared = Declared { declaration: &declaration, places: &places, file: "set up\\keyholder.toml" };
    let log: Value = serde_json::from_str(&sarif(&report, Some(&declared))).unwrap();
    let run = &log["runs"][0];
    let described = run["tool"]["driver"]["rules"].as_array().unwrap();
    assert_eq!(described.len(), rules::all().count());
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), report.findings.len());
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(described[index]["id"], result["ruleId"]);
    }
    let place = |rule: &str, name: &str| {
        let found = results.iter().find(|one| {
            one["ruleId"] == rule
                && one["locations"][0]["logicalLocations"][0]["name"].as_str().unwrap().starts_with(name)
        });
        let at = &found.unwrap_or_else(|| panic!("no {rule} of {name}"))["locations"][0]["physicalLocation"];
        assert_eq!(at["artifactLocation"]["uri"], "set%20up/keyholder.toml");
        at["region"]["startLine"].as_u64().unwrap()
    };
    assert_eq!(place("KH102", "expiring"), 4);
    // What is not declared stands at its org, and what has none at the start.
    assert_eq!(place("KH403", "expired"), 1);
    assert_eq!(place("KH001", "nowhere"), 1);
    // Without a declaration there is no file to point at.
    let log: Value = serde_json::from_str(&sarif(&report, None)).unwrap();
    let location = &log["runs"][0]["results"][0]["locations"][0];
    assert!(location.get("physicalLocation").is_none() && location["logicalLocations"].is_array());
}

#[test]
fn fingerprints_stay_when_time_goes_by_and_names_change() {
    let prints = |report: &Report| -> BTreeSet<String> {
        let log: Value = serde_json::from_str(&sarif(report, None)).unwrap();
        let results = log["runs"][0]["results"].as_array().unwrap().clone();
        results.iter().map(|one| one["partialFingerprints"]["ruleAndSubject/v1"].as_str().unwrap().to_owned()).collect()
    };
    let before = small();
    let mut facts = before.facts.clone();
    facts.now = facts.now.plus(DAY);
    facts.applications.iter_mut().for_each(|one| one.name.push_str(" renamed"));
    let after = report(facts, None);
    assert_ne!(sarif(&before, None), sarif(&after, None));
    assert_eq!(prints(&before), prints(&after));
    assert_eq!(prints(&before).len(), before.findings.len());
}

#[test]
fn what_is_accepted_is_suppressed_skipped_and_told_with_its_reason() {
    let mut report = small();
    let expired = report.findings.iter().find(|one| one.rule == "KH101").unwrap().clone();
    let text = format!(
        "[[accepted]]\nrule = \"KH101\"\nsubject = \"{}\"\nreason = \"it <retires>\"\nuntil = \"2026-12-24\"\n",
        expired.subject.key
    );
    let baseline = Baseline::parse(&text, "b.toml".as_ref()).unwrap();
    report.unused_acceptances = baseline.apply(&mut report.findings, &report.facts);
    let [log, xml, events, _, page] = forms(&report);
    let log: Value = serde_json::from_str(&log).unwrap();
    let results = log["runs"][0]["results"].as_array().unwrap();
    let suppressed = results.iter().find(|one| one["ruleId"] == "KH101").unwrap();
    assert_eq!(suppressed["suppressions"][0]["justification"], "it <retires> (until 2026-12-24)");
    assert!(xml.contains("<skipped message=\"accepted until 2026-12-24: it &lt;retires&gt;\"/>"), "{xml}");
    assert!(events.contains("DTSTART;VALUE=DATE:20261224\r\n"), "{events}");
    assert!(page.contains("Accepted, and not counted") && page.contains("it &lt;retires&gt;"), "{page}");
}

#[test]
fn what_has_outgrown_its_acceptance_tells_so_in_every_form_that_has_findings() {
    let mut report = small();
    let expired = report.findings.iter().find(|one| one.rule == "KH101").unwrap().clone();
    let text = format!(
        "[[accepted]]\nrule = \"KH101\"\nsubject = \"{}\"\nreason = \"r\"\nuntil = \"2026-12-24\"\nwhat = [\"error\"]\n",
        expired.subject.key
    );
    let baseline = Baseline::parse(&text, "b.toml".as_ref()).unwrap();
    assert_eq!(baseline.apply(&mut report.findings, &report.facts), []);
    let [log, xml, _, _, page] = forms(&report);
    for form in [log, xml, page] {
        assert!(form.contains("It was accepted until 2026-12-24 for error; new since: in https://4.crm4.dynamics.com and the client secret"), "{form}");
    }
}

#[test]
fn junit_counts_what_it_has() {
    for least in [Severity::Note, Severity::Warning, Severity::Error] {
        let report = small();
        let xml = junit(&report, least);
        let number = |what: &str| xml.matches(what).count();
        let failing = report.findings.iter().filter(|one| one.severity >= least).count();
        assert_eq!(number("<failure "), failing);
        assert_eq!(number("<testsuite "), rules::all().count());
        let tests = number("<testcase ");
        assert!(
            xml.contains(&format!("<testsuites name=\"keyholder audit\" tests=\"{tests}\" failures=\"{failing}\""))
        );
        assert!(xml.contains("name=\"nothing found: Several secrets"), "{xml}");
    }
}

#[test]
fn the_calendar_has_what_still_ends_folded_as_the_standard_has_it() {
    let events = calendar(&small());
    assert_eq!(events.matches("BEGIN:VEVENT\r\n").count(), 2, "{events}");
    assert_eq!(events.matches("BEGIN:VALARM\r\n").count(), 4);
    let uid = format!("UID:{}.{}@audit.keyholder", id(1_000_002), id(2));
    let unfolded = events.replace("\r\n ", "");
    assert!(
        unfolded.contains(&uid)
            && unfolded.contains("DTSTART:20261210T090000Z\r\nSUMMARY:The client secret of expiring")
    );
    assert!(unfolded.contains("DTSTAMP:20261128T090000Z\r\n"), "{events}");
    for text in [events, calendar(&hostile())] {
        assert!(text.ends_with("END:VCALENDAR\r\n"));
        for line in text.split("\r\n") {
            assert!(line.len() <= 75 && !line.contains(['\n', '\r']), "{line}");
        }
        assert_eq!(text.matches("\r\nBEGIN:VALARM").count(), 2 * text.matches("\r\nBEGIN:VEVENT").count());
        assert_eq!(text.matches("END:VCALENDAR\r\n").count(), 1);
    }
}

#[test]
fn metrics_are_each_told_once_with_type_and_help() {
    for report in [small(), hostile()] {
        let text = prometheus(&report, Some(&requests(&report)));
        let mut series = BTreeSet::new();
        let mut family = "";
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                family = rest.split(' ').next().unwrap();
                assert!(text.contains(&format!("\n# TYPE {family} gauge\n")), "{family}");
            } else if !line.starts_with('#') {
                let (labels, value) = line.rsplit_once(' ').unwrap();
                assert!(
                    labels.strip_prefix(family).is_some_and(|rest| rest.is_empty() || rest.starts_with('{')),
                    "{line}"
                );
                assert!(value.parse::<f64>().is_ok() && series.insert(labels.to_owned()), "{line}");
            }
        }
    }
    let text = prometheus(&small(), None);
    let left = format!("kind=\"secret\",key_id=\"{}\"}} {}\n", id(1_000_003), -3 * 24 * 60 * 60);
    assert!(text.contains(&left), "{text}");
    assert!(
        text.contains("keyholder_audit_findings{rule=\"KH101\",name=\"credential-expired\",severity=\"error\"} 1\n")
    );
    assert!(text.contains(
        "keyholder_audit_findings{rule=\"KH103\",name=\"credential-too-long-lived\",severity=\"warning\"} 0\n"
    ));
    assert!(text.contains("keyholder_audit_org_read{org=\"nowhere\",url=\"https://7.crm4.dynamics.com\"} 0\n"));
    assert!(!text.contains("requests_today"));
}

#[test]
fn the_page_tells_who_may_do_what_in_letters_and_in_words() {
    let report = small();
    let page = html(&report, Some(&requests(&report)));
    // Two with the same rights are one row.
    assert!(page.contains("expiring <span class=\"soft\">in prod</span>, sound"), "{page}");
    assert!(page.contains("<td data-t=\"contact\"><i class=\"g\">R</i><i class=\"o\">W</i>"));
    assert!(
        page.contains("<strong>may act in the name of any other user; may delete every account in the org</strong>")
    );
    assert!(page.contains("may read every contact in the org"));
    assert!(page.contains("3 days ago") && page.contains("in 12 days"));
    assert!(page.contains("The pool of contoso.com</th><td class=\"figure\">30,000"));
    assert!(page.contains("could not be read: connection refused") && page.contains("It needs AuditLog.Read.All"));
    let untold = html(&report, None);
    assert!(untold.contains("no public API tells") && !untold.contains("The pool of"));
    assert!(html(&Report { findings: Vec::new(), ..report }, None).contains("Nothing is wrong."));
}

#[test]
fn no_name_gets_out_of_where_it_stands() {
    let [log, xml, _, metrics, page] = forms(&hostile());
    let log: Value = serde_json::from_str(&log).unwrap();
    for result in log["runs"][0]["results"].as_array().unwrap() {
        let message = result["message"]["text"].as_str().unwrap();
        assert!(!message.contains("](") && !message.contains(" {0}"), "{message}");
    }
    for text in [&xml, &page] {
        for bad in [
            "<script",
            "<img",
            "onerror=alert(1)>",
            "' onfocus",
            "\u{202e}",
            "\u{200f}",
            "\u{0}",
            "\u{1b}",
            "\u{ffff}",
            "]]>",
        ] {
            assert!(!text.contains(bad), "{bad:?}");
        }
    }
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && page.contains("\\u{202e}txt.exe"));
    // Nothing is got from elsewhere, and nothing runs.
    for bad in [" src=", "url(", "@import", "javascript:alert(1)\"", "<link", "<iframe"] {
        assert!(!page.contains(bad) || HOSTILE.iter().any(|name| name.contains(bad)), "{bad}");
    }
    assert!(page.contains("default-src 'none'"));
    assert!(metrics.lines().filter(|line| line.starts_with("keyholder_audit_findings{rule=\"KH101\"")).count() == 1);
    // Long names are cut, not kept.
    for text in forms(&hostile()) {
        assert!(text.len() < 300_000, "{}", text.len());
    }
}

#[test]
fn a_page_of_a_thousand_users_is_small_and_leaves_none_out() {
    let mut orgs = Vec::new();
    let mut applications = Vec::new();
    for place in 0..50 {
        let tenant = format!("tenant-{}.onmicrosoft.com", place % 5);
        let mut users = Vec::new();
        for number in place * 20..(place + 1) * 20 {
            let name = format!("integration-{number:04}-sales");
            // Everybody's rights are different.
            let own = rights(
                ["contact", "account", "incident", &format!("new_table{}", number % 40), &format!("new_own{number}")]
                    .into_iter()
                    .flat_map(|name| {
                        [table(name, Verb::Read, Depth::Global), table(name, Verb::Write, Depth::ALL[number % 4])]
                    })
                    .collect(),
            );
            applications.push(application(number, &name, &tenant, (number as i64 * 7) % 340 - 5));
            users.push(user(number, &name, &own));
        }
        let mut org = org(&format!("org-{place:02}"), &tenant, users);
        org.url = format!("https://org-{place:02}.crm4.dynamics.com");
        orgs.push(org);
    }
    let report = report(facts(orgs, applications), None);
    assert!(report.findings.len() > 1_300, "{}", report.findings.len());
    let page = html(&report, Some(&requests(&report)));
    assert!(page.len() < 1_000_000, "{}", page.len());
    let users = page.split("<section id=\"users\">").nth(1).unwrap();
    for (_, user) in report.facts.users() {
        assert!(users.contains(&format!("<th scope=\"row\">{}", user.name)), "{}", user.name);
    }
    for finding in &report.findings {
        assert!(page.contains(&finding.message.split('`').nth(1).unwrap().to_owned()), "{}", finding.message);
    }
}
