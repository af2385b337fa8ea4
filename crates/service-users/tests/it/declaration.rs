//! `keyholder.toml`: what it says, and what is said about a wrong one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use keyholder_security::{Depth, Verb};
use keyholder_service_users::audit::Severity;
use keyholder_service_users::declaration::{
    Credential, Declaration, Federation, ReadError, Right, RoleSource, Sink, Stance, json_schema, print_declaration,
};
use proptest::prelude::*;

const WHOLE: &str = r#"
name = "integrations"

[tenants.contoso]
id = "contoso.onmicrosoft.com"

[orgs.prod]
url = "https://contoso.crm4.dynamics.com"
environment = "Default-9f0c1f3e-7b7a-4a43-8d2a-0a8a6c9c6a01"

[orgs.test]
url = "https://contoso-test.crm4.dynamics.com/main.aspx"
tenant = "contoso"

[roles.orders]
name = "Orders integration"
adopt = true
[roles.orders.privileges]
contact = "read:organization write:business-unit"
new_shipment = "all:own"
prvActOnBehalfOfAnotherUser = "organization"

[roles.basic]
existing = "Basic User"

[application-users.orders-sync]
client-id = "0b8f0a2e-3c63-4dc5-9d5c-54c8e0a3b001"
orgs = ["prod", "test"]
business-unit = "Sales"
roles = ["orders", "basic"]
credential.secret = { lifetime = "6w", env-file = "secrets/../secrets/orders.env" }
credential.certificate = { file = "orders.pem" }
credential.federated.kubernetes = { issuer = "https://oidc.example.com/", namespace = "sync", service-account = "orders" }
user-impersonation = true

[[application-users.orders-sync.credential.federated.github]]
repository = "contoso/orders"
environment = "production"

[[application-users.orders-sync.credential.federated.github]]
repository = "contoso/orders"
pull-request = true
name = "orders-pr"
audience = "api://AzureADTokenExchangeUSGov"

[non-interactive-users.reports]
user-name = "reports@contoso.com"
orgs = ["prod"]
roles = ["basic"]
usage-location = "DE"
password.command = ["vault", "kv", "put", "secret/reports", "password=-"]
change-first-password = true

[application-users.orders-cloud]
orgs = ["prod"]
roles = ["orders"]
multi-tenant = true

[subscribers.fabrikam]
tenant = "fabrikam.example"
url = "https://fabrikam.crm.dynamics.com"

[subscribers.litware]
tenant = "8b7d2b2e-54c5-4b8d-a4f2-9d58a2c0f901"
application = "orders-cloud"

[policies]
out-of-the-box-roles = "allow"
longest-lifetime = "90d"
non-interactive-limit = 5

[audit]
expiring = "60d"
unused = "52w"
password-age = "182d"
rules = ["KH104=off", "unused=error"]
"#;

fn parse(text: &str) -> Result<Declaration, String> {
    Declaration::parse(text, Path::new("/somewhere/keyholder.toml")).map_err(|mistakes| mistakes.to_string())
}

#[test]
fn s25_a_file_is_read_whole() {
    let declaration = parse(WHOLE).unwrap();
    assert_eq!(declaration.name.as_deref(), Some("integrations"));
    assert_eq!(declaration.tenants["contoso"].id, "contoso.onmicrosoft.com");
    // The one tenant is everybody's.
    assert_eq!(declaration.orgs["prod"].tenant.as_deref(), Some("contoso"));
    assert_eq!(declaration.orgs["test"].url.to_string(), "https://contoso-test.crm4.dynamics.com");

    let orders = &declaration.roles["orders"];
    assert_eq!((orders.name.as_str(), orders.adopt), ("Orders integration", true));
    let table = |verb, depth| Right::Table { table: "contact".to_owned(), verb, depth };
    let rights = vec![
        table(Verb::Read, Depth::Global),
        table(Verb::Write, Depth::Local),
        Right::Every { table: "new_shipment".to_owned(), depth: Depth::Basic },
        Right::Privilege { name: "prvActOnBehalfOfAnotherUser".to_owned(), depth: Depth::Global },
    ];
    assert_eq!(orders.source, RoleSource::Rights(rights));
    assert_eq!(declaration.roles["basic"].name, "Basic User");
    assert_eq!(declaration.roles["basic"].source, RoleSource::Existing);

    let user = &declaration.application_users["orders-sync"];
    assert_eq!(user.name, "orders-sync");
    assert_eq!(user.client_id.unwrap().to_string(), "0b8f0a2e-3c63-4dc5-9d5c-54c8e0a3b001");
    assert_eq!(
        (&user.orgs[..], &user.roles[..]),
        (&["prod".to_owned(), "test".to_owned()][..], &["orders".to_owned(), "basic".to_owned()][..])
    );
    assert_eq!(user.business_unit.as_deref(), Some("Sales"));
    assert!(user.user_impersonation && !user.multi_tenant);
    let federated: Vec<_> = user
        .credentials
        .iter()
        .filter_map(|credential| match credential {
            Credential::Federated(Federation { name, subject, audience, .. }) => {
                Some((name.as_str(), subject.as_str(), audience.as_str()))
            }
            _ => None,
        })
        .collect();
    let [environment, pull, pod] = federated.as_slice() else { panic!("{federated:?}") };
    assert_eq!(environment.1, "repo:contoso/orders:environment:production");
    assert_eq!(*pull, ("orders-pr", "repo:contoso/orders:pull_request", "api://AzureADTokenExchangeUSGov"));
    assert_eq!((pod.1, pod.2), ("system:serviceaccount:sync:orders", "api://AzureADTokenExchange"));
    let day = 24 * 60 * 60;
    assert!(user.credentials.contains(&Credential::Secret {
        lifetime: Duration::from_secs(42 * day),
        sink: Sink::EnvFile(PathBuf::from("/somewhere/secrets/../secrets/orders.env")),
    }));
    assert!(user.credentials.contains(&Credential::Certificate {
        lifetime: Duration::from_secs(90 * day),
        sink: Sink::File(PathBuf::from("/somewhere/orders.pem")),
    }));

    let reports = &declaration.non_interactive_users["reports"];
    assert_eq!((reports.user_name.as_str(), reports.display_name.as_str()), ("reports@contoso.com", "reports"));
    assert!(matches!(&reports.password, Sink::Command(words) if words[0] == "vault" && words.len() == 5));
    assert!(reports.change_first_password);
    let [fabrikam, litware] = [&declaration.subscribers["fabrikam"], &declaration.subscribers["litware"]];
    assert_eq!((fabrikam.tenant.as_str(), fabrikam.application.as_str()), ("fabrikam.example", "orders-cloud"));
    assert_eq!(fabrikam.url.as_ref().unwrap().to_string(), "https://fabrikam.crm.dynamics.com");
    assert_eq!((litware.url.as_ref(), litware.application.as_str()), (None, "orders-cloud"));
    assert_eq!(declaration.policies.out_of_the_box_roles, Stance::Allow);
    assert_eq!(declaration.policies.non_interactive_limit, 5);
    let said: Vec<_> = declaration.audit.rules.iter().map(|(rule, to)| (rule, to.map(Severity::name))).collect();
    assert_eq!(said, [("KH104", None), ("KH401", Some("error"))]);
    let unused = "rules = [\"KH1=off\", \"KH104=loud\", \"KH104\"]";
    let mistakes = parse(&format!("[audit]\n{unused}\n")).unwrap_err();
    for expected in ["line 2, column 10", "no rule `KH1`", "off, note, warning or error", "a rule and a weight"] {
        assert!(mistakes.contains(expected), "{expected}: {mistakes}");
    }
}

#[test]
fn little_is_needed_with_one_org() {
    let text = "[orgs.dev]\nurl = 'localhost.example:8443'\n[roles.r]\nprivileges.contact = 'read:organization'\n\
                [application-users.reader]\nroles = ['r']\n";
    let declaration = parse(text).unwrap();
    assert_eq!(declaration.orgs["dev"].tenant, None);
    assert_eq!(declaration.application_users["reader"].orgs, ["dev"]);
    assert_eq!(declaration.roles["r"].name, "r");
    assert_eq!(parse("").unwrap(), Declaration::default());
}

#[test]
fn an_unknown_key_is_named_with_its_line_and_the_nearest_right_one() {
    let text = "[orgs.prod]\nurl = \"https://contoso.crm4.dynamics.com\"\n\n[roles.r]\nprivileges.contact = \"read:own\"\n\n\
                [application-users.orders-sync]\nrolse = [\"r\"]\n";
    assert_eq!(
        parse(text).unwrap_err(),
        "`/somewhere/keyholder.toml`, line 8, column 1: unknown key `rolse` in `application-users.orders-sync`; did you mean `roles`?"
    );
}

/// One mistake in a file that is right otherwise: what is said, and on the line of which text.
#[test]
fn each_mistake_is_named_with_its_line() {
    let mut wrong = Vec::new();
    for (from, to, where_it_is, said) in [
        ("name = \"integrations\"", "name = integrations", "name = ", "not TOML"),
        ("name = \"integrations\"", "name = 5", "name = ", "`name` must be a text in quotes, and is a number"),
        ("name = \"integrations\"", "name = \"my integrations\"", "name = ", "may have 1 to 40"),
        ("[tenants.contoso]", "[tenant.contoso]", "[tenant.", "unknown key `tenant`; did you mean `tenants`?"),
        ("id = \"contoso.onmicrosoft.com\"", "", "[tenants.", "`tenants.contoso` lacks `id`"),
        ("id = \"contoso.onmicrosoft.com\"", "id = \"contoso\"", "id = ", "neither a GUID nor a domain"),
        (
            "url = \"https://contoso.crm4.dynamics.com\"",
            "url = \"http://contoso.crm4.dynamics.com\"",
            "url = ",
            "plain http",
        ),
        ("contoso-test.crm4", "contoso.crm4", "main.aspx", "`orgs.test` and `orgs.prod` are the same org"),
        (
            "tenant = \"contoso\"",
            "tenant = \"contso\"",
            "tenant = ",
            "there is no tenant `contso`; did you mean `contoso`?",
        ),
        ("Default-9f0c1f3e", "9f0c1f3", "environment = ", "no environment's id"),
        ("name = \"Orders integration\"", "existing = \"Orders\"", "existing = ", "exclude each other"),
        ("name = \"Orders integration\"", "name = \"Basic user\"", "[roles.orders]", "both called"),
        ("adopt = true", "adopt = \"yes\"", "adopt = ", "must be true or false, and is a text"),
        ("read:organization", "read:everywhere", "contact = ", "`everywhere`, which is no depth"),
        ("contact = \"read", "Contact = \"read", "Contact = ", "lower case"),
        ("existing = \"Basic User\"", "", "[roles.basic]", "lacks one of `privileges`, `file`, `existing`"),
        (
            "existing = \"Basic User\"",
            "file = \"nowhere.xml\"",
            "file = \"nowhere",
            "cannot read `/somewhere/nowhere.xml`",
        ),
        (
            "existing = \"Basic User\"",
            "existing = \"Basic User\"\nname = \"Basic\"",
            "name = \"Basic\"",
            "says nothing beside `existing`",
        ),
        ("0b8f0a2e-", "0b8f0a2-", "client-id", "which is no GUID"),
        ("orgs = [\"prod\", \"test\"]", "", "[application-users.orders-sync]", "does not say in which orgs"),
        ("orgs = [\"prod\", \"test\"]", "orgs = []", "orgs = ", "is in no org"),
        (
            "orgs = [\"prod\", \"test\"]",
            "orgs = [\"prod\", \"tets\"]",
            "orgs = ",
            "no org `tets`; did you mean `test`?",
        ),
        ("orgs = [\"prod\", \"test\"]", "orgs = [\"test\", \"test\"]", "orgs = ", "names `test` twice"),
        ("orgs = [\"prod\", \"test\"]", "orgs = \"prod\"", "orgs = ", "must be a list of texts"),
        (
            "orgs = [\"prod\", \"test\"]",
            "orgs = [\"prod\", 1]",
            "orgs = ",
            "each of `application-users.orders-sync.orgs` must be",
        ),
        (
            "[\"orders\", \"basic\"]",
            "[\"orders\", \"admin\"]",
            "roles = [",
            "no role `admin`; declare it in `[roles.admin]`",
        ),
        ("lifetime = \"6w\"", "lifetime = \"3 months\"", "credential.secret", "no fixed length"),
        (
            "lifetime = \"6w\"",
            "lifetime = \"26w\"",
            "credential.secret",
            "lives for 182d, and `policies.longest-lifetime` is 90d",
        ),
        (
            "lifetime = \"6w\"",
            "lifetime = \"6w\", file = \"x\"",
            "credential.secret",
            "`env-file`, `file`, which exclude each other",
        ),
        ("file = \"orders.pem\"", "file = \"secrets/orders.env\"", "credential.", "writes two credentials into"),
        ("file = \"orders.pem\"", "file = \"~/orders.pem\"", "credential.certificate", "`~` stands for nothing"),
        (
            "file = \"orders.pem\"",
            "lifetime = \"1d\"",
            "credential.certificate",
            "lacks one of `env-file`, `file`, `command`",
        ),
        ("https://oidc.example.com/\"", "http://oidc.example.com/\"", "kubernetes", "which is no issuer"),
        ("namespace = \"sync\", ", "", "kubernetes", "lacks `namespace`"),
        (
            "environment = \"production\"",
            "",
            "[[application-users.orders-sync.credential.federated.github]]",
            "lacks one of `environment`, `branch`",
        ),
        ("environment = \"production\"", "branch = \"refs/heads/main\"", "branch = ", "write `main`"),
        ("environment = \"production\"", "branch = \"release/*\"", "branch = ", "no wildcards"),
        (
            "environment = \"production\"",
            "tag = \"v1\"\nowner-id = 5",
            "owner-id",
            "`owner-id` without `repository-id`",
        ),
        (
            "environment = \"production\"",
            "pull-request = true",
            "\n[[application-users.orders-sync.credential.federated.github]]\nrepository = \"contoso/orders\"\npull-request = true\nname",
            "same issuer and subject",
        ),
        ("repository = \"contoso/orders\"", "repository = \"orders\"", "repository = ", "write `OWNER/NAME`"),
        (
            "name = \"orders-pr\"",
            "name = \"pr\"",
            "\n[[application-users.orders-sync.credential.federated.github]]\nrepository = \"contoso/orders\"\npull",
            "3 to 120 letters",
        ),
        ("reports@contoso.com", "reports", "user-name", "has no domain"),
        ("reports@contoso.com", "re ports@contoso.com", "user-name", "the directory does not take"),
        ("\"DE\"", "\"Germany\"", "usage-location", "two capital letters"),
        (
            "password.command = [\"vault\", \"kv\", \"put\", \"secret/reports\", \"password=-\"]",
            "",
            "[non-interactive-users.",
            "lacks `password`",
        ),
        (
            "[\"vault\", \"kv\", \"put\", \"secret/reports\", \"password=-\"]",
            "[]",
            "password.command",
            "names no program",
        ),
        (
            "out-of-the-box-roles = \"allow\"",
            "secrets = \"refuse\"",
            "credential.secret",
            "which `policies.secrets` refuses",
        ),
        (
            "out-of-the-box-roles = \"allow\"",
            "out-of-the-box-roles = \"never\"",
            "out-of-the-box",
            "may be one of `allow`, `warn`, `refuse`",
        ),
        ("non-interactive-limit = 5", "non-interactive-limit = -1", "non-interactive-limit", "at least 0"),
    ] {
        let text = WHOLE.replacen(from, to, 1);
        assert_ne!(text, WHOLE, "{from}");
        let at = text.find(where_it_is).unwrap_or_else(|| panic!("no `{where_it_is}` with {to}"));
        let newlines = where_it_is.len() - where_it_is.trim_start_matches('\n').len();
        let line = text[..at + newlines].matches('\n').count() + 1;
        let mistakes = parse(&text).err().unwrap_or_default();
        let is_right = mistakes.contains(said)
            && mistakes.contains(&format!("line {line}, column"))
            && mistakes.lines().count() == 1;
        if !is_right {
            wrong.push(format!("{to}: expected `{said}` on line {line} alone in: {mistakes}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn entries_that_contradict_each_other_are_refused() {
    let start = "[orgs.a]\nurl = 'a.example.com'\n[roles.r]\nexisting = 'Basic User'\n";
    for (rest, said) in [
        (
            "[application-users.one]\nclient-id = '0b8f0a2e-3c63-4dc5-9d5c-54c8e0a3b001'\n\
             [application-users.two]\nclient-id = '0B8F0A2E-3C63-4DC5-9D5C-54C8E0A3B001'\n",
            "have the same client id",
        ),
        ("[application-users.one]\nname = 'Sync'\n[application-users.sync]\n", "are both called"),
        (
            "[application-users.one]\ncredential.secret.file = 'x'\n[application-users.two]\ncredential.secret.env-file = './a/../x'\n",
            "both write into",
        ),
        (
            "[non-interactive-users.one]\nuser-name = 'a@b.example'\npassword.file = 'x'\n\
             [non-interactive-users.two]\nuser-name = 'A@b.example'\npassword.file = 'y'\n",
            "are the same user",
        ),
    ] {
        let mistakes = parse(&format!("{start}{rest}")).unwrap_err();
        assert!(mistakes.contains(said), "{rest}: {mistakes}");
    }
    let published = "[application-users.one]\nmulti-tenant = true\n[application-users.two]\n";
    for (rest, said) in [
        ("[subscribers.s]\ntenant = 'x'\n", "neither a GUID nor a domain"),
        ("[subscribers.s]\ntenant = 'x.example'\napplication = 'two'\n", "other tenants cannot consent to"),
        ("[subscribers.s]\ntenant = 'x.example'\napplication = 'tow'\n", "no application user `tow`"),
        ("[subscribers.s]\ntenant = 'x.example'\n[subscribers.t]\ntenant = 'X.example'\n", "are the same subscriber"),
    ] {
        let mistakes = parse(&format!("{start}{published}{rest}")).unwrap_err();
        assert!(mistakes.contains(said), "{rest}: {mistakes}");
    }
    let unclear = format!("{start}[application-users.one]\n[subscribers.s]\ntenant = 'x.example'\n");
    assert!(parse(&unclear).unwrap_err().contains("does not say whose subscriber"));
    let tenants = "[tenants.t]\nid = 't.example'\n[tenants.u]\nid = 'u.example'\n[orgs.a]\nurl = 'a.example.com'\ntenant = 't'\n\
                   [orgs.b]\nurl = 'b.example.com'\ntenant = 'u'\n[application-users.one]\norgs = ['a', 'b']\n";
    assert!(parse(tenants).unwrap_err().contains("orgs of several tenants"));
    parse(&format!("{tenants}multi-tenant = true\n")).unwrap();
    // The same name in two tenants is two applications.
    parse(&format!("{}[application-users.two]\nname = 'one'\norgs = ['b']\n", tenants.replace("['a', 'b']", "['a']")))
        .unwrap();
    let mistakes = parse(&tenants.replace("tenant = 'u'\n", "")).unwrap_err();
    assert!(mistakes.contains("does not say in which of the tenants"), "{mistakes}");
}

#[test]
fn all_mistakes_are_told_at_once_in_the_order_of_the_file() {
    let text = "[policies]\nsecret = 'warn'\n[orgs.a]\nurl = 'ftp://a.example'\n[roles.r]\nprivileges.contact = 'raed:organization write:all'\n\
                [application-users.one]\nroles = ['q']\nclient-id = '1'\n";
    let mistakes = Declaration::parse(text, Path::new("k.toml")).unwrap_err();
    let lines: Vec<_> = mistakes.list().iter().map(|mistake| mistake.position.unwrap().line).collect();
    assert_eq!(lines, [2, 4, 6, 6, 8, 9], "{mistakes}");
    // The org that could not be read is not unknown as well.
    assert!(!mistakes.to_string().contains("no org"), "{mistakes}");
    assert!(
        mistakes.to_string().starts_with(
            "`k.toml` has 6 mistakes\n  line 2, column 1: unknown key `secret` in `policies`; did you mean `secrets`?"
        ),
        "{mistakes}"
    );
}

#[test]
fn columns_are_those_of_the_value() {
    let text = "[orgs.a]\nurl = 'a.example.com'\n[roles.r]\nexisting = 'x'\n[application-users.one]\nroles = ['r', 'ä', 's']\n";
    let mistakes = Declaration::parse(text, Path::new("k.toml")).unwrap_err();
    let places: Vec<_> = mistakes.list().iter().map(|mistake| mistake.position.unwrap()).collect();
    assert_eq!(
        places.iter().map(|place| (place.line, place.column)).collect::<Vec<_>>(),
        [(6, 15), (6, 20)],
        "{mistakes}"
    );
}

/// The page that says what each key means says all of them, and its whole example is right.
#[test]
fn the_reference_page_and_its_example_say_what_is_read() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let example = Declaration::read(&docs.join("keyholder.example.toml")).unwrap();
    assert_eq!(example.application_users.len(), 2);
    let page = std::fs::read_to_string(docs.join("keyholder-toml.md")).unwrap();
    let mut keys = std::collections::BTreeSet::new();
    collect_keys(&json_schema(), &mut keys);
    assert!(keys.len() > 50, "{keys:?}");
    for key in keys {
        assert!(
            page.contains(&format!("`{key}`"))
                || page.contains(&format!(".{key}`"))
                || page.contains(&format!("[{key}")),
            "the page says nothing of `{key}`"
        );
    }
    let shipped = std::fs::read_to_string(docs.join("keyholder.schema.json")).unwrap_or_default();
    let printed = format!("{}\n", serde_json::to_string_pretty(&json_schema()).unwrap());
    if shipped != printed {
        let right = Path::new(env!("CARGO_TARGET_TMPDIR")).join("keyholder.schema.json");
        std::fs::write(&right, printed).unwrap();
        panic!("docs/keyholder.schema.json is not what is read; the right one is {}", right.display());
    }
}

fn collect_keys(schema: &serde_json::Value, keys: &mut std::collections::BTreeSet<String>) {
    match schema {
        serde_json::Value::Object(object) => {
            if let Some(properties) = object.get("properties").and_then(|value| value.as_object()) {
                keys.extend(properties.keys().cloned());
            }
            object.values().for_each(|value| collect_keys(value, keys));
        }
        serde_json::Value::Array(values) => values.iter().for_each(|value| collect_keys(value, keys)),
        _ => {}
    }
}

#[test]
fn s07_azure_devops_connections_are_told_by_id_or_by_name() {
    let with = |table: &str| {
        let text = format!(
            "[orgs.a]\nurl = 'a.example.com'\n[application-users.one]\ncredential.federated.azure-devops = {{ {table} }}\n"
        );
        parse(&text).map(|declaration| match &declaration.application_users["one"].credentials[..] {
            [Credential::Federated(federation)] => federation.subject.clone(),
            other => panic!("{other:?}"),
        })
    };
    let id = "organization-id = '23609cc8-ca30-4d7d-a018-0a285693d227'";
    let connection = "service-connection-id = 'b840b286-3e83-43e4-8e02-b8e8c0db0545'";
    let tenant = "tenant-id = '66946bae-c7f1-4099-b768-6ec1ac684280'";
    let subject = with(&format!("{id}, {connection}, {tenant}")).unwrap();
    assert!(
        subject.ends_with("/sc/23609cc8-ca30-4d7d-a018-0a285693d227/b840b286-3e83-43e4-8e02-b8e8c0db0545"),
        "{subject}"
    );
    let named = "service-connection = 'orders', organization = 'contoso', project = 'Sales'";
    assert_eq!(with(&format!("{id}, {named}")).unwrap(), "sc://contoso/Sales/orders");
    for (table, said) in [
        (format!("{id}, {connection}"), "needs `tenant-id`"),
        (format!("{id}, service-connection = 'orders'"), "needs `organization`"),
        (
            format!("{id}, {connection}, {tenant}, project = 'Sales'"),
            "`one.credential.federated.azure-devops.project` says nothing",
        ),
        (id.to_owned(), "lacks one of `service-connection-id`, `service-connection`"),
        (format!("{connection}, {tenant}"), "lacks `organization-id`"),
    ] {
        let mistakes = with(&table).unwrap_err();
        assert!(mistakes.replace("application-users.", "").contains(said), "{table}: {mistakes}");
    }
}

#[test]
fn s10_a_role_may_come_from_a_role_file_beside_the_declaration() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("Roles")).unwrap();
    let file = folder.path().join("Roles/Orders.xml");
    let xml = "<Role name=\"Orders\"><RolePrivileges><RolePrivilege name=\"prvReadContact\" level=\"Deep\"/></RolePrivileges></Role>";
    std::fs::write(&file, xml).unwrap();
    let declaration = folder.path().join("keyholder.toml");
    std::fs::write(&declaration, "[roles.o]\nfile = \"Roles/Orders.xml\"\n").unwrap();
    let read = Declaration::read(&declaration).unwrap();
    assert_eq!(read.roles["o"].name, "Orders");
    let right = Right::Privilege { name: "prvReadContact".to_owned(), depth: Depth::Deep };
    assert_eq!(read.roles["o"].source, RoleSource::Rights(vec![right]));
    std::fs::write(&file, xml.replace("Deep", "Far")).unwrap();
    let error = Declaration::read(&declaration).unwrap_err().to_string();
    assert!(error.contains("line 2, column 8") && error.contains("Orders.xml`, line 1, column 37"), "{error}");
}

#[test]
fn a_file_that_cannot_be_a_declaration_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keyholder.toml");
    assert!(matches!(Declaration::read(&path), Err(ReadError::File(error)) if error.is_missing()));
    std::fs::write(&path, vec![b'#'; 1024 * 1024 + 1]).unwrap();
    assert!(Declaration::read(&path).unwrap_err().to_string().contains("larger than 1048576 bytes"));
    let deep = format!("a = {}", "[".repeat(100_000));
    assert!(parse(&deep).unwrap_err().contains("not TOML"));
    let twice = parse("[orgs.a]\nurl = 'a.example.com'\nurl = 'b.example.com'\n").unwrap_err();
    assert!(twice.contains("line 3") && twice.contains("duplicate key"), "{twice}");
}

#[test]
fn what_is_printed_reads_as_the_same_declaration() {
    for text in [
        WHOLE.to_owned(),
        WHOLE.replace("orders-sync", "\"a \\\"quoted\\\" näme\"").replace("password=-", "pass\\u0007\\\\word=-"),
    ] {
        let declaration = parse(&text).unwrap();
        let printed = print_declaration(&declaration, |table, name| format!("{table} {name}\nsecond\u{0} line"));
        let again = parse(&printed).unwrap_or_else(|mistakes| panic!("{mistakes}\n{printed}"));
        assert_eq!(again.non_interactive_users, declaration.non_interactive_users);
        for (name, user) in &declaration.application_users {
            let read = &again.application_users[name];
            // They are printed in another order.
            assert!(user.credentials.iter().all(|credential| read.credentials.contains(credential)), "{printed}");
            assert_eq!((&read.name, &read.orgs, &read.roles), (&user.name, &user.orgs, &user.roles));
        }
        let rest =
            |declaration: &Declaration| Declaration { application_users: Default::default(), ..declaration.clone() };
        assert_eq!(rest(&again), rest(&declaration), "{printed}");
    }
}

#[test]
fn s25_places_beyond_files_and_programs_are_read_as_flags_are_and_printed_as_they_were_written() {
    let with = |table: &str| {
        let user = "[orgs.a]\nurl = 'a.example.com'\n[application-users.one]\n";
        parse(&format!("{user}credential.secret = {{ lifetime = '90d', {table} }}\n"))
    };
    for table in [
        "kubernetes = 'orders.yaml', kubernetes-secret = 'prod/orders'",
        "command = ['kubectl', 'apply', '-f', '-'], kubernetes-secret = 'orders'",
        "github = 'contoso/orders@production#D365'",
        "key-vault = 'https://contoso.vault.azure.net/secrets/orders'",
    ] {
        let declaration = with(table).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let printed = print_declaration(&declaration, |_, _| String::new());
        assert_eq!(parse(&printed).unwrap_or_else(|mistakes| panic!("{mistakes}\n{printed}")), declaration);
    }
    for (table, mistake) in [
        ("kubernetes = 'orders.yaml'", "`kubernetes` without `kubernetes-secret`"),
        ("kubernetes = 'orders.yaml', kubernetes-secret = 'Prod/x'", "names no Kubernetes Secret"),
        ("command = ['kubectl'], kubernetes-secret = 'Prod/x'", "names no Kubernetes Secret"),
        ("env-file = 'x.env', kubernetes-secret = 'prod/x'", "goes with `kubernetes` or `command` alone"),
        ("github = 'contoso/orders'", "OWNER/REPOSITORY#NAME"),
        ("key-vault = 'https://contoso.example/secrets/x'", "no secret of an Azure key vault"),
        ("github = 'contoso/orders#X', key-vault = 'https://contoso.vault.azure.net/secrets/x'", "`github`"),
    ] {
        let mistakes = with(table).unwrap_err().to_string();
        assert!(mistakes.contains(mistake), "{table}: {mistakes}");
    }
    let password = "[orgs.a]\nurl = 'a.example.com'\n[non-interactive-users.one]\nuser-name = 'a@b.cd'\n";
    let refused = parse(&format!("{password}password.github = 'contoso/orders#X'\n")).unwrap_err();
    assert!(refused.contains("github"), "{refused}");
    let kept = parse(&format!("{password}password = {{ kubernetes = 'a.yaml', kubernetes-secret = 'a' }}\n")).unwrap();
    assert_eq!(parse(&print_declaration(&kept, |_, _| String::new())).unwrap(), kept);
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&String::from_utf8_lossy(&bytes));
    }

    /// A right file with pieces of itself elsewhere.
    #[test]
    fn a_shuffled_file_is_read_or_refused(from in 0..WHOLE.len(), length in 0..80_usize, to in 0..WHOLE.len()) {
        let (to, from) = (WHOLE.floor_char_boundary(to), WHOLE.floor_char_boundary(from));
        let end = WHOLE.floor_char_boundary((from + length).min(WHOLE.len()));
        let text = format!("{}{}{}", &WHOLE[..to], &WHOLE[from..end], &WHOLE[to..]);
        let _ = parse(&text);
    }
}

#[test]
fn a_file_of_nothing_but_mistakes_is_given_up_after_some_hundred() {
    let unknown: String = (0..100_000).map(|number| format!("k{number}=1\n")).collect();
    let message = Declaration::parse(&unknown, Path::new("keyholder.toml")).unwrap_err().to_string();
    assert!(message.starts_with("`keyholder.toml` has 200 mistakes or more\n"), "{}", &message[..200]);
    assert!(message.ends_with("and 170 more"));
    // One list of names that there are not, each compared with many that there are.
    let roles: String = (0..5_000).map(|number| format!("[roles.role-number-{number}]\n")).collect();
    let names = "\"role-numbers\",".repeat(50_000);
    let text = format!(
        "[orgs.prod]\nurl = \"https://contoso.crm4.dynamics.com\"\n{roles}[application-users.a]\nroles = [{names}]\n"
    );
    let mistakes = Declaration::parse(&text, Path::new("keyholder.toml")).unwrap_err();
    assert_eq!(mistakes.list().len(), 200, "{mistakes}");
}
