//! Opportunities and cases that are closed by an activity, and rows in queues.

use http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::World;

fn won(opportunity: Uuid, status: i64) -> Value {
    json!({
        "Status": status,
        "OpportunityClose": {
            "@odata.type": "Microsoft.Dynamics.CRM.opportunityclose",
            "subject": "Signed", "actualrevenue": 1200.5, "actualend": "2026-11-20T15:00:00Z",
            "opportunityid@odata.bind": format!("/opportunities({opportunity})"),
        },
    })
}

#[tokio::test]
async fn an_opportunity_is_won_or_lost_once() {
    let world = World::new().await;
    let make = async || world.post("opportunities", json!({ "name": "Deal" })).await.ok().id();
    let (first, second) = (make().await, make().await);
    assert_eq!(world.post("WinOpportunity", won(first, 3)).await.ok().status, 204);
    let columns = "statecode,statuscode,actualvalue,actualclosedate";
    let row = world.get(&format!("opportunities({first})?$select={columns}")).await.ok().json;
    assert_eq!((&row["statecode"], &row["statuscode"]), (&json!(1), &json!(3)));
    assert_eq!((&row["actualvalue"], &row["actualclosedate"]), (&json!(1200.5), &json!("2026-11-20")));
    let told = world.get("opportunitycloses?$select=subject,statecode,_opportunityid_value").await.ok();
    let told = &told.rows()[0];
    assert_eq!((&told["subject"], &told["statecode"]), (&json!("Signed"), &json!(1)));
    assert_eq!(told["_opportunityid_value"], json!(first));
    world.post("WinOpportunity", won(first, 3)).await.refused(400, "0x80040515");
    // A status of another state changes nothing, -1 means the state's own.
    world.post("LoseOpportunity", won(second, 3)).await.refused(400, "0x80048408");
    assert_eq!(world.get("opportunitycloses").await.ok().rows().len(), 1);
    let short = json!({ "Status": -1, "OpportunityClose": {
        "subject": "Gone", "opportunityid@odata.bind": format!("/opportunities({second})"),
    } });
    world.post("LoseOpportunity", short).await.ok();
    let row = world.get(&format!("opportunities({second})?$select={columns}")).await.ok().json;
    assert_eq!((&row["statecode"], &row["statuscode"]), (&json!(2), &json!(4)));
    assert_eq!((&row["actualvalue"], &row["actualclosedate"]), (&json!(null), &json!("2026-11-22")));
    for wrong in [json!({}), json!({ "Status": 3 }), json!({ "Status": 3, "OpportunityClose": { "subject": "x" } })] {
        assert_eq!(world.post("WinOpportunity", wrong.clone()).await.status, 400, "{wrong}");
    }
    world.get("WinOpportunity").await.refused(405, "0x80060888");
}

#[tokio::test]
async fn losing_an_opportunity_needs_the_documented_privileges() {
    let world = World::new().await;
    let (caller, user) = world.application_user(2, "seller").await;
    let own = json!({ "name": "Deal", "ownerid@odata.bind": format!("/systemusers({user})") });
    let held = [
        "prvReadOpportunity",
        "prvCreateActivity",
        "prvAppendActivity",
        "prvAppendToOpportunity",
        "prvWriteOpportunity",
    ];
    world.assign(user, world.role("reads", &[(held[0], "Basic")]).await).await.ok();
    let opportunity = world.post("opportunities", own).await.ok().id();
    let body = json!({ "Status": 5, "OpportunityClose": {
        "subject": "Gone", "opportunityid@odata.bind": format!("/opportunities({opportunity})"),
    } });
    for next in &held[1..] {
        let refused = world.send(&caller, Method::POST, "LoseOpportunity", &[], Some(body.clone())).await;
        let message = refused.refused(403, "0x80040220");
        let named =
            held[1..].iter().find(|name| message.contains(**name)).copied().unwrap_or_else(|| panic!("{message}"));
        world.assign(user, world.role(&format!("more {next}"), &[(named, "Basic")]).await).await.ok();
    }
    world.send(&caller, Method::POST, "LoseOpportunity", &[], Some(body)).await.ok();
}

#[tokio::test]
async fn a_case_is_resolved_when_nothing_is_left_to_do() {
    let world = World::new().await;
    let contact = world.post("contacts", json!({ "lastname": "Quill" })).await.ok().id();
    let case = json!({ "title": "Broken", "customerid_contact@odata.bind": format!("/contacts({contact})") });
    let case = world.post("incidents", case).await.ok().id();
    let about =
        json!({ "subject": "Call", "regardingobjectid_incident_task@odata.bind": format!("/incidents({case})") });
    let task = world.post("tasks", about).await.ok().id();
    let body = json!({ "Status": 5, "IncidentResolution": {
        "subject": "Mended", "timespent": 30, "incidentid@odata.bind": format!("/incidents({case})"),
    } });
    world.post("CloseIncident", body.clone()).await.refused(400, "0x8004440a");
    world.patch(&format!("tasks({task})"), json!({ "statecode": 1 })).await.ok();
    world.post("CloseIncident", body.clone()).await.ok();
    let row = world.get(&format!("incidents({case})?$select=statecode,statuscode")).await.ok().json;
    assert_eq!((&row["statecode"], &row["statuscode"]), (&json!(1), &json!(5)));
    assert_eq!(world.post("CloseIncident", body).await.refused(400, "0x80044411"), "Already Closed or Canceled");
}

#[tokio::test]
async fn a_row_is_in_one_queue_at_a_time() {
    let world = World::new().await;
    let queue = async |name: &str| world.post("queues", json!({ "name": name })).await.ok().id();
    let (first, second) = (queue("First").await, queue("Second").await);
    let task = world.post("tasks", json!({ "subject": "Call back" })).await.ok().id();
    let target = json!({ "@odata.type": "Microsoft.Dynamics.CRM.task", "activityid": task });
    let add = async |queue: Uuid, body: Value| {
        world.post(&format!("queues({queue})/Microsoft.Dynamics.CRM.AddToQueue"), body).await
    };
    let reply = add(first, json!({ "Target": target })).await.ok();
    assert!(reply.json["@odata.context"].as_str().unwrap().ends_with("AddToQueueResponse"));
    let item = reply.json["QueueItemId"].as_str().unwrap().to_owned();
    let read = async || {
        let columns = "title,enteredon,_queueid_value,_objectid_value,objecttypecode";
        world.get(&format!("queueitems({item})?$select={columns}")).await.ok().json
    };
    let row = read().await;
    assert_eq!((&row["title"], &row["_queueid_value"]), (&json!("Call back"), &json!(first)));
    assert_eq!((&row["_objectid_value"], &row["objecttypecode"]), (&json!(task), &json!(4212)));
    assert_eq!(row["enteredon"], json!("2026-11-22T09:07:46Z"));
    // Again into the same queue changes nothing, into another it moves.
    world.advance(60);
    assert_eq!(add(first, json!({ "Target": target })).await.ok().json["QueueItemId"], json!(item));
    assert_eq!(read().await["enteredon"], json!("2026-11-22T09:07:46Z"));
    let from = |queue: Uuid| json!({ "Target": target, "SourceQueue": { "queueid": queue } });
    add(second, from(second)).await.refused(400, "0x800404eb");
    assert_eq!(add(second, from(first)).await.ok().json["QueueItemId"], json!(item));
    let row = read().await;
    assert_eq!((&row["_queueid_value"], &row["enteredon"]), (&json!(second), &json!("2026-11-22T09:08:46Z")));
    assert_eq!(world.get("queueitems").await.ok().rows().len(), 1);
    // What no queue takes.
    let role = json!({ "@odata.type": "Microsoft.Dynamics.CRM.role", "roleid": Uuid::nil() });
    add(first, json!({ "Target": role })).await.refused(400, "0x80040800");
    assert_eq!(add(first, json!({})).await.status, 400);
    let (caller, user) = world.application_user(2, "helper").await;
    world.assign(user, world.role("nothing", &[]).await).await.ok();
    let path = format!("queues({first})/Microsoft.Dynamics.CRM.AddToQueue");
    let refused = world.send(&caller, Method::POST, &path, &[], Some(json!({ "Target": target }))).await;
    assert!(refused.refused(403, "0x80040220").contains("prvCreateQueueItem"), "{}", refused.text);
}

/// Whether a row is in a queue, and by which item, is told to nobody who could not put it there.
#[tokio::test]
async fn a_row_that_is_in_the_queue_is_no_exception() {
    let world = World::new().await;
    let queue = world.post("queues", json!({ "name": "Service" })).await.ok().id();
    let task = world.post("tasks", json!({ "subject": "Call back" })).await.ok().id();
    let body = json!({ "Target": { "@odata.type": "Microsoft.Dynamics.CRM.task", "activityid": task } });
    let path = format!("queues({queue})/Microsoft.Dynamics.CRM.AddToQueue");
    let item = world.post(&path, body.clone()).await.ok().json["QueueItemId"].clone();
    for (number, (queues, tasks)) in [("Basic", "Global"), ("Global", "Basic"), ("Global", "Global")].iter().enumerate()
    {
        let (caller, user) = world.application_user(number as u128 + 2, "helper").await;
        let privileges = [
            ("prvCreateQueueItem", "Basic"),
            ("prvReadQueueItem", "Basic"),
            ("prvAppendQueueItem", "Basic"),
            ("prvAppendToQueue", queues),
            ("prvAppendToActivity", tasks),
        ];
        let role = world.role(&format!("helper {number}"), &privileges).await;
        world.assign(user, role).await.ok();
        let reply = world.send(&caller, Method::POST, &path, &[], Some(body.clone())).await;
        if (*queues, *tasks) == ("Global", "Global") {
            assert_eq!(reply.ok().json["QueueItemId"], item);
        } else {
            assert!(reply.refused(403, "0x80048306").contains("AppendToAccess"), "{}", reply.text);
        }
    }
}
