//! FetchXML for callers who may not see everything, and the other doors that ask what it asks: batches, SQL, and the queries
//! that rows hold.

use http::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::World;
use crate::fetching::{address, fetch, firms, texts};

#[tokio::test]
async fn a_document_sees_what_its_caller_may_read() {
    let world = firms().await;
    let (caller, user) = world.application_user(2, "orders-sync").await;
    let role = world
        .role("accounts", &[("prvReadAccount", "Global"), ("prvReadContact", "Basic"), ("prvCreateContact", "Basic")])
        .await;
    world.assign(user, role).await.ok();
    let count = "<fetch aggregate='true'><entity name='contact'><attribute name='contactid' alias='n' aggregate='count'/></entity></fetch>";
    let counted = async |caller| world.get_as(caller, &address("contacts", count)).await.ok().rows()[0]["n"].clone();
    assert_eq!((counted(&world.admin).await, counted(&caller).await), (json!(4), json!(0)));
    let own = world.send(&caller, Method::POST, "contacts", &[], Some(json!({ "lastname": "Own" }))).await.ok().id();
    assert_eq!(counted(&caller).await, json!(1));
    let _: Uuid = own;
    let linked = "<fetch><entity name='account'><link-entity name='lead' from='parentaccountid' to='accountid'/></entity></fetch>";
    let message = world.get_as(&caller, &address("accounts", linked)).await;
    assert!(message.refused(403, "0x80040220").contains("prvReadLead"));
    for kind in ["any", "not any", "all", "not all"] {
        let inside = format!(
            "<fetch><entity name='account'><filter><link-entity name='lead' from='parentaccountid' to='accountid' \
             link-type='{kind}'/></filter></entity></fetch>"
        );
        world.get_as(&caller, &address("accounts", &inside)).await.refused(403, "0x80040220");
    }
    let ordered = "<fetch><entity name='account'><order attribute='originatingleadid'/></entity></fetch>";
    world.get_as(&caller, &address("accounts", ordered)).await.refused(403, "0x80040220");
}

#[tokio::test]
async fn choices_sort_by_what_people_see() {
    let world = World::with(|config| config.sample_rows = 0).await;
    // Single, Married, Divorced, Widowed.
    for (status, name) in [(Some(1), "s"), (Some(2), "m"), (Some(3), "d"), (Some(4), "w"), (None, "-")] {
        world.post("contacts", json!({ "lastname": name, "familystatuscode": status })).await.ok();
    }
    let sorted = async |attributes: &str, descending: bool| {
        let document = format!(
            "<fetch {attributes}><entity name='contact'><attribute name='lastname'/><order attribute='familystatuscode' \
             descending='{descending}'/></entity></fetch>"
        );
        texts(fetch(&world, "contacts", &document).await, "lastname")
    };
    assert_eq!(sorted("", false).await, ["-", "d", "m", "s", "w"]);
    assert_eq!(sorted("", true).await, ["w", "s", "m", "d", "-"]);
    assert_eq!(sorted("useraworderby='true'", false).await, ["-", "s", "m", "d", "w"]);
    let page = sorted("count='2' page='2'", false).await;
    assert_eq!(page, ["m", "s"]);
}

#[tokio::test]
async fn documents_are_read_in_a_batch_too() {
    let world = firms().await;
    let filler = " ".repeat(15_000);
    let document = format!(
        "<fetch>{filler}<entity name='account'><attribute name='name'/><order attribute='name'/></entity></fetch>"
    );
    let long = address("accounts", &document);
    assert_eq!(world.get(&long).await.status, 414);
    let body = format!(
        "--b\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\nGET {}/{long} \
         HTTP/1.1\r\nAccept: application/json\r\n\r\n\r\n--b--\r\n",
        crate::world::BASE
    );
    let request = http::Request::post(format!("{}/$batch", crate::world::BASE))
        .header("Content-Type", "multipart/mixed; boundary=b")
        .body(bytes::Bytes::from(body))
        .unwrap();
    let answer = world.organization.respond(&world.admin, request).await;
    let text = String::from_utf8(answer.into_body().to_vec()).unwrap();
    assert!(text.contains("HTTP/1.1 200 OK") && text.contains("\"name\":\"Fabrikam\""), "{text}");
}

#[tokio::test]
async fn sql_reads_what_the_documents_say_it_does() {
    let world = firms().await;
    let sql = async |set: &str, statement: &str| {
        world.get(&format!("{set}?sql={}", utf8_percent_encode(statement, NON_ALPHANUMERIC))).await
    };
    let values = async |statement: &str| sql("accounts", statement).await.ok().json["value"].clone();
    let without = |mut rows: Value| {
        for row in rows.as_array_mut().unwrap() {
            let members = row.as_object_mut().unwrap();
            members.retain(|name, _| name != "@odata.etag" && name != "accountid");
        }
        rows
    };
    let named = values("SELECT name FROM account AS a WHERE a.name LIKE 'coho'").await;
    assert!(named[0]["accountid"].is_string());
    assert_eq!(without(named), json!([{ "name": "Coho" }]));
    let joined = "SELECT a.name, c.lastname AS Who FROM account a LEFT JOIN contact c ON c.parentcustomerid = a.accountid \
                  AND c.lastname <> 'Abel' WHERE a.name <> 'Litware' ORDER BY a.name DESC";
    assert_eq!(
        without(values(joined).await),
        json!([{ "name": "Fabrikam", "Who": "Cakir" }, { "name": "Coho", "Who": "Brand" }])
    );
    let grouped = "SELECT a.name, COUNT(*) AS n FROM account a JOIN contact c ON a.accountid = c.parentcustomerid GROUP BY \
                   a.name ORDER BY n DESC";
    assert_eq!(values(grouped).await, json!([{ "name": "Coho", "n": 2 }, { "name": "Fabrikam", "n": 1 }]));
    assert_eq!(values("SELECT COUNT(*) AS n, SUM(revenue) AS s FROM account").await, json!([{ "n": 3, "s": 150.75 }]));
    assert_eq!(
        without(values("SELECT TOP 2 name FROM account ORDER BY name DESC").await),
        json!([{ "name": "Litware" }, { "name": "Fabrikam" }])
    );
    let page = "SELECT name FROM account ORDER BY name OFFSET 1 ROWS FETCH NEXT 1 ROWS ONLY";
    assert_eq!(without(values(page).await), json!([{ "name": "Fabrikam" }]));
    assert_eq!(
        values("SELECT DISTINCT address1_city FROM account WHERE address1_city IS NOT NULL")
            .await
            .as_array()
            .unwrap()
            .len(),
        1
    );
    // Its pages go on by a link.
    for statement in ["SELECT name FROM account ORDER BY name", "SELECT DISTINCT name FROM account ORDER BY name"] {
        let mut path = format!("accounts?sql={}", utf8_percent_encode(statement, NON_ALPHANUMERIC));
        let mut names = Vec::new();
        loop {
            let page =
                world.send(&world.admin, Method::GET, &path, &[("Prefer", "odata.maxpagesize=2")], None).await.ok();
            names.extend(page.rows().iter().map(|row| row["name"].as_str().unwrap().to_owned()));
            let Some(next) = page.json["@odata.nextLink"].as_str() else { break };
            path = next.strip_prefix(crate::world::BASE).unwrap().trim_start_matches('/').to_owned();
        }
        assert_eq!(names, ["Coho", "Fabrikam", "Litware"], "{statement}");
    }
    sql("contacts", "SELECT name FROM account").await.refused(400, "0x80041128");
    sql("accounts", "SELECT colour FROM account").await.refused(400, "0x80041103");
    sql("accounts", "DELETE FROM account").await.refused(400, "0x80040203");
    world.get("accounts?sql=SELECT%20name%20FROM%20account&fetchXml=x").await.refused(400, "0x80060888");
}

#[tokio::test]
async fn queries_that_rows_hold_are_answered_in_the_callers_name() {
    let world = firms().await;
    let document = "<fetch version='1.0' mapping='logical' page='9' count='50'><entity name='account'><attribute \
                    name='name'/><order attribute='name'/><filter><condition attribute='address1_city' operator='eq' \
                    value='lyon'/></filter></entity></fetch>";
    let view = json!({ "name": "In Lyon", "fetchxml": document, "returnedtypecode": "account" });
    let saved = world.post("savedqueries", view.clone()).await.ok().id();
    let own = world.post("userqueries", view).await.ok().id();
    for query in [format!("savedQuery={saved}"), format!("userQuery={own}")] {
        let reply = world.get(&format!("accounts?{query}&$count=true")).await.ok();
        assert_eq!(reply.json["@odata.count"], 2, "{query}");
        assert_eq!(texts(reply, "name"), ["Coho", "Fabrikam"]);
        let page = [("Prefer", "odata.maxpagesize=1")];
        let first = world.send(&world.admin, Method::GET, &format!("accounts?{query}"), &page, None).await.ok();
        let next = first.json["@odata.nextLink"].as_str().unwrap().strip_prefix(crate::world::BASE).unwrap().to_owned();
        let second = world.send(&world.admin, Method::GET, next.trim_start_matches('/'), &page, None).await.ok();
        assert_eq!((texts(first, "name"), texts(second, "name")), (vec!["Coho".into()], vec!["Fabrikam".into()]));
    }
    // A page that was left in the document counts for nothing, however far away it is and whatever its cookie is.
    for far in [
        document.replace("page='9' count='50'", "page='11'"),
        document.replace("page='9'", "page='2' paging-cookie='x'"),
    ] {
        let view = json!({ "name": "Far away", "fetchxml": far, "returnedtypecode": "account" });
        let saved = world.post("savedqueries", view).await.ok().id();
        let reply = world.get(&format!("accounts?savedQuery={saved}")).await.ok();
        assert_eq!(texts(reply, "name"), ["Coho", "Fabrikam"], "{far}");
    }
    let managed = "<fetch><entity name='savedquery'><attribute name='name'/><filter><condition attribute='canbedeleted' \
                   operator='eq' value='1'/></filter></entity></fetch>";
    assert!(texts(fetch(&world, "savedqueries", managed).await, "name").contains(&"In Lyon".to_owned()));
    // Related rows of one row, by the same view.
    let coho =
        world.get("accounts?$filter=name eq 'Coho'").await.ok().rows()[0]["accountid"].as_str().unwrap().to_owned();
    let below = world.get(&format!("accounts({coho})/account_parent_account?savedQuery={saved}")).await;
    assert_eq!(texts(below, "name"), ["Fabrikam"]);
    world.get(&format!("contacts?savedQuery={saved}")).await.refused(400, "0x80041128");
    world.get(&format!("accounts?savedQuery={own}")).await.refused(404, "0x80040217");
    world.get("accounts?savedQuery=x").await.refused(400, "0x80060888");
    let empty = world.post("userqueries", json!({ "name": "Nothing", "returnedtypecode": "account" })).await.ok().id();
    world.get(&format!("accounts?userQuery={empty}")).await.refused(400, "0x80040203");
    // Somebody else's query stays theirs, and no view shows more than its reader may read.
    let (caller, user) = world.application_user(2, "orders-sync").await;
    let rights = [("prvReadAccount", "Basic"), ("prvReadQuery", "Global"), ("prvReadUserQuery", "Basic")];
    let role = world.role("views", &rights).await;
    world.assign(user, role).await.ok();
    world.get_as(&caller, &format!("accounts?userQuery={own}")).await.refused(403, "0x80048306");
    assert_eq!(world.get_as(&caller, &format!("accounts?savedQuery={saved}")).await.ok().rows().len(), 0);
    world.get_as(&caller, &format!("contacts?savedQuery={saved}")).await.refused(403, "0x80040220");
}
