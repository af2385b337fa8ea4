//! FetchXML: what documents mean, how their rows look, and how they are paged.

use http::Method;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::json;

use crate::World;
use crate::world::Reply;

const ALL: [(&str, &str); 1] = [("Prefer", "odata.include-annotations=\"*\"")];

pub(crate) fn address(set: &str, document: &str) -> String {
    format!("{set}?fetchXml={}", utf8_percent_encode(document, NON_ALPHANUMERIC))
}

pub(crate) async fn fetch(world: &World, set: &str, document: &str) -> Reply {
    world.get(&address(set, document)).await
}

async fn annotated(world: &World, set: &str, document: &str) -> Reply {
    world.send(&world.admin, Method::GET, &address(set, document), &ALL, None).await
}

pub(crate) fn texts(reply: Reply, member: &str) -> Vec<String> {
    let reply = reply.ok();
    reply.rows().iter().map(|row| row[member].as_str().unwrap_or("-").to_owned()).collect()
}

/// Three accounts, one below another, and contacts in them.
pub(crate) async fn firms() -> World {
    let world = World::with(|config| config.sample_rows = 0).await;
    let account = async |name: &str, city: Option<&str>, employees: Option<i32>, revenue: Option<f64>| {
        let body = json!({ "name": name, "address1_city": city, "numberofemployees": employees, "revenue": revenue });
        world.post("accounts", body).await.ok().id()
    };
    let coho = account("Coho", Some("Lyon"), Some(10), Some(100.5)).await;
    let fabrikam = account("Fabrikam", Some("LYON"), Some(21), Some(50.25)).await;
    let litware = account("Litware", None, None, None).await;
    let parent = json!({ "parentaccountid@odata.bind": format!("/accounts({coho})") });
    world.patch(&format!("accounts({fabrikam})"), parent).await.ok();
    for (first, last, firm) in [
        ("Ann", "Abel", Some(coho)),
        ("Bea", "Brand", Some(coho)),
        ("Cem", "Cakir", Some(fabrikam)),
        ("Dan", "Dahl", None),
    ] {
        let mut body = json!({ "firstname": first, "lastname": last });
        if let Some(firm) = firm {
            body["parentcustomerid_account@odata.bind"] = format!("/accounts({firm})").into();
        }
        let contact = world.post("contacts", body).await.ok().id();
        if last == "Abel" {
            let bind = json!({ "primarycontactid@odata.bind": format!("/contacts({contact})") });
            world.patch(&format!("accounts({coho})"), bind).await.ok();
        }
    }
    let _ = litware;
    world
}

#[tokio::test]
async fn rows_look_as_the_service_shows_them() {
    let world = firms().await;
    let document = "<fetch><entity name='account'><attribute name='name'/><attribute name='numberofemployees'/>\
                    <attribute name='primarycontactid'/><attribute name='name' alias='title'/>\
                    <attribute name='createdby' alias='who'/><order attribute='name'/>\
                    <link-entity name='contact' from='contactid' to='primarycontactid' link-type='outer' alias='c'>\
                    <attribute name='fullname'/><attribute name='ownerid'/><attribute name='lastname' alias='last'/>\
                    </link-entity></entity></fetch>";
    let plain = fetch(&world, "accounts", document).await.ok();
    let context = format!("{}/$metadata#accounts(name,numberofemployees,_primarycontactid_value)", crate::world::BASE);
    assert_eq!(plain.json["@odata.context"], context);
    let [coho, fabrikam, litware] = plain.rows().as_slice() else { panic!("{}", plain.text) };
    assert_eq!((&coho["name"], &coho["title"], &coho["last"]), (&json!("Coho"), &json!("Coho"), &json!("Abel")));
    assert_eq!((&coho["c.fullname"], &coho["numberofemployees"]), (&json!("Ann Abel"), &json!(10)));
    assert!(coho["c.ownerid"].is_string() && coho["who"].is_string() && coho["accountid"].is_string());
    assert!(coho["@odata.etag"].is_string());
    // What has no value is left out.
    let members: Vec<&String> = litware.as_object().unwrap().keys().collect();
    assert_eq!(members, ["@odata.etag", "name", "accountid", "title", "who"], "{litware}");
    assert!(fabrikam.get("c.fullname").is_none());

    let shown = annotated(&world, "accounts", document).await.ok();
    let coho = &shown.rows()[0];
    for (member, expected) in [
        ("title@OData.Community.Display.V1.AttributeName", json!("name")),
        ("c.fullname@OData.Community.Display.V1.AttributeName", json!("fullname")),
        ("last@OData.Community.Display.V1.AttributeName", json!("lastname")),
        ("who@Microsoft.Dynamics.CRM.lookuplogicalname", json!("systemuser")),
        ("who@OData.Community.Display.V1.FormattedValue", json!("# keyholder-admin")),
        ("c.ownerid@OData.Community.Display.V1.FormattedValue", json!("# keyholder-admin")),
        ("_primarycontactid_value@OData.Community.Display.V1.FormattedValue", json!("Ann Abel")),
        ("_primarycontactid_value@Microsoft.Dynamics.CRM.lookuplogicalname", json!("contact")),
        ("numberofemployees@OData.Community.Display.V1.FormattedValue", json!("10")),
    ] {
        assert_eq!(coho[member], expected, "{member}: {coho}");
    }
    assert!(coho.get("who@Microsoft.Dynamics.CRM.associatednavigationproperty").is_none());
    assert_eq!(shown.json["@Microsoft.Dynamics.CRM.totalrecordcount"], -1);
    // Everything, where no attribute is named; a link without an alias has one of its own.
    let all = "<fetch top='1'><entity name='account'><order attribute='name'/>\
               <link-entity name='contact' from='parentcustomerid' to='accountid'><attribute name='fullname'/>\
               <order attribute='fullname' descending='true'/></link-entity></entity></fetch>";
    let row = fetch(&world, "accounts", all).await.ok().rows()[0].clone();
    assert_eq!((&row["contact1.fullname"], &row["address1_city"]), (&json!("Bea Brand"), &json!("Lyon")));
}

#[tokio::test]
async fn links_of_every_kind() {
    let world = firms().await;
    let asked = async |inside: &str| {
        let document = format!(
            "<fetch><entity name='account'><attribute name='name'/><order attribute='name'/>{inside}</entity></fetch>"
        );
        let reply = fetch(&world, "accounts", &document).await.ok();
        reply
            .rows()
            .iter()
            .map(|row| {
                let name = row["name"].as_str().unwrap();
                row["c.lastname"].as_str().map_or(name.to_owned(), |last| format!("{name}/{last}"))
            })
            .collect::<Vec<_>>()
    };
    let contacts = |kind: &str, inside: &str| {
        format!(
            "<link-entity name='contact' from='parentcustomerid' to='accountid' alias='c' link-type='{kind}'>{inside}</link-entity>"
        )
    };
    let show = "<attribute name='lastname'/><order attribute='lastname'/>";
    let brand = "<filter><condition attribute='lastname' operator='eq' value='brand'/></filter>";
    let both = format!("{show}{brand}");
    for (inside, expected) in [
        (contacts("inner", show), vec!["Coho/Abel", "Coho/Brand", "Fabrikam/Cakir"]),
        (contacts("inner", &both), vec!["Coho/Brand"]),
        (contacts("outer", show), vec!["Coho/Abel", "Coho/Brand", "Fabrikam/Cakir", "Litware"]),
        // The filter of an outer link counts before rows without a partner are filled up,
        (contacts("outer", &both), vec!["Coho/Brand", "Fabrikam", "Litware"]),
        // a condition with entityname after.
        (
            contacts("outer", show)
                + "<filter><condition entityname='c' attribute='lastname' operator='null'/></filter>",
            vec!["Litware"],
        ),
        (contacts("exists", brand), vec!["Coho"]),
        (contacts("in", ""), vec!["Coho", "Fabrikam"]),
        (contacts("matchfirstrowusingcrossapply", &both), vec!["Coho/Brand"]),
        (format!("<filter>{}</filter>", contacts("any", brand)), vec!["Coho"]),
        (format!("<filter>{}</filter>", contacts("not any", brand)), vec!["Fabrikam", "Litware"]),
        (format!("<filter>{}</filter>", contacts("not all", brand)), vec!["Coho"]),
        // All: there are some, and none of them meets the filter.
        (format!("<filter>{}</filter>", contacts("all", brand)), vec!["Fabrikam"]),
        (
            format!(
                "<filter type='or'>{}<condition attribute='name' operator='begins-with' value='lit'/></filter>",
                contacts("any", brand)
            ),
            vec!["Coho", "Litware"],
        ),
        // Half of the names says which column the other half is.
        (
            "<link-entity name='contact' to='primarycontactid' alias='c'><attribute name='lastname'/></link-entity>"
                .into(),
            vec!["Coho/Abel"],
        ),
        (
            "<link-entity name='contact' from='parentcustomerid' alias='c'><attribute name='lastname'/></link-entity>"
                .into(),
            vec!["Coho/Abel", "Coho/Brand", "Fabrikam/Cakir"],
        ),
        (
            "<link-entity name='account' from='accountid' to='parentaccountid' alias='p'/><filter><condition \
             attribute='numberofemployees' operator='gt' valueof='p.numberofemployees'/></filter>"
                .into(),
            vec!["Fabrikam"],
        ),
    ] {
        let mut found = asked(&inside).await;
        if inside.contains("from='parentcustomerid' alias") {
            found.sort();
        }
        assert_eq!(found, expected, "{inside}");
    }
    let first = asked(&contacts("matchfirstrowusingcrossapply", "<attribute name='lastname'/>")).await;
    assert_eq!(first.len(), 2, "{first:?}");
    // The root's orders come first, whatever stands first in the document.
    let orders = "<link-entity name='contact' from='parentcustomerid' to='accountid' alias='c'><attribute name='lastname'/>\
                  <order attribute='lastname' descending='true'/></link-entity>";
    assert_eq!(asked(orders).await, ["Coho/Brand", "Coho/Abel", "Fabrikam/Cakir"]);
    let by_link = "<fetch><entity name='account'><attribute name='name'/><link-entity name='contact' \
                   from='parentcustomerid' to='accountid' alias='c'/><order entityname='c' attribute='lastname' \
                   descending='true'/></entity></fetch>";
    assert_eq!(texts(fetch(&world, "accounts", by_link).await, "name"), ["Fabrikam", "Coho", "Coho"]);
}

#[tokio::test]
async fn pairs_are_joined_over_their_own_table_and_without_it() {
    let world = World::new().await;
    let (_, user) = world.application_user(2, "orders-sync").await;
    let role = world.role("Order Reader", &[("prvReadContact", "Global")]).await;
    world.assign(user, role).await.ok();
    let over = format!(
        "<fetch distinct='true'><entity name='role'><attribute name='name'/><link-entity name='systemuserroles' \
         from='roleid' to='roleid' intersect='true' visible='false'><link-entity name='systemuser' from='systemuserid' \
         to='systemuserid' alias='u'><filter><condition attribute='systemuserid' operator='eq' \
         value='{{{user}}}'/></filter></link-entity></link-entity></entity></fetch>"
    );
    assert_eq!(texts(fetch(&world, "roles", &over).await, "name"), ["Order Reader"]);
    let own = "<fetch><entity name='systemuserroles'><attribute name='roleid'/><filter><condition \
               attribute='systemuserid' operator='eq-userid'/></filter></entity></fetch>";
    assert_eq!(fetch(&world, "systemuserrolescollection", own).await.ok().rows().len(), 1);
}

#[tokio::test]
async fn conditions_of_the_kinds_that_odata_lacks() {
    let world = firms().await;
    let names = async |conditions: &str| {
        let document = format!(
            "<fetch><entity name='account'><attribute name='name'/><order attribute='name'/>\
             <filter>{conditions}</filter></entity></fetch>"
        );
        texts(fetch(&world, "accounts", &document).await, "name")
    };
    let coho =
        world.get("accounts?$filter=name eq 'Coho'").await.ok().rows()[0]["accountid"].as_str().unwrap().to_owned();
    for (operator, expected) in [
        ("under", vec!["Fabrikam"]),
        ("eq-or-under", vec!["Coho", "Fabrikam"]),
        ("not-under", vec!["Coho", "Litware"]),
        ("eq-or-above", vec!["Coho"]),
    ] {
        let condition = format!("<condition attribute='accountid' operator='{operator}' value='{coho}'/>");
        assert_eq!(names(&condition).await, expected, "{operator}");
    }
    let none: [&str; 0] = [];
    for (condition, expected) in [
        ("<condition attribute='name' operator='like' value='%O%'/>", vec!["Coho"]),
        ("<condition attribute='name' operator='like' value='c_ho'/>", vec!["Coho"]),
        ("<condition attribute='name' operator='like' value='oh'/>", vec![]),
        ("<condition attribute='address1_city' operator='not-like' value='ly%'/>", vec!["Litware"]),
        ("<condition attribute='name' operator='ends-with' value='RE'/>", vec!["Litware"]),
        (
            "<condition attribute='name' operator='not-in'><value>coho</value><value>x</value></condition>",
            vec!["Fabrikam", "Litware"],
        ),
        (
            "<condition attribute='numberofemployees' operator='between'><value>10</value><value>20</value></condition>",
            vec!["Coho"],
        ),
        (
            "<condition attribute='numberofemployees' operator='not-between'><value>10</value><value>20</value></condition>",
            vec!["Fabrikam"],
        ),
        ("<condition attribute='statecode' operator='eq' value='Active'/>", vec!["Coho", "Fabrikam", "Litware"]),
        ("<condition attribute='statecode' operator='ne' value='0'/>", vec![]),
        ("<condition attribute='donotemail' operator='eq' value='0'/>", vec!["Coho", "Fabrikam", "Litware"]),
        ("<condition attribute='ownerid' operator='eq-userid'/>", vec!["Coho", "Fabrikam", "Litware"]),
        ("<condition attribute='owningbusinessunit' operator='ne-businessid'/>", vec![]),
        ("<condition attribute='createdon' operator='today'/>", vec!["Coho", "Fabrikam", "Litware"]),
        ("<condition attribute='createdon' operator='on-or-after' value='2026-11-23'/>", vec![]),
        ("<condition attribute='createdon' operator='last-x-hours' value='1'/>", vec!["Coho", "Fabrikam", "Litware"]),
        ("<condition attribute='createdon' operator='olderthan-x-minutes' value='1'/>", vec![]),
        (
            "<condition attribute='createdon' operator='in-fiscal-period-and-year'><value>4</value><value>2026</value></condition>",
            vec!["Coho", "Fabrikam", "Litware"],
        ),
        ("<condition attribute='createdon' operator='in-fiscal-year' value='2025'/>", vec![]),
        // In a lookup, texts are looked for in the name of its row.
        ("<condition attribute='primarycontactid' operator='like' value='%abel'/>", vec!["Coho"]),
        ("<condition attribute='primarycontactid' operator='not-like' value='%abel'/>", vec!["Fabrikam", "Litware"]),
        ("<condition attribute='ownerid' operator='like' value='# keyholder%'/>", vec!["Coho", "Fabrikam", "Litware"]),
        (
            "<filter type='or'><condition attribute='revenue' operator='gt' value='60'/><condition attribute='revenue' operator='null'/></filter>",
            vec!["Coho", "Litware"],
        ),
        ("<filter/>", vec!["Coho", "Fabrikam", "Litware"]),
    ] {
        let expected: Vec<&str> = expected;
        let expected = if expected.is_empty() { none.to_vec() } else { expected };
        assert_eq!(names(condition).await, expected, "{condition}");
    }
}

#[tokio::test]
async fn pages_follow_each_other_by_cookie_and_by_number() {
    let world = World::new().await;
    let document = |attributes: &str| {
        format!(
            "<fetch count='3' {attributes}><entity name='contact'><attribute name='fullname'/><order attribute='lastname' \
             descending='true'/></entity></fetch>"
        )
    };
    let all = texts(fetch(&world, "contacts", &document("").replace("count='3'", "")).await, "fullname");
    let prefer =
        "odata.include-annotations=\"Microsoft.Dynamics.CRM.fetchxmlpagingcookie,Microsoft.Dynamics.CRM.morerecords\"";
    let (mut by_cookie, mut by_number, mut cookie) = (Vec::new(), Vec::new(), String::new());
    for page in 1.. {
        by_number.extend(texts(fetch(&world, "contacts", &document(&format!("page='{page}'"))).await, "fullname"));
        let asked = document(&format!("page='{page}' paging-cookie='{cookie}'"));
        let path = address("contacts", &asked);
        let reply = world.send(&world.admin, Method::GET, &path, &[("Prefer", prefer)], None).await.ok();
        assert!(reply.rows().len() <= 3);
        by_cookie.extend(reply.rows().iter().map(|row| row["fullname"].as_str().unwrap().to_owned()));
        if reply.json.get("@Microsoft.Dynamics.CRM.morerecords").is_none() {
            assert!(!reply.text.contains("fetchxmlpagingcookie"), "{}", reply.text);
            break;
        }
        assert_eq!(reply.json["@Microsoft.Dynamics.CRM.morerecords"], true);
        // As clients do it: the inner cookie, decoded twice, goes into an attribute.
        let outer = reply.json["@Microsoft.Dynamics.CRM.fetchxmlpagingcookie"].as_str().unwrap();
        assert!(outer.starts_with(&format!("<cookie pagenumber=\"{}\" pagingcookie=\"%253", page + 1)), "{outer}");
        let inner = outer.split("pagingcookie=\"").nth(1).unwrap().split('"').next().unwrap();
        let once = percent_decode_str(inner).decode_utf8().unwrap().into_owned();
        let twice = percent_decode_str(&once).decode_utf8().unwrap().into_owned();
        assert!(twice.starts_with(&format!("<cookie page=\"{page}\"><contactid last=\"{{")), "{twice}");
        cookie = twice.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    }
    assert_eq!((by_cookie, by_number), (all.clone(), all));
    // A cookie of another page or query is none; far pages need one.
    let foreign = document(&format!("page='2' paging-cookie='{cookie}'"));
    fetch(&world, "contacts", &foreign).await.refused(400, "0x8004112a");
    let far = document("").replace("count='3'", "count='5000' page='11'");
    fetch(&world, "contacts", &far).await.refused(400, "0x8004430a");
    // So many rows as a page has: what is preferred counts where the document does not say.
    let distinct =
        "<fetch distinct='true' page='11'><entity name='contact'><attribute name='fullname'/></entity></fetch>";
    let path = address("contacts", distinct);
    let asked = async |size| {
        let prefer = format!("odata.maxpagesize={size}");
        world.send(&world.admin, Method::GET, &path, &[("Prefer", &prefer)], None).await
    };
    asked(200).await.ok();
    asked(4_545).await.ok();
    asked(4_546).await.refused(400, "0x8004430a");
    // By count, the rows of all pages.
    let counted = document("returntotalrecordcount='true'");
    let reply = annotated(&world, "contacts", &counted).await.ok();
    let total = reply.json["@odata.count"].as_i64().unwrap();
    assert_eq!(reply.json["@Microsoft.Dynamics.CRM.totalrecordcount"], total);
    assert_eq!(reply.json["@Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded"], false);
    let path = format!("{}&$count=true", address("contacts", &document("")));
    assert_eq!(world.get(&path).await.ok().json["@odata.count"], total);
}

#[tokio::test]
async fn rows_that_show_the_same_come_once() {
    let world = firms().await;
    for firm in ["Coho", "COHO", "Adatum"] {
        world.post("accounts", json!({ "name": firm, "address1_city": "Nice" })).await.ok();
    }
    let values = async |document: &str, member: &str| texts(fetch(&world, "accounts", document).await, member);
    // Not by the id, which the service does not add here; texts are the same but for their case.
    let names = "<fetch distinct='true'><entity name='account'><attribute name='name'/><order attribute='name'/></entity></fetch>";
    let found = values(names, "name").await;
    assert_eq!(
        found.iter().map(|name| name.to_lowercase()).collect::<Vec<_>>(),
        ["adatum", "coho", "fabrikam", "litware"]
    );
    assert!(!fetch(&world, "accounts", names).await.text.contains("accountid"));
    let counted = names.replace("distinct", "returntotalrecordcount='true' distinct");
    assert_eq!(fetch(&world, "accounts", &counted).await.ok().json["@odata.count"], 4);
    let second = names.replace("distinct", "count='3' page='2' distinct");
    assert_eq!(values(&second, "name").await, ["Litware"]);
    // With the id, to undo what a link multiplies.
    let linked = "<fetch distinct='true' count='1' returntotalrecordcount='true'><entity name='account'>\
                  <attribute name='accountid'/><attribute name='name'/><order attribute='name'/><link-entity \
                  name='contact' from='parentcustomerid' to='accountid' link-type='inner'/></entity></fetch>";
    let reply = annotated(&world, "accounts", linked).await.ok();
    assert_eq!((reply.json["@odata.count"].clone(), reply.rows().len()), (json!(2), 1));
    assert!(reply.text.contains("fetchxmlpagingcookie"));
    let cities = "<fetch distinct='true'><entity name='account'><attribute name='accountid' alias='id'/><link-entity \
                  name='contact' from='parentcustomerid' to='accountid' alias='c'><attribute name='statecode'/>\
                  </link-entity></entity></fetch>";
    assert_eq!(fetch(&world, "accounts", cities).await.ok().rows().len(), 2);
}

#[tokio::test]
async fn groups_and_figures() {
    let world = firms().await;
    let all = "<fetch aggregate='true'><entity name='account'>\
               <attribute name='numberofemployees' alias='Average' aggregate='avg'/>\
               <attribute name='numberofemployees' alias='Count' aggregate='count'/>\
               <attribute name='numberofemployees' alias='ColumnCount' aggregate='countcolumn'/>\
               <attribute name='numberofemployees' alias='Maximum' aggregate='max'/>\
               <attribute name='numberofemployees' alias='Minimum' aggregate='min'/>\
               <attribute name='revenue' alias='Sum' aggregate='sum'/>\
               <attribute name='revenue' alias='Mean' aggregate='avg'/>\
               <attribute name='createdon' alias='Last' aggregate='max'/>\
               <attribute name='address1_city' alias='Cities' aggregate='countcolumn' distinct='true'/>\
               </entity></fetch>";
    let reply = fetch(&world, "accounts", all).await.ok();
    let expected = json!([{
        "Average": 15, "Count": 3, "ColumnCount": 2, "Maximum": 21, "Minimum": 10, "Sum": 150.75, "Mean": 75.375,
        "Last": "2026-11-22T09:07:46Z", "Cities": 1
    }]);
    assert_eq!(reply.json["value"], expected);
    let reply = annotated(&world, "accounts", all).await.ok();
    let row = &reply.rows()[0];
    assert_eq!(row["Count@OData.Community.Display.V1.AttributeName"], "numberofemployees");
    assert_eq!(row["Count@OData.Community.Display.V1.FormattedValue"], "3");
    assert_eq!(row["Sum@OData.Community.Display.V1.FormattedValue"], "$150.75");
    // Groups by folded text, a lookup and a date; without a value the group has no member.
    let grouped = "<fetch aggregate='true'><entity name='account'><attribute name='address1_city' alias='city' \
                   groupby='true'/><attribute name='accountid' alias='n' aggregate='count'/><attribute \
                   name='revenue' alias='total' aggregate='sum'/><order alias='n' descending='true'/></entity></fetch>";
    let reply = fetch(&world, "accounts", grouped).await.ok();
    assert_eq!(reply.json["value"], json!([{ "city": "LYON", "n": 2, "total": 150.75 }, { "n": 1 }]));
    let dated = "<fetch aggregate='true'><entity name='account'><attribute name='createdon' alias='m' groupby='true' \
                 dategrouping='month'/><attribute name='createdon' alias='w' groupby='true' dategrouping='week'/>\
                 <attribute name='ownerid' alias='o' groupby='true'/><attribute name='accountid' alias='n' \
                 aggregate='count'/></entity></fetch>";
    let reply = annotated(&world, "accounts", dated).await.ok();
    let row = &reply.rows()[0];
    assert_eq!((&row["m"], &row["w"], &row["n"]), (&json!(11), &json!(48), &json!(3)));
    assert_eq!(row["o"], json!(world.admin_user.to_string()));
    assert_eq!(row["o@Microsoft.Dynamics.CRM.lookuplogicalname"], "systemuser");
    assert_eq!(row["o@OData.Community.Display.V1.FormattedValue"], "# keyholder-admin");
    // Over a link, and of no rows at all.
    let linked = "<fetch aggregate='true'><entity name='contact'><attribute name='contactid' alias='n' \
                  aggregate='count'/><link-entity name='account' from='accountid' to='parentcustomerid' alias='a'>\
                  <attribute name='name' alias='firm' groupby='true'/></link-entity><order alias='firm'/></entity></fetch>";
    let reply = fetch(&world, "contacts", linked).await.ok();
    assert_eq!(reply.json["value"], json!([{ "firm": "Coho", "n": 2 }, { "firm": "Fabrikam", "n": 1 }]));
    let page = linked.replace("aggregate='true'", "aggregate='true' count='1' page='2'");
    assert_eq!(fetch(&world, "contacts", &page).await.ok().json["value"], json!([{ "firm": "Fabrikam", "n": 1 }]));
    let nothing = "<fetch aggregate='true'><entity name='lead'><attribute name='leadid' alias='n' aggregate='count'/>\
                   <attribute name='revenue' alias='s' aggregate='sum'/></entity></fetch>";
    assert_eq!(fetch(&world, "leads", nothing).await.ok().json["value"], json!([{ "n": 0 }]));
    for (attributes, order, code) in [
        ("<attribute name='name' groupby='true'/>", "", "0x8004110b"),
        ("<attribute name='name' alias='a'/>", "", "0x80041107"),
        ("<attribute name='name' alias='a' aggregate='sum'/>", "", "0x8004112f"),
        ("<attribute name='name' alias='a' groupby='true' dategrouping='day'/>", "", "0x80041135"),
        ("<attribute name='name' alias='a' groupby='true'/>", "<order alias='b'/>", "0x8004110a"),
        (
            "<attribute name='name' alias='a' groupby='true'/><attribute name='revenue' alias='a' aggregate='sum'/>",
            "",
            "0x80041130",
        ),
    ] {
        let document = format!("<fetch aggregate='true'><entity name='account'>{attributes}{order}</entity></fetch>");
        fetch(&world, "accounts", &document).await.refused(400, code);
    }
}

#[tokio::test]
async fn what_a_document_names_wrongly_is_refused() {
    let world = World::new().await;
    for (set, document, status, code, named) in [
        ("accounts", "<fetch", 400, "0x80040303", "well-formed"),
        ("contacts", "<fetch><entity name='account'/></fetch>", 400, "0x80041128", "'account'"),
        ("contacts", "<fetch><entity name='nothing'/></fetch>", 400, "0x80041102", "'nothing'"),
        (
            "contacts",
            "<fetch><entity name='contact'><attribute name='colour'/></entity></fetch>",
            400,
            "0x80041103",
            "'colour'",
        ),
        (
            "contacts",
            "<fetch><entity name='contact'><link-entity name='account' from='x' to='y'/></entity></fetch>",
            400,
            "0x80041103",
            "'y'",
        ),
        (
            "contacts",
            "<fetch><entity name='contact'><link-entity name='account' from='name' to='createdon'/></entity></fetch>",
            400,
            "0x80041108",
            "types",
        ),
        (
            "contacts",
            "<fetch><entity name='contact'><order entityname='z' attribute='lastname'/></entity></fetch>",
            400,
            "0x80041126",
            "'z'",
        ),
        (
            "contacts",
            "<fetch><entity name='contact'><filter><condition entityname='z' attribute='lastname' operator='null'/></filter></entity></fetch>",
            400,
            "0x8004110a",
            "'z'",
        ),
        (
            "contacts",
            "<fetch><entity name='contact'><filter><condition attribute='lastname' operator='today'/></filter></entity></fetch>",
            400,
            "0x80041120",
            "'today'",
        ),
        (
            "contacts",
            "<fetch><entity name='contact'><filter><condition attribute='createdon' operator='eq' value='soon'/></filter></entity></fetch>",
            400,
            "0x80041108",
            "'soon'",
        ),
        (
            "contacts",
            "<fetch><entity name='contact'><filter><condition attribute='contactid' operator='eq' value='1'/></filter></entity></fetch>",
            400,
            "0x80041108",
            "GUID",
        ),
        (
            "contacts",
            "<fetch><entity name='contact'><attribute name='lastname' alias='a'/><attribute name='firstname' alias='a'/></entity></fetch>",
            400,
            "0x80041130",
            "'a'",
        ),
    ] {
        let reply = fetch(&world, set, document).await;
        assert!(reply.refused(status, code).contains(named), "{document}: {}", reply.text);
    }
    let both = format!("{}&$select=name", address("accounts", "<fetch><entity name='account'/></fetch>"));
    world.get(&both).await.refused(400, "0x80060888");
}
