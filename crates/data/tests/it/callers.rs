//! Who is calling, and the 401 and 403s of those who may not.

use http::Method;
use keyholder_data::Administrator;
use keyholder_foundation::{ObjectId, TenantId};
use serde_json::json;
use uuid::Uuid;

use crate::World;
use crate::world::{BASE, ORGANIZATION, TENANT, URL, facts, token};

#[tokio::test]
async fn the_challenge_is_the_services() {
    let world = World::new().await;
    let challenge = world.organization.challenge();
    assert_eq!(challenge.status(), 401);
    assert_eq!(
        challenge.headers()["www-authenticate"].to_str().unwrap(),
        format!("Bearer authorization_uri={URL}/{TENANT}/oauth2/authorize, resource_id={URL}/")
    );
}

#[tokio::test]
async fn who_am_i_in_both_spellings() {
    let world = World::new().await;
    for path in ["WhoAmI", "WhoAmI()"] {
        let reply = world.get(path).await.ok();
        assert_eq!(reply.json["UserId"], json!(world.admin_user));
        assert_eq!(reply.json["OrganizationId"], json!(ORGANIZATION));
        assert!(world.root_unit().await.contains(reply.json["BusinessUnitId"].as_str().unwrap()));
        let context = format!("{BASE}/$metadata#Microsoft.Dynamics.CRM.WhoAmIResponse");
        assert_eq!(reply.json["@odata.context"], json!(context));
        assert_eq!(reply.header("odata-version"), "4.0");
        assert!(Uuid::parse_str(reply.header("req_id")).is_ok());
        assert_eq!(reply.header("req_id"), reply.header("x-ms-service-request-id"));
    }
}

#[tokio::test]
async fn strangers_are_told_that_they_are_no_members() {
    let world = World::new().await;
    let member = "The user is not a member of the organization.";
    let stranger = token(&facts(99, "stranger"));
    assert_eq!(world.get_as(&stranger, "WhoAmI").await.refused(403, "0x80072560"), member);
    // Even when what they ask makes no sense.
    assert_eq!(world.get_as(&stranger, "nonsense").await.refused(403, "0x80072560"), member);
    // An application registered anew under the same client id has another service principal.
    let mut renewed = world.admin;
    renewed.object_id = ObjectId(Uuid::from_u128(1));
    assert_eq!(world.get_as(&renewed, "WhoAmI").await.refused(403, "0x80072560"), member);
    let mut foreign = world.admin;
    foreign.tenant = TenantId(Uuid::from_u128(1));
    assert_eq!(world.get_as(&foreign, "WhoAmI").await.refused(403, "0x80072560"), member);
    // A person's token of the same application is another caller.
    let mut person = world.admin;
    person.app_only = false;
    assert_eq!(world.get_as(&person, "WhoAmI").await.refused(403, "0x80072560"), member);
}

#[tokio::test]
async fn a_user_without_roles_is_told_so() {
    let world = World::new().await;
    let (caller, user) = world.application_user(2, "orders-sync").await;
    assert_eq!(
        world.get_as(&caller, "contacts?$top=3").await.refused(403, "0x80042f09"),
        format!(
            "RetrievePrivilegeForUser: The user with id {user} has not been assigned any roles. They need a role with \
             the prvReadContact privilege."
        )
    );
    world.get_as(&caller, "WhoAmI").await.refused(403, "0x80042f09");
}

#[tokio::test]
async fn a_missing_privilege_is_named_with_everything_around_it() {
    let world = World::new().await;
    let (caller, user) = world.application_user(2, "orders-sync").await;
    let role = world.role("orders-sync", &[("prvReadAccount", "Global")]).await;
    world.assign(user, role).await.ok();
    let unit = world.root_unit().await;
    let unit = unit.trim_start_matches("/businessunits(").trim_end_matches(')');
    let privilege = world.privilege("prvReadContact").await;
    let known = world.get("privileges/$count").await.text.trim_start_matches('\u{feff}').to_owned();
    let object = caller.object_id;
    assert_eq!(
        world.get_as(&caller, "contacts?$top=3").await.refused(403, "0x80040220"),
        format!(
            "Principal user (Id={user}, type=8, roleCount=1, privilegeCount=10, accessMode='4 Non-interactive', \
             AADObjectId='{object}', MetadataCachePrivilegesCount={known}, businessUnitId={unit}), is missing \
             prvReadContact privilege (Id={privilege}) on OTC=2 for entity 'contact' (LocalizedName='Contact'). \
             context.Caller={user}. Consider adding missed privilege to one of the principal (user/team) roles."
        )
    );
    // What the role does give works, and a changed role counts at once.
    assert_eq!(world.get_as(&caller, "accounts?$top=3").await.ok().rows().len(), 3);
    let path = format!("roles({role})/Microsoft.Dynamics.CRM.AddPrivilegesRole");
    world.post(&path, json!({ "Privileges": [{ "PrivilegeId": privilege, "Depth": "Global" }] })).await.ok();
    assert_eq!(world.get_as(&caller, "contacts?$top=3").await.ok().rows().len(), 3);
    let path = format!("roles({role})/Microsoft.Dynamics.CRM.RemovePrivilegeRole");
    world.post(&path, json!({ "PrivilegeId": privilege })).await.ok();
    world.get_as(&caller, "contacts?$top=3").await.refused(403, "0x80040220");
}

#[tokio::test]
async fn a_disabled_user_is_refused_from_the_next_request_on() {
    let world = World::new().await;
    let (caller, user) = world.application_user(2, "orders-sync").await;
    let role = world.role("reader", &[("prvReadContact", "Global")]).await;
    world.assign(user, role).await.ok();
    world.get_as(&caller, "WhoAmI").await.ok();
    world.patch(&format!("systemusers({user})"), json!({ "isdisabled": true })).await.ok();
    let message = world.get_as(&caller, "WhoAmI").await;
    assert!(message.refused(403, "0x80040225").starts_with(&format!("The user with SystemUserId={user} in")));
    world.patch(&format!("systemusers({user})"), json!({ "isdisabled": false })).await.ok();
    world.get_as(&caller, "WhoAmI").await.ok();
}

#[tokio::test]
async fn one_querys_shape_serves_callers_of_different_reach() {
    let world = World::new().await;
    let role = world.role("own rows", &[("prvReadContact", "Basic"), ("prvCreateContact", "Basic")]).await;
    let mut callers = Vec::new();
    for (number, name) in [(2, "one"), (3, "other")] {
        let (caller, user) = world.application_user(number, name).await;
        world.assign(user, role).await.ok();
        let body = Some(json!({ "lastname": name }));
        let made = world.send(&caller, Method::POST, "contacts", &[], body).await.ok().id();
        callers.push((caller, made));
    }
    for _ in 0..2 {
        // The administrator's statement has no condition, the others' differ in their values only.
        assert_eq!(world.get("contacts?$top=3").await.ok().rows().len(), 3);
        for (caller, own) in &callers {
            let found = world.get_as(caller, "contacts?$top=3").await.ok();
            let ids: Vec<_> = found.rows().iter().map(|row| row["contactid"].as_str().unwrap().to_owned()).collect();
            assert_eq!(ids, [own.to_string()]);
        }
        let (first, others) = (&callers[0].0, callers[1].1);
        world.get_as(first, &format!("contacts({others})")).await.refused(403, "0x80048306");
    }
}

#[tokio::test]
async fn disabling_a_user_is_a_privilege_of_its_own() {
    let world = World::new().await;
    let (caller, user) = world.application_user(2, "helper").await;
    let (_, other) = world.application_user(3, "orders-sync").await;
    let role = world.role("helper", &[("prvReadUser", "Global"), ("prvWriteUser", "Global")]).await;
    world.assign(user, role).await.ok();
    let path = format!("systemusers({other})");
    let disable = |disabled: bool| Some(json!({ "isdisabled": disabled }));
    let reply = world.send(&caller, Method::PATCH, &path, &[], disable(true)).await;
    assert!(reply.refused(403, "0x80040220").contains("missing prvDisableUser privilege"));
    // Saying what is so already changes nothing.
    world.send(&caller, Method::PATCH, &path, &[], disable(false)).await.ok();
    let action = format!("roles({role})/Microsoft.Dynamics.CRM.AddPrivilegesRole");
    let privilege = world.privilege("prvDisableUser").await;
    world.post(&action, json!({ "Privileges": [{ "PrivilegeId": privilege, "Depth": "Global" }] })).await.ok();
    for disabled in [true, false] {
        world.send(&caller, Method::PATCH, &path, &[], disable(disabled)).await.ok();
    }
}

#[tokio::test]
async fn the_last_administrator_stays_enabled() {
    let world = World::new().await;
    let path = format!("systemusers({})", world.admin_user);
    world.patch(&path, json!({ "isdisabled": true })).await.refused(403, "0x80041d2f");
    let found = world.get("roles?$filter=name eq 'System Administrator'&$select=roleid").await.ok();
    let role: Uuid = found.rows()[0]["roleid"].as_str().unwrap().parse().unwrap();
    let (second, user) = world.application_user(2, "second").await;
    world.assign(user, role).await.ok();
    world.patch(&path, json!({ "isdisabled": true })).await.ok();
    // Now the second is the last: a disabled administrator does not count.
    let own = format!("systemusers({user})");
    let disable = Some(json!({ "isdisabled": true }));
    world.send(&second, Method::PATCH, &own, &[], disable).await.refused(403, "0x80041d2f");
    let held = format!("{own}/systemuserroles_association({role})/$ref");
    world.send(&second, Method::DELETE, &held, &[], None).await.refused(403, "0x80041d30");
}

#[tokio::test]
async fn pairs_are_shown_to_whoever_may_read_both_sides() {
    let world = World::new().await;
    let (caller, user) = world.application_user(2, "helper").await;
    let role = world.role("helper", &[("prvReadUser", "Global")]).await;
    world.assign(user, role).await.ok();
    for (set, missing) in [("systemuserrolescollection", "prvReadRole"), ("teammemberships", "prvReadTeam")] {
        let reply = world.get_as(&caller, set).await;
        assert!(reply.refused(403, "0x80040220").contains(&format!("missing {missing} privilege")), "{set}");
        let reply = world.get_as(&caller, &format!("{set}/$count")).await;
        reply.refused(403, "0x80040220");
        assert!(!world.get(set).await.ok().rows().is_empty());
    }
}

#[tokio::test]
async fn a_version_is_compared_only_for_whoever_may_write_the_row() {
    let world = World::new().await;
    let (caller, user) = world.application_user(2, "helper").await;
    let own = [("prvReadContact", "Basic"), ("prvWriteContact", "Basic"), ("prvCreateContact", "Basic")];
    let role = world.role("helper", &own).await;
    world.assign(user, role).await.ok();
    let theirs = world.post("contacts", json!({ "lastname": "Theirs" })).await.ok().id();
    let path = format!("contacts({theirs})");
    for version in ["W/\"1\"", "*"] {
        let body = Some(json!({ "lastname": "Mine" }));
        let reply = world.send(&caller, Method::PATCH, &path, &[("If-Match", version)], body).await;
        reply.refused(403, "0x80048306");
    }
    let body = json!({ "lastname": "Mine" });
    let made = world.send(&caller, Method::POST, "contacts", &[], Some(body.clone())).await.ok().id();
    let path = format!("contacts({made})");
    world.send(&caller, Method::PATCH, &path, &[("If-Match", "W/\"1\"")], Some(body)).await.refused(412, "0x80060882");
}

#[tokio::test]
async fn names_of_looked_up_rows_are_for_whoever_reads_their_table() {
    let world = World::new().await;
    let (caller, user) = world.application_user(2, "helper").await;
    let role = world.role("helper", &[("prvReadContact", "Global")]).await;
    world.assign(user, role).await.ok();
    let all = [("Prefer", "odata.include-annotations=\"*\"")];
    let path = "contacts?$top=1&$select=_ownerid_value,statecode";
    let name = "_ownerid_value@OData.Community.Display.V1.FormattedValue";
    for (who, shown) in [(&world.admin, true), (&caller, false)] {
        let reply = world.send(who, Method::GET, path, &all, None).await.ok();
        let row = &reply.rows()[0];
        assert_eq!(row.get(name).is_some(), shown, "{row}");
        assert!(row.get("_ownerid_value@Microsoft.Dynamics.CRM.lookuplogicalname").is_some());
        assert!(row.get("statecode@OData.Community.Display.V1.FormattedValue").is_some());
    }
}

#[tokio::test]
async fn depth_decides_which_rows_are_seen() {
    let world = World::new().await;
    let (caller, user) = world.application_user(2, "orders-sync").await;
    let verbs = ["prvReadContact", "prvCreateContact", "prvWriteContact", "prvDeleteContact"];
    let role = world.role("own contacts", &verbs.map(|verb| (verb, "Basic"))).await;
    world.assign(user, role).await.ok();
    assert_eq!(world.get_as(&caller, "contacts").await.ok().rows().len(), 0);
    let own = world.send(&caller, Method::POST, "contacts", &[], Some(json!({ "lastname": "Own" }))).await.ok().id();
    assert_eq!(world.get_as(&caller, "contacts").await.ok().rows().len(), 1);
    assert_eq!(world.get_as(&caller, "contacts/$count").await.ok().text, "\u{feff}1");

    // A row of somebody else is refused, not hidden, when it is named.
    let other = world.get("contacts?$top=1&$select=contactid").await.ok();
    let other = other.rows()[0]["contactid"].as_str().unwrap();
    for (method, body, right) in [
        (Method::GET, None, "ReadAccess"),
        (Method::PATCH, Some(json!({ "firstname": "X" })), "WriteAccess"),
        (Method::DELETE, None, "DeleteAccess"),
    ] {
        let reply = world.send(&caller, method, &format!("contacts({other})"), &[], body).await;
        assert_eq!(
            reply.refused(403, "0x80048306"),
            format!(
                "Principal with id {user} does not have {right} right(s) for record with id {other} of entity contact."
            )
        );
    }
    let path = format!("contacts({own})");
    world.send(&caller, Method::PATCH, &path, &[], Some(json!({ "firstname": "X" }))).await.ok();
    // To give a row away needs prvAssignContact.
    let given = json!({ "ownerid@odata.bind": format!("/systemusers({})", world.admin_user) });
    let reply = world.send(&caller, Method::PATCH, &path, &[], Some(given)).await;
    assert!(reply.refused(403, "0x80040220").contains("prvAssignContact"));
    world.send(&caller, Method::DELETE, &path, &[], None).await.ok();
}

#[tokio::test]
async fn a_person_signs_in_by_their_object_id() {
    let world = World::new().await;
    let person = Administrator::Person {
        object_id: ObjectId(Uuid::from_u128(0xe1)),
        user_principal_name: "admin@contrast.example.com".into(),
        first_name: "Greta".into(),
        last_name: "Morn".into(),
    };
    let user = world.organization.ensure_administrator(person.clone()).await.unwrap();
    assert_eq!(world.organization.ensure_administrator(person).await.unwrap(), user);
    let mut caller = world.admin;
    (caller.app_only, caller.object_id) = (false, ObjectId(Uuid::from_u128(0xe1)));
    let reply = world.get_as(&caller, "WhoAmI").await.ok();
    assert_eq!(reply.json["UserId"], json!(user));
    let row = world.get(&format!("systemusers({user})?$select=fullname,domainname,accessmode")).await.ok();
    assert_eq!(row.json["fullname"], json!("Greta Morn"));
    assert_eq!(row.json["accessmode"], json!(0));
}
