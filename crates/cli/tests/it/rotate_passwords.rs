//! The rotation of a person's password, killed and in the way of other troubles.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use keyholder_client::Http;
use keyholder_foundation::OsRandom;
use keyholder_service_users::apply::Proving;
use keyholder_service_users::declaration::Declaration;
use keyholder_service_users::non_interactive::{Renewal, Renewed};
use keyholder_service_users::{Administrator, Borrowing, Error, Estate, Event, Journal, Sinks, bring_about};
use keyholder_testkit::World;
use serde_json::json;

use crate::killed::mortal;
use crate::program::{RunningOrg, as_administrator, ended, free_port, run, setting};
use crate::rotate::{lets_in, pending, rotate, with_person};

const PERSON: &str = "svc-legacy@keyholder.localhost";

/// A world with a non-interactive user whose password is in `legacy.env`.
struct Case {
    world: World,
    folder: tempfile::TempDir,
    declaration: Declaration,
}

impl Case {
    async fn new() -> Self {
        let (world, folder) = (World::start().await, tempfile::tempdir().unwrap());
        let toml = folder.path().join("keyholder.toml");
        let place = format!("{{ env-file = \"{}\" }}", folder.path().join("legacy.env").display());
        fs::write(&toml, with_person(&world.origin(), PERSON, &place)).unwrap();
        let declaration = Declaration::read(&toml).unwrap();
        let case = Self { world, folder, declaration };
        let estate = case.estate(case.world.http().clone()).await.unwrap();
        let quiet = |_: &Event| {};
        bring_about(&estate, &case.declaration, &Sinks::default(), Proving::default(), &quiet).await.unwrap();
        case
    }

    async fn estate(&self, http: Http) -> Result<Estate, keyholder_client::Error> {
        let administrator = Administrator::connect(self.world.connection(), http).await?;
        let borrowing = Borrowing { journal: self.journal(), random: Arc::new(OsRandom) };
        Ok(Estate::new(&self.declaration, BTreeMap::from([("prod".to_owned(), Ok(administrator))]))
            .borrowing(borrowing))
    }

    fn journal(&self) -> Journal {
        Journal::new(self.folder.path().join("journal"))
    }

    fn env(&self) -> PathBuf {
        self.folder.path().join("legacy.env")
    }

    async fn renew(&self) -> Result<Renewed, Error> {
        self.renew_by(&self.estate(self.world.http().clone()).await.unwrap()).await
    }

    async fn renew_by(&self, estate: &Estate) -> Result<Renewed, Error> {
        let person = ("legacy", &self.declaration.non_interactive_users["legacy"]);
        Renewal::of(estate, &self.declaration, person).await?.renew(&|_: &Event| {}).await
    }

    /// The same, killed after so many requests; whether it was.
    async fn killed_after(&self, requests: usize) -> bool {
        match self.estate(mortal(&self.world, requests)).await {
            Ok(estate) => self.renew_by(&estate).await.is_err(),
            Err(_) => true,
        }
    }

    fn lets_in(&self, file: &Path) -> bool {
        let path = file.display().to_string();
        file.exists() && run(self.folder.path(), &["whoami", "--env-file", &path]).code() == 0
    }

    /// What the journal keeps of passwords.
    fn kept(&self) -> Vec<PathBuf> {
        let all = fs::read_dir(self.journal().folder()).into_iter().flatten().map(|entry| entry.unwrap().path());
        all.filter(|path| path.to_string_lossy().ends_with(".password.env")).collect()
    }
}

/// A person has one password: whenever a run is killed, the place or the file that the run keeps beside its journal holds
/// the one that lets in.
#[tokio::test(flavor = "multi_thread")]
async fn the_rotation_of_a_password_can_be_killed_after_any_request() {
    let case = Case::new().await;
    let mut kills = 0;
    for requests in 1.. {
        let before = fs::read(case.env()).unwrap();
        let killed = case.killed_after(requests).await;
        let works = case.lets_in(&case.env()) || case.kept().iter().any(|file| case.lets_in(file));
        assert!(works, "after a kill at request {requests}");
        case.renew().await.unwrap_or_else(|error| panic!("after a kill at request {requests}: {error}"));
        assert!(case.lets_in(&case.env()) && case.kept().is_empty(), "after a kill at request {requests}");
        assert_ne!(fs::read(case.env()).unwrap(), before, "after a kill at request {requests}");
        if !killed {
            break;
        }
        kills += 1;
    }
    assert!(kills > 6, "only {kills} requests were made");
}

/// That a sign-in with it cannot be tried does not say that a password was set.
#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_was_kept_and_never_set_is_set_whatever_is_in_the_way_of_trying_it() {
    let case = Case::new().await;
    let token = case.world.admin_token().await;
    // As a run leaves it that was killed, or refused, before it had set the new one.
    let person = case.world.graph(&token, "GET", &format!("users/{PERSON}?$select=id"), None).await.body;
    let kept = case.journal().folder().join(format!("{}.password.env", person["id"].as_str().unwrap()));
    let old = setting(&case.env(), "KEYHOLDER_PASSWORD");
    let text = fs::read_to_string(case.env()).unwrap().replace(&old, "Never-set-1-Never-set-2");
    keyholder_platform::create_private_folder(case.journal().folder()).unwrap();
    keyholder_platform::write_private(&kept, text.as_bytes()).unwrap();
    assert!(!case.lets_in(&kept) && case.lets_in(&case.env()));
    let enabled = async |enabled: bool| {
        let path = format!("users/{PERSON}");
        let answer = case.world.graph(&token, "PATCH", &path, Some(&json!({"accountEnabled": enabled}))).await;
        assert!(answer.status < 300, "{}", answer.text);
    };
    enabled(false).await;
    let renewed = case.renew().await.unwrap();
    assert!(renewed.proved_in.is_empty() && renewed.unproved[0].contains("AADSTS50057"), "{renewed:?}");
    enabled(true).await;
    assert!(case.lets_in(&case.env()), "what the place holds is what was set");
}

/// A place that is not there costs nobody the password that works.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_is_missing_is_found_before_the_password_is_replaced() {
    let mut case = Case::new().await;
    fs::copy(case.env(), case.folder.path().join("old.env")).unwrap();
    let missing = [
        ("{ command = [\"no-such-vault\"] }".to_owned(), "there is no program `no-such-vault`"),
        (format!("{{ env-file = \"{}/none/legacy.env\" }}", case.folder.path().display()), "there is no folder"),
    ];
    for (place, expected) in missing {
        let toml = case.folder.path().join("keyholder.toml");
        fs::write(&toml, with_person(&case.world.origin(), PERSON, &place)).unwrap();
        case.declaration = Declaration::read(&toml).unwrap();
        let error = case.renew().await.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert!(case.lets_in(&case.folder.path().join("old.env")) && case.kept().is_empty(), "{error}");
    }
}

#[test]
fn s08_the_password_of_a_non_interactive_user_is_replaced_when_it_is_old() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let file =
        with_person("https://contoso.crm4.dynamics.com", "svc-legacy@contoso.com", "{ env-file = \"legacy.env\" }");
    fs::write(here.join("keyholder.toml"), file).unwrap();
    let _org = RunningOrg::start(here, &["--listen", &free_port()]);
    run(here, &["apply", "--local", "--yes"]).done();
    let env = ".keyholder/rehearsal/legacy/legacy.env";
    fs::copy(here.join(env), here.join("old.env")).unwrap();
    assert_eq!(rotate(here, &["--due", "30d", "--dry-run"]).code(), 0, "a password has no end");
    run(here, &["org", "clock", "+100d"]).done();
    let older = |age: &'static str| ["--due", "30d", "--passwords-older-than", age];
    assert_eq!(rotate(here, &[&older("200d")[..], &["--dry-run"]].concat()).code(), 0);
    let dry = rotate(here, &[&older("90d")[..], &["--dry-run"]].concat());
    assert!(dry.code() == 2 && dry.out.contains("ends the old one at once"), "{dry:#?}");
    lets_in(here, env);

    let said = rotate(here, &[&older("90d")[..], &["--yes"]].concat()).done();
    assert!(said.contains("proved   WhoAmI as `legacy` in prod") && said.contains("holds the new password"), "{said}");
    lets_in(here, env);
    run(here, &["whoami", "--env-file", "old.env"]).failed(77);
    assert_eq!(rotate(here, &[&older("90d")[..], &["--dry-run"]].concat()).code(), 0, "it is new now");
    let password = fs::read_to_string(here.join(env)).unwrap();
    let told = rotate(here, &["legacy", "--yes", "--output", "json"]).json();
    assert_eq!(told["renewed"][0]["provedIn"], serde_json::json!(["prod"]), "{told:#}");
    assert_ne!(fs::read_to_string(here.join(env)).unwrap(), password);
    lets_in(here, env);
    assert!(pending(&here.join(".keyholder/journal")).is_empty());
    assert_eq!(run(here, &["plan", "--local"]).code(), 0);
}

#[cfg(unix)]
#[test]
fn a_password_that_its_program_does_not_take_is_kept_until_it_does() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let org = RunningOrg::start(here, &["--listen", &free_port()]);
    let script = "cat > got\nif test -e sealed; then echo the vault is sealed >&2; exit 3; fi\ncp got vault\n";
    fs::write(here.join("vault.sh"), script).unwrap();
    let url = org.ready["orgUrl"].as_str().unwrap();
    let file = with_person(url, "svc-legacy@keyholder.localhost", "{ command = [\"sh\", \"vault.sh\"] }");
    fs::write(here.join("keyholder.toml"), file).unwrap();
    ended(as_administrator(here).args(["apply", "--yes"])).done();
    let first = fs::read_to_string(here.join("vault")).unwrap();
    fs::write(here.join("sealed"), "").unwrap();
    let said = ended(as_administrator(here).args(["rotate", "--all", "--yes"])).failed(1);
    assert!(said.contains("the vault is sealed") && said.contains(".password.env` holds it"), "{said}");
    assert_eq!(said.matches("did not take the credential").count(), 1, "{said}");
    let journal = here.join("state/keyholder/journal");
    let [kept] = pending(&journal).try_into().unwrap();
    assert!(keyholder_platform::is_private(&journal.join(&kept)).unwrap());
    lets_in(here, &journal.join(&kept).display().to_string());
    fs::remove_file(here.join("sealed")).unwrap();
    // However old passwords may be: this one was begun.
    let due = |how: &str| ended(as_administrator(here).args(["rotate", "--due", "30d", how]));
    let dry = due("--dry-run");
    assert!(dry.code() == 2 && dry.out.contains("a run before this one was stopped"), "{dry:#?}");
    let said = due("--yes").done();
    assert!(said.contains("a run before this one was stopped"), "{said}");
    assert_eq!(due("--dry-run").code(), 0);
    assert!(pending(&journal).is_empty());
    let new = fs::read_to_string(here.join("vault")).unwrap();
    assert!(new != first && !said.contains(new.trim()));
}

/// Of two machines that replace one password the later one wins: the other says so, and a further run sets its own.
#[cfg(unix)]
#[test]
fn a_password_that_another_machine_replaces_meanwhile_is_not_told_as_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let org = RunningOrg::start(here, &["--listen", &free_port()]);
    let url = org.ready["orgUrl"].as_str().unwrap();
    let declared = |name: &str, script: &str, program: String| {
        fs::write(here.join(script), program).unwrap();
        let place = format!("{{ command = [\"sh\", \"{script}\"] }}");
        fs::write(here.join(name), with_person(url, "svc-legacy@keyholder.localhost", &place)).unwrap();
    };
    // The other machine is one with another journal; it begins while this one's program has the new password.
    let race = format!(
        "cat > vault\nif test -e race; then rm race; unset KEYHOLDER_USERNAME KEYHOLDER_TENANT_ID; \
         XDG_STATE_HOME=elsewhere '{}' rotate --file other.toml --all --yes --env-file admin.env; fi\n",
        env!("CARGO_BIN_EXE_keyholder")
    );
    declared("keyholder.toml", "vault.sh", race);
    declared("other.toml", "other.sh", "cat > other\n".to_owned());
    let org_env = here.join(".keyholder/org.env");
    let admin = |name: &str| format!("{name}='{}'\n", setting(&org_env, &name.replace("CLIENT", "ADMIN_CLIENT")));
    let admin = ["KEYHOLDER_ORG_URL", "KEYHOLDER_CA_FILE", "KEYHOLDER_CLIENT_ID", "KEYHOLDER_CLIENT_SECRET"].map(admin);
    keyholder_platform::write_private(&here.join("admin.env"), admin.concat().as_bytes()).unwrap();
    ended(as_administrator(here).args(["apply", "--yes"])).done();
    fs::write(here.join("race"), "").unwrap();
    let said = ended(as_administrator(here).args(["rotate", "--all", "--yes"])).failed(1);
    assert!(said.contains("holds another password than the directory takes"), "{said}");
    let lets_in = |file: &str| {
        let person = ["whoami", "--username", "svc-legacy@keyholder.localhost", "--password-file", file, "--url", url];
        let ca = org.ready["caFile"].as_str().unwrap();
        run(here, &[&person[..], &["--ca-file", ca]].concat()).code() == 0
    };
    assert!(lets_in("other") && !lets_in("vault"), "{said}");
    ended(as_administrator(here).args(["rotate", "--all", "--yes"])).done();
    assert!(lets_in("vault") && !lets_in("other"));
    assert!(pending(&here.join("state/keyholder/journal")).is_empty());
}
