//! Activities: kept by kind, shown together.

use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn every_activity_is_shown_among_all_and_follows_its_own() {
    let world = World::new().await;
    let account = world.post("accounts", json!({ "name": "Fourth Coffee" })).await.ok().id();
    let task = json!({
        "subject": "Call back", "prioritycode": 2,
        "regardingobjectid_account_task@odata.bind": format!("/accounts({account})"),
    });
    let task = world.post("tasks", task).await.ok().id();
    let call = world.post("phonecalls", json!({ "subject": "About the order", "phonenumber": "1" })).await.ok().id();

    let select =
        "$select=activityid,subject,activitytypecode,prioritycode,statecode,_regardingobjectid_value,_ownerid_value";
    let all = world.get(&format!("activitypointers?{select}&$orderby=subject")).await.ok();
    let shown: Vec<_> = all
        .rows()
        .iter()
        .map(|row| (row["subject"].as_str().unwrap(), row["activitytypecode"].as_str().unwrap()))
        .collect();
    assert_eq!(shown, [("About the order", "phonecall"), ("Call back", "task")]);
    let row = &all.rows()[1];
    assert_eq!(row["activityid"], json!(task));
    assert_eq!(row["_regardingobjectid_value"], json!(account));
    assert_eq!((&row["prioritycode"], &row["statecode"]), (&json!(2), &json!(0)));
    assert_eq!(row["_ownerid_value"], json!(world.admin_user));

    world.patch(&format!("tasks({task})"), json!({ "subject": "Called", "statecode": 1 })).await.ok();
    let row = world.get(&format!("activitypointers({task})?$select=subject,statecode,statuscode")).await.ok().json;
    assert_eq!((&row["subject"], &row["statecode"], &row["statuscode"]), (&json!("Called"), &json!(1), &json!(5)));

    // What an activity is about takes it along.
    world.delete(&format!("accounts({account})")).await.ok();
    for gone in ["activitypointers", "tasks"] {
        world.get(&format!("{gone}({task})")).await.refused(404, "0x80040217");
    }
    assert_eq!(world.get("activitypointers?$select=subject").await.ok().rows().len(), 1);

    world.delete(&format!("phonecalls({call})")).await.ok();
    world.get(&format!("activitypointers({call})")).await.refused(404, "0x80040217");
    assert_eq!(world.get("activitypointers?$select=subject").await.ok().rows().len(), 0);
}

#[tokio::test]
async fn an_id_belongs_to_one_activity_whatever_its_kind() {
    let world = World::new().await;
    let id = uuid::Uuid::from_u128(77);
    world.post("tasks", json!({ "activityid": id, "subject": "one" })).await.ok();
    world.post("letters", json!({ "activityid": id, "subject": "two" })).await.refused(412, "0x80040237");
    assert_eq!(world.get("letters?$select=subject").await.ok().rows().len(), 0);
}

#[tokio::test]
async fn the_table_that_shows_all_is_not_written() {
    let world = World::new().await;
    let task = world.post("tasks", json!({ "subject": "one" })).await.ok().id();
    let text = world.post("activitypointers", json!({ "subject": "x" })).await;
    assert!(text.refused(501, "0x80040315").contains("activitypointers"), "{}", text.text);
    world.patch(&format!("activitypointers({task})"), json!({ "subject": "x" })).await.refused(501, "0x80040315");
    world.delete(&format!("activitypointers({task})")).await.refused(501, "0x80040315");
    let kept = world.get(&format!("tasks({task})?$select=subject")).await.ok().json;
    assert_eq!(kept["subject"], "one");
}

#[tokio::test]
async fn one_privilege_opens_every_kind() {
    let world = World::new().await;
    world.post("tasks", json!({ "subject": "one" })).await.ok();
    let (caller, user) = world.application_user(2, "reader").await;
    let role = world.role("readers", &[("prvReadActivity", "Global")]).await;
    world.assign(user, role).await.ok();
    for set in ["tasks", "phonecalls", "activitypointers", "activityparties"] {
        world.get_as(&caller, &format!("{set}?$top=1")).await.ok();
    }
    assert_eq!(world.get_as(&caller, "activitypointers?$select=subject").await.ok().rows().len(), 1);
    world.get_as(&caller, "accounts?$top=1").await.refused(403, "0x80040220");
}
