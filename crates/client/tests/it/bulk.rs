//! Loads of files into a local org on which things go wrong, in the org's own time.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use keyholder_client::bulk::{self, Ended, LoadError, Mapped, Mode, Options, Progress, Stop, Verb, Writing};
use keyholder_client::dataverse::{Change, Filter, Query};
use keyholder_client::error::ErrorKind;
use keyholder_client::{Connection, Dataverse, Limits, Pool};
use keyholder_foundation::{OsRandom, Secret};
use keyholder_org::Settings;
use keyholder_testkit::World;
use serde_json::{Value, json};

use crate::pacing::paced;

/// A world without limits, and a folder to load from.
struct Case {
    world: World,
    folder: tempfile::TempDir,
    org: Dataverse,
}

impl Case {
    async fn new() -> Self {
        let world = World::behaving(Settings { limits: None, ..Settings::default() }).await;
        let (org, _) = paced(&world, Limits::TODAY).await;
        Self { world, folder: tempfile::tempdir().unwrap(), org }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A file of so many contacts, and how it is loaded: ten rows in a request.
    fn contacts(&self, mark: &str, rows: usize, mode: Mode) -> Options {
        let lines: Vec<String> = (0..rows).map(|row| format!("Row {row},{mark}\n")).collect();
        self.file(&format!("{mark}.csv"), &format!("lastname,jobtitle\n{}", lines.concat()), mode)
    }

    fn file(&self, name: &str, text: &str, mode: Mode) -> Options {
        let path = self.path().join(name);
        std::fs::write(&path, text).unwrap();
        Options { mode, rows_a_request: Some(10), ..Options::new(path) }
    }

    async fn load(&self, options: &Options) -> Ended {
        self.load_until(options, &Stop::default(), &mut |_| {}).await
    }

    async fn load_until(&self, options: &Options, stop: &Stop, told: &mut dyn FnMut(&Progress)) -> Ended {
        // A pool that was closed is closed.
        let pool = Pool::new([self.org.tokens().clone()], Limits::TODAY);
        self.load_with(&pool, options, stop, told).await.unwrap()
    }

    async fn load_with(
        &self,
        pool: &Arc<Pool>,
        options: &Options,
        stop: &Stop,
        told: &mut dyn FnMut(&Progress),
    ) -> Result<Ended, LoadError> {
        let contact = self.org.table("contact").await.unwrap();
        bulk::load(&self.org, pool, contact, options, &OsRandom, stop, told).await
    }

    /// How often each name is there of the contacts with this mark.
    async fn there(&self, mark: &str) -> BTreeMap<String, usize> {
        let query = Query::rows("contacts").select(["lastname"]).filter(Filter::eq("jobtitle", mark));
        let mut there = BTreeMap::new();
        for row in self.org.query(query).collect().await.unwrap() {
            *there.entry(row["lastname"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        there
    }

    async fn assert_once(&self, mark: &str, rows: usize) {
        let there = self.there(mark).await;
        assert!(there.len() == rows && there.values().all(|times| *times == 1), "{mark}: {there:?}");
    }

    async fn control(&self, method: &str, path: &str, body: &Value) -> Value {
        let bearer = format!("Bearer {}", self.world.admin_token().await);
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let answer = self.world.ask(method, &format!("/_keyholder/{path}"), &headers, &body.to_string()).await;
        assert!(answer.status < 300, "{}", answer.text);
        answer.body
    }
}

#[tokio::test]
async fn whatever_happens_to_requests_each_row_is_there_once() {
    let case = Case::new().await;
    let faults = [
        json!({"fault": "drop-before"}),
        json!({"fault": "drop-after"}),
        json!({"fault": "truncated-body"}),
        json!({"fault": "html"}),
        json!({"fault": "throttle", "retryAfter": 17}),
        json!({"fault": "unavailable", "retryAfter": 3}),
        json!({"fault": "unavailable"}),
        json!({"fault": "expired-token"}),
    ];
    for (at, mut order) in faults.into_iter().enumerate() {
        for mode in [Mode::Multiple, Mode::Batch, Mode::Single] {
            let mark = format!("{at} {mode:?}");
            let options = case.contacts(&mark, 30, mode);
            order["method"] = json!("POST");
            order["requests"] = json!(if order["fault"] == "expired-token" { 1 } else { 3 });
            order["probability"] = json!(0.5);
            case.control("POST", "faults", &order).await;
            let ended = case.load(&options).await;
            assert!(ended.failed.is_none() && ended.progress.rejected == 0, "{order} {mode:?}: {ended:?}");
            case.assert_once(&mark, 30).await;
            case.control("DELETE", "faults", &json!(null)).await;
        }
    }
}

#[tokio::test]
async fn an_org_that_is_gone_for_a_minute_is_waited_for_and_a_load_that_gave_up_goes_on() {
    let case = Case::new().await;
    for (fault, kind) in [("drop-before", ErrorKind::OutOfReach), ("html", ErrorKind::BadData)] {
        let gone = json!({"fault": fault, "path": "*contacts*", "seconds": 60});
        let waited = case.contacts(&format!("waited {fault}"), 50, Mode::Multiple);
        case.control("POST", "faults", &gone).await;
        let ended = case.load(&waited).await;
        assert!(ended.failed.is_none(), "{ended:?}");
        case.assert_once(&format!("waited {fault}"), 50).await;

        let mark = format!("given up {fault}");
        let given_up = case.contacts(&mark, 50, Mode::Multiple);
        case.control("POST", "faults", &json!({"fault": fault, "path": "*contacts*"})).await;
        let ended = case.load(&Options { patience: Duration::from_secs(10), ..given_up.clone() }).await;
        let error = ended.failed.unwrap();
        assert!(error.kind() == kind && matches!(error, LoadError::Org(_)), "{error}");
        case.control("DELETE", "faults", &json!(null)).await;
        let ended = case.load(&given_up).await;
        assert!(ended.failed.is_none() && ended.was_continued, "{ended:?}");
        case.assert_once(&mark, 50).await;
    }
}

#[tokio::test]
async fn what_meets_all_rows_ends_the_load_and_rejects_none() {
    let case = Case::new().await;
    let options = case.contacts("revoked", 60, Mode::Multiple);
    let options = Options { at_once: Some(1), ..options };
    // The org takes no token any more, neither the one in use nor a new one.
    let order = json!({"fault": "expired-token", "path": "*CreateMultiple"});
    let pool = Pool::new([case.org.tokens().clone()], Limits::TODAY);
    case.control("POST", "faults", &order).await;
    let ended = case.load_with(&pool, &options, &Stop::default(), &mut |_| {}).await.unwrap();
    let error = ended.failed.unwrap();
    assert_eq!((error.kind(), ended.progress.rejected), (ErrorKind::NotAllowed, 0), "{error}");
    case.control("DELETE", "faults", &json!(null)).await;
    assert!(case.load(&options).await.failed.is_none());
    case.assert_once("revoked", 60).await;
}

#[tokio::test]
async fn a_disabled_user_or_one_without_roles_ends_the_load_and_rejects_none() {
    let case = Case::new().await;
    let (connection, user) = service_user(&case.world, &case.org).await;
    let other = Dataverse::connect(&connection, case.org.http().clone()).await.unwrap();
    let roles = Query::rows("roles").select(["roleid"]).filter(Filter::eq("name", "System Administrator"));
    let roles = case.org.query(roles).collect().await.unwrap();
    let role: uuid::Uuid = roles[0]["roleid"].as_str().unwrap().parse().unwrap();
    let tie = Change::associate(("systemusers", user), "systemuserroles_association", ("roles", role));
    for mode in [Mode::Multiple, Mode::Batch, Mode::Single] {
        let mark = format!("disabled {mode:?}");
        let options = Options { at_once: Some(1), ..case.contacts(&mark, 100, mode) };
        let pool = || Pool::new([other.tokens().clone()], Limits::TODAY);
        let refused = async |rows: u64, code: &str| {
            let ended = case.load_with(&pool(), &options, &Stop::default(), &mut |_| {}).await.unwrap();
            let (error, progress) = (ended.failed.unwrap(), ended.progress);
            assert!(matches!(&error, LoadError::Org(error) if error.dataverse().unwrap().code == code), "{error}");
            assert_eq!((error.kind(), progress.rows, progress.rejected), (ErrorKind::NotAllowed, rows, 0));
        };
        refused(0, "0x80042f09").await;
        case.org.settle(&tie).await.unwrap();
        let stop = Stop::default();
        let ended = case.load_with(&pool(), &options, &stop, &mut |_| stop.ask()).await.unwrap();
        let done = ended.progress.rows;
        assert!((1..100).contains(&done), "{ended:?}");
        for is_disabled in [true, false] {
            case.org.update("systemusers", user, &json!({ "isdisabled": is_disabled })).await.unwrap();
            if is_disabled {
                refused(done, "0x80040225").await;
            }
        }
        let ended = case.load_with(&pool(), &options, &Stop::default(), &mut |_| {}).await.unwrap();
        assert!(ended.failed.is_none() && ended.progress.rejected == 0, "{ended:?}");
        case.assert_once(&mark, 100).await;
        case.org.disassociate(("systemusers", user), "systemuserroles_association", role).await.unwrap();
    }
}

/// An application user without roles.
async fn service_user(world: &World, org: &Dataverse) -> (Connection, uuid::Uuid) {
    let token = world.admin_token().await;
    let made = world.graph(&token, "POST", "applications", Some(&json!({ "displayName": "loader" }))).await;
    let client = made.body["appId"].as_str().unwrap().to_owned();
    world.graph(&token, "POST", "servicePrincipals", Some(&json!({ "appId": client }))).await;
    let path = format!("applications/{}/addPassword", made.body["id"].as_str().unwrap());
    let secret = world.graph(&token, "POST", &path, Some(&json!({}))).await;
    let secret = Secret::new(secret.body["secretText"].as_str().unwrap());
    let user = org.create("systemusers", &json!({ "applicationid": client, "accessmode": 4 })).await.unwrap();
    (world.connection_as(&client, secret), user)
}

#[tokio::test]
async fn rows_that_are_all_refused_alike_end_the_load_and_stay_to_be_tried() {
    let case = Case::new().await;
    let rows = |mark: &str, is_bad: &dyn Fn(usize) -> bool, rows: usize| -> Options {
        let row = |row: usize| format!("Row {row},{mark},{}-01-31\n", if is_bad(row) { 1600 } else { 1990 });
        let lines: String = (0..rows).map(row).collect();
        let text = format!("lastname,jobtitle,birthdate\n{lines}");
        Options { at_once: Some(1), ..case.file(&format!("{mark}.csv"), &text, Mode::Multiple) }
    };
    let all = rows("all", &|row| row >= 20, 300);
    for _ in 0..2 {
        let ended = case.load(&all).await;
        let error = ended.failed.unwrap();
        assert!(matches!(&error, LoadError::AllRefused { rows: 100, .. }), "{error}");
        assert_eq!((ended.progress.rows, ended.progress.rejected), (20, 0));
        assert!(!std::fs::read_to_string(&all.rejects).is_ok_and(|text| text.contains("Row")));
    }
    // Said to be bad indeed, they are.
    let ended = case.load(&Options { mode: Mode::Single, ..all }).await;
    assert!(ended.failed.is_none() && (ended.progress.rows, ended.progress.rejected) == (300, 280), "{ended:?}");
    case.assert_once("all", 20).await;
    // Some that are loaded between them tell that it is the rows.
    let some = rows("some", &|row| row % 100 < 90, 300);
    let ended = case.load(&some).await;
    assert!(ended.failed.is_none() && (ended.progress.rows, ended.progress.rejected) == (300, 270), "{ended:?}");
    case.assert_once("some", 30).await;
}

#[tokio::test]
async fn a_load_that_is_asked_to_stop_waits_for_what_is_under_way_and_goes_on_another_time() {
    let case = Case::new().await;
    for mode in [Mode::Multiple, Mode::Batch, Mode::Single] {
        let mark = format!("stopped {mode:?}");
        let options = Options { at_once: Some(2), ..case.contacts(&mark, 200, mode) };
        let stop = Stop::default();
        let ended = case.load_until(&options, &stop, &mut |_| stop.ask()).await;
        assert!(matches!(ended.failed, Some(LoadError::Stopped)), "{ended:?}");
        let done = usize::try_from(ended.progress.rows).unwrap();
        assert!((10..200).contains(&done), "{ended:?}");
        // What is written down is there; with rows one by one, some more may be.
        assert!(case.there(&mark).await.len() >= done);
        let ended = case.load(&options).await;
        assert!(ended.failed.is_none() && ended.progress.rows == 200, "{ended:?}");
        assert_eq!(usize::try_from(ended.progress.rows_now).unwrap(), 200 - done);
        case.assert_once(&mark, 200).await;
    }
}

#[tokio::test]
async fn a_load_that_goes_on_cuts_no_file_but_its_own() {
    let case = Case::new().await;
    let rows: String =
        (0..60).map(|row| format!("Row {row},own,{}\n", if row % 10 == 0 { "many" } else { "1" })).collect();
    let options = case.file("own.csv", &format!("lastname,jobtitle,numberofchildren\n{rows}"), Mode::Multiple);
    let options = Options { at_once: Some(1), ..options };
    let stop = Stop::default();
    let ended = case.load_until(&options, &stop, &mut |_| stop.ask()).await;
    assert!(matches!(ended.failed, Some(LoadError::Stopped)) && ended.progress.rejected > 0, "{ended:?}");

    let mine = case.path().join("mine.csv");
    std::fs::write(&mine, "mine, and longer than what was rejected until then".repeat(100)).unwrap();
    let files = || [&mine, &options.file, &options.journal, &options.rejects].map(|path| std::fs::read(path).unwrap());
    let before = files();
    let pool = Pool::new([case.org.tokens().clone()], Limits::TODAY);
    for (other, said) in [(&mine, "own.csv.rejects.csv"), (&options.file, "one file"), (&options.journal, "one file")] {
        let other = Options { rejects: other.clone(), ..options.clone() };
        let error = case.load_with(&pool, &other, &Stop::default(), &mut |_| {}).await.unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
        assert_eq!(files(), before);
    }
    // While it goes on nobody else begins with the file, not even by another journal.
    let file = std::fs::File::open(&options.file).unwrap();
    let mut was_held = false;
    let mut told = |_: &Progress| {
        let taken = keyholder_platform::FileLock::of(&file, &options.file);
        was_held |= matches!(taken, Err(keyholder_platform::LockError::Held { .. }));
    };
    // Named in another way, it is the same.
    let rejects = case.path().join(".").join("own.csv.rejects.csv");
    let ended = case.load_until(&Options { rejects, ..options.clone() }, &Stop::default(), &mut told).await;
    assert!(ended.failed.is_none() && ended.was_continued && ended.progress.rejected == 6 && was_held, "{ended:?}");
    assert_eq!(std::fs::read_to_string(&options.rejects).unwrap().lines().count(), 7);
    assert_eq!(case.there("own").await.len(), 54);
}

#[tokio::test]
async fn lookups_find_one_row_or_the_row_is_rejected() {
    let case = Case::new().await;
    for (name, number) in [("Acme", "A1"), ("ACMÉ", "A2"), ("Only (1)", "A'3"), ("Twice", "A4"), ("twice ", "A5")] {
        let account = json!({ "name": name, "accountnumber": number });
        case.org.create("accounts", &account).await.unwrap();
    }
    let text = "lastname,Company\nOne,Only (1)\nTwo,twice\nNone,Nobody\nEmpty,\nUpper,ONLY (1)\n";
    let map: Mapped = "Company=parentcustomerid:account.name".parse().unwrap();
    let options = Options { maps: vec![map], ..case.file("lookups.csv", text, Mode::Multiple) };
    let contact = case.org.table("contact").await.unwrap();
    let pool = Pool::new([case.org.tokens().clone()], Limits::TODAY);
    let checked = bulk::check(&case.org, &pool, contact, &options, &Stop::default(), &mut |_, _| {}).await.unwrap();
    let told: Vec<(u64, &str)> = checked.told.iter().map(|row| (row.number, row.reason.as_str())).collect();
    let wanted =
        [(2, "several rows of `account` have `twice` as `name`"), (3, "no row of `account` has `Nobody` as `name`")];
    assert_eq!((checked.rows, told.as_slice()), (5, &wanted[..]));
    assert_eq!(std::fs::read_dir(case.path()).unwrap().count(), 1, "a check writes nothing");

    let ended = case.load(&options).await;
    assert!(ended.failed.is_none() && ended.progress.rejected == 2, "{ended:?}");
    let query = Query::from("contacts?$select=lastname&$expand=parentcustomerid_account($select=name)");
    let query = query.filter(Filter::raw("lastname eq 'One' or lastname eq 'Upper' or lastname eq 'Empty'"));
    let found = case.org.query(query.order_by("lastname")).collect().await.unwrap();
    let names: Vec<&Value> = found.iter().map(|row| &row["parentcustomerid_account"]["name"]).collect();
    assert_eq!(names, [&Value::Null, &json!("Only (1)"), &json!("Only (1)")]);
    let rejects = std::fs::read_to_string(&options.rejects).unwrap();
    assert!(
        rejects.ends_with("as `name`\",Two,twice\n3,\"no row of `account` has `Nobody` as `name`\",None,Nobody\n"),
        "{rejects}"
    );
}

/// However long they are, encoded: what has no room in one address goes in several, and what no column takes is a bad row.
#[tokio::test]
async fn long_values_are_looked_for_and_too_long_ones_are_bad_rows() {
    let case = Case::new().await;
    let names: Vec<String> = (0..60).map(|number| format!("{}{number:02}", "名".repeat(148))).collect();
    for name in &names[1..] {
        case.org.create("accounts", &json!({ "name": name })).await.unwrap();
    }
    let too_long = "x".repeat(70_000);
    let companies = names.iter().chain([&too_long]).enumerate();
    let lines: Vec<String> = companies.map(|(row, name)| format!("Row {row},{name},long\n")).collect();
    let text = format!("lastname,parentcustomerid:account.name,jobtitle\n{}", lines.concat());
    let options = Options { rows_a_request: Some(100), ..case.file("long.csv", &text, Mode::Multiple) };
    let ended = case.load(&options).await;
    assert!(ended.failed.is_none() && (ended.progress.rows, ended.progress.rejected) == (61, 2), "{ended:?}");
    case.assert_once("long", 59).await;
    let rejects = std::fs::read_to_string(&options.rejects).unwrap();
    let reason = "\n61,\"`parentcustomerid:account.name` has 70000 characters, and takes 160\",Row 60,xxx";
    assert!(rejects.contains(reason) && rejects.contains("\n1,\"no row of `account` has `名"), "{rejects:.2000}");
}

#[tokio::test]
async fn several_service_users_share_a_load() {
    let case = Case::new().await;
    let other = Dataverse::connect(&case.world.connection(), case.org.http().clone()).await.unwrap();
    let pool = Pool::new([case.org.tokens().clone(), other.tokens().clone()], Limits::TODAY);
    let options = case.contacts("shared", 300, Mode::Single);
    let ended = case.load_with(&pool, &options, &Stop::default(), &mut |_| {}).await.unwrap();
    assert!(ended.failed.is_none(), "{ended:?}");
    let users = pool.users(case.org.http());
    assert!(users.iter().all(|user| user.sent > 100), "{users:?}");
    case.assert_once("shared", 300).await;
}

#[tokio::test]
async fn rows_are_changed_by_their_ids() {
    let case = Case::new().await;
    let id = case.org.create("contacts", &json!({ "lastname": "Ng", "jobtitle": "Buyer" })).await.unwrap();
    let (other, third) = (uuid::Uuid::from_u128(77), uuid::Uuid::from_u128(78));
    for (mode, title) in [(Mode::Multiple, "One"), (Mode::Batch, "Two"), (Mode::Single, "Three")] {
        let text =
            format!("contactid,jobtitle,description\n{{{id}}},{title},\n{other},{title},\nx,{title},\n,{title},\n");
        let options = case.file(&format!("{title}.csv"), &text, mode);
        let by_id = vec!["contactid".to_owned()];
        let ended = case.load(&Options { verb: Verb::Update(by_id.clone()), ..options.clone() }).await;
        assert!(ended.failed.is_none() && ended.progress.rejected == 3, "{mode:?}: {ended:?}");
        let row = case.org.get(Query::row("contacts", id).select(["lastname", "jobtitle"])).await.unwrap();
        assert_eq!((&row["lastname"], &row["jobtitle"]), (&json!("Ng"), &json!(title)));
        let rejects = std::fs::read_to_string(&options.rejects).unwrap();
        assert!(rejects.contains("`contactid` is no id") && rejects.contains("`contactid` is empty"), "{rejects}");
        // What it rejected is loaded once it is mended: here, by another way of writing.
        let mended = rejects.replace(",x,", &format!(",{third},"));
        let again = case.file(&format!("{title} again.csv"), &mended, mode);
        let ended = case.load(&Options { verb: Verb::Upsert(by_id), ..again }).await;
        assert!(ended.failed.is_none() && ended.progress.rejected == 1, "{mode:?}: {ended:?}");
        let row = case.org.get(Query::row("contacts", other).select(["jobtitle"])).await.unwrap();
        assert_eq!(row["jobtitle"], json!(title));
        for row in [other, third] {
            case.org.delete("contacts", row).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_programs_own_rows_are_written_once_however_often_it_begins() {
    let case = Case::new().await;
    let contact = case.org.table("contact").await.unwrap();
    let how = Writing { rows_a_request: Some(10), ..Writing::create(uuid::Uuid::from_u128(5)) };
    let row = |number: usize| (None, json!({ "lastname": format!("Row {number}"), "jobtitle": "own" }));
    // The first time it ends before its end.
    for (rows, sent) in [(25, 25), (60, 60)] {
        let pool = Pool::new([case.org.tokens().clone()], Limits::TODAY);
        let mut told: Vec<(u64, u64)> = Vec::new();
        let mut tell = |done: &bulk::Batched| told.push((done.first, done.rows));
        bulk::write(&case.org, &pool, &contact, &how, (0..rows).map(row), &Stop::default(), &mut tell).await.unwrap();
        told.sort_unstable();
        assert_eq!(told.iter().map(|(_, rows)| *rows).sum::<u64>(), sent, "{told:?}");
        assert_eq!(told[1], (11, 10));
    }
    case.assert_once("own", 60).await;
    let by_id = Writing { verb: Verb::Update(vec!["contactid".to_owned()]), ..how.clone() };
    let changes = [
        (Some(how.id(3).into()), json!({ "jobtitle": "changed" })),
        (Some(uuid::Uuid::from_u128(99).into()), json!({ "jobtitle": "changed" })),
        (None, json!({ "jobtitle": "changed" })),
        (Some(how.id(4).into()), json!(["no object"])),
    ];
    let pool = Pool::new([case.org.tokens().clone()], Limits::TODAY);
    let mut numbers = Vec::new();
    let mut tell = |done: &bulk::Batched| numbers.extend(done.rejected.iter().map(|row| row.number));
    bulk::write(&case.org, &pool, &contact, &by_id, changes, &Stop::default(), &mut tell).await.unwrap();
    assert_eq!(numbers, [2, 3, 4]);
    assert_eq!(case.there("changed").await, BTreeMap::from([("Row 2".to_owned(), 1)]));
}
