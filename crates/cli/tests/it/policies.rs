//! What a tenant allows of credentials is read first, and told with the policy's name and the mend.

use std::fs;
use std::path::Path;

use keyholder_testkit::World;
use serde_json::{Value, json};

use crate::program::{Ended, ended, keyholder};

const DEFAULT: &str = "policies/defaultAppManagementPolicy";

struct Case {
    world: World,
    folder: tempfile::TempDir,
}

impl Case {
    async fn new() -> Self {
        let (world, folder) = (World::start().await, tempfile::tempdir().unwrap());
        fs::write(folder.path().join("secret.txt"), world.admin().client_secret.expose()).unwrap();
        Self { world, folder }
    }

    fn here(&self) -> &Path {
        self.folder.path()
    }

    async fn graph(&self, method: &str, path: &str, body: Value) -> Value {
        let token = self.world.admin_token().await;
        let answer = self.world.graph(&token, method, path, Some(&body)).await;
        assert!(answer.status < 300, "{method} {path}: {}", answer.text);
        answer.body
    }

    /// Lets the tenant's policy restrict secrets and certificates so.
    async fn restrict(&self, secrets: Value, certificates: Value) {
        let rules = json!({ "passwordCredentials": secrets, "keyCredentials": certificates });
        self.graph("PATCH", DEFAULT, json!({ "isEnabled": true, "applicationRestrictions": rules })).await;
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        let mut command = keyholder(self.here());
        command.args(arguments).args(["--url", &self.world.origin(), "--client-id", &self.world.admin().client_id]);
        command.args(["--client-secret-file", "secret.txt"]);
        ended(command.env("KEYHOLDER_CA_FILE", self.world.file("ca.pem")))
    }

    fn create(&self, more: &[&str]) -> Ended {
        let create = ["app-user", "create", "orders-sync", "--grant", "contact=read:organization", "--yes"];
        self.run(&[&create[..], more].concat())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s07_a_tenant_without_secrets_is_told_of_before_anything_is_made() {
    let case = Case::new().await;
    case.restrict(json!([{ "restrictionType": "passwordAddition", "maxLifetime": null }]), json!([])).await;
    let said = case.create(&["--save-env", "orders.env"]).failed(78);
    for expected in ["the tenant's policy `Default app management tenant policy` forbids new client secrets", "--trust"]
    {
        assert!(said.contains(expected), "no {expected} in {said}");
    }
    let registered = case.graph("GET", "applications?$filter=displayName eq 'orders-sync'", Value::Null).await;
    assert_eq!(registered["value"], json!([]), "nothing was made");
    // The mend works.
    case.create(&["--certificate", "--save-env", "orders.env"]).done();
    let add = ["credential", "add", "orders-sync"];
    let said = case.run(&[&add[..], &["--secret", "--save-env", "more.env"]].concat()).failed(78);
    assert!(said.contains("forbids new client secrets"), "{said}");
    case.run(&[&add[..], &["--certificate", "--save-env", "more.env"]].concat()).done();

    // A policy of its own stands in the tenant's place.
    let own = json!({ "displayName": "Old tools", "isEnabled": true, "restrictions": {
        "passwordCredentials": [{ "restrictionType": "passwordLifetime", "maxLifetime": "P10D" }] } });
    let own = case.graph("POST", "policies/appManagementPolicies", own).await;
    let registered = case.graph("GET", "applications?$filter=displayName eq 'orders-sync'", Value::Null).await;
    let id = registered["value"][0]["id"].as_str().unwrap();
    let reference =
        format!("{}/v1.0/policies/appManagementPolicies/{}", case.world.origin(), own["id"].as_str().unwrap());
    let body = json!({ "@odata.id": reference });
    case.graph("POST", &format!("applications/{id}/appManagementPolicies/$ref"), body).await;
    let said = case.run(&[&add[..], &["--secret", "--save-env", "old.env"]].concat()).failed(78);
    assert!(said.contains("that application's policy `Old tools`") && said.contains("10 days at most"), "{said}");
    case.run(&[&add[..], &["--secret", "--lifetime", "10d", "--save-env", "old.env"]].concat()).done();
}

#[tokio::test(flavor = "multi_thread")]
async fn s07_a_rule_for_newer_applications_does_not_stop_an_older_one() {
    let case = Case::new().await;
    case.create(&["--certificate", "--save-env", "orders.env"]).done();
    let rule = |since: &str| {
        json!([{ "restrictionType": "passwordAddition", "maxLifetime": null,
            "restrictForAppsCreatedAfterDateTime": since }])
    };
    case.restrict(rule("2019-01-01T00:00:00Z"), json!([])).await;
    assert!(case.create(&["--save-env", "more.env"]).failed(78).contains("forbids new client secrets"));
    case.restrict(rule("2099-01-01T00:00:00Z"), json!([])).await;
    case.create(&["--save-env", "more.env"]).done();
}

#[tokio::test(flavor = "multi_thread")]
async fn s07_s08_a_lifetime_that_the_tenant_caps_is_told_of_with_the_one_that_works() {
    let case = Case::new().await;
    let cap = |kind: &str| json!([{ "restrictionType": kind, "maxLifetime": "P30D" }]);
    case.restrict(cap("passwordLifetime"), cap("asymmetricKeyLifetime")).await;
    for what in [&[][..], &["--certificate"]] {
        let said = case.create(&[what, &["--save-env", "orders.env"]].concat()).failed(78);
        assert!(said.contains("last 30 days at most, and 90 days is wanted"), "{said}");
        assert!(said.contains("a lifetime of at most `30d`"), "{said}");
    }
    case.create(&["--certificate", "--lifetime", "30d", "--save-env", "orders.env"]).done();
    // Declared longer than a renewal may be: it works now, and is warned of.
    let said = case.create(&["--certificate", "--lifetime", "31d", "--save-env", "orders.env"]).done();
    assert!(said.contains("works until it ends"), "{said}");
}
