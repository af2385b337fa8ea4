//! What was accepted stays accepted as long as it says no more than it did.

use keyholder_service_users::audit::{Baseline, Finding};
use serde_json::{Value, json};

use super::world::{Application, Audited, finding};
use crate::non_interactive::world::DAY;

/// A baseline of these rules' findings, as `--write-baseline` writes it, with reasons.
fn accepting(all: &[Finding], rules: &[&str], audited: &Audited) -> String {
    let text = Baseline::print(all.iter().filter(|one| rules.contains(&one.rule)), audited.now());
    text.replace("TODO: why is this accepted?", "it moves house")
}

/// What is found, with what a baseline accepts marked; so many of its entries are for nothing.
async fn applied(audited: &Audited, text: &str, for_nothing: usize) -> Vec<Finding> {
    let facts = audited.facts().await;
    let mut all = audited.findings().await;
    let baseline = Baseline::parse(text, std::path::Path::new("baseline.toml")).unwrap();
    let unused = baseline.apply(&mut all, &facts);
    assert_eq!(unused.len(), for_nothing, "{unused:#?}");
    all
}

fn new_of<'a>(all: &'a [Finding], rule: &str, subject: &str) -> &'a [String] {
    let found = finding(all, rule, subject);
    assert!(found.counts(), "{found:#?}");
    &found.outgrown.as_ref().unwrap_or_else(|| panic!("{found:#?}")).new
}

async fn in_role(audited: &Audited, name: &str, rights: &[(&str, &str)]) -> Application {
    let application = audited.sound(name, &[]).await;
    let user = audited.roleless_user(&application, "home").await;
    audited.role("home", name, rights).await;
    audited.give("home", &user, name).await;
    application
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_grown_counts_again_and_tells_what_is_new() {
    let mut audited = Audited::new().await;
    let several = audited.registered("several").await;
    audited.secret(&several, "one", -60, 100).await;
    audited.secret(&several, "two", -50, 120).await;
    audited.user_in(&several, &["home"]).await;
    in_role(&audited, "deleter", &[("prvReadAccount", "Global"), ("prvDeleteAccount", "Global")]).await;
    in_role(&audited, "assigner", &[("prvAssignRole", "Global")]).await;
    let spreading = audited.sound("spreading", &["home"]).await;
    let all = audited.findings().await;
    let said = |finding: &Finding| finding.what.iter().map(|point| point.said().to_owned()).collect::<Vec<_>>();
    assert_eq!(said(finding(&all, "KH304", "deleter")), ["note", "may delete every account in the org"]);
    assert_eq!(said(finding(&all, "KH303", "assigner")), ["warning", "may give security roles to users"]);
    let url = audited.url("home");
    assert_eq!(said(finding(&all, "KH104", "spreading")), ["note", &format!("in {url}")]);
    let text = accepting(&all, &["KH104", "KH105", "KH303", "KH304"], &audited);

    // Days that go by make nothing worse.
    audited.world.advance(5 * DAY);
    let later = applied(&audited, &text, 0).await;
    for (rule, name) in [("KH105", "several"), ("KH304", "deleter"), ("KH303", "assigner"), ("KH104", "spreading")] {
        assert!(!finding(&later, rule, name).counts(), "{rule}: {later:#?}");
    }

    // One goes and another comes: there are no more than before, and yet one that nobody accepted.
    let path = format!("applications/{}", several.id);
    let shown = audited.graph("GET", &path, Value::Null).await;
    let first = shown["passwordCredentials"][0]["keyId"].clone();
    audited.graph("POST", &format!("{path}/removePassword"), json!({"keyId": first})).await;
    audited.secret(&several, "three", -40, 120).await;
    let further = audited.add_org("further").await;
    audited.user_in(&spreading, &["further"]).await;
    audited.role("home", "Worse", &[("prvWriteContact", "Global"), ("prvActOnBehalfOfAnotherUser", "Global")]).await;
    for name in ["deleter", "assigner"] {
        let query = format!("systemusers?$select=systemuserid&$filter=endswith(fullname,'{name}')");
        let found = audited.org("home", "GET", &query, Value::Null).await;
        audited.give("home", found["value"][0]["systemuserid"].as_str().unwrap(), "Worse").await;
    }
    let grown = applied(&audited, &text, 0).await;
    let [secret] = new_of(&grown, "KH105", "several") else { panic!("{grown:#?}") };
    assert!(secret.starts_with("the client secret "), "{secret}");
    assert_eq!(new_of(&grown, "KH104", "spreading"), [format!("in {}", further.trim_end_matches('/'))]);
    assert_eq!(new_of(&grown, "KH304", "deleter"), ["may change every contact in the org"]);
    assert_eq!(new_of(&grown, "KH303", "assigner"), ["may act in the name of any other user"]);
    let sentence = finding(&grown, "KH304", "deleter").outgrown.as_ref().unwrap().sentence();
    assert!(
        sentence.contains("for note and may delete every account in the org; new since: may change every contact"),
        "{sentence}"
    );
    // An entry that does not say what it accepts takes what comes.
    let lines = text.lines().filter(|line| !line.starts_with("what") && !line.starts_with([' ', ']']));
    let before = applied(&audited, &lines.collect::<Vec<_>>().join("\n"), 0).await;
    assert!(!finding(&before, "KH105", "several").counts() && !finding(&before, "KH303", "assigner").counts());
    // What says less than was accepted stays so; two findings are gone with the second role.
    let wide = accepting(&grown, &["KH303", "KH304"], &audited);
    let roles = audited.org("home", "GET", "roles?$select=roleid&$filter=name eq 'Worse'", Value::Null).await;
    let role = roles["value"][0]["roleid"].as_str().unwrap();
    audited.org("home", "DELETE", &format!("roles({role})"), Value::Null).await;
    let less = applied(&audited, &wide, 2).await;
    assert!(!finding(&less, "KH304", "deleter").counts() && !finding(&less, "KH303", "assigner").counts());
}
