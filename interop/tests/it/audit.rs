//! The forms of an audit's report, read by programs that nobody here wrote.

use std::collections::BTreeMap;
use std::path::Path;

use keyholder_client::{Connection, Http, NetworkOptions};
use keyholder_foundation::{Timestamp, WallClock};
use keyholder_service_users::audit::report::{self, Asked, Report, Requests, TenantRequests};
use keyholder_service_users::audit::{Baseline, Limits, Reading, Severity, Switches, gather, judge};
use keyholder_service_users::declaration::{Declaration, Org};
use keyholder_service_users::{Administrator, Estate};
use keyholder_testkit::World;
use serde_json::{Value, json};

use crate::stage::Stage;

/// A name that would break out of every form, were it let.
const HOSTILE: &str =
    "\"><script src='https://evil.example/x.js'></script>\r\nEND:VCALENDAR\n# \\\"} 1 ]]>&amp;{0}](x)";
const SHOWN: &str = "orders-sync";

#[tokio::test(flavor = "multi_thread")]
async fn s10_reports_are_read_by_those_who_read_such_forms() {
    let Some(stage) = Stage::start().await else { return };
    let world = stage.world();
    for (name, days) in [(SHOWN, 20), (HOSTILE, 12), ("expired", -3)] {
        application(world, name, days).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let baseline = write(world, &folder.path().join("first"), None).await;
    world.advance(std::time::Duration::from_secs(24 * 60 * 60));
    write(world, &folder.path().join("second"), Some(baseline)).await;
    stage.python_with("audit_reports.py", &[("KEYHOLDER_REPORTS", folder.path())]).await;
    stage.stop().await;
}

/// A registration with a secret that ends so many days from now, and its user in the org.
async fn application(world: &World, name: &str, days: i64) {
    let graph = async |path: &str, body: Value| {
        let made = world.graph(&world.admin_token().await, "POST", path, Some(&body)).await;
        assert!(made.status < 300, "{path}: {}", made.text);
        made.body
    };
    let made = graph("applications", json!({"displayName": name})).await;
    let (id, client) = (made["id"].as_str().unwrap(), made["appId"].as_str().unwrap());
    graph("servicePrincipals", json!({"appId": client})).await;
    let day =
        |days: i64| Timestamp::from_unix_seconds(world.clock().now().unix_seconds() + days * 24 * 60 * 60).to_string();
    let secret = json!({"displayName": name.chars().take(60).collect::<String>(), "startDateTime": day(days - 100), "endDateTime": day(days)});
    graph(&format!("applications/{id}/addPassword"), json!({"passwordCredential": secret})).await;
    let admin = world.admin();
    let token = world.token(&admin.client_id, &admin.client_secret, &world.origin()).await;
    let user = world.api(&token, "POST", "systemusers", Some(&json!({"applicationid": client}))).await;
    assert!(user.status < 300, "{}", user.text);
}

/// Audits the world, accepts one finding, and writes the report in every form; gives the baseline.
async fn write(world: &World, folder: &Path, baseline: Option<String>) -> String {
    let options = NetworkOptions { ca_file: world.connection().ca_file, ..NetworkOptions::default() };
    let url: keyholder_client::connection::OrgUrl = world.origin().parse().unwrap();
    let mut declaration = Declaration::default();
    declaration.orgs.insert("home".to_owned(), Org { url: url.clone(), tenant: None, environment: None });
    let connection = Connection { url, ..world.connection() };
    let administrator = Administrator::connect(connection, Http::over_network(options).unwrap()).await;
    let estate = Estate::new(&declaration, BTreeMap::from([("home".to_owned(), administrator)]));
    let reading = Reading { slots_limit: 7, ..Reading::default() };
    let facts = gather(&estate, &declaration, &reading, Timestamp::EPOCH).await;
    let mut findings = judge(&facts, None, &Limits::default(), &Switches::default());
    let text = baseline.unwrap_or_else(|| {
        let accepted = findings.iter().filter(|one| one.rule == "KH101");
        Baseline::print(accepted, facts.now).replace("TODO: why is this accepted?", HOSTILE_REASON)
    });
    let baseline = Baseline::parse(&text, Path::new("b.toml")).unwrap();
    let unused_acceptances = baseline.apply(&mut findings, &facts);
    let asked = |today| Asked { today, forecast: today * 2, allowance: Some(500_000) };
    let users = facts.users().map(|(org, user)| ((org.url.clone(), user.id), asked(17))).collect();
    let tenant = TenantRequests { name: facts.tenants[0].name.clone(), pool: asked(30_000), users };
    let requests = Requests { day: facts.now.date(), tenants: vec![tenant] };
    let report = Report { facts, findings, unused_acceptances };
    std::fs::create_dir(folder).unwrap();
    for (name, text) in [
        ("a.sarif", report::sarif(&report, None)),
        ("a.xml", report::junit(&report, Severity::Warning)),
        ("a.ics", report::calendar(&report)),
        ("a.prom", report::prometheus(&report, Some(&requests))),
        ("a.html", report::html(&report, Some(&requests))),
        ("report.json", serde_json::to_string(&report).unwrap()),
    ] {
        std::fs::write(folder.join(name), text).unwrap();
    }
    text
}

/// Why something is accepted; it must break out of nothing either.
const HOSTILE_REASON: &str = "it <moves> & \\\"retires\\\"; END:VEVENT";
