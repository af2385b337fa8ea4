//! `keyholder app-user remove`: what goes, what stays, and what is in the way.

use std::fs;
use std::path::Path;

use keyholder_foundation::Secret;
use keyholder_testkit::World;
use serde_json::{Value, json};

use crate::connection::as_admin;
use crate::program::{Ended, run};

struct Case {
    world: World,
    folder: tempfile::TempDir,
}

impl Case {
    async fn new() -> Self {
        Self { world: World::start().await, folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn app_user(&self, arguments: &[&str]) -> Ended {
        as_admin(&self.world, self.path(), &[&["app-user"], arguments].concat())
    }

    /// `orders-sync`, which may do that; its client id.
    fn create(&self, grant: &str) -> String {
        let fixed =
            ["create", "orders-sync", "--save-env", "orders.env", "--yes", "--output", "json", "--grant", grant];
        let made = self.app_user(&fixed).json();
        made["proved"][0]["clientId"].as_str().unwrap_or_else(|| panic!("{made:#}")).to_owned()
    }

    fn env(&self) -> &'static str {
        "orders.env"
    }

    fn setting(&self, name: &str) -> String {
        crate::program::setting(&self.path().join(self.env()), name)
    }
}

fn outcomes(facts: &Value) -> Vec<String> {
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    facts["steps"].as_array().unwrap().iter().map(|step| word(&step["step"]) + " " + &word(&step["outcome"])).collect()
}

const READS: &str = "contact=read:organization";

#[tokio::test(flavor = "multi_thread")]
async fn s01_s05_removal_takes_all_of_it_and_can_be_repeated() {
    let case = Case::new().await;
    let first = case.create(READS);
    let planned = case.app_user(&["remove", "orders-sync", "--saved-env", case.env(), "--dry-run"]);
    assert_eq!(planned.code(), 2, "{planned:#?}");
    for expected in ["there, enabled", "no rows in the tables that were asked", "restorable for 30 days"] {
        assert!(planned.out.contains(expected), "no {expected} in {}", planned.out);
    }
    assert!(planned.out.contains("orders.env: goes too"), "{}", planned.out);
    let without = case.app_user(&["remove", "orders-sync", "--dry-run"]);
    assert!(without.out.contains("orders.env: stays: --saved-env"), "{}", without.out);
    case.app_user(&["remove", "orders-sync"]).failed(64);
    run(case.path(), &["whoami", "--env-file", case.env()]).done();

    let gone = ["remove", "orders-sync", "--saved-env", case.env(), "--yes"];
    let removed = case.app_user(&[&gone[..], &["--output", "json"]].concat()).json();
    let steps = outcomes(&removed);
    for step in ["applicationUser", "role", "servicePrincipal", "registration", "clientSecret"] {
        assert!(steps.contains(&format!("{step} removed")), "{steps:?}");
    }
    assert!(fs::read_dir(case.path()).unwrap().all(|entry| entry.unwrap().file_name() == "state"));
    let again = case.app_user(&gone).done();
    assert!(again.contains("Nothing was left to remove"), "{again}");
    case.app_user(&["remove", "orders-synk", "--yes"]).failed(78);

    // A new one of the same name is another application: nothing of the old one is in its way.
    assert_ne!(case.create(READS), first);
    run(case.path(), &["query", "contacts?$top=1", "--env-file", case.env()]).done();
    let said = case.app_user(&[&gone[..], &["--purge"]].concat()).done();
    assert!(
        said.contains(&format!("deleted earlier    client id {first}: goes for good"))
            && said.contains("it cannot be restored any more")
            && said.contains("All of it is gone"),
        "{said}"
    );
    let none = case.app_user(&gone).failed(78);
    assert!(none.contains("neither the directory nor the org knows"), "{none}");
    let bin = "directory/deletedItems/microsoft.graph.application";
    let bin = case.world.graph(&case.world.admin_token().await, "GET", bin, None).await;
    assert_eq!(bin.body["value"], json!([]), "the namesake of the first removal is cleared away too");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declared_role_of_another_name_stays_and_what_removes_it_is_said() {
    let case = Case::new().await;
    let org = format!("name = \"integrations\"\n[orgs.prod]\nurl = \"{}\"\n", case.world.origin());
    let declared = "[roles.orders]\nname = \"Orders integration\"\nprivileges = { contact = \"read:organization\" }\n\
         [application-users.orders-sync]\norgs = [\"prod\"]\nroles = [\"orders\"]\n\
         credential.secret = { lifetime = \"90d\", env-file = \"orders.env\" }\n";
    let file = case.path().join("keyholder.toml");
    fs::write(&file, format!("{org}{declared}")).unwrap();
    as_admin(&case.world, case.path(), &["apply", "--yes"]).done();
    let gone = ["remove", "orders-sync", "--saved-env", case.env()];
    let planned = case.app_user(&[&gone[..], &["--dry-run"]].concat());
    assert_eq!(planned.code(), 2, "{planned:#?}");
    assert!(planned.out.contains("other role         Orders integration stays"), "{}", planned.out);
    let said = case.app_user(&[&gone[..], &["--yes"]].concat()).done();
    assert!(said.contains("kept     security role `Orders integration`"), "{said}");
    assert!(said.contains("`keyholder apply --prune` removes it") && !said.contains("All of it is gone"), "{said}");
    // As a run finds it that was killed after the user had gone: its roles cannot be told any more.
    let token = case.world.admin_token().await;
    let left = json!({"displayName": "orders-sync", "signInAudience": "AzureADMyOrg", "tags": ["keyholder"]});
    assert_eq!(case.world.graph(&token, "POST", "applications", Some(&left)).await.status, 201);
    let said = case.app_user(&[&gone[..], &["--yes"]].concat()).done();
    assert!(said.contains("What was left of it is gone") && !said.contains("All of it is gone"), "{said}");

    // The command that was named does it.
    fs::write(&file, org).unwrap();
    let pruned = as_admin(&case.world, case.path(), &["apply", "--prune", "--yes"]).done();
    assert!(pruned.contains("removed  security role `Orders integration`"), "{pruned}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_of_an_application_that_is_gone_makes_way() {
    let case = Case::new().await;
    case.create(READS);
    let left = fs::read_to_string(case.path().join(case.env())).unwrap();
    case.app_user(&["remove", "orders-sync", "--yes"]).done();
    let again = ["create", "orders-sync", "--save-env", case.env(), "--yes", "--grant", READS];
    let made = case.app_user(&again).done();
    assert!(made.contains("the old key was another application's"), "{made}");
    assert_ne!(fs::read_to_string(case.path().join(case.env())).unwrap(), left);
    run(case.path(), &["whoami", "--env-file", case.env()]).done();
    let shown = case.app_user(&["show", "orders-sync", "--output", "json"]).json();
    assert_eq!(shown["keys"].as_array().unwrap().len(), 1, "{shown:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s07_what_somebody_else_registered_stays_unless_it_is_asked_for() {
    let case = Case::new().await;
    let client = case.create(READS);
    let token = case.world.admin_token().await;
    // Without the mark it is as somebody else's.
    let path = format!("applications(appId='{client}')");
    assert_eq!(case.world.graph(&token, "PATCH", &path, Some(&json!({"tags": []}))).await.status, 204);
    let other = "KEYHOLDER_CLIENT_ID=11111111-2222-3333-4444-555555555555\n";
    fs::write(case.path().join("other.env"), other).unwrap();
    let flags = ["--saved-env", case.env(), "--saved-env", "other.env", "--yes"];
    let said = case.app_user(&[&["remove", "orders-sync"], &flags[..]].concat()).done();
    assert!(said.contains("kept     app registration `orders-sync`") && said.contains("1 of its secrets"), "{said}");
    assert!(said.contains("removed  application user"), "{said}");
    assert_eq!(fs::read_to_string(case.path().join("other.env")).unwrap(), other);
    assert!(!case.path().join(case.env()).exists());
    let left = case.world.graph(&token, "GET", &path, None).await;
    assert_eq!(left.body["passwordCredentials"], json!([]), "{}", left.text);
    let said = case.app_user(&["remove", &client, "--even-if-not-ours", "--yes"]).done();
    assert!(said.contains("removed  app registration `orders-sync`"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_belong_to_it_are_in_the_way_until_that_is_known() {
    let case = Case::new().await;
    let client = case.create("account=read:organization create:user write:user");
    let secret = Secret::new(case.setting("KEYHOLDER_CLIENT_SECRET"));
    let token = case.world.token(&client, &secret, &case.world.origin()).await;
    assert_eq!(case.world.api(&token, "POST", "accounts", Some(&json!({"name": "its own"}))).await.status, 204);
    let stopped = case.app_user(&["remove", "orders-sync", "--yes"]).failed(78);
    assert!(stopped.contains("1 row of `account`") && stopped.contains("--leave-rows"), "{stopped}");
    run(case.path(), &["whoami", "--env-file", case.env()]).done();
    let said = case.app_user(&["remove", "orders-sync", "--leave-rows", "--saved-env", case.env(), "--yes"]).done();
    assert!(said.contains("its row stays in the org, deleted"), "{said}");
    assert!(said.contains("removed  app registration"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_others_hold_and_teams_are_told_and_left() {
    let case = Case::new().await;
    case.create(READS);
    let token = case.world.admin_token().await;
    let role = case.world.api(&token, "GET", "roles?$select=roleid&$filter=name eq 'orders-sync'", None).await;
    let role = role.body["value"][0]["roleid"].as_str().unwrap().to_owned();
    let unit = case.world.api(&token, "GET", "businessunits?$select=businessunitid", None).await;
    let unit = unit.body["value"][0]["businessunitid"].as_str().unwrap().to_owned();
    let team = json!({"name": "Integrations", "businessunitid@odata.bind": format!("/businessunits({unit})")});
    assert_eq!(case.world.api(&token, "POST", "teams", Some(&team)).await.status, 204);
    let team = case.world.api(&token, "GET", "teams?$select=teamid&$filter=name eq 'Integrations'", None).await;
    let team = team.body["value"][0]["teamid"].as_str().unwrap().to_owned();
    let user = case.world.api(
        &token,
        "GET",
        "systemusers?$select=systemuserid&$filter=contains(fullname,'orders-sync')",
        None,
    );
    let user = user.await.body["value"][0]["systemuserid"].as_str().unwrap().to_owned();
    let at = |path: &str| json!({"@odata.id": format!("{}/api/data/v9.2/{path}", case.world.origin())});
    for (path, other) in [
        (format!("teams({team})/teamroles_association/$ref"), format!("roles({role})")),
        (format!("teams({team})/teammembership_association/$ref"), format!("systemusers({user})")),
    ] {
        let tied = case.world.api(&token, "POST", &path, Some(&at(&other))).await;
        assert_eq!(tied.status, 204, "{}", tied.text);
    }
    let shown = case.app_user(&["show", "orders-sync"]).done();
    assert!(shown.contains("by the role `orders-sync`, through the team `Integrations`"), "{shown}");
    let said = case.app_user(&["remove", "orders-sync", "--saved-env", case.env(), "--yes"]).done();
    assert!(said.contains("member of          Integrations"), "{said}");
    assert!(said.contains("kept     security role `orders-sync`") && said.contains("teams hold it"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_other_orgs_may_need_stays_until_it_is_said_that_it_may_go() {
    let case = Case::new().await;
    let client = case.create(READS);
    let token = case.world.admin_token().await;
    let path = format!("applications(appId='{client}')");
    let multi = json!({"signInAudience": "AzureADMultipleOrgs"});
    assert_eq!(case.world.graph(&token, "PATCH", &path, Some(&multi)).await.status, 204);
    let gone = ["remove", "orders-sync", "--saved-env", case.env(), "--purge", "--yes"];
    let said = case.app_user(&gone).done();
    assert!(said.contains("stays, with its keys: whether other orgs need it could not be told"), "{said}");
    assert!(said.contains("orders.env: stays, as the registration does"), "{said}");
    for kept in ["service principal of", "app registration `orders-sync`", "client secret in"] {
        assert!(said.contains(&format!("kept     {kept}")), "no {kept} in {said}");
    }
    assert!(said.contains("removed  application user") && !said.contains("cannot be restored"), "{said}");
    assert!(case.path().join(case.env()).exists());
    assert_eq!(case.world.graph(&token, "GET", &path, None).await.status, 200);
    let said = case.app_user(&[&gone[..], &["--even-if-used-elsewhere"]].concat()).done();
    assert!(said.contains("removed  app registration") && !case.path().join(case.env()).exists(), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_of_another_declaration_and_its_buried_namesakes_are_no_business_of_a_removal() {
    let case = Case::new().await;
    let token = case.world.admin_token().await;
    let bin = "directory/deletedItems/microsoft.graph.application?$select=appId";
    // One that a declaration made is in the recycle bin, and the role says the same of itself.
    let buried = json!({"displayName": "orders-sync", "tags": ["keyholder", "keyholder:fabrikam"]});
    let made = case.world.graph(&token, "POST", "applications", Some(&buried)).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let path = format!("applications(appId='{}')", made.body["appId"].as_str().unwrap());
    assert_eq!(case.world.graph(&token, "DELETE", &path, None).await.status, 204);
    case.create(READS);
    let role = case.world.api(&token, "GET", "roles?$select=roleid&$filter=name eq 'orders-sync'", None).await;
    let role = format!("roles({})", role.body["value"][0]["roleid"].as_str().unwrap());
    let described = json!({"description": "Made by Keyholder, which undoes other changes to it (keyholder:fabrikam)"});
    assert_eq!(case.world.api(&token, "PATCH", &role, Some(&described)).await.status, 204);
    let gone = ["remove", "orders-sync", "--saved-env", case.env(), "--purge", "--yes"];
    let said = case.app_user(&gone).done();
    assert!(said.contains("kept     security role `orders-sync`") && said.contains("`fabrikam` made it"), "{said}");
    assert!(said.contains("removed  app registration") && !said.contains("deleted earlier"), "{said}");
    let left = case.world.graph(&token, "GET", bin, None).await;
    assert_eq!(left.body["value"].as_array().map(Vec::len), Some(1), "{}", left.text);
    assert_eq!(left.body["value"][0]["appId"], made.body["appId"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn s22_what_another_org_needs_stays_until_it_is_removed_there() {
    let case = Case::new().await;
    let token = case.world.admin_token().await;
    let bearer = format!("Bearer {token}");
    let body = json!({"name": "Second", "tenant": case.world.tenant()}).to_string();
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let made = case.world.ask("POST", "/_keyholder/orgs", &headers, &body).await;
    let second = made.body["url"].as_str().unwrap_or_else(|| panic!("{}", made.text)).to_owned();
    let client = case.create(READS);
    let there = ["create", "orders-sync", "--url", &second, "--adopt", &client, "--grant", READS, "--yes"];
    case.app_user(&there).done();

    let first = case.app_user(&["remove", "orders-sync", "--saved-env", case.env(), "--yes"]).done();
    assert!(first.contains(&format!("also in            {}", second.trim_end_matches('/'))), "{first}");
    assert!(first.contains("kept     app registration") && first.contains("removed  application user"), "{first}");
    assert!(case.path().join(case.env()).exists(), "its key still opens the other org");
    case.app_user(&["show", "orders-sync", "--url", &second]).done();
    let there = ["remove", "orders-sync", "--url", &second, "--saved-env", case.env(), "--yes"];
    let last = case.app_user(&there).done();
    assert!(last.contains("removed  app registration") && !case.path().join(case.env()).exists(), "{last}");
}
