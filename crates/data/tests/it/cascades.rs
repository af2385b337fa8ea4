//! What goes along with a change by the relationships that lead to a row.

use http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::World;

async fn contact_of(world: &World, account: Uuid, name: &str) -> Uuid {
    let body = json!({ "lastname": name, "parentcustomerid_account@odata.bind": format!("/accounts({account})") });
    world.post("contacts", body).await.ok().id()
}

#[tokio::test]
async fn deleting_takes_children_along_and_empties_links() {
    let world = World::new().await;
    let account = world.post("accounts", json!({ "name": "Parent" })).await.ok().id();
    let contact = contact_of(&world, account, "Child").await;
    let note = json!({ "subject": "n", "objectid_contact@odata.bind": format!("/contacts({contact})") });
    let note = world.post("annotations", note).await.ok().id();
    let grandchild =
        json!({ "lastname": "Grandchild", "parentcustomerid_contact@odata.bind": format!("/contacts({contact})") });
    let grandchild = world.post("contacts", grandchild).await.ok().id();
    let friend = world
        .post(
            "accounts",
            json!({
                "name": "Friend", "primarycontactid@odata.bind": format!("/contacts({contact})"),
            }),
        )
        .await
        .ok()
        .id();
    let tag = world.get(&format!("accounts({friend})")).await.ok().header("etag").to_owned();
    let elsewhere = world.post("contacts", json!({ "lastname": "Elsewhere" })).await.ok().id();

    world.delete(&format!("accounts({account})")).await.ok();
    for gone in [format!("contacts({contact})"), format!("contacts({grandchild})"), format!("annotations({note})")] {
        world.get(&gone).await.refused(404, "0x80040217");
    }
    let friend = world.get(&format!("accounts({friend})")).await.ok();
    assert_eq!(friend.json["_primarycontactid_value"], Value::Null);
    assert_ne!(friend.header("etag"), tag);
    world.get(&format!("contacts({elsewhere})")).await.ok();
}

#[tokio::test]
async fn a_row_that_the_caller_may_not_delete_keeps_all_of_them() {
    let world = World::new().await;
    let (caller, user) = world.application_user(2, "orders-sync").await;
    let delete = [("prvDeleteAccount", "Global"), ("prvReadAccount", "Global")];
    world.assign(user, world.role("accounts", &delete).await).await.ok();
    let account = world.post("accounts", json!({ "name": "Parent" })).await.ok().id();
    let path = format!("accounts({account})");
    let contact = contact_of(&world, account, "Child").await;
    let send = async || world.send(&caller, Method::DELETE, &path, &[], None).await;
    assert!(send().await.refused(403, "0x80040220").contains("prvDeleteContact"));
    world.assign(user, world.role("own contacts", &[("prvDeleteContact", "Basic")]).await).await.ok();
    let refused = send().await;
    let message = refused.refused(403, "0x80048306");
    assert!(message.contains("DeleteAccess") && message.contains(&contact.to_string()), "{message}");
    world.get(&path).await.ok();
    world.get(&format!("contacts({contact})")).await.ok();
    world.assign(user, world.role("all contacts", &[("prvDeleteContact", "Global")]).await).await.ok();
    send().await.ok();
}

#[tokio::test]
async fn what_is_in_use_is_not_deleted() {
    let world = World::new().await;
    let body = json!({ "currencyname": "Half", "isocurrencycode": "HDR", "currencysymbol": "h", "exchangerate": 2 });
    let currency = world.post("transactioncurrencies", body).await.ok().id();
    let bind = format!("/transactioncurrencies({currency})");
    let body = json!({ "name": "Umber", "transactioncurrencyid@odata.bind": bind });
    let account = world.post("accounts", body).await.ok().id();
    let path = format!("transactioncurrencies({currency})");
    world.delete(&path).await.refused(405, "0x80040227");
    world.delete(&format!("accounts({account})")).await.ok();
    world.delete(&path).await.ok();
}

#[tokio::test]
async fn giving_a_row_away_gives_its_children() {
    let world = World::new().await;
    let (_, user) = world.application_user(2, "orders-sync").await;
    let read = [("prvReadAccount", "Basic")];
    world.assign(user, world.role("accounts", &read).await).await.ok();
    let account = world.post("accounts", json!({ "name": "Parent" })).await.ok().id();
    let contact = contact_of(&world, account, "Child").await;
    let path = format!("accounts({account})");
    let give = json!({ "ownerid@odata.bind": format!("/systemusers({user})") });
    // The new owner must be able to read what comes along too.
    let refused = world.patch(&path, give.clone()).await;
    assert!(refused.refused(403, "0x80040299").contains("prvReadContact"));
    world.assign(user, world.role("contacts", &[("prvReadContact", "Basic")]).await).await.ok();
    let tag = world.get(&format!("contacts({contact})")).await.ok().header("etag").to_owned();
    world.patch(&path, give).await.ok();
    let child = world.get(&format!("contacts({contact})")).await.ok();
    for column in ["_ownerid_value", "_owninguser_value"] {
        assert_eq!(child.json[column], json!(user), "{column}");
    }
    assert_ne!(child.header("etag"), tag);
}

#[tokio::test]
async fn sharing_a_row_shares_its_children() {
    let world = World::new().await;
    let (caller, user) = world.application_user(2, "orders-sync").await;
    let read = [("prvReadAccount", "Basic"), ("prvReadContact", "Basic")];
    world.assign(user, world.role("reads", &read).await).await.ok();
    let account = world.post("accounts", json!({ "name": "Parent" })).await.ok().id();
    let contact = contact_of(&world, account, "Child").await;
    let target = json!({ "@odata.type": "Microsoft.Dynamics.CRM.account", "accountid": account });
    let who = json!({ "@odata.type": "Microsoft.Dynamics.CRM.systemuser", "systemuserid": user });
    let access = json!({ "Principal": who, "AccessMask": "ReadAccess" });
    let path = format!("contacts({contact})");
    world.get_as(&caller, &path).await.refused(403, "0x80048306");
    world.post("GrantAccess", json!({ "Target": target, "PrincipalAccess": access })).await.ok();
    world.get_as(&caller, &path).await.ok();
    let shown = world.get("principalobjectaccessset?$filter=objecttypecode eq 'contact'").await.ok();
    let (own, inherited) = (&shown.rows()[0]["accessrightsmask"], &shown.rows()[0]["inheritedaccessrightsmask"]);
    assert_eq!((own, inherited), (&json!(0), &json!(1)));
    world.post("RevokeAccess", json!({ "Target": target, "Revokee": who })).await.ok();
    world.get_as(&caller, &path).await.refused(403, "0x80048306");
}

#[tokio::test]
async fn many_children_go_at_once() {
    let world = World::new().await;
    let children: Vec<Value> = (0..900).map(|number| json!({ "lastname": format!("c{number}") })).collect();
    let account =
        world.post("accounts", json!({ "name": "Big", "contact_customer_accounts": children })).await.ok().id();
    let count = async || {
        let text = world.get("contacts/$count?$filter=startswith(lastname,'c')").await.ok().text;
        text.trim_start_matches('\u{feff}').parse::<usize>().unwrap()
    };
    let before = count().await;
    world.delete(&format!("accounts({account})")).await.ok();
    assert_eq!(count().await, before - 900);
}

#[tokio::test]
async fn some_relationships_say_themselves_what_goes_along() {
    let world = World::new().await;
    let parent = world.post("accounts", json!({ "name": "Parent" })).await.ok().id();
    let child = json!({ "name": "Child", "parentaccountid@odata.bind": format!("/accounts({parent})") });
    let child = world.post("accounts", child).await.ok().id();
    let other = world.post("accounts", json!({ "name": "Other" })).await.ok().id();
    let of = |id: Uuid| json!({ "@odata.type": "Microsoft.Dynamics.CRM.account", "accountid": id });
    let merge = json!({ "Target": of(other), "Subordinate": of(parent), "PerformParentingChecks": false });
    world.post("Merge", merge).await.ok();
    let path = format!("accounts({child})?$select=_parentaccountid_value");
    assert_eq!(world.get(&path).await.ok().json["_parentaccountid_value"], json!(other));
    // An account outlives the one above it.
    world.delete(&format!("accounts({other})")).await.ok();
    assert_eq!(world.get(&path).await.ok().json["_parentaccountid_value"], Value::Null);
    // What stands in a quote does not outlive the quote.
    let quote = world.post("quotes", json!({ "name": "q" })).await.ok().id();
    let number = world.get(&format!("quotes({quote})/quotenumber")).await.ok().json["value"].clone();
    assert!(number.as_str().unwrap().starts_with("QUO-"), "{number}");
    // What clients cannot give is not asked of them.
    world.post("emails", json!({ "subject": "x" })).await.ok();
    world.post("connectionroles", json!({ "name": "Stakeholder" })).await.ok();
    let detail = json!({ "quotedetailname": "d", "propertyconfigurationstatus": 2, "quoteid@odata.bind": format!("/quotes({quote})") });
    let detail = world.post("quotedetails", detail).await.ok().id();
    world.delete(&format!("quotes({quote})")).await.ok();
    world.get(&format!("quotedetails({detail})")).await.refused(404, "0x80040217");
}

#[tokio::test]
async fn no_row_comes_above_itself() {
    let world = World::new().await;
    let bind = |id: Uuid| json!({ "parentaccountid@odata.bind": format!("/accounts({id})") });
    let mut chain = vec![world.post("accounts", json!({ "name": "0" })).await.ok().id()];
    for level in 1..4 {
        let mut body = bind(chain[level - 1]);
        body["name"] = json!(level.to_string());
        chain.push(world.post("accounts", body).await.ok().id());
    }
    let path = |level: usize| format!("accounts({})", chain[level]);
    for below in [0, 1, 3] {
        world.patch(&path(0), bind(chain[below])).await.refused(400, "0x80040507");
    }
    let of = |level: usize| json!({ "@odata.type": "Microsoft.Dynamics.CRM.account", "accountid": chain[level] });
    let merge = async |target: usize, subordinate: usize| {
        let body = json!({ "Target": of(target), "Subordinate": of(subordinate), "PerformParentingChecks": false });
        world.post("Merge", body).await
    };
    merge(2, 0).await.refused(400, "0x80045300");
    merge(3, 0).await.refused(400, "0x80045300");
    assert_eq!(world.get(&path(0)).await.ok().json["_parentaccountid_value"], Value::Null);
    // Up and sideways is no circle.
    world.patch(&path(3), bind(chain[0])).await.ok();
    world.patch(&path(1), bind(chain[3])).await.ok();
    merge(0, 1).await.ok();
    assert_eq!(world.get(&path(2)).await.ok().json["_parentaccountid_value"], json!(chain[0]));
    let contact = world.post("contacts", json!({ "lastname": "Quill" })).await.ok().id();
    let own = json!({ "parentcustomerid_contact@odata.bind": format!("/contacts({contact})") });
    world.patch(&format!("contacts({contact})"), own).await.refused(400, "0x8004050a");
}
