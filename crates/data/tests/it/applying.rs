//! `$apply`: groups and figures over real rows.

use serde_json::{Value, json};

use crate::World;
use crate::world::BASE;

#[tokio::test]
async fn rows_become_groups_and_figures() {
    let world = World::with(|config| config.sample_rows = 0).await;
    let person = world.post("contacts", json!({ "lastname": "Lead" })).await.ok().id();
    for (name, city, revenue, employees, led) in [
        ("A", Some("Oslo"), Some(10.5), 1, true),
        ("B", Some("oslo"), Some(20.0), 2, true),
        ("C", Some("Bergen"), None, 4, false),
        ("D", None, Some(1.25), 8, false),
    ] {
        let mut body =
            json!({ "name": name, "address1_city": city, "revenue": revenue, "numberofemployees": employees });
        if led {
            body["primarycontactid@odata.bind"] = json!(format!("/contacts({person})"));
        }
        world.post("accounts", body).await.ok();
    }
    let applied = async |apply: &str| {
        let reply = world.get(&format!("accounts?$apply={apply}")).await.ok();
        assert_eq!(reply.json["@odata.context"], json!(format!("{BASE}/$metadata#accounts")));
        reply.json["value"].clone()
    };
    assert_eq!(applied("aggregate($count as number)").await, json!([{ "number": 4 }]));
    assert_eq!(
        applied("aggregate(revenue with sum as total,revenue with max as most,numberofemployees with min as least)")
            .await,
        json!([{ "total": 31.75, "most": 20, "least": 1 }])
    );
    // Texts that compare equal are one group; a group without a value does not show it.
    let cities =
        applied("groupby((address1_city),aggregate($count as number,numberofemployees with sum as people))").await;
    let mut found: Vec<(Value, i64, i64)> = cities
        .as_array()
        .unwrap()
        .iter()
        .map(|group| {
            let city = group.get("address1_city").cloned().unwrap_or_default();
            (city, group["number"].as_i64().unwrap(), group["people"].as_i64().unwrap())
        })
        .collect();
    found.sort_by_key(|(city, ..)| city.to_string());
    assert_eq!(found, [(json!("Bergen"), 1, 4), (json!("Oslo"), 2, 3), (Value::Null, 1, 8)]);
    assert_eq!(
        applied("filter(revenue gt 5)/groupby((primarycontactid/fullname),aggregate(revenue with average as mean))")
            .await,
        json!([{ "contact_fullname": "Lead", "mean": 15.25 }])
    );
    // Nothing but filters gives rows.
    let rows = applied("filter(contains(name,'c'))").await;
    assert_eq!(rows[0]["name"], "C");
    let none = applied("filter(name eq 'nobody')/aggregate($count as number,revenue with sum as total)").await;
    assert_eq!(none, json!([{ "number": 0 }]));
}

#[tokio::test]
async fn groups_count_what_the_caller_reaches() {
    let world = World::new().await;
    let (caller, user) = world.application_user(2, "orders-sync").await;
    let role = world.role("own contacts", &[("prvReadContact", "Basic"), ("prvReadAccount", "Global")]).await;
    world.assign(user, role).await.ok();
    let count = async |path: &str| world.get_as(&caller, path).await;
    let own = count("contacts?$apply=aggregate($count as number)").await.ok();
    assert_eq!(own.rows()[0]["number"], 0);
    let led = count("accounts?$apply=groupby((primarycontactid/fullname))").await.ok();
    assert_eq!(*led.rows(), [json!({})]);
    let refused = count("accounts?$apply=groupby((owninguser/fullname))").await;
    assert!(refused.refused(403, "0x80040220").contains("prvReadUser"));
}
