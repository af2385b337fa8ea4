//! Everybody's settings.

use http::Method;
use serde_json::json;

use crate::World;

#[tokio::test]
async fn each_user_has_settings_that_come_move_and_go_along() {
    let world = World::new().await;
    let (_, before) = world.application_user(2, "before").await;
    let users = world.get("systemusers?$select=systemuserid").await.ok().rows().len();
    let all = world.get("usersettingscollection?$select=systemuserid,timezonecode,localeid").await.ok();
    // SYSTEM has none.
    assert_eq!(all.rows().len(), users - 1, "{}", all.text);
    assert!(all.rows().iter().all(|row| row["timezonecode"] == json!(92) && row["localeid"] == json!(1033)));
    let (caller, after) = world.application_user(3, "after").await;
    for user in [before, after, world.admin_user] {
        let row = world.get(&format!("usersettingscollection({user})?$select=paginglimit")).await.ok().json;
        assert_eq!((&row["paginglimit"], &row["systemuserid"]), (&json!(50), &json!(user)));
    }
    let mine = format!("usersettingscollection({after})");
    world.patch(&mine, json!({ "paginglimit": 250 })).await.ok();
    assert_eq!(world.get(&mine).await.ok().json["paginglimit"], json!(250));
    world.post("usersettingscollection", json!({ "paginglimit": 25 })).await.refused(400, "0x80040800");
    // Within the business unit, whose the settings are as the user is.
    let unit = json!({ "name": "North", "parentbusinessunitid@odata.bind": world.root_unit().await });
    let unit = world.post("businessunits", unit).await.ok().id();
    let moved = json!({ "businessunitid@odata.bind": format!("/businessunits({unit})") });
    world.patch(&format!("systemusers({after})"), moved).await.ok();
    assert_eq!(world.get(&mine).await.ok().json["businessunitid"], json!(unit));
    let role = json!({ "name": "settings", "businessunitid@odata.bind": format!("/businessunits({unit})") });
    let role = world.post("roles", role).await.ok().id();
    let given =
        json!({ "Privileges": [{ "PrivilegeId": world.privilege("prvReadUserSettings").await, "Depth": "Local" }] });
    world.post(&format!("roles({role})/Microsoft.Dynamics.CRM.AddPrivilegesRole"), given).await.ok();
    world.assign(after, role).await.ok();
    assert_eq!(world.get_as(&caller, "usersettingscollection?$select=localeid").await.ok().rows().len(), 1);
    let refused = world.send(&caller, Method::PATCH, &mine, &[], Some(json!({ "paginglimit": 100 }))).await;
    assert!(refused.refused(403, "0x80040220").contains("prvWriteUserSettings"));
    world.patch(&format!("systemusers({after})"), json!({ "isdisabled": true })).await.ok();
    world.delete(&format!("systemusers({after})")).await.ok();
    world.get(&mine).await.ok();
    world.delete(&format!("systemusers({after})")).await.ok();
    world.get(&mine).await.refused(404, "0x80040217");
}
