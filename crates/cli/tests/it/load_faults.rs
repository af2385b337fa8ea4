//! What goes wrong with a load's files and its process: nothing is lost, and the same command goes on.

use std::fs;
use std::path::Path;
use std::pin::Pin;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use keyholder_foundation::Sleep;
use keyholder_org::Settings;
use keyholder_testkit::World;
use tokio::sync::{Notify, watch};

use crate::load::Case;
use crate::program::{Ended, RunningOrg, ended, free_port, keyholder, run};

/// Bad rows of every kind go to the reject file; mended there, they are loaded.
#[tokio::test(flavor = "multi_thread")]
async fn bad_rows_are_rejected_each_with_its_reason() {
    let case = Case::new().await;
    let mut text = b"lastname,numberofchildren,jobtitle\n".to_vec();
    text.extend_from_slice(b"Good,1,kept\nRagged,1\nMore,1,x,y\nBad\xffByte,1,x\n");
    text.extend_from_slice(b"lastname,numberofchildren,jobtitle\n\n\"Quote\"d,1,x\n");
    text.extend_from_slice(format!("Long,1,{}\n", "x".repeat(1_000_000)).as_bytes());
    text.extend_from_slice(b"Two,many,");
    text.extend_from_slice("x".repeat(101).as_bytes());
    text.extend_from_slice(b"\nFine,,\"kept\"\nOpen,\"1,never\nclosed,2,x\n");
    case.file("bad.csv", &text);

    let checked = case.load(&["bad.csv", "--dry-run"]);
    assert_eq!(checked.code(), 65);
    assert!(checked.out.contains("row 2 (line 3): has 2 cells, and the first line has 3\n"), "{}", checked.out);
    assert!(
        checked.out.ends_with("checked 10 rows of bad.csv: 8 cannot be loaded; nothing was written\n"),
        "{}",
        checked.out
    );
    assert!(!case.path().join("bad.csv.journal").exists() && !case.path().join("bad.csv.rejects.csv").exists());
    assert_eq!(case.query("contacts?$select=lastname&$filter=jobtitle eq 'kept'").len(), 0);

    let ended = case.load(&["bad.csv"]);
    assert_eq!(
        (ended.code(), ended.out.as_str()),
        (65, "loaded 2 rows into contacts, 8 rejected: see bad.csv.rejects.csv\n")
    );
    let rejects = fs::read(case.path().join("bad.csv.rejects.csv")).unwrap();
    let rejects = String::from_utf8_lossy(&rejects).into_owned();
    for line in [
        "keyholder_row,keyholder_reason,lastname,numberofchildren,jobtitle\n",
        "\n2,\"has 2 cells, and the first line has 3\",Ragged,1\n",
        "\n3,\"has 4 cells, and the first line has 3\",More,1,x,y\n",
        "\n4,\"is not UTF-8 (byte 4 of the row)\",Bad\u{fffd}Byte,1,x\n",
        "\n5,\"is the first line again\",lastname,numberofchildren,jobtitle\n",
        "\n6,\"has something between a closing quote and the end of its cell\",\"\"\"Quote\"\"d,1,x\"\n",
        "\n7,\"`jobtitle` has 1000000 characters, and takes 100\",Long,1,xxx",
        "\n8,\"`numberofchildren` `many` is no whole number; `jobtitle` has 101 characters, and takes 100\",Two,many,",
        "\n10,\"has a quote that is opened and never closed\",\"Open,\"\"1,never\nclosed,2,x\"\n",
    ] {
        assert!(format!("\n{rejects}").contains(line), "{line}");
    }
    let rows = case.query("contacts?$select=lastname,numberofchildren&$filter=jobtitle eq 'kept'&$orderby=lastname");
    assert_eq!(
        (&rows[0]["lastname"], &rows[0]["numberofchildren"], rows.len()),
        (&"Fine".into(), &serde_json::Value::Null, 2)
    );

    let mended: String = rejects
        .lines()
        .filter(|line| line.starts_with("keyholder_row") || line.starts_with("2,"))
        .map(|line| format!("{}\n", line.replace("Ragged,1", "Mended,1,kept")))
        .collect();
    case.file("mended.csv", mended);
    assert_eq!(case.load(&["mended.csv"]).done(), "loaded 1 rows into contacts\n");
}

/// What is rejected of a file of rejected rows is a file like it, however often.
#[tokio::test(flavor = "multi_thread")]
async fn rows_that_are_rejected_again_can_be_loaded_again() {
    let case = Case::new().await;
    case.file("rows.csv", "lastname,numberofchildren\nGood,1\n\"A, B\",many\nRagged\nC,few\n");
    case.file("rows.jsonl", "{\"lastname\":\"J\",\"numberofchildren\":\"many\"}\nnone\n");
    assert_eq!((case.load(&["rows.csv"]).code(), case.load(&["rows.jsonl"]).code()), (65, 65));
    assert_eq!(case.load(&["rows.csv.rejects.csv", "--rejects", "2.csv"]).code(), 65);
    assert_eq!(case.load(&["rows.jsonl.rejects.jsonl", "--rejects", "2.jsonl"]).code(), 65);
    let text = case.read("2.csv");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "keyholder_row,keyholder_reason,lastname,numberofchildren");
    assert!(lines[1].starts_with("1,\"`numberofchildren`") && lines[1].ends_with(",\"A, B\",many"), "{text}");
    assert!(lines[2].starts_with("2,\"has 3 cells, and the first line has 4\",Ragged") && lines.len() == 4, "{text}");
    let text = case.read("2.jsonl");
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["keyholder_row"], &lines[0]["lastname"]), (&1.into(), &"J".into()));
    // What is no row is not made one that is empty.
    assert_eq!((&lines[1]["keyholder_line"], lines.len()), (&"none".into(), 2));
    assert!(lines[1]["keyholder_reason"].as_str().unwrap().starts_with("has `keyholder_line`"), "{text}");
    assert!(text.lines().all(|line| line.matches("keyholder_reason").count() == 1), "{text}");

    case.file("3.csv", case.read("2.csv").replace("many", "2").replace("few", "3").replace("Ragged", "Ragged,1"));
    assert_eq!(case.load(&["3.csv"]).done(), "loaded 3 rows into contacts\n");
    case.file("3.jsonl", case.read("2.jsonl").lines().next().unwrap().replace("\"many\"", "2"));
    assert_eq!(case.load(&["3.jsonl"]).done(), "loaded 1 rows into contacts\n");
    let loaded =
        case.query("contacts?$select=lastname&$filter=numberofchildren gt 0 and lastname ne null&$orderby=lastname");
    for name in ["Good", "A, B", "Ragged", "C", "J"] {
        assert_eq!(loaded.iter().filter(|row| row["lastname"] == name).count(), 1, "{name}");
    }
}

/// Before anything is read or sent.
#[tokio::test(flavor = "multi_thread")]
async fn files_without_a_folder_are_told_at_once() {
    let case = Case::new().await;
    case.file("rows.csv", "lastname\nA\n");
    for flag in ["--rejects", "--journal"] {
        for place in ["none/bad.csv", "rows.csv/bad.csv"] {
            let said = case.load(&["rows.csv", flag, place]).failed(73);
            assert!(said.contains(place) && said.contains("its folder has to be there"), "{said}");
        }
    }
    assert!(!case.path().join("rows.csv.journal").exists());
    let said = case.load(&["none.csv"]).failed(73);
    assert!(said.contains("none.csv") && said.contains("its name is right") && !said.contains("disk"), "{said}");
    assert!(case.load(&["-"]).failed(64).contains("cannot come from standard input"));
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_json_are_loaded_and_rejected_too() {
    let case = Case::new().await;
    let text = concat!(
        "{\"lastname\":\"Ng \\\"A\\\"\",\"numberofchildren\":2,\"creditonhold\":true,\"preferredcontactmethodcode\":\"Email\",\"jobtitle\":\"j\"}\r\n",
        "{\"lastname\":\"Null\",\"numberofchildren\":null,\"jobtitle\":\"j\"}\n\n",
        "{\"lastname\":7}\n",
        "{\"lastname\":\"X\",\"nmae\":1}\n",
        "[1]\n",
        "{\"lastname\":{}}\n",
        "{\"lastname\":\"Last\",\"jobtitle\":\"j\"}",
    );
    case.file("rows.jsonl", text);
    let ended = case.load(&["rows.jsonl"]);
    assert_eq!(
        (ended.code(), ended.out.as_str()),
        (65, "loaded 3 rows into contacts, 4 rejected: see rows.jsonl.rejects.jsonl\n")
    );
    let rejects = case.read("rows.jsonl.rejects.jsonl");
    let lines: Vec<serde_json::Value> = rejects.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<String> =
        lines.iter().map(|line| format!("{} {}", line["keyholder_row"], line["keyholder_reason"])).collect();
    assert_eq!(
        told,
        [
            "3 \"`lastname` is no text\"",
            "4 \"`nmae` is no column of `contact`\"",
            "5 \"is no JSON object in one line (wrong at column 0)\"",
            "6 \"`lastname` is an object or a list, and no single value\"",
        ]
    );
    assert_eq!((&lines[1]["lastname"], &lines[2]["keyholder_line"]), (&"X".into(), &"[1]".into()));
    let rows = case.query("contacts?$select=lastname,numberofchildren,preferredcontactmethodcode&$filter=jobtitle eq 'j'&$orderby=lastname");
    assert_eq!(
        rows.iter().map(|row| row["lastname"].as_str().unwrap()).collect::<Vec<_>>(),
        ["Last", "Ng \"A\"", "Null"]
    );
    assert_eq!((&rows[1]["numberofchildren"], &rows[1]["preferredcontactmethodcode"]), (&2.into(), &2.into()));
}

/// All bad rows can be had without a load, and how many there are of each kind.
#[tokio::test(flavor = "multi_thread")]
async fn a_check_tells_every_bad_row_and_counts_them_by_reason() {
    let case = Case::new().await;
    let rows: String = (0..30).map(|row| format!("Row {row},{}\n", ["many", "1", "2,3"][row % 3])).collect();
    case.file("rows.csv", format!("lastname,numberofchildren\n{rows}{}", "Row,few\n".repeat(15)));
    let check = |output: &str| {
        let ended = case.load(&["rows.csv", "--dry-run", "--output", output]);
        assert_eq!(ended.code(), 65, "{ended:#?}");
        ended.out
    };
    let out = check("jsonl");
    let lines: Vec<serde_json::Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 36, "{out}");
    assert_eq!((&lines[1]["row"], &lines[1]["line"]), (&3.into(), &4.into()));
    assert_eq!(lines[1]["reason"], "has 3 cells, and the first line has 2");
    let sum = &lines[35];
    assert_eq!((&sum["rejected"], &sum["reasons"][0]["rows"]), (&35.into(), &15.into()), "{out}");
    let text = check("text");
    assert!(
        text.contains("and 15 more") && text.contains("       10  has 3 cells, and the first line has 2\n"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_there_stay_as_they_are() {
    let case = Case::new().await;
    case.file("rows.csv", "lastname,numberofchildren\nA,many\nB,1\n");
    case.file("rows.csv.rejects.csv", "mine\n");
    // However often it is tried.
    for _ in 0..2 {
        let said = case.load(&["rows.csv"]).failed(65);
        assert!(said.contains("is there already") && case.read("rows.csv.rejects.csv") == "mine\n", "{said}");
    }
    for (flags, said) in [
        (&["--journal", "rows.csv"][..], "the rows and the journal cannot be one file"),
        (&["--journal", "one", "--rejects", "./one"], "the journal and the rejected rows cannot be one file"),
        (&["--rejects", "./rows.csv"], "the rows and the rejected rows cannot be one file"),
        (&["--journal", "rows.csv.rejects.csv", "--rejects", "none"], "is no journal of a load"),
    ] {
        let told = case.load(&[&["rows.csv"], flags].concat()).failed(65);
        assert!(told.contains(said), "{told}");
    }
    assert_eq!(case.read("rows.csv"), "lastname,numberofchildren\nA,many\nB,1\n");
    // A row that never ends comes to an end, and those before it are loaded.
    let endless = format!("lastname\nBefore\n\"{}", "x".repeat(17 << 20));
    case.file("endless.csv", endless);
    let said = case.load(&["endless.csv"]).failed(65);
    assert!(said.contains("row 2 has more than 16777216 bytes") && said.contains("never closed"), "{said}");
    assert_eq!(case.query("contacts?$select=lastname&$filter=lastname eq 'Before'").len(), 1);
}

/// Whoever waits for a limit says so, for which and until when, with no terminal in sight.
#[tokio::test(flavor = "multi_thread")]
async fn waits_for_a_limit_are_told_as_they_begin() {
    let case = Case::new().await;
    case.file("rows.csv", "lastname\nWaits\n");
    for (arguments, method) in [
        (&["load", "rows.csv", "--table", "contacts"][..], "POST"),
        (&["query", "contacts?$select=fullname"], "GET"),
        (&["export", "contacts?$select=fullname", "--output-file", "a.csv"], "GET"),
    ] {
        case.order(&serde_json::json!({"fault": "throttle", "method": method, "path": "/api/data/v9.2/contacts*", "retryAfter": 100, "requests": 1})).await;
        let mut command = keyholder(case.path());
        command.args(arguments).envs(case.environment()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut told = String::new();
        let lines = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()));
        for line in lines.map_while(Result::ok) {
            told.push_str(&line);
            if line.contains(" waits ") {
                break;
            }
            told.push('\n');
        }
        // It would wait.
        child.kill().unwrap();
        child.wait().unwrap();
        let last = told.lines().last().unwrap_or_default();
        let id = &case.environment()[1].1;
        assert!(last.starts_with(&format!("note: {id} waits ")) && last.contains(" s, until 20"), "{told}");
        assert!(last.ends_with("for room under the limit on the number of requests"), "{told}");
    }
}

/// A limit on the size of files stands in for a full disk: writing fails in the same way.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_loses_nothing() {
    let case = Case::new().await;
    for (name, bad) in [("rejects", 40), ("journal", 0)] {
        let rows: String =
            (0..400).map(|row| format!("Row {row},{},{name}\n", if row < bad { "many" } else { "1" })).collect();
        let file = format!("{name}.csv");
        case.file(&file, format!("lastname,numberofchildren,jobtitle\n{rows}"));
        let load = ["load", &file, "--table", "contacts", "--chunk", "10", "--at-once", "1"];
        let mut command = Command::new("sh");
        let limited = format!("trap '' XFSZ; ulimit -f 1; exec {} \"$@\"", env!("CARGO_BIN_EXE_keyholder"));
        command.args(["-c", &limited, "sh"]).args(load).current_dir(case.path()).envs(case.environment());
        let said = ended(&mut command).failed(73);
        assert!(said.contains(&format!("{file}.{name}")) && said.contains("room on the disk"), "{said}");
        assert!(said.contains("run the same command again"), "{said}");
        let done = case.query(&format!("contacts?$select=lastname&$filter=jobtitle eq '{name}'")).len();
        assert!(done < 400, "{done}");
        let ended = case.run(&load);
        let good = 400 - bad;
        assert!(ended.out.starts_with(&format!("loaded {good} rows into contacts")), "{ended:#?}");
        assert_eq!(case.query(&format!("contacts?$select=lastname&$filter=jobtitle eq '{name}'")).len(), good);
        if bad > 0 {
            assert_eq!(case.read(&format!("{file}.rejects.csv")).lines().count(), bad + 1);
        }
    }
}

/// Holds requests to the org back as long as it is closed; it takes the place of the sleep by which the org delays each.
#[derive(Debug)]
struct Gate {
    is_open: watch::Sender<bool>,
    waits: Arc<Notify>,
}

impl Sleep for Gate {
    fn sleep(&self, _: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + 'static>> {
        let mut is_open = self.is_open.subscribe();
        let waits = self.waits.clone();
        Box::pin(async move {
            if !*is_open.borrow_and_update() {
                waits.notify_one();
            }
            let _ = is_open.wait_for(|is_open| *is_open).await;
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_waits_for_what_is_under_way_and_a_second_one_ends_at_once() {
    let gate = Arc::new(Gate { is_open: watch::Sender::new(true), waits: Arc::new(Notify::new()) });
    let settings =
        Settings { limits: None, latency: Duration::from_millis(1), sleep: gate.clone(), ..Settings::default() };
    let case = Case::of(World::behaving(settings).await);
    let rows: String = (0..400).map(|row| format!("Row {row},stopped\n")).collect();
    case.file("rows.csv", format!("lastname,jobtitle\n{rows}"));
    let load = |more: &[&str]| {
        let mut command = keyholder(case.path());
        command.args(["load", "rows.csv", "--table", "contacts", "--chunk", "10"]).args(more).envs(case.environment());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    };
    let signal = |pid: u32| assert!(Command::new("kill").args(["-INT", &pid.to_string()]).status().unwrap().success());
    let loaded = || case.query("contacts?$select=lastname&$filter=jobtitle eq 'stopped'").len();
    // Each row by itself, in blocks of ten: what was done of a block that was stopped counts.
    for (is_patient, more) in [(false, &[][..]), (true, &[]), (true, &["--mode", "single"])] {
        let mut child = load(more).spawn().unwrap();
        let pid = child.id();
        let journal = case.path().join("rows.csv.journal");
        // Let through until something is written down, and then held.
        let begun = fs::metadata(&journal).map(|found| found.len()).unwrap_or(0);
        while fs::metadata(&journal).map(|found| found.len()).unwrap_or(0) <= begun.max(400) {
            tokio::task::yield_now().await;
        }
        gate.is_open.send_replace(false);
        gate.waits.notified().await;
        signal(pid);
        let mut err = std::io::BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        std::io::BufRead::read_line(&mut err, &mut line).unwrap();
        assert!(line.contains("waiting for what is under way"), "{line}");
        if is_patient {
            gate.is_open.send_replace(true);
        } else {
            signal(pid);
        }
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut err, &mut rest).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130), "{rest}");
        assert!(rest.contains("run the same command again") && rest.contains("rows.csv.journal"), "{rest}");
        gate.is_open.send_replace(true);
        if is_patient {
            let mut out = String::new();
            std::io::Read::read_to_string(&mut child.stdout.take().unwrap(), &mut out).unwrap();
            assert_eq!(out, format!("loaded {} rows into contacts so far\n", loaded()), "{more:?}");
        }
    }
    let ended = ended(&mut load(&[]));
    assert_eq!(ended.done(), "loaded 400 rows into contacts\n");
    assert_eq!(case.query("contacts?$select=lastname&$filter=jobtitle eq 'stopped'").len(), 400);
}

/// What reads the definitions of tables, and this.
fn definitions(grant: &str) -> String {
    let kinds = ["Entity", "Attribute", "Relationship", "OptionSet", "EntityKey"];
    let read: String = kinds.iter().map(|kind| format!("prvRead{kind}=organization ")).collect();
    format!("{read}{grant}")
}

#[tokio::test(flavor = "multi_thread")]
async fn service_users_share_a_load_and_must_be_of_one_org() {
    let case = Case::new().await;
    let create = |name: &str, grants: &str| {
        let env = format!("{name}.env");
        let grants = grants.split(' ').flat_map(|grant| ["--grant", grant]);
        let create = ["app-user", "create", name, "--save-env", &env, "--yes"];
        case.run(&create.into_iter().chain(grants).collect::<Vec<_>>()).done();
        env
    };
    let (one, two) =
        (create("one", &definitions("contact=all:organization")), create("two", "contact=all:organization"));
    case.file("rows.csv", "lastname\nA\nB\n");
    let load = |arguments: &[&str]| -> Ended {
        run(case.path(), &[&["load", "rows.csv", "--table", "contacts", "--env-file", &one], arguments].concat())
    };
    let said = load(&["--also-env-file", &one]).failed(78);
    assert!(said.contains("shares the load already"), "{said}");
    let other = World::start().await;
    let foreign = format!(
        "KEYHOLDER_ORG_URL={}\nKEYHOLDER_CLIENT_ID={}\nKEYHOLDER_CLIENT_SECRET={}\nKEYHOLDER_CA_FILE={}\n",
        other.origin(),
        other.admin().client_id,
        other.admin().client_secret.expose(),
        other.file("ca.pem").display()
    );
    case.file("foreign.env", foreign);
    let said = load(&["--also-env-file", "foreign.env"]).failed(78);
    assert!(said.contains("is for another org"), "{said}");
    assert!(!Path::new(&case.path().join("rows.csv.journal")).exists());
    assert_eq!(load(&["--also-env-file", &two]).done(), "loaded 2 rows into contacts\n");
    // Who may not create at all is told so, and no row is rejected for it.
    case.file("rows.csv", "lastname,parentcustomerid:account\nA,\nB,\n");
    fs::remove_file(case.path().join("rows.csv.journal")).unwrap();
    create("reader", &definitions("contact=read:organization"));
    let told = run(case.path(), &["load", "rows.csv", "--table", "contacts", "--env-file", "reader.env"]).failed(77);
    assert!(told.contains("prvCreateContact") && told.contains("run the same command again"), "{told}");
    // Who may not read its own rights is told of one after the other.
    assert!(!told.contains("prvAppendToAccount"), "{told}");
    let own = "contact=read:organization systemuser=read:organization role=read:organization";
    create("knowing", &definitions(own));
    let knowing = ["load", "rows.csv", "--table", "contacts", "--env-file", "knowing.env"];
    for more in [&[][..], &["--dry-run"]] {
        let told = run(case.path(), &[&knowing[..], more].concat()).failed(77);
        for privilege in ["prvCreateContact", "prvAppendContact", "prvAppendToAccount"] {
            assert!(told.contains(privilege), "no {privilege} in {told}");
        }
        assert!(!told.contains("prvWriteContact") && told.contains("keyholder app-user create "), "{told}");
    }
    let checked = case.load(&["rows.csv", "--dry-run"]).done();
    assert!(checked.contains("and keys and rules of the org were not tried"), "{checked}");
    assert!(!case.path().join("rows.csv.rejects.csv").exists());
}

/// Whoever says how long to wait, waits before the load begins as well; other loads begin at once or not at all.
#[test]
fn a_load_waits_for_its_org_to_begin_where_it_is_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    run(folder.path(), &["quickstart", "--listen", &port]).done();
    let settings = fs::read_to_string(folder.path().join(".keyholder/org.env")).unwrap();
    let setting = |name: &str| {
        let value = settings.lines().find_map(|line| line.strip_prefix(&format!("{name}="))).unwrap();
        value.trim_matches('\'').to_owned()
    };
    fs::write(folder.path().join("rows.csv"), "lastname\nWaits\n").unwrap();
    let load = |more: &[&str]| {
        let mut command = keyholder(folder.path());
        command.args(["load", "rows.csv", "--table", "contacts"]).args(more);
        command.env("KEYHOLDER_ORG_URL", format!("https://localhost:{}", port.rsplit(':').next().unwrap()));
        command.env("KEYHOLDER_CLIENT_ID", setting("KEYHOLDER_ADMIN_CLIENT_ID"));
        command.env("KEYHOLDER_CLIENT_SECRET", setting("KEYHOLDER_ADMIN_CLIENT_SECRET"));
        command.env("KEYHOLDER_CA_FILE", folder.path().join(".keyholder/ca.pem"));
        command
    };
    let said = ended(&mut load(&[])).failed(69);
    assert!(said.contains("the connection was refused") && !said.contains("tried again"), "{said}");
    let mut child = load(&["--wait", "10m"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stderr.as_mut().unwrap()), &mut line).unwrap();
    assert!(line.starts_with("note: could not reach ") && line.ends_with("; tried again for 600 s\n"), "{line}");
    let _org = RunningOrg::start(folder.path(), &["--listen", &port]);
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "loaded 1 rows into contacts\n");
}

/// A proxy's page as the first answer, where the load was begun before: it is waited out as later ones are.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_in_the_orgs_place_is_waited_out_before_the_load_begins_too() {
    let case = Case::new().await;
    case.file("rows.csv", "lastname\nWaits\n");
    for path in ["/api/data/*", "/api/data/v9.2/EntityDefinitions*"] {
        let order = serde_json::json!({"fault": "html", "path": path, "requests": 1});
        case.order(&order).await;
        let said = case.load(&["rows.csv"]);
        assert_ne!(said.code(), 0, "nobody said to wait: {said:#?}");
        case.order(&order).await;
        let said = case.load(&["rows.csv", "--wait", "1m"]);
        assert_eq!(said.code(), 0, "{said:#?}");
        assert!(said.err.contains("; tried again for 60 s"), "{said:#?}");
        fs::remove_file(case.path().join("rows.csv.journal")).unwrap();
    }
}
