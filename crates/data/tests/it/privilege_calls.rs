//! Functions that tell which privileges and roles somebody has.

use serde_json::json;
use uuid::Uuid;

use crate::World;
use crate::world::Reply;

/// The names in an answer, in its order.
#[track_caller]
fn names(reply: Reply) -> Vec<String> {
    let reply = reply.ok();
    let listed =
        reply.json["RolePrivileges"].as_array().unwrap_or_else(|| panic!("no privileges: {}", reply.text)).clone();
    listed.iter().map(|one| one["PrivilegeName"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn some_of_a_users_privileges_are_told_by_name_and_by_id() {
    let world = World::new().await;
    let (_, user) = world.application_user(2, "reader").await;
    let role = world.role("reader", &[("prvReadContact", "Local"), ("prvReadAccount", "Basic")]).await;
    world.assign(user, role).await.ok();
    let ask = async |call: &str| world.get(&format!("systemusers({user})/Microsoft.Dynamics.CRM.{call}")).await;
    let contact = world.privilege("prvReadContact").await;
    let lead = world.privilege("prvReadLead").await;
    let one = ask(&format!("RetrieveUserPrivilegeByPrivilegeId(PrivilegeId={contact})")).await.ok();
    assert!(one.json["@odata.context"].as_str().unwrap().ends_with("RetrieveUserPrivilegeByPrivilegeIdResponse"));
    assert_eq!(one.json["RolePrivileges"][0]["Depth"], json!("Local"));
    assert_eq!(names(one), ["prvReadContact"]);
    assert!(names(ask(&format!("RetrieveUserPrivilegeByPrivilegeId(PrivilegeId={lead})")).await).is_empty());
    let by_names =
        "RetrieveUserSetOfPrivilegesByNames(PrivilegeNames=@p1)?@p1=['prvReadLead','PRVREADCONTACT','prvReadAccount']";
    assert_eq!(names(ask(by_names).await), ["prvReadAccount", "prvReadContact"]);
    for list in [format!("['{contact}','{lead}']"), format!("[{contact},{lead}]"), format!("[%22{contact}%22]")] {
        let call = format!("RetrieveUserSetOfPrivilegesByIds(PrivilegeIds=@p1)?@p1={list}");
        assert_eq!(names(ask(&call).await), ["prvReadContact"], "{list}");
    }
    assert!(names(ask("RetrieveUserSetOfPrivilegesByIds(PrivilegeIds=[])").await).is_empty());
    for wrong in
        ["RetrieveUserSetOfPrivilegesByIds(PrivilegeIds=@p1)?@p1=['x']", "RetrieveUserSetOfPrivilegesByNames()"]
    {
        assert!(ask(wrong).await.status.is_client_error(), "{wrong}");
    }
    let without = world.get(&format!("systemusers({user})/RetrieveUserSetOfPrivilegesByNames")).await;
    assert!(without.refused(400, "0x80060888").contains("unresolved"));
}

#[tokio::test]
async fn a_teams_privileges_are_those_of_its_roles() {
    let world = World::new().await;
    let unit = world.root_unit().await;
    let team = json!({ "name": "Support", "teamtype": 0, "businessunitid@odata.bind": unit });
    let team = world.post("teams", team).await.ok().id();
    let role = world.role("reader", &[("prvReadContact", "Local")]).await;
    let link = json!({ "@odata.id": format!("{}/roles({role})", crate::world::BASE) });
    world.post(&format!("teams({team})/teamroles_association/$ref"), link).await.ok();
    let told = names(world.get(&format!("teams({team})/Microsoft.Dynamics.CRM.RetrieveTeamPrivileges()")).await);
    assert!(told.contains(&"prvReadContact".to_owned()) && !told.contains(&"prvReadAccount".to_owned()), "{told:?}");
    let (caller, user) = world.application_user(2, "asker").await;
    world.assign(user, world.role("nothing", &[]).await).await.ok();
    let path = format!("teams({team})/Microsoft.Dynamics.CRM.RetrieveTeamPrivileges()");
    assert!(world.get_as(&caller, &path).await.refused(403, "0x80040220").contains("prvReadTeam"));
}

#[tokio::test]
async fn somebody_is_asked_about_by_the_directorys_id() {
    let world = World::new().await;
    let (caller, user) = world.application_user(2, "reader").await;
    let object = caller.object_id.0;
    let role = world.role("reader", &[("prvReadContact", "Local")]).await;
    world.assign(user, role).await.ok();
    let privileges =
        async |object: Uuid| names(world.get(&format!("RetrieveAadUserPrivileges(DirectoryObjectId={object})")).await);
    assert!(privileges(object).await.contains(&"prvReadContact".to_owned()));
    assert!(privileges(Uuid::from_u128(77)).await.is_empty());
    let roles = async |query: &str| {
        let reply = world.get(&format!("RetrieveAadUserRoles(DirectoryObjectId={object}){query}")).await.ok();
        assert!(reply.json["@odata.context"].as_str().unwrap().contains("#roles"), "{}", reply.text);
        reply.rows().iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(roles("?$select=name").await, ["reader"]);
    // A team's role is theirs too.
    let team = json!({ "name": "Support", "teamtype": 0, "businessunitid@odata.bind": world.root_unit().await });
    let team = world.post("teams", team).await.ok().id();
    let other = world.role("writer", &[("prvWriteContact", "Local")]).await;
    let link = json!({ "@odata.id": format!("{}/roles({other})", crate::world::BASE) });
    world.post(&format!("teams({team})/teamroles_association/$ref"), link).await.ok();
    let members = json!({ "Members": [{ "systemuserid": user }] });
    world.post(&format!("teams({team})/Microsoft.Dynamics.CRM.AddMembersTeam"), members).await.ok();
    assert_eq!(roles("?$select=name&$orderby=name").await, ["reader", "writer"]);
    assert_eq!(roles("?$select=name&$filter=name eq 'writer'").await, ["writer"]);
    // Such a filter would tell of all roles, were it but put behind the other one.
    for open in ["name ne null) or (name ne null", "name eq 'a'))"] {
        let path = format!("RetrieveAadUserRoles(DirectoryObjectId={object})?$select=name&$filter={open}");
        world.get(&path).await.refused(400, "0x80060888");
    }
    world
        .get_as(&caller, &format!("RetrieveAadUserRoles(DirectoryObjectId={object})"))
        .await
        .refused(403, "0x80040220");
}

#[tokio::test]
async fn all_privileges_are_a_set() {
    let world = World::new().await;
    let all = world.get("privileges/Microsoft.Dynamics.CRM.RetrievePrivilegeSet()?$select=name").await.ok();
    let plain = world.get("privileges?$select=name").await.ok();
    assert_eq!(all.json["value"], plain.json["value"]);
    assert!(all.rows().len() > 100);
    world.get("contacts/Microsoft.Dynamics.CRM.RetrievePrivilegeSet()").await.refused(501, "0x80040315");
}
