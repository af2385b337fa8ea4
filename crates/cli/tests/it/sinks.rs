//! Where `keyholder` puts credentials beside files and programs: Kubernetes, GitHub Actions, Azure Key Vault.

use std::fs;
use std::path::Path;
use std::process::Command;

use keyholder_testkit::services::{Fault, GITHUB_TOKEN, GitHub, KeyVault, Told};
use serde_json::{Value, json};

use crate::program::{RunningOrg, as_administrator, ended, free_port, keyholder, run};

const APP: &str = "orders-sync";
const REPOSITORY: &str = "/repos/contoso/orders/actions/secrets/D365_SECRET";

/// A folder with a running local org, and an application that reads contacts in it.
fn world() -> (tempfile::TempDir, RunningOrg) {
    let folder = tempfile::tempdir().unwrap();
    let org = RunningOrg::start(folder.path(), &["--listen", &free_port()]);
    let create = ["app-user", "create", APP, "--grant", "contact=read:organization", "--save-env", "orders.env"];
    run(folder.path(), &[&create[..], &["--yes", "--local"]].concat()).done();
    (folder, org)
}

fn credentials(folder: &Path) -> Vec<Value> {
    let listed = run(folder, &["credential", "list", APP, "--local", "--output", "json"]).json();
    listed["credentials"].as_array().unwrap().clone()
}

/// `credential add` on the local org, with a way into that GitHub.
fn add_to_github(folder: &Path, service: &GitHub, arguments: &[&str]) -> Command {
    let mut command = keyholder(folder);
    command.args(["credential", "add", APP, "--local"]).args(arguments);
    command.env("GITHUB_API_URL", service.url()).env("GH_TOKEN", GITHUB_TOKEN);
    command
}

/// The entries of a manifest, read as YAML's double-quoted scalars are.
fn entries(path: &Path) -> Vec<(String, String)> {
    let text = fs::read_to_string(path).unwrap();
    let (_, data) = text.split_once("stringData:\n").unwrap();
    let entry = |line: &str| {
        let (name, value) = line.trim().split_once(": ").unwrap();
        (name.to_owned(), serde_json::from_str::<String>(value).unwrap())
    };
    data.lines().map(entry).collect()
}

/// Whether somebody with these variables gets in.
fn gets_in(folder: &Path, variables: Vec<(String, String)>) {
    ended(keyholder(folder).arg("whoami").envs(variables)).done();
}

#[test]
fn s25_a_kubernetes_secrets_manifest_opens_the_org_and_a_program_can_apply_it() {
    let (folder, _org) = world();
    let here = folder.path();
    let add = ["credential", "add", APP, "--local", "--secret", "--kubernetes-secret", "prod/orders"];
    let said = run(here, &[&add[..], &["--save-kubernetes", "orders.yaml"]].concat()).done();
    assert!(said.contains("orders.yaml"), "{said}");
    gets_in(here, entries(&here.join("orders.yaml")));
    let text = fs::read_to_string(here.join("orders.yaml")).unwrap();
    assert!(text.contains("kind: Secret") && text.contains("  namespace: \"prod\""), "{text}");
    // The one before is told, and goes on working.
    let first = entries(&here.join("orders.yaml"));
    let again = run(here, &[&add[..], &["--save-kubernetes", "orders.yaml", "--output", "json"]].concat()).json();
    assert!(again["result"]["before"].is_string(), "{again:#}");
    gets_in(here, first);
    gets_in(here, entries(&here.join("orders.yaml")));

    fs::write(here.join("apply.sh"), "cat > applied.yaml\n").unwrap();
    run(here, &[&add[..], &["--save-with", "sh apply.sh"]].concat()).done();
    gets_in(here, entries(&here.join("applied.yaml")));
    // The key of a certificate is an entry that a volume shows as a file.
    let certificate = ["credential", "add", APP, "--local", "--certificate", "--kubernetes-secret", "orders"];
    run(here, &[&certificate[..], &["--save-kubernetes", "by-certificate.yaml"]].concat()).done();
    let mut held = entries(&here.join("by-certificate.yaml"));
    let pem = held.iter().position(|(name, _)| name == "client.pem").unwrap();
    fs::write(here.join("client.pem"), held.remove(pem).1).unwrap();
    held.push(("KEYHOLDER_CLIENT_CERTIFICATE_FILE".to_owned(), here.join("client.pem").display().to_string()));
    gets_in(here, held);

    fs::write(here.join("mine.yaml"), "apiVersion: v1\nkind: Secret\n").unwrap();
    let count = credentials(here).len();
    let said = run(here, &[&add[..], &["--save-kubernetes", "mine.yaml"]].concat()).failed(1);
    assert!(said.contains("mine.yaml` is not overwritten"), "{said}");
    assert_eq!(credentials(here).len(), count);
    assert!(
        run(here, &[&add[..5], &["--save-kubernetes", "x.yaml"]].concat()).failed(64).contains("--kubernetes-secret")
    );
    let wrong = ["--save-kubernetes", "x.yaml", "--kubernetes-secret", "Prod/Orders"];
    assert!(run(here, &[&add[..5], &wrong[..]].concat()).failed(64).contains("NAMESPACE/NAME"));
}

#[test]
fn s25_a_github_actions_secret_is_written_and_what_fails_leaves_nothing_behind() {
    let (folder, _org) = world();
    let here = folder.path();
    let service = GitHub::start();
    let add = ["--secret", "--save-github", "contoso/orders#D365_SECRET"];
    let added = ended(add_to_github(here, &service, &add).args(["--output", "json"]));
    let secret = service.opened(REPOSITORY).unwrap();
    assert!(!added.out.contains(&secret) && !added.err.contains(&secret), "{added:#?}");
    assert_eq!(added.json()["result"]["place"], "github contoso/orders#D365_SECRET");
    let mut variables: Vec<(String, String)> = Vec::new();
    for line in fs::read_to_string(here.join("orders.env")).unwrap().lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.split_once('=').unwrap();
        let value = if name == "KEYHOLDER_CLIENT_SECRET" { &secret } else { value.trim_matches('\'') };
        variables.push((name.to_owned(), value.to_owned()));
    }
    gets_in(here, variables);
    let label = credentials(here).iter().filter_map(|one| one["label"].as_str().map(str::to_owned)).collect::<Vec<_>>();
    assert!(label.iter().any(|label| label.ends_with("github contoso/orders#D365_SECRET")), "{label:?}");

    let count = credentials(here).len();
    service.fault(
        "PUT",
        "D365_SECRET",
        Fault::Instead(Told::new(403, json!({ "message": "Resource not accessible" }))),
        1,
    );
    let said = ended(&mut add_to_github(here, &service, &add)).failed(77);
    assert!(said.contains("Resource not accessible") && said.contains("Secrets: read and write"), "{said}");
    let mut wrong = add_to_github(here, &service, &add);
    let said = ended(wrong.env("GH_TOKEN", "ghp_wrong")).failed(77);
    assert!(said.contains("Bad credentials") && !said.contains("ghp_wrong"), "{said}");
    let mut none = add_to_github(here, &service, &add);
    assert!(ended(none.env_remove("GH_TOKEN")).failed(78).contains("GH_TOKEN"));
    let mut plain = add_to_github(here, &service, &add);
    assert!(ended(plain.env("GITHUB_API_URL", "http://github.contoso.example")).failed(78).contains("https"));
    service.put(&REPOSITORY.replace("D365_SECRET", "OTHER"), "a stranger's", &[]);
    let said =
        ended(&mut add_to_github(here, &service, &["--secret", "--save-github", "contoso/orders#OTHER"])).failed(1);
    assert!(said.contains("is not overwritten"), "{said}");
    assert_eq!(credentials(here).len(), count, "whatever was made is revoked again");
    assert_eq!(service.opened(REPOSITORY).unwrap(), secret);

    // A token in a file goes before one in the environment.
    fs::write(here.join("token"), format!("{GITHUB_TOKEN}\n")).unwrap();
    let mut by_file = add_to_github(here, &service, &add);
    ended(by_file.env("GH_TOKEN", "ghp_wrong").env("KEYHOLDER_GITHUB_TOKEN_FILE", "token")).done();
    assert_ne!(service.opened(REPOSITORY).unwrap(), secret);
}

/// The administrator of the local org, trusting the vault too.
pub(crate) fn with_vault(folder: &Path, vault: &KeyVault) -> Command {
    let authority = fs::read_to_string(folder.join(".keyholder/ca.pem")).unwrap();
    let bundle = folder.join("bundle.pem");
    fs::write(&bundle, format!("{authority}\n{}", vault.authority())).unwrap();
    let mut command = as_administrator(folder);
    command.env("KEYHOLDER_CA_FILE", bundle);
    command
}

#[test]
fn s25_a_key_vault_is_opened_by_the_callers_own_sign_in() {
    let (folder, _org) = world();
    let here = folder.path();
    let vault = KeyVault::start();
    let address = vault.secret("orders-sync");
    let add = ["credential", "add", APP, "--secret", "--lifetime", "30d", "--save-key-vault", &address];
    let added = ended(with_vault(here, &vault).args(add)).done();
    let held = vault.held("orders-sync").unwrap();
    let secret = held["value"].as_str().unwrap();
    assert!(added.contains(&address) && !added.contains(secret), "{added}");
    let mut variables: Vec<(String, String)> = held["tags"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
        .collect();
    variables.push(("KEYHOLDER_CLIENT_SECRET".to_owned(), secret.to_owned()));
    gets_in(here, variables);

    let count = credentials(here).len();
    vault.put("taken", "a stranger's", &json!({}));
    let taken = vault.secret("taken");
    let said = ended(with_vault(here, &vault).args(&add[..6]).args(["--save-key-vault", &taken])).failed(1);
    assert!(said.contains("is not overwritten"), "{said}");
    vault.delete("orders-sync");
    let said = ended(with_vault(here, &vault).args(add)).failed(78);
    assert!(said.contains("keeps the name") && said.contains("recover"), "{said}");
    assert_eq!(credentials(here).len(), count);
    let elsewhere = ["--save-key-vault", "https://contoso.vault.example/secrets/x"];
    assert!(ended(with_vault(here, &vault).args(&add[..6]).args(elsewhere)).failed(64).contains("vault.azure.net"));
}

#[test]
fn s25_declared_places_beyond_this_machine_are_kept_up_to_date_and_a_rehearsal_leaves_them_alone() {
    let (folder, org) = world();
    let here = folder.path();
    let (service, vault) = (GitHub::start(), KeyVault::start());
    let url = org.ready["orgUrl"].as_str().unwrap().to_owned();
    let text = format!(
        "[orgs.sales]\nurl = \"{url}\"\n\n[roles.reader]\nprivileges.contact = \"read:organization\"\n\n\
         [application-users.nightly]\norgs = [\"sales\"]\nroles = [\"reader\"]\n\n\
         [[application-users.nightly.credential.secret]]\ngithub = \"contoso/orders#D365_SECRET\"\n\n\
         [[application-users.nightly.credential.secret]]\nkey-vault = \"{}\"\n\n\
         [[application-users.nightly.credential.secret]]\nkubernetes = \"nightly.yaml\"\nkubernetes-secret = \"prod/nightly\"\n",
        vault.secret("nightly")
    );
    fs::write(here.join("keyholder.toml"), text).unwrap();
    let apply = || {
        let mut command = with_vault(here, &vault);
        command.args(["apply", "--yes"]).env("GITHUB_API_URL", service.url()).env("GH_TOKEN", GITHUB_TOKEN);
        ended(&mut command)
    };
    let first = apply().done();
    let (sealed, held) = (service.opened(REPOSITORY).unwrap(), vault.held("nightly").unwrap());
    gets_in(here, entries(&here.join("nightly.yaml")));
    assert!(!first.contains(&sealed) && !first.contains(held["value"].as_str().unwrap()), "{first}");
    apply().done();
    assert_eq!(service.opened(REPOSITORY).unwrap(), sealed, "nothing was left to do");
    assert_eq!(vault.held("nightly").unwrap(), held);

    let (asked, vaulted) = (service.seen().len(), vault.seen().len());
    let said = run(here, &["apply", "--local", "--yes"]);
    assert!(
        said.err.contains("D365_SECRET` is not touched") && said.err.contains("nightly` is not touched"),
        "{said:#?}"
    );
    said.done();
    assert_eq!((service.seen().len(), vault.seen().len()), (asked, vaulted));
}
