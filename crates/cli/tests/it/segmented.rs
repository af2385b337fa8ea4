//! An application user for each application, each with its own key and rights.

use std::fs;

use crate::program::{RunningOrg, free_port, run};

const DECLARATION: &str = "
[orgs.prod]
url = 'https://contoso.crm4.dynamics.com'
[roles.contacts]
privileges = { contact = 'read:organization' }
[roles.accounts]
privileges = { account = 'read:organization' }
[application-users.mailings]
roles = ['contacts']
credential.secret.env-file = 'mailings.env'
[application-users.invoices]
roles = ['accounts']
credential.secret.env-file = 'invoices.env'
";

#[test]
fn s21_each_application_is_a_user_of_its_own_with_its_own_key_and_rights() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let _org = RunningOrg::start(folder, &["--listen", &free_port()]);
    fs::write(folder.join("keyholder.toml"), DECLARATION).unwrap();
    run(folder, &["apply", "--local", "--yes"]).done();
    let key = |name: &str| {
        let files = fs::read_dir(folder.join(".keyholder/rehearsal").join(name)).unwrap();
        let is_env = |path: &std::path::PathBuf| path.extension().is_some_and(|kind| kind == "env");
        files.map(|file| file.unwrap().path()).find(is_env).unwrap().display().to_string()
    };
    let (mailings, invoices) = (key("mailings"), key("invoices"));
    let user = |key: &str| run(folder, &["whoami", "--env-file", key, "--output", "json"]).json()["userId"].clone();
    assert!(user(&mailings).is_string());
    assert_ne!(user(&mailings), user(&invoices));
    for (key, may, may_not) in [(&mailings, "contacts", "accounts"), (&invoices, "accounts", "contacts")] {
        run(folder, &["query", &format!("{may}?$top=1"), "--env-file", key]).done();
        let refused = run(folder, &["query", &format!("{may_not}?$top=1"), "--env-file", key]).failed(77);
        assert!(refused.contains("privilege"), "{refused}");
    }
}
