//! Rows inside rows, and addresses that lead from one row to others.

use http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::World;
use crate::world::{BASE, Reply};

/// Three accounts; the first two have contacts, who have contacts of their own.
async fn firms() -> (World, Vec<Uuid>, Vec<Uuid>) {
    let world = World::with(|config| config.sample_rows = 0).await;
    let (mut firms, mut people) = (Vec::new(), Vec::new());
    for (number, name) in ["A", "B", "C"].into_iter().enumerate() {
        let firm = world.post("accounts", json!({ "name": name })).await.ok().id();
        for person in 0..(2 - number) * 2 {
            let body = json!({
                "lastname": format!("{name}{person}"),
                "numberofchildren": person,
                "parentcustomerid_account@odata.bind": format!("/accounts({firm})"),
            });
            people.push(world.post("contacts", body).await.ok().id());
        }
        firms.push(firm);
    }
    for (firm, person) in [(firms[0], people[1]), (firms[1], people[4])] {
        let bind = json!({ "primarycontactid@odata.bind": format!("/contacts({person})") });
        world.patch(&format!("accounts({firm})"), bind).await.ok();
    }
    for (child, parent) in [(people[4], people[0]), (people[5], people[0])] {
        let bind = json!({ "parentcustomerid_contact@odata.bind": format!("/contacts({parent})") });
        world.patch(&format!("contacts({child})"), bind).await.ok();
    }
    (world, firms, people)
}

fn names(rows: &Value, member: &str) -> Vec<String> {
    rows.as_array().unwrap().iter().map(|row| row[member].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_lookup_shows_its_row_or_null() {
    let (world, firms, people) = firms().await;
    let all = world.get("accounts?$select=name&$orderby=name&$expand=primarycontactid($select=fullname)").await.ok();
    assert_eq!(
        all.json["@odata.context"],
        json!(format!("{BASE}/$metadata#accounts(name,primarycontactid(fullname))"))
    );
    let shown = &all.rows()[0]["primarycontactid"];
    assert_eq!((&shown["fullname"], &shown["contactid"]), (&json!("A1"), &json!(people[1])));
    assert!(shown["@odata.etag"].as_str().unwrap().starts_with("W/\""));
    assert_eq!(shown.as_object().unwrap().len(), 3);
    assert_eq!(all.rows()[2]["primarycontactid"], Value::Null);
    // One row alone shows the same.
    let one = world
        .get(&format!("accounts({})?$select=name&$expand=primarycontactid($select=fullname)", firms[0]))
        .await
        .ok();
    assert_eq!(one.json["primarycontactid"], *shown);
    assert_eq!(
        one.json["@odata.context"],
        json!(format!("{BASE}/$metadata#accounts(name,primarycontactid(fullname))/$entity"))
    );
    // What the filter leaves out is null, and so is a row of the lookup's other table.
    let filtered = "$expand=primarycontactid($select=fullname;$filter=fullname eq 'B0')";
    let all = world.get(&format!("accounts?$select=name&$orderby=name&{filtered}")).await.ok();
    assert_eq!(
        (&all.rows()[0]["primarycontactid"], &all.rows()[1]["primarycontactid"]["fullname"]),
        (&Value::Null, &json!("B0"))
    );
    let person = format!(
        "contacts({})?$select=fullname&$expand=parentcustomerid_account,parentcustomerid_contact($select=fullname)",
        people[4]
    );
    let person = world.get(&person).await.ok();
    assert_eq!(person.json["parentcustomerid_account"], Value::Null);
    assert_eq!(person.json["parentcustomerid_contact"]["fullname"], "A0");
    // References are addresses.
    let all = world.get("accounts?$select=name&$orderby=name&$expand=primarycontactid/$ref").await.ok();
    assert_eq!(all.rows()[0]["primarycontactid"], json!({ "@odata.id": format!("{BASE}/contacts({})", people[1]) }));
}

#[tokio::test]
async fn collections_show_what_their_own_addresses_show() {
    let (world, firms, _) = firms().await;
    let prefer = [("Prefer", "odata.include-annotations=\"*\"")];
    for options in [
        "$select=fullname",
        "$select=fullname;$filter=numberofchildren gt 0",
        "$select=fullname,_ownerid_value;$orderby=numberofchildren desc",
        "$select=fullname;$orderby=fullname desc;$top=1",
        "$select=fullname;$filter=contact_customer_contacts/any() or owninguser/fullname eq null",
    ] {
        let path = format!("accounts?$select=name&$orderby=name&$expand=contact_customer_accounts({options})");
        let all = world.send(&world.admin, Method::GET, &path, &prefer, None).await.ok();
        for (row, firm) in all.rows().iter().zip(&firms) {
            let own = format!("accounts({firm})/contact_customer_accounts?{}", options.replace(';', "&"));
            let own = world.send(&world.admin, Method::GET, &own, &prefer, None).await.ok();
            assert_eq!(row["contact_customer_accounts"].as_array().unwrap(), own.rows(), "{options}");
            // The next link is that address, without a mark.
            let link = row["contact_customer_accounts@odata.nextLink"].as_str().unwrap();
            let link = link.strip_prefix(BASE).unwrap().trim_start_matches('/');
            let next = world.send(&world.admin, Method::GET, link, &prefer, None).await.ok();
            assert_eq!(next.rows(), own.rows(), "{link}");
        }
    }
}

#[tokio::test]
async fn pairs_are_shown_from_both_sides() {
    let world = World::new().await;
    let (_, user) = world.application_user(2, "orders-sync").await;
    for name in ["Second", "First"] {
        let role = world.role(name, &[("prvReadContact", "Global")]).await;
        world.assign(user, role).await.ok();
    }
    let path = format!(
        "systemusers({user})?$select=fullname&$expand=systemuserroles_association($select=name;$orderby=name),\
         businessunitid($select=name)"
    );
    let shown = world.get(&path).await.ok().json;
    assert_eq!(names(&shown["systemuserroles_association"], "name"), ["First", "Second"]);
    assert_eq!(shown["businessunitid"]["name"], "Contrast");
    let held = "roles?$select=name&$filter=name eq 'First'&$expand=systemuserroles_association($select=systemuserid)";
    let held = world.get(held).await.ok();
    assert_eq!(held.rows()[0]["systemuserroles_association"][0]["systemuserid"], json!(user));
}

#[tokio::test]
async fn expands_nest_and_their_collections_then_come_in_pages() {
    let (world, firms, _) = firms().await;
    let path = "accounts?$select=name&$orderby=name&$expand=contact_customer_accounts($select=fullname;\
                $expand=contact_customer_contacts($select=fullname;$filter=numberofchildren lt 9),owninguser($select=fullname))";
    let whole = world.get(path).await.ok();
    let first = &whole.rows()[0]["contact_customer_accounts"];
    assert_eq!(names(first, "fullname"), ["A0", "A1", "A2", "A3"]);
    assert_eq!(names(&first[0]["contact_customer_contacts"], "fullname"), ["B0", "B1"]);
    assert_eq!(first[1]["contact_customer_contacts"], json!([]));
    assert!(first[0]["owninguser"]["systemuserid"].is_string());
    assert!(!whole.text.contains("nextLink"), "{}", whole.text);

    let prefer = [("Prefer", "odata.maxpagesize=3")];
    let paged = world.send(&world.admin, Method::GET, path, &prefer, None).await.ok();
    let row = &paged.rows()[0];
    assert_eq!(names(&row["contact_customer_accounts"], "fullname"), ["A0", "A1", "A2"]);
    let link = row["contact_customer_accounts@odata.nextLink"].as_str().unwrap();
    assert!(
        link.starts_with(&format!("{BASE}/accounts({})/contact_customer_accounts?", firms[0]))
            && link.contains("skiptoken")
    );
    let rest = link.strip_prefix(BASE).unwrap().trim_start_matches('/').to_owned();
    let rest = world.send(&world.admin, Method::GET, &rest, &prefer, None).await.ok();
    assert_eq!(names(&rest.json["value"], "fullname"), ["A3"]);
    assert_eq!(rest.rows()[0]["contact_customer_contacts"], json!([]));
    assert_eq!(paged.rows()[1].get("contact_customer_accounts@odata.nextLink"), None);
}

#[tokio::test]
async fn rows_out_of_reach_are_not_shown_and_tables_not_asked() {
    let (world, firms, people) = firms().await;
    let (caller, user) = world.application_user(2, "orders-sync").await;
    let privileges = [("prvReadAccount", "Global"), ("prvReadContact", "Basic")];
    let role = world.role("own contacts", &privileges).await;
    world.assign(user, role).await.ok();
    let owner = json!({ "ownerid@odata.bind": format!("/systemusers({user})") });
    world.patch(&format!("contacts({})", people[1]), owner).await.ok();
    let path = format!("accounts({})?$expand=primarycontactid,contact_customer_accounts($select=fullname)", firms[0]);
    let shown = world.get_as(&caller, &path).await.ok().json;
    assert_eq!(names(&shown["contact_customer_accounts"], "fullname"), ["A1"]);
    assert_eq!(shown["primarycontactid"]["fullname"], "A1");
    let other = world.get_as(&caller, &format!("accounts({})?$expand=primarycontactid", firms[1])).await.ok().json;
    assert_eq!(other["primarycontactid"], Value::Null);
    let inner = format!("accounts({})?$expand=contact_customer_accounts($expand=owninguser)", firms[0]);
    assert!(world.get_as(&caller, &inner).await.refused(403, "0x80040220").contains("prvReadUser"));
    let inner = "accounts?$expand=contact_customer_accounts($filter=owninguser/fullname ne null)";
    assert!(world.get_as(&caller, inner).await.refused(403, "0x80040220").contains("prvReadUser"));
    // A lookup is followed as far as the caller reaches.
    world.get_as(&caller, &format!("accounts({})/primarycontactid", firms[0])).await.ok();
    world.get_as(&caller, &format!("accounts({})/primarycontactid", firms[1])).await.refused(403, "0x80048306");
}

#[tokio::test]
async fn addresses_lead_from_a_row_to_others() {
    let (world, firms, people) = firms().await;
    let address = format!("accounts({})/primarycontactid", firms[0]);
    let person = world.get(&format!("{address}?$select=fullname&$expand=owninguser($select=fullname)")).await.ok();
    assert_eq!(person.json["fullname"], "A1");
    assert_eq!(
        person.json["@odata.context"],
        json!(format!("{BASE}/$metadata#contacts(fullname,owninguser(fullname))/$entity"))
    );
    assert!(person.json["owninguser"].is_object());
    let reference = world.get(&format!("{address}/$ref")).await.ok();
    assert_eq!(
        reference.json,
        json!({ "@odata.context": format!("{BASE}/$metadata#$ref"), "@odata.id": format!("{BASE}/contacts({})", people[1]) })
    );
    let empty = world.get(&format!("accounts({})/primarycontactid", firms[2])).await;
    assert_eq!(empty.status, 204);
    world.get(&format!("accounts({})/primarycontactid", Uuid::nil())).await.refused(404, "0x80040217");

    let references = world.get(&format!("accounts({})/contact_customer_accounts/$ref", firms[1])).await.ok();
    assert_eq!(references.json["@odata.context"], json!(format!("{BASE}/$metadata#Collection($ref)")));
    let expected: Vec<_> =
        people[4..6].iter().map(|id| json!({ "@odata.id": format!("{BASE}/contacts({id})") })).collect();
    assert_eq!(references.rows().len(), 0, "the contacts of B now belong to a contact");
    let own = world.get(&format!("contacts({})/contact_customer_contacts/$ref", people[0])).await.ok();
    assert_eq!(*own.rows(), expected);
    let counted = world.get(&format!("accounts({})/contact_customer_accounts/$count", firms[0])).await.ok();
    assert_eq!(counted.text.trim_start_matches('\u{feff}'), "4");
    let raw = world.get(&format!("accounts({})/name/$value", firms[0])).await.ok();
    assert_eq!(raw.text, "A");
}

#[tokio::test]
async fn what_the_service_refuses_is_refused_in_its_words() {
    let world = World::new().await;
    let refused = async |query: &str, status, code| -> Reply {
        let reply = world.get(&format!("accounts?{query}")).await;
        reply.refused(status, code);
        reply
    };
    let only = "Only $select and $filter clause can be provided while doing $expand on many-to-one relationship or \
                nested one-to-many relationship.";
    for (query, expected) in [
        ("$expand=primarycontactid($orderby=fullname)", only),
        ("$expand=contact_customer_accounts($top=1;$expand=owninguser)", only),
        (
            "$expand=contact_customer_accounts/$ref",
            "Expand with $ref is only supported on lookup type navigation property.",
        ),
        ("$expand=nosuch", "Could not find a property named 'nosuch' on type 'Microsoft.Dynamics.CRM.account'."),
        ("$expand=contact_customer_accounts($count=true)", "The query parameter $count is not supported"),
        ("$expand=contact_customer_accounts($skip=1)", "The query parameter $skip is not supported"),
        ("$expand=primarycontactid,primarycontactid", "The $expand names 'primarycontactid' twice."),
    ] {
        assert_eq!(refused(query, 400, "0x80060888").await.json["error"]["message"], json!(expected), "{query}");
    }
    let many = "parentaccountid($expand=".repeat(15) + "primarycontactid" + &")".repeat(15);
    refused(&format!("$expand={many}"), 400, "0x80060888").await;
    refused("$expand=ownerid($select=nonsense)", 400, "0x80060888").await;
    refused("$expand=ownerid($filter=fullname eq 'x')", 400, "0x80060888").await;
}

#[tokio::test]
async fn a_new_row_is_shown_with_its_relations_and_a_changed_one_without() {
    let (world, firms, people) = firms().await;
    let prefer = [("Prefer", "return=representation")];
    let body = json!({ "name": "D", "primarycontactid@odata.bind": format!("/contacts({})", people[0]) });
    let path =
        "accounts?$select=name&$expand=primarycontactid($select=fullname),contact_customer_accounts($select=fullname)";
    let made = world.send(&world.admin, Method::POST, path, &prefer, Some(body.clone())).await;
    assert_eq!((made.status.as_u16(), &made.json["primarycontactid"]["fullname"]), (201, &json!("A0")));
    assert_eq!(made.json["contact_customer_accounts"], json!([]));
    let path = format!("accounts({})?$select=name&$expand=primarycontactid", firms[0]);
    let changed = world.send(&world.admin, Method::PATCH, &path, &prefer, Some(json!({ "name": "E" }))).await.ok();
    assert_eq!((&changed.json["name"], changed.json.get("primarycontactid")), (&json!("E"), None));
    // Whoever may not read what is to be shown makes nothing.
    let (caller, user) = world.application_user(2, "orders-sync").await;
    let privileges = [("prvCreateAccount", "Global"), ("prvReadAccount", "Global")];
    let role = world.role("accounts", &privileges).await;
    world.assign(user, role).await.ok();
    let before = world.get("accounts/$count").await.ok().text;
    let path = "accounts?$expand=owninguser($select=fullname)";
    let refused = world.send(&caller, Method::POST, path, &prefer, Some(json!({ "name": "F" }))).await;
    assert!(refused.refused(403, "0x80040220").contains("prvReadUser"));
    assert_eq!(world.get("accounts/$count").await.ok().text, before);
}

#[tokio::test]
async fn an_owner_is_shown_whether_user_or_team() {
    let world = World::with(|config| config.sample_rows = 0).await;
    let team = json!({ "name": "Support", "teamtype": 0, "businessunitid@odata.bind": world.root_unit().await });
    let team = world.post("teams", team).await.ok().id();
    let role = world.role("reader", &[("prvReadContact", "Basic")]).await;
    let link = json!({ "@odata.id": format!("{}/roles({role})", crate::world::BASE) });
    world.post(&format!("teams({team})/teamroles_association/$ref"), link).await.ok();
    world.post("contacts", json!({ "lastname": "Abel" })).await.ok();
    let owned = json!({ "lastname": "Brand", "ownerid@odata.bind": format!("/teams({team})") });
    let owned = world.post("contacts", owned).await.ok().id();
    let path = "contacts?$select=lastname&$orderby=lastname&$expand=ownerid($select=fullname,name)";
    let reply = world.get(path).await.ok();
    assert!(reply.text.matches("\"ownerid\":{").count() == 2, "{}", reply.text);
    let rows = reply.rows();
    assert_eq!(rows[0]["ownerid"]["fullname"], json!("# keyholder-admin"));
    assert_eq!(rows[0]["ownerid"]["ownerid"], json!(world.admin_user));
    assert_eq!((&rows[1]["ownerid"]["name"], &rows[1]["ownerid"]["ownerid"]), (&json!("Support"), &json!(team)));
    let one = world.get(&format!("contacts({owned})?$select=lastname&$expand=ownerid($select=fullname)")).await.ok();
    assert_eq!(one.json["ownerid"]["ownerid"], json!(team));
    assert!(one.json["ownerid"].get("name").is_none(), "{}", one.text);
    let whole = world.get("contacts?$select=lastname&$orderby=lastname&$expand=ownerid").await.ok();
    assert!(whole.rows()[0]["ownerid"].as_object().unwrap().len() > 20);
    // Inside another expand, and with what it takes to read.
    let nested = "accounts?$expand=contact_customer_accounts($select=lastname;$expand=ownerid($select=fullname))";
    world.post("accounts", json!({ "name": "Coho" })).await.ok();
    world.get(nested).await.ok();
    let (caller, user) = world.application_user(2, "reader").await;
    world
        .assign(user, world.role("contacts", &[("prvReadContact", "Global"), ("prvReadUser", "Global")]).await)
        .await
        .ok();
    assert!(world.get_as(&caller, path).await.refused(403, "0x80040220").contains("prvReadTeam"));
}
