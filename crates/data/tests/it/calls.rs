//! Functions and actions that service users' programs send.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::World;
use crate::world::{ORGANIZATION, TENANT, URL};

#[tokio::test]
async fn the_current_organization_is_told() {
    let world = World::new().await;
    let path = "RetrieveCurrentOrganization(AccessType=@p1)?@p1=Microsoft.Dynamics.CRM.EndpointAccessType'Default'";
    let detail = world.get(path).await.ok().json["Detail"].clone();
    assert_eq!(detail["OrganizationId"], json!(ORGANIZATION));
    assert_eq!(detail["TenantId"], json!(TENANT));
    assert_eq!(detail["FriendlyName"], json!("Contrast"));
    assert_eq!(detail["Endpoints"]["Values"][0], json!(format!("{URL}/")));
    assert!(world.get("RetrieveCurrentOrganization(AccessType=@p1)?@p1='Nonsense'").await.status.is_client_error());
    assert!(world.get("RetrieveCurrentOrganization").await.status.is_client_error());
}

#[tokio::test]
async fn rows_of_several_tables_are_counted_within_reach() {
    let world = World::new().await;
    let path = "RetrieveTotalRecordCount(EntityNames=@p1)?@p1=['account','contact']";
    let counts = async |caller| world.get_as(caller, path).await;
    let all = counts(&world.admin).await.ok().json["EntityRecordCountCollection"].clone();
    assert_eq!(all, json!({ "Count": 2, "IsReadOnly": false, "Keys": ["account", "contact"], "Values": [10, 10] }));
    let (caller, user) = world.application_user(2, "counter").await;
    world.assign(user, world.role("one", &[("prvReadAccount", "Basic")]).await).await.ok();
    assert!(counts(&caller).await.refused(403, "0x80040220").contains("prvReadContact"));
    world.assign(user, world.role("two", &[("prvReadContact", "Basic")]).await).await.ok();
    let own = counts(&caller).await.ok().json["EntityRecordCountCollection"]["Values"].clone();
    assert_eq!(own, json!([0, 0]));
    for path in
        ["RetrieveTotalRecordCount(EntityNames=['account'])", "RetrieveTotalRecordCount(EntityNames=[\"account\"])"]
    {
        let told = world.get(path).await.ok().json["EntityRecordCountCollection"].clone();
        assert_eq!(told, json!({ "Count": 1, "IsReadOnly": false, "Keys": ["account"], "Values": [10] }), "{path}");
    }
    for wrong in ["?@p1=['nonsense']", "?@p1=[]", "?@p1='account'", ""] {
        let path = format!("RetrieveTotalRecordCount(EntityNames=@p1){wrong}");
        assert!(world.get(&path).await.status.is_client_error(), "{wrong}");
    }
    for wrong in ["['account'", "[", "[['account']]", "[account]", "[]"] {
        let path = format!("RetrieveTotalRecordCount(EntityNames={wrong})");
        assert!(world.get(&path).await.status.is_client_error(), "{wrong}");
    }
}

fn row(id: Uuid) -> Value {
    json!({ "@odata.type": "Microsoft.Dynamics.CRM.contact", "contactid": id })
}

#[tokio::test]
async fn two_rows_become_one() {
    let world = World::new().await;
    let contact = async |body: Value| world.post("contacts", body).await.ok().id();
    let master = contact(json!({ "lastname": "Quill", "telephone1": "1" })).await;
    let other = contact(json!({ "lastname": "Quil", "telephone1": "2" })).await;
    let child =
        contact(json!({ "lastname": "Child", "parentcustomerid_contact@odata.bind": format!("/contacts({other})") }))
            .await;
    let merge = async |target: Uuid, subordinate: Uuid, content: Value| {
        let body = json!({
            "Target": row(target), "Subordinate": row(subordinate), "UpdateContent": content, "PerformParentingChecks": false,
        });
        world.post("Merge", body).await
    };
    let content = json!({
        "@odata.type": "Microsoft.Dynamics.CRM.contact", "contactid": Uuid::nil(), "telephone1": "2",
    });
    assert_eq!(merge(master, other, content).await.ok().status, 204);
    let kept = world.get(&format!("contacts({master})")).await.ok().json;
    assert_eq!((&kept["lastname"], &kept["telephone1"], &kept["statecode"]), (&json!("Quill"), &json!("2"), &json!(0)));
    let gone = world.get(&format!("contacts({other})")).await.ok().json;
    assert_eq!(
        (&gone["statecode"], &gone["merged"], &gone["_masterid_value"]),
        (&json!(1), &json!(true), &json!(master))
    );
    let child_row = world.get(&format!("contacts({child})")).await.ok().json;
    assert_eq!(child_row["_parentcustomerid_value"], json!(master));
    // What is merged already, the row itself, and a circle are refused.
    merge(master, other, Value::Null).await.refused(400, "0x80045304");
    merge(master, master, Value::Null).await.refused(400, "0x80045305");
    merge(child, master, Value::Null).await.refused(400, "0x80045300");
    let team = json!({ "@odata.type": "Microsoft.Dynamics.CRM.team", "teamid": master });
    let body = json!({ "Target": team, "Subordinate": team, "PerformParentingChecks": false });
    world.post("Merge", body).await.refused(400, "0x80040800");
}

#[tokio::test]
async fn a_user_is_moved_by_the_message_too() {
    let world = World::new().await;
    let (_, user) = world.application_user(2, "orders-sync").await;
    let (_, heir) = world.application_user(3, "heir").await;
    let role = world.role("reader", &[("prvReadContact", "Basic")]).await;
    for user in [user, heir] {
        world.assign(user, role).await.ok();
    }
    let own = json!({ "lastname": "Quill", "ownerid@odata.bind": format!("/systemusers({user})") });
    let contact = world.post("contacts", own).await.ok().id();
    let unit = json!({ "name": "North", "parentbusinessunitid@odata.bind": world.root_unit().await });
    let unit = world.post("businessunits", unit).await.ok().id();
    let body = json!({
        "BusinessUnit": { "businessunitid": unit },
        "ReassignPrincipal": { "@odata.type": "Microsoft.Dynamics.CRM.systemuser", "systemuserid": heir },
    });
    world.post(&format!("systemusers({user})/Microsoft.Dynamics.CRM.SetBusinessSystemUser"), body).await.ok();
    let row = world.get(&format!("systemusers({user})?$select=_businessunitid_value")).await.ok().json;
    assert_eq!(row["_businessunitid_value"], json!(unit));
    let row = world.get(&format!("contacts({contact})?$select=_ownerid_value")).await.ok().json;
    assert_eq!(row["_ownerid_value"], json!(heir));
}

#[tokio::test]
async fn moving_a_user_gives_no_rows_away_that_the_caller_may_not_assign() {
    let world = World::new().await;
    let (_, victim) = world.application_user(2, "victim").await;
    let (caller, taker) = world.application_user(3, "taker").await;
    let role = world.role("reader", &[("prvReadContact", "Basic")]).await;
    for user in [victim, taker] {
        world.assign(user, role).await.ok();
    }
    let moves =
        ["prvWriteUser", "prvAppendUser", "prvReparentUser", "prvAppendToBusinessUnit"].map(|name| (name, "Global"));
    world.assign(taker, world.role("mover", &moves).await).await.ok();
    let own = json!({ "lastname": "Quill", "ownerid@odata.bind": format!("/systemusers({victim})") });
    let contact = world.post("contacts", own).await.ok().id();
    let unit = json!({ "name": "North", "parentbusinessunitid@odata.bind": world.root_unit().await });
    let unit = world.post("businessunits", unit).await.ok().id();
    let body = json!({
        "BusinessUnit": { "businessunitid": unit },
        "ReassignPrincipal": { "@odata.type": "Microsoft.Dynamics.CRM.systemuser", "systemuserid": taker },
    });
    let path = format!("systemusers({victim})/Microsoft.Dynamics.CRM.SetBusinessSystemUser");
    let take = async || world.send(&caller, http::Method::POST, &path, &[], Some(body.clone())).await;
    let owner = async || {
        world.get(&format!("contacts({contact})?$select=_ownerid_value")).await.ok().json["_ownerid_value"].clone()
    };
    assert!(take().await.refused(403, "0x80040220").contains("prvAssignContact"));
    world.assign(taker, world.role("own", &[("prvAssignContact", "Basic")]).await).await.ok();
    assert!(take().await.refused(403, "0x80048306").contains("AssignAccess"));
    assert_eq!(owner().await, json!(victim));
    world.assign(taker, world.role("all", &[("prvAssignContact", "Global")]).await).await.ok();
    take().await.ok();
    assert_eq!(owner().await, json!(taker));
}

/// The body of the Python SDK's `delete` of several rows.
fn bulk_delete(table: &str, ids: &[Uuid]) -> Value {
    let values: Vec<Value> = ids.iter().map(|id| json!({ "Value": id, "Type": "System.Guid" })).collect();
    json!({
        "JobName": "Bulk delete", "SendEmailNotification": false, "ToRecipients": [], "CCRecipients": [],
        "RecurrencePattern": "", "StartDateTime": "2026-11-22T09:07:46Z",
        "QuerySet": [{
            "@odata.type": "Microsoft.Dynamics.CRM.QueryExpression", "EntityName": table,
            "ColumnSet": { "@odata.type": "Microsoft.Dynamics.CRM.ColumnSet", "AllColumns": false, "Columns": [] },
            "Criteria": {
                "@odata.type": "Microsoft.Dynamics.CRM.FilterExpression", "FilterOperator": "And",
                "Conditions": [{
                    "@odata.type": "Microsoft.Dynamics.CRM.ConditionExpression",
                    "AttributeName": format!("{table}id"), "Operator": "In", "Values": values,
                }],
            },
        }],
    })
}

#[tokio::test]
async fn many_rows_are_deleted_by_a_job() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for number in 0..4 {
        ids.push(world.post("contacts", json!({ "lastname": format!("b{number}") })).await.ok().id());
    }
    let (caller, user) = world.application_user(2, "cleaner").await;
    let send = async |body: Value| world.send(&caller, http::Method::POST, "BulkDelete", &[], Some(body)).await;
    world.assign(user, world.role("reads", &[("prvReadContact", "Global")]).await).await.ok();
    let refused = send(bulk_delete("contact", &ids)).await;
    assert!(refused.refused(403, "0x80040220").contains("prvBulkDelete"));
    world.assign(user, world.role("jobs", &[("prvBulkDelete", "Global")]).await).await.ok();
    let refused = send(bulk_delete("contact", &ids)).await;
    assert!(refused.refused(403, "0x80040220").contains("prvDeleteContact"));
    world.assign(user, world.role("deletes", &[("prvDeleteContact", "Basic")]).await).await.ok();
    let own = json!({ "lastname": "own", "ownerid@odata.bind": format!("/systemusers({user})") });
    ids.push(world.post("contacts", own).await.ok().id());
    // Only the row within reach goes; the others are counted.
    let reply = send(bulk_delete("contact", &ids)).await.ok();
    assert_eq!(reply.status, 200);
    let job = reply.json["JobId"].as_str().unwrap().to_owned();
    let kept = world.get("contacts?$filter=startswith(lastname,'b')&$select=lastname").await.ok().rows().len();
    assert_eq!(kept, 4);
    world.get(&format!("contacts({})", ids[4])).await.refused(404, "0x80040217");
    let row = world
        .get(&format!("asyncoperations({job})?$select=name,operationtype,statecode,statuscode,_ownerid_value"))
        .await;
    let row = row.ok().json;
    assert_eq!((&row["operationtype"], &row["statecode"], &row["statuscode"]), (&json!(13), &json!(3), &json!(30)));
    assert_eq!((&row["name"], &row["_ownerid_value"]), (&json!("Bulk delete"), &json!(user)));
    let told = world.get("bulkdeleteoperations?$select=successcount,failurecount").await.ok();
    assert_eq!((&told.rows()[0]["successcount"], &told.rows()[0]["failurecount"]), (&json!(1), &json!(4)));
    world.post("BulkDelete", bulk_delete("contact", &ids)).await.ok();
    assert_eq!(world.get("contacts?$filter=startswith(lastname,'b')").await.ok().rows().len(), 0);
}

#[tokio::test]
async fn a_deletion_that_a_job_counts_as_failed_leaves_all_of_the_row() {
    let world = World::new().await;
    let (caller, user) = world.application_user(2, "cleaner").await;
    let held = [
        ("prvReadActivity", "Global"),
        ("prvDeleteActivity", "Global"),
        ("prvReadNote", "Global"),
        ("prvDeleteNote", "Basic"),
        ("prvBulkDelete", "Global"),
    ];
    world.assign(user, world.role("cleans", &held).await).await.ok();
    let own = json!({ "subject": "t", "ownerid@odata.bind": format!("/systemusers({user})") });
    let task = world.post("tasks", own).await.ok().id();
    let note = json!({ "subject": "n", "objectid_task@odata.bind": format!("/tasks({task})") });
    world.post("annotations", note).await.ok();
    let path = format!("tasks({task})");
    world.send(&caller, http::Method::DELETE, &path, &[], None).await.refused(403, "0x80048306");
    let mut body = bulk_delete("task", &[task]);
    body["QuerySet"][0]["Criteria"]["Conditions"][0]["AttributeName"] = json!("activityid");
    world.send(&caller, http::Method::POST, "BulkDelete", &[], Some(body)).await.ok();
    let told = world.get("bulkdeleteoperations?$select=successcount,failurecount").await.ok();
    assert_eq!((&told.rows()[0]["successcount"], &told.rows()[0]["failurecount"]), (&json!(0), &json!(1)));
    world.get(&path).await.ok();
    world.get(&format!("activitypointers({task})")).await.ok();
    world.delete(&path).await.ok();
    world.get(&format!("activitypointers({task})")).await.refused(404, "0x80040217");
}

#[tokio::test]
async fn jobs_that_cannot_be_done_are_refused() {
    let world = World::new().await;
    let with = |name: &str, value: Value| {
        let mut body = bulk_delete("contact", &[Uuid::nil()]);
        body[name] = value;
        body
    };
    let fetch = "<fetch><entity name='contact'><filter><condition attribute='lastname' operator='eq' value='x'/>\
                 </filter></entity></fetch>";
    let fetch = json!([{ "@odata.type": "Microsoft.Dynamics.CRM.FetchExpression", "Query": fetch }]);
    world.post("BulkDelete", with("QuerySet", fetch)).await.ok();
    world.post("BulkDelete", with("RecurrencePattern", json!("FREQ=DAILY"))).await.refused(501, "0x80040315");
    world.post("BulkDelete", with("StartDateTime", json!("2027-11-22T09:07:46Z"))).await.refused(501, "0x80040315");
    world.post("BulkDelete", with("SendEmailNotification", json!(true))).await.refused(501, "0x80040315");
    world.post("BulkDelete", with("QuerySet", json!([]))).await.refused(400, "0x80048d19");
    world.post("BulkDelete", with("QuerySet", json!([{}]))).await.refused(400, "0x80048d19");
    world.post("BulkDelete", with("QuerySet", json!([{ "EntityName": "nonsense" }]))).await.refused(400, "0x80041102");
    let contains = json!([{ "EntityName": "contact", "Criteria": { "Conditions": [
        { "AttributeName": "lastname", "Operator": "Contains", "Values": ["x"] },
    ] } }]);
    world.post("BulkDelete", with("QuerySet", contains)).await.refused(501, "0x80040315");
    let deep = (0..40).fold(json!({}), |inner, _| json!({ "Filters": [inner] }));
    let deep = json!([{ "EntityName": "contact", "Criteria": deep }]);
    world.post("BulkDelete", with("QuerySet", deep)).await.refused(400, "0x80060888");
    let refused = world.post("QualifyLead", json!({})).await;
    assert!(refused.refused(501, "0x80040315").contains("QualifyLead"));
}
