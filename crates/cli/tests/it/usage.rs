//! `keyholder usage` over days, with the org's clock moved from one to the next.

use std::fs;
use std::path::Path;

use keyholder_foundation::Secret;
use keyholder_org::{Listen, Place, Settings};
use keyholder_testkit::World;
use serde_json::{Value, json};

use crate::program::{Ended, run};

/// A folder with a running local org without service protection limits, in which an application `orders` may read
/// accounts, and what it signs in with.
struct Case {
    world: World,
    folder: tempfile::TempDir,
    client: String,
    secret: Secret,
}

impl Case {
    async fn new(first_day: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::Folder(folder.path().join(".keyholder"));
        let settings = Settings { limits: None, ..Settings::default() };
        let world = World::with_settings(place, Listen::default(), settings).await;
        let here = folder.path();
        run(here, &["org", "clock", "--set", first_day]).done();
        let made = ["app-user", "create", "orders", "--grant", "account=read:organization", "--save-env", "orders.env"];
        run(here, &[&made[..], &["--lifetime", "90d", "--local", "--yes"]].concat()).done();
        let env = fs::read_to_string(here.join("orders.env")).unwrap();
        let setting = |name: &str| {
            let value = env.lines().find_map(|line| line.strip_prefix(&format!("{name}="))).unwrap();
            value.trim_matches('\'').to_owned()
        };
        let (client, secret) = (setting("KEYHOLDER_CLIENT_ID"), Secret::new(setting("KEYHOLDER_CLIENT_SECRET")));
        Self { world, folder, client, secret }
    }

    fn here(&self) -> &Path {
        self.folder.path()
    }

    fn usage(&self, more: &[&str]) -> Ended {
        run(self.here(), &[&["usage", "--local"], more].concat())
    }

    /// Goes to a time, and has `orders` ask for so many rows to be made, which it may not: each counts all the same.
    async fn ask(&self, time: &str, requests: usize) {
        run(self.here(), &["org", "clock", "--set", time]).done();
        let token = self.world.token(&self.client, &self.secret, &self.world.origin()).await;
        let rows = vec![json!({"@odata.type": "Microsoft.Dynamics.CRM.contact"}); requests];
        for rows in rows.chunks(10_000) {
            let body = json!({ "Targets": rows });
            let action = "contacts/Microsoft.Dynamics.CRM.CreateMultiple";
            let answer = self.world.api(&token, "POST", action, Some(&body)).await;
            assert_eq!(answer.status, 403, "{}", answer.text);
        }
    }
}

fn user<'a>(told: &'a Value, name: &str) -> &'a Value {
    let users = told["tenants"][0]["users"].as_array().unwrap();
    users.iter().find(|user| user["name"].as_str().unwrap().contains(name)).unwrap_or_else(|| panic!("{told}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn s20_days_are_told_with_where_they_lead_and_when_the_pool_runs_out() {
    let case = Case::new("2027-01-01T12:00:00Z").await;
    // Without a licence for Dynamics 365 the pool is 25,000.
    for sku in [
        "DYN365_ENTERPRISE_PLAN1",
        "DYN365_ENTERPRISE_SALES",
        "DYN365_ENTERPRISE_CUSTOMER_SERVICE",
        "DYN365_CUSTOMER_SERVICE_PRO",
        "DYN365_ENTERPRISE_FIELD_SERVICE",
        "DYN365_ENTERPRISE_SALES_CUSTOMERSERVICE",
    ] {
        run(case.here(), &["org", "licences", sku, "0"]).done();
    }
    case.ask("2027-01-02T12:00:00Z", 3_000).await;
    case.ask("2027-01-03T12:00:00Z", 6_000).await;
    let early = case.usage(&["--output", "json"]).json();
    let outlook = &user(&early, "orders")["outlook"];
    assert_eq!(outlook, &json!({"daysKnown": 2, "unknown": "too little is known (2 days)"}), "{early}");
    let said = case.usage(&[]).done();
    assert!(said.contains("The days to come: too little is known (2 days)."), "{said}");
    case.usage(&["--fail-on-over"]).done();

    for day in 4..=7 {
        case.ask(&format!("2027-01-{day:02}T12:00:00Z"), (day - 1) * 3_000).await;
    }
    case.ask("2027-01-08T12:00:00Z", 21_000).await;
    let told = case.usage(&["--days", "7", "--output", "json"]).json();
    let (orders, pool) = (user(&told, "orders"), &told["tenants"][0]["pool"]);
    assert_eq!(
        (&orders["allowance"], &orders["day"], &orders["total"]),
        (&Value::Null, &json!(21_000), &json!(84_000))
    );
    assert_eq!(orders["days"][0], json!({"day": "2027-01-02", "requests": 3_000, "share": 0.12}), "{orders}");
    assert_eq!(orders["outlook"]["trendPerDay"], 3_000.0, "{orders}");
    assert!(orders["outlook"]["runsOutOn"].is_null() && orders["shareOfPool"].as_f64() > Some(0.99), "{orders}");
    assert_eq!(
        (&pool["allowance"], &pool["forecast"], &pool["isForecastBeyond"], &pool["usedUp"]),
        (&json!(25_000), &json!(42_000), &json!(true), &json!("2027-01-08T14:17:08Z")),
        "{pool}"
    );
    assert_eq!(
        (&pool["outlook"]["daysKnown"], &pool["outlook"]["next"], &pool["outlook"]["runsOutOn"]),
        (&json!(7), &json!(24_000), &json!("2027-01-10")),
        "{pool}"
    );

    let said = case.usage(&["--days", "7", "--plot"]);
    assert_eq!(said.code(), 0, "{said:#?}");
    for expected in [
        "24,000 the next day, by 7 whole days; 3,000 more each day; it will run out on 2027-01-10 at this rate",
        "Most of it in 7 days: # orders ",
        "Requests a day from 2027-01-02 to 2027-01-08 (UTC)",
        "(the pool)",
    ] {
        assert!(said.out.contains(expected), "no {expected} in {said:#?}");
    }
    let day = said.out.lines().find(|line| line.contains("2027-01-07") && line.contains("orders")).unwrap();
    assert!(day.contains("18,000") && day.contains("72%"), "{day}");
    assert!(
        said.err.contains("on the way beyond the day's allowance of 25,000, at 14:17 (UTC) at this rate"),
        "{said:#?}"
    );
    assert!(said.err.contains("the pool of keyholder.localhost will run out on 2027-01-10 at this rate"), "{said:#?}");

    let csv = case.usage(&["--days", "3", "--output", "csv"]).done();
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines[0], "tenant,org,user,name,kind,day,whole,requests,allowance,share");
    let last = lines.iter().find(|line| line.contains("# orders") && line.contains("2027-01-08")).unwrap();
    assert!(last.ends_with(",application,2027-01-08,false,21000,,0.84"), "{last}");
    assert!(lines[lines.len() - 1].ends_with(",(the pool),pool,2027-01-08,false,21000,25000,0.84"), "{csv}");

    let failed = case.usage(&["--fail-on-over"]).failed(1);
    assert!(failed.contains("on the way there: the pool of keyholder.localhost"), "{failed}");
    let failed = case.usage(&["--fail-on-over", "--output", "json"]);
    let document: Value = serde_json::from_str(&failed.out).unwrap();
    assert_eq!((&document["error"]["exitCode"], &document["daysTold"]), (&json!(1), &json!(30)), "{failed:#?}");
    // With enough add-ons there is room.
    case.usage(&["--fail-on-over", "--add-ons", "1"]).done();
    for bad in [&["--days", "0"][..], &["--days", "91"]] {
        case.usage(bad).failed(64);
    }
    assert!(run(case.here(), &["usage", "--days", "3"]).failed(64).contains("--local"));
    assert!(run(case.here(), &["usage", "--output", "csv"]).failed(64).contains("--report"));
}

#[test]
fn s20_a_real_tenants_report_is_told_as_a_local_orgs_usage() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let mut text =
        "Power platform request entitlement for this tenant,Environment ID,Environment Name,Caller ID,Caller Type,\
        Resource Type,Resource ID,Meter Category,Meter Subcategory,Usage Datetime,Consumed Quantity\r\n"
            .to_owned();
    for day in 21..=27 {
        for (caller, requests) in [("11111111-2222-3333-4444-555555555555", 60_000 * (day - 20)), ("", 700)] {
            let kind = if caller.is_empty() { "System" } else { "Non-Interactive/Application" };
            text.push_str(&format!(
                "505000,e1,Contoso,{caller},{kind},Dataverse,o1,Power Platform Requests,Dataverse,2026-11-{day},{requests}\r\n"
            ));
        }
    }
    fs::write(here.join("requests.csv"), &text).unwrap();
    let said = run(here, &["usage", "--report", "requests.csv", "--days", "2", "--plot"]);
    assert_eq!(said.code(), 0, "{said:#?}");
    for expected in [
        "By the report, until 2026-11-27 (UTC)",
        "The pool of all users without a licence: 420,700 of 505,000 on 2026-11-27.",
        "480,700 the next day, by 7 whole days; 60,000 more each day; it will run out on 2026-11-29 at this rate",
        "Most of it in 2 days: 11111111-2222-3333-4444-555555555555 99.8% (780,000), System 0.2% (1,400)",
    ] {
        assert!(said.out.contains(expected), "no {expected} in {said:#?}");
    }
    assert!(said.err.contains("the pool will run out on 2026-11-29 at this rate"), "{said:#?}");
    run(here, &["usage", "--report", "requests.csv", "--fail-on-over"]).done();
    fs::write(here.join("over.csv"), text.replace("505000,", "400000,")).unwrap();
    let over = run(here, &["usage", "--report", "over.csv", "--fail-on-over"]).failed(1);
    assert!(over.contains("the pool was beyond the allowance of 400,000 on 2026-11-27"), "{over}");
    fs::write(here.join("other.csv"), "a,b\n1,2\n").unwrap();
    let other = run(here, &["usage", "--report", "other.csv"]).failed(65);
    assert!(other.contains("`other.csv`: this is no report on \"Microsoft Power Platform requests\""), "{other}");
    run(here, &["usage", "--report", "requests.csv", "--add-ons", "2"]).failed(64);
    run(here, &["usage", "--report", "requests.csv", "--local"]).failed(64);
}
