//! The Web API whole, against a local org.

use futures::TryStreamExt;
use keyholder_client::Dataverse;
use keyholder_client::dataverse::{
    Batch, Change, ChangeSet, Expand, Filter, Impersonated, Key, Literal, Outcome, Query, Targets, etag,
    formatted_value,
};
use keyholder_testkit::World;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

async fn org(world: &World) -> Dataverse {
    Dataverse::connect(&world.connection(), world.http().clone()).await.unwrap()
}

#[derive(Debug, Serialize, Deserialize)]
struct Contact {
    lastname: String,
    emailaddress1: Option<String>,
}

fn contact(lastname: &str) -> Contact {
    Contact { lastname: lastname.to_owned(), emailaddress1: None }
}

fn number(value: u128) -> Uuid {
    Uuid::from_u128(0x5f1e_33a8_0b6d_4d52_9d5e_0a6a_0000_0000 + value)
}

#[tokio::test]
async fn rows_are_made_read_changed_and_removed() {
    let world = World::start().await;
    let org = org(&world).await;
    let id = org.create("contacts", &contact("O'Brien & Söhne #1 50%+")).await.unwrap();
    let named = Query::rows("contacts").filter(Filter::eq("lastname", "O'Brien & Söhne #1 50%+"));
    let rows: Vec<Contact> = org.query(named.clone().select(["lastname", "emailaddress1"])).collect_as().await.unwrap();
    assert_eq!(rows.len(), 1, "whatever stands in a value");
    assert_eq!(org.count(&named).await.unwrap(), 1);

    let row = org.get(Query::row("contacts", id).select(["lastname", "statecode"]).annotated()).await.unwrap();
    assert_eq!(formatted_value(&row, "statecode"), Some("Active"));
    let seen = etag(&row).unwrap().to_owned();
    assert!(org.get_if_changed(Query::row("contacts", id), &seen).await.unwrap().is_none());
    let change = Change::update(("contacts", id), &json!({ "lastname": "Ng" })).returning_row();
    let done = org.execute(&change.clone().if_unchanged(&seen)).await.unwrap();
    assert_eq!(done.row.unwrap()["lastname"], "Ng");
    let refused = org.execute(&change.if_unchanged(&seen)).await.unwrap_err();
    assert_eq!(refused.dataverse().unwrap().status, 412);
    assert!(org.get_if_changed(Query::row("contacts", id), &seen).await.unwrap().is_some());

    // An upsert makes a row where there is none, and its conditions hold it to one of the two.
    let other = number(1);
    assert_eq!(org.upsert("contacts", other, &contact("Made")).await.unwrap(), other);
    let again = Change::upsert(("contacts", other), &contact("Again"));
    assert_eq!(org.execute(&again.clone().if_absent()).await.unwrap_err().dataverse().unwrap().status, 412);
    org.execute(&again.if_present()).await.unwrap();
    assert!(org.update("contacts", number(2), &contact("Nobody")).await.unwrap_err().is_missing());
    assert!(org.find(Query::row("contacts", number(2))).await.unwrap().is_none());

    org.execute(&Change::set_column(("contacts", other), "jobtitle", "Baker")).await.unwrap();
    org.execute(&Change::clear_column(("contacts", other), "jobtitle")).await.unwrap();
    assert!(org.get(Query::row("contacts", other)).await.unwrap()["jobtitle"].is_null());
    org.delete("contacts", other).await.unwrap();
    assert!(org.delete("contacts", other).await.unwrap_err().is_missing());
    world.stop().await;
}

#[tokio::test]
async fn rows_are_ordered_paged_counted_and_joined() {
    let world = World::start().await;
    let org = org(&world).await;
    let account = number(100);
    org.execute(&Change::create_with_id("accounts", "accountid", account, &json!({ "name": "Contoso" })))
        .await
        .unwrap();
    let mut targets = Targets::of("contact");
    for at in 0..7_u128 {
        let row = json!({
            "lastname": format!("Contact {at}"),
            "parentcustomerid_account@odata.bind": format!("/accounts({account})"),
        });
        targets.push_with_id("contactid", number(at), &row);
    }
    let ids = org.create_multiple("contacts", targets).await.unwrap();
    assert_eq!(ids, (0..7).map(number).collect::<Vec<_>>());

    let mine = Filter::eq("_parentcustomerid_value", account);
    let query = Query::rows("contacts")
        .select(["lastname"])
        .filter(mine.clone().and(Filter::starts_with("lastname", "Contact")))
        .order_by_descending("lastname")
        .expand(Expand::of("parentcustomerid_account").select(["name"]))
        .with_count()
        .page_size(3);
    let mut pages = org.query(&query);
    let first = pages.next().await.unwrap().unwrap();
    assert_eq!((first.rows.len(), first.count, first.is_last()), (3, Some(7), false));
    assert_eq!(first.rows[0]["parentcustomerid_account"]["name"], "Contoso");
    let names: Vec<Contact> = org.query(query).rows_as::<Contact>().try_collect().await.unwrap();
    let names: Vec<&str> = names.iter().map(|row| row.lastname.as_str()).collect();
    assert_eq!(names, (0..7).rev().map(|at| format!("Contact {at}")).collect::<Vec<_>>());

    let some = Query::rows("contacts").filter(Filter::any_of("lastname", ["Contact 1", "Contact 5"]));
    assert_eq!(org.query(some).collect().await.unwrap().len(), 2);
    let related = Query::related(("accounts", account), "contact_customer_accounts").select(["lastname"]);
    assert_eq!(org.query(related.top(2)).collect().await.unwrap().len(), 2);
    let fetch = "<fetch top='3'><entity name='contact'><attribute name='lastname'/></entity></fetch>";
    assert_eq!(org.query(Query::fetch_xml("contacts", fetch)).collect().await.unwrap().len(), 3);

    // As long as a GET may be, and longer: page by page all the same.
    for (values, is_longer) in [(800, false), (1_300, true)] {
        let values: String = (0..values).map(|n| format!("<value>Contact {n}</value>")).collect();
        let fetch = format!(
            "<fetch><entity name='contact'><attribute name='lastname'/><filter>\
             <condition attribute='lastname' operator='in'>{values}</condition></filter></entity></fetch>"
        );
        let query = org.fetch(&fetch).await.unwrap().page_size(3);
        assert_eq!(query.to_string().len() > 32_768, is_longer, "{}", query.to_string().len());
        assert_eq!(org.query(query).collect().await.unwrap().len(), 7);
    }
    world.stop().await;
}

#[tokio::test]
async fn many_rows_are_changed_with_one_request() {
    let world = World::start().await;
    let org = org(&world).await;
    let rows = |word: &str| {
        let mut targets = Targets::of("contact");
        for at in 0..3 {
            targets.push_with_id("contactid", number(at), &contact(&format!("{word} {at}")));
        }
        targets
    };
    org.upsert_multiple("contacts", rows("Made")).await.unwrap();
    org.update_multiple("contacts", rows("Changed")).await.unwrap();
    let changed = Query::rows("contacts").filter(Filter::starts_with("lastname", "Changed"));
    assert_eq!(org.count(&changed).await.unwrap(), 3);
    assert!(org.create_multiple("contacts", rows("Again")).await.unwrap_err().is_duplicate());
    // A run that was killed cannot know; the next one looks.
    org.settle_again(&rows("Again").create("contacts")).await.unwrap();
    assert_eq!(org.count(&changed).await.unwrap(), 3, "nothing was written twice");
    let refused = org.delete_multiple("contacts", rows("Gone")).await.unwrap_err();
    assert!(refused.dataverse().is_some(), "the service has it for elastic tables alone: {refused}");
    world.stop().await;
}

#[tokio::test]
async fn a_batch_is_carried_out_part_by_part_and_a_change_set_whole() {
    let world = World::start().await;
    let org = org(&world).await;
    let mut set = ChangeSet::new();
    let account = set.push(Change::create("accounts", &json!({ "name": "Contoso" })));
    let row = json!({ "lastname": "Ng", "parentcustomerid_account@odata.bind": account.bind() });
    set.push(Change::create_with_id("contacts", "contactid", number(1), &row));
    set.push(Change::update(&account, &json!({ "name": "Contoso Ltd" })));
    let mut refused = ChangeSet::new();
    refused.push(Change::create_with_id("contacts", "contactid", number(2), &contact("Rolled back")));
    refused.push(Change::delete(("contacts", number(99))));
    let mut batch = Batch::new();
    batch.change_set(set);
    batch.change_set(refused);
    batch.change(Change::update(("contacts", number(1)), &json!({ "jobtitle": "Baker" })));
    batch.read(Query::row("contacts", number(1)).select(["jobtitle"]).expand("parentcustomerid_account"));
    batch.read(Query::rows("contacts").select(["lastname"]));

    let ended = org.batch(&batch).await.unwrap();
    let Outcome::ChangedTogether(done) = &ended[0] else { panic!("{:?}", ended[0]) };
    assert_eq!((done.len(), done[1].id), (3, Some(number(1))));
    assert!(ended[1].error().unwrap().is_missing(), "{:?}", ended[1]);
    assert!(ended[2..].iter().all(|outcome| matches!(outcome, Outcome::NotRun)), "{ended:?}");

    let all = org.settle_batch_again(&batch.continue_on_error()).await.unwrap();
    assert!(matches!(all[0], Outcome::ChangedTogether(_)), "it is there: {:?}", all[0]);
    assert!(all[1].error().is_some());
    let Outcome::Read(page) = &all[3] else { panic!("{:?}", all[3]) };
    assert_eq!(page.rows[0]["jobtitle"], "Baker");
    assert_eq!(page.rows[0]["parentcustomerid_account"]["name"], "Contoso Ltd");
    let Outcome::Read(page) = &all[4] else { panic!("{:?}", all[4]) };
    assert_eq!(page.rows.iter().filter(|row| row["lastname"] == "Ng").count(), 1, "and there once");
    world.stop().await;
}

#[tokio::test]
async fn rows_are_tied_and_functions_and_actions_called() {
    let world = World::start().await;
    let org = org(&world).await;
    let me = org.who_am_i().await.unwrap();
    let unit =
        json!({ "businessunitid@odata.bind": format!("/businessunits({})", me.business_unit_id), "name": "Readers" });
    let role = org.create("roles", &unit).await.unwrap();
    let tie = Change::associate(("systemusers", me.user_id), "systemuserroles_association", ("roles", role));
    org.settle(&tie).await.unwrap();
    org.disassociate(("systemusers", me.user_id), "systemuserroles_association", role).await.unwrap();
    let user = ("systemusers", me.user_id);
    let privileges = Query::bound_function(user, "Microsoft.Dynamics.CRM.RetrieveUserPrivileges");
    assert!(org.get(privileges).await.unwrap()["RolePrivileges"].is_array());
    let names = Literal::json(&json!(["account"]));
    let count = org.get(Query::function("RetrieveTotalRecordCount").parameter("EntityNames", names)).await.unwrap();
    assert!(count.contains_key("EntityRecordCountCollection"), "{count:?}");

    let (account, contact) = (number(10), number(11));
    org.upsert("accounts", account, &json!({ "name": "Contoso" })).await.unwrap();
    org.upsert("contacts", contact, &json!({ "lastname": "Ng" })).await.unwrap();
    org.execute(&Change::tie(("accounts", account), "primarycontactid", ("contacts", contact))).await.unwrap();
    let primary = || Query::row("accounts", account).select(["_primarycontactid_value"]);
    assert_eq!(org.get(primary()).await.unwrap()["_primarycontactid_value"], contact.to_string());
    org.execute(&Change::untie(("accounts", account), "primarycontactid")).await.unwrap();
    assert!(org.get(primary()).await.unwrap()["_primarycontactid_value"].is_null());

    let theirs = org.impersonating(Impersonated::SystemUser(me.user_id));
    assert_eq!(theirs.who_am_i().await.unwrap().user_id, me.user_id);
    let nobody = org.impersonating(Impersonated::ObjectId(number(77)));
    assert!(nobody.who_am_i().await.unwrap_err().dataverse().is_some());
    world.stop().await;
}

#[tokio::test]
async fn a_table_says_what_a_loader_has_to_know() {
    let world = World::start().await;
    let org = org(&world).await;
    let contact = org.table("contact").await.unwrap();
    assert_eq!((contact.entity_set.as_str(), contact.primary_id.as_str()), ("contacts", "contactid"));
    assert_eq!(contact.primary_name.as_deref(), Some("fullname"));
    let name = &contact.columns["lastname"];
    assert_eq!((name.kind.as_str(), name.max_length, name.for_create), ("String", Some(50), true));
    let state = &contact.columns["statecode"];
    assert_eq!(state.choices.first().map(|choice| choice.label.as_deref()), Some(Some("Active")), "{state:?}");
    let lookup = contact.lookup("parentcustomerid", Some("account")).unwrap();
    assert_eq!(
        (lookup.navigation_property.as_str(), lookup.entity_set.as_str()),
        ("parentcustomerid_account", "accounts")
    );
    assert!(contact.lookup("parentcustomerid", None).is_none(), "it may point into two tables");
    assert_eq!(org.table_of_set("accounts").await.unwrap().as_deref(), Some("account"));
    assert!(org.table("nothing").await.unwrap_err().is_missing());
    world.stop().await;
}

#[tokio::test]
async fn an_alternate_key_names_a_row() {
    let world = World::start().await;
    let org = org(&world).await;
    let key = json!({
        "SchemaName": "keyholder_Number", "KeyAttributes": ["accountnumber"],
        "DisplayName": { "LocalizedLabels": [{ "Label": "Number", "LanguageCode": 1033 }] },
    });
    org.execute(&Change::action("EntityDefinitions(LogicalName='account')/Keys", &key)).await.unwrap();
    let account = org.table("account").await.unwrap();
    assert!(account.key(&["accountnumber"]).is_some(), "{:?}", account.keys);
    let before = org.count(&Query::rows("accounts")).await.unwrap();
    let key = || Key::alternate("accountnumber", "A/1 O'B");
    let id = org.upsert("accounts", key(), &json!({ "name": "Contoso" })).await.unwrap();
    assert_eq!(org.upsert("accounts", key(), &json!({ "name": "Contoso Ltd" })).await.unwrap(), id);
    let mut targets = Targets::of("account");
    targets.push_with_key(("accounts", key()), &json!({ "name": "Contoso AG" }));
    targets.push_with_key(("accounts", Key::alternate("accountnumber", "B")), &json!({ "name": "Fabrikam" }));
    org.settle(&targets.upsert("accounts")).await.unwrap();
    let row = org.get(Query::row("accounts", key()).select(["name"])).await.unwrap();
    assert_eq!((row["name"].as_str(), row["accountid"].as_str()), (Some("Contoso AG"), Some(id.to_string().as_str())));
    assert_eq!(org.count(&Query::rows("accounts")).await.unwrap(), before + 2);
    world.stop().await;
}
