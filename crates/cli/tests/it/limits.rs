//! Limits, usage and faults from the command line.

use serde_json::json;

use crate::program::{RunningOrg, run};

#[test]
fn s19_s20_limits_are_set_usage_is_told_and_faults_are_ordered() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    run(here, &["quickstart", "--listen", "127.0.0.1:0", "--limits", "off"]).done();
    let org = RunningOrg::start(here, &["--listen", "127.0.0.1:0", "--limits", "7000,800,9,100"]);
    assert_eq!(org.ready["limits"], "7000,800,9,100");
    let refused = run(here, &["quickstart", "--limits", "off"]).failed(64);
    assert!(refused.contains("--limits"), "{refused}");

    // Far from a day's end.
    run(here, &["org", "clock", "--set", "2027-01-31T12:00:00Z"]).done();
    run(here, &["query", "contacts?$top=1", "--local"]).done();
    let told = run(here, &["usage", "--local", "--entitlement", "2019", "--add-ons", "1", "--output", "json"]).json();
    assert_eq!(
        (&told["windowSeconds"], &told["tenants"][0]["pool"]["allowance"]),
        (&json!(100), &json!(110_000)),
        "{told}"
    );
    let day = told["tenants"][0]["pool"]["day"].as_u64().unwrap();
    assert!(day >= 1, "{told}");
    let table = run(here, &["usage", "--local"]).done();
    assert!(table.contains("last 100 s") && table.contains("pool") && table.contains("application"), "{table}");
    let days = told["tenants"][0]["users"][0]["days"].as_array().unwrap();
    assert_eq!((days.len(), &days[29]["day"]), (30, &json!("2027-01-31")), "{told}");
    let plot = run(here, &["usage", "--local", "--plot"]).done();
    assert!(plot.contains("Requests a day from 2027-01-02 to 2027-01-31 (UTC)"), "{plot}");
    assert!(run(here, &["usage", "--plot"]).failed(64).contains("--local"));

    // The same org as a real one is asked: by its address, as one of its users.
    let env = std::fs::read_to_string(here.join(".keyholder/org.env")).unwrap();
    let setting =
        |name: &str| env.lines().find_map(|line| line.strip_prefix(&format!("{name}="))).unwrap().trim_matches('\'');
    let secret = here.join("secret.txt");
    keyholder_platform::write_private(&secret, setting("KEYHOLDER_ADMIN_CLIENT_SECRET").as_bytes()).unwrap();
    let own = ["usage", "--url", setting("KEYHOLDER_ORG_URL"), "--ca-file", ".keyholder/ca.pem", "--add-ons", "1"];
    let (id, file) = (setting("KEYHOLDER_ADMIN_CLIENT_ID"), ["--client-secret-file", "secret.txt"]);
    let own = |more: &[&str]| run(here, &[&own[..], &["--client-id", id], &file[..], more].concat());
    let asked = own(&["--output", "json"]).json();
    let left = asked["user"]["windowLeft"]["requests"].as_u64().unwrap();
    assert!((6_000..7_000).contains(&left), "{asked}");
    let pool = run(here, &["usage", "--local", "--add-ons", "1", "--output", "json"]).json();
    let pool = &pool["tenants"][0]["pool"]["allowance"];
    assert_eq!(
        (&asked["user"]["entitledTo"]["allowance"], &asked["user"]["kind"]),
        (pool, &json!("application")),
        "{asked}"
    );
    // A service user may not read what the tenant has bought, which is said and not guessed.
    let made = ["app-user", "create", "orders", "--role", "Basic User", "--save-env", "orders.env", "--local", "--yes"];
    run(here, &made).done();
    let poor = run(here, &["usage", "--env-file", "orders.env", "--output", "json"]).json();
    assert!(poor["user"]["windowLeft"]["requests"].is_u64() && poor["user"]["entitledTo"].is_null(), "{poor}");
    assert!(poor["user"]["entitledToUnknown"].as_str().unwrap().contains("the directory refused"), "{poor}");
    let shown = own(&[]).done();
    assert!(
        shown.contains("left of the last five minutes") && shown.contains("shared by all users without a licence"),
        "{shown}"
    );

    let order = ["org", "fault", "add", "throttle", "--method", "DELETE", "--requests", "2", "--output", "json"];
    let ordered = run(here, &order).json();
    assert_eq!((&ordered["retryAfter"], &ordered["path"]), (&json!(1), &json!("/api/data/*")), "{ordered}");
    let listed = run(here, &["org", "fault", "list"]).done();
    assert!(listed.contains("throttle") && listed.contains("met by 0"), "{listed}");
    let bad = run(here, &["org", "fault", "add", "html", "--time", "2s"]).failed(64);
    assert!(bad.contains("slow-body"), "{bad}");
    run(here, &["org", "fault", "clear", "77"]).failed(64);
    assert!(run(here, &["org", "fault", "clear"]).done().contains("took back 1 fault"));
    assert!(run(here, &["org", "fault", "list"]).done().contains("no faults are ordered"));
    drop(org);

    // Usage is kept; faults are the running org's.
    let told = run(here, &["usage", "--local", "--output", "json"]).json();
    assert!(
        told["windowSeconds"].is_null() && told["tenants"][0]["pool"]["allowance"].as_u64() > Some(500_000),
        "{told}"
    );
    let nobody = run(here, &["org", "fault", "list"]).failed(1);
    assert!(nobody.contains("keyholder org start"), "{nobody}");
    for bad in ["0,1,1", "6000,1200", "fast"] {
        let refused = run(here, &["org", "start", "--ephemeral", "--limits", bad]).failed(64);
        assert!(refused.contains("real"), "{bad}: {refused}");
    }
}
