//! `keyholder load`: rows of a file into a table.

use std::fs;
use std::path::Path;

use keyholder_testkit::World;
use serde_json::{Value, json};

use crate::connection::as_admin;
use crate::program::Ended;

/// A world and a folder to load from as its administering application.
pub(crate) struct Case(World, tempfile::TempDir);

impl Case {
    pub(crate) async fn new() -> Self {
        Self::of(World::start().await)
    }

    pub(crate) fn of(world: World) -> Self {
        Self(world, tempfile::tempdir().unwrap())
    }

    /// The settings of its administering application.
    pub(crate) fn environment(&self) -> [(&'static str, String); 4] {
        [
            ("KEYHOLDER_ORG_URL", self.0.origin()),
            ("KEYHOLDER_CLIENT_ID", self.0.admin().client_id.clone()),
            ("KEYHOLDER_CLIENT_SECRET", self.0.admin().client_secret.expose().to_owned()),
            ("KEYHOLDER_CA_FILE", self.0.file("ca.pem").display().to_string()),
        ]
    }

    pub(crate) fn path(&self) -> &Path {
        self.1.path()
    }

    pub(crate) fn file(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path().join(name), text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap()
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        as_admin(&self.0, self.path(), arguments)
    }

    /// Orders a fault of the org.
    pub(crate) async fn order(&self, fault: &Value) {
        let bearer = format!("Bearer {}", self.0.admin_token().await);
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let ordered = self.0.ask("POST", "/_keyholder/faults", &headers, &fault.to_string()).await;
        assert_eq!(ordered.status, 200, "{}", ordered.text);
    }

    /// Loads into contacts.
    pub(crate) fn load(&self, arguments: &[&str]) -> Ended {
        self.run(&[&["load"], arguments, &["--table", "contacts"]].concat())
    }

    pub(crate) fn query(&self, query: &str) -> Vec<Value> {
        let all = self.run(&["query", query, "--output", "json"]).json();
        all.as_array().unwrap().clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_csv_are_made_once() {
    let case = Case::new().await;
    let mut text = "\u{feff}lastname,First name,birthdate,numberofchildren,creditonhold,preferredcontactmethodcode,description\r\n".to_owned();
    text.push_str("Ng,\"Ada \"\"A\"\"\",1980-02-29,2,yes,Email,\"two\nlines, and a comma\"\r\n");
    text.push_str("O'Brien,,,,,,\r\n");
    for number in 0..300 {
        text.push_str(&format!("Row{number},x,,{},,1,\r\n", number % 9));
    }
    case.file("contacts.csv", &text);
    let map = ["contacts.csv", "--map", "First name=firstname"];
    assert_eq!(case.load(&map).done(), "loaded 302 rows into contacts\n");
    let columns = "lastname,firstname,birthdate,numberofchildren,creditonhold,preferredcontactmethodcode,description";
    let all = case.query(&format!(
        "contacts?$select={columns}&$filter=lastname eq 'Ng' or lastname eq 'O''Brien'&$orderby=lastname"
    ));
    let without = |row: &Value| {
        let mut row = row.clone();
        row.as_object_mut().unwrap().retain(|name, _| columns.split(',').any(|column| column == name));
        row
    };
    assert_eq!(
        without(&all[0]),
        json!({
            "lastname": "Ng", "firstname": "Ada \"A\"", "birthdate": "1980-02-29", "numberofchildren": 2, "creditonhold": true,
            "preferredcontactmethodcode": 2, "description": "two\nlines, and a comma",
        })
    );
    assert_eq!(all.len(), 2);
    assert_eq!(case.query("contacts?$select=lastname&$filter=startswith(lastname,'Row')").len(), 300);

    // Again, it is done already; nothing is sent.
    let again = case.load(&map);
    assert!(again.err.contains("came to its end before") && again.code() == 0, "{again:#?}");
    let told = case.load(&[&map[..], &["--output", "json"]].concat()).json();
    assert_eq!((&told["loaded"], &told["rowsNow"], &told["isOver"]), (&json!(302), &json!(0), &json!(true)));
    assert_eq!(case.query("contacts?$select=lastname&$filter=startswith(lastname,'Row')").len(), 300);

    // Its journal is no other file's, table's or mapping's.
    case.file("contacts.csv", text.replace("Row7,", "Row8,"));
    let said = case.load(&map).failed(78);
    assert!(said.contains("contacts.csv.journal") && said.contains("its file was"), "{said}");
    case.file("contacts.csv", &text);
    let said = case.load(&["contacts.csv", "--map", "First name="]).failed(78);
    assert!(said.contains("its reading"), "{said}");
}

/// Spreadsheets end a file with them.
#[tokio::test(flavor = "multi_thread")]
async fn lines_of_delimiters_alone_are_no_rows() {
    let case = Case::new().await;
    case.file("rows.csv", "firstname;lastname;jobtitle\nA;B;empty\n;;\r\n;\n;E\n\"\";;\n;;\n\";;\n;;");
    let ended = case.load(&["rows.csv", "--delimiter", ";"]);
    assert_eq!(ended.out, "loaded 2 rows into contacts, 2 rejected: see rows.csv.rejects.csv\n");
    let rejects = case.read("rows.csv.rejects.csv");
    assert!(rejects.contains("2;\"has 2 cells, and the first line has 3\";;E\n"), "{rejects}");
    assert!(rejects.contains("4;\"has a quote that is opened and never closed\""), "{rejects}");
    assert_eq!(case.query("contacts?$select=lastname&$filter=jobtitle eq 'empty'").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_made_and_changed_by_a_key() {
    let case = Case::new().await;
    let key = json!({
        "SchemaName": "keyholder_Number", "KeyAttributes": ["accountnumber"],
        "DisplayName": {"LocalizedLabels": [{"Label": "Number", "LanguageCode": 1033}]},
    });
    let token = case.0.admin_token().await;
    let made = case.0.api(&token, "POST", "EntityDefinitions(LogicalName='account')/Keys", Some(&key)).await;
    assert!(made.status < 300, "{}", made.text);
    let accounts = |file: &str, more: &[&str]| {
        case.run(&[&["load", file, "--table", "accounts", "--key", "accountnumber"], more].concat())
    };
    case.file("one.csv", "accountnumber,name\nA/1 O'B,Contoso\nB 2,Fabrikam\n");
    case.file("two.csv", "accountnumber,name,telephone1\nA/1 O'B,Contoso Ltd,555\nC,Northwind,\n");
    assert_eq!(accounts("one.csv", &[]).done(), "loaded 2 rows into accounts\n");
    for (mode, file) in [("multiple", "two.csv"), ("batch", "2.csv"), ("single", "II.csv")] {
        case.file(file, case.read("two.csv"));
        assert_eq!(accounts(file, &["--mode", mode]).done(), "loaded 2 rows into accounts\n", "{mode}");
    }
    let named = || {
        let all = case.query(
            "accounts?$select=accountnumber,name&$filter=not startswith(accountnumber,'KH-')&$orderby=accountnumber",
        );
        all.iter().map(|row| format!("{}={}", row["accountnumber"], row["name"]).replace('"', "")).collect::<Vec<_>>()
    };
    assert_eq!(named(), ["A/1 O'B=Contoso Ltd", "B 2=Fabrikam", "C=Northwind"]);
    // An update makes none.
    case.file("three.csv", "accountnumber,name\nB 2,Fabrikam AG\nD,Nobody\n");
    let ended = accounts("three.csv", &["--update"]);
    assert_eq!(
        (ended.code(), ended.out.as_str()),
        (65, "loaded 1 rows into accounts, 1 rejected: see three.csv.rejects.csv\n")
    );
    let rejects = case.read("three.csv.rejects.csv");
    let lines: Vec<&str> = rejects.lines().collect();
    assert_eq!(lines[0], "keyholder_row,keyholder_reason,accountnumber,name");
    assert!(lines[1].starts_with("2,\"") && lines[1].ends_with(",D,Nobody") && lines.len() == 2, "{rejects}");
    assert_eq!(named(), ["A/1 O'B=Contoso Ltd", "B 2=Fabrikam AG", "C=Northwind"]);

    let said = case.run(&["load", "one.csv", "--table", "accounts", "--key", "name"]).failed(65);
    assert!(said.contains("`name` is no alternate key of `account`: it has `accountnumber`"), "{said}");
}

/// Owners are users or teams; a file may name both, each in a column of its own.
#[tokio::test(flavor = "multi_thread")]
async fn rows_are_given_to_users_and_teams() {
    let case = Case::new().await;
    let token = case.0.admin_token().await;
    let role = &case.query("roles?$select=roleid&$filter=name eq 'System Administrator'")[0]["roleid"];
    let role = role.as_str().unwrap().to_owned();
    for name in ["North", "South"] {
        let team = case.0.api(&token, "POST", "teams", Some(&json!({"name": name}))).await;
        assert_eq!(team.status, 204, "{}", team.text);
        let team = case.query(&format!("teams?$select=teamid&$filter=name eq '{name}'"))[0]["teamid"].clone();
        let held = json!({"@odata.id": format!("{}/api/data/v9.2/roles({role})", case.0.origin())});
        let path = format!("teams({})/teamroles_association/$ref", team.as_str().unwrap());
        assert_eq!(case.0.api(&token, "POST", &path, Some(&held)).await.status, 204);
    }
    let north = case.query("teams?$select=teamid&$filter=name eq 'North'")[0]["teamid"].as_str().unwrap().to_owned();
    let south = case.query("teams?$select=teamid&$filter=name eq 'South'")[0]["teamid"].as_str().unwrap().to_owned();
    let me = case.run(&["whoami", "--output", "json"]).json()["userId"].as_str().unwrap().to_owned();
    case.file(
        "owned.csv",
        format!(
            "lastname,ownerid:systemuser,ownerid:team\nOne,{me},\nTwo,,{north}\nBoth,{me},{north}\nNone,,\nBad,x,\n"
        ),
    );
    let ended = case.load(&["owned.csv", "--empty-as-null"]);
    assert_eq!(
        (ended.code(), ended.out.as_str()),
        (65, "loaded 3 rows into contacts, 2 rejected: see owned.csv.rejects.csv\n")
    );
    let rejects = case.read("owned.csv.rejects.csv");
    assert!(rejects.contains("3,\"`ownerid:team` names a second row for the same lookup\",Both"), "{rejects}");
    let owner = |name: &str| {
        case.query(&format!("contacts?$select=_ownerid_value&$filter=lastname eq '{name}'"))[0]["_ownerid_value"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!([owner("One"), owner("Two"), owner("None")], [me.clone(), north.clone(), me.clone()]);

    // By name: of lines of JSON the first says which columns have to be known.
    case.file(
        "owned.jsonl",
        "\n{\"lastname\":\"Three\",\"ownerid:team.name\":\"South\"}\n{\"lastname\":\"Four\",\"ownerid:team.name\":\"West\"}\n",
    );
    assert_eq!(case.load(&["owned.jsonl"]).code(), 65);
    assert!(case.read("owned.jsonl.rejects.jsonl").contains("no row of `team` has `West` as `name`"));
    assert_eq!(owner("Three"), south);
    // And changed: given away.
    let three = case.query("contacts?$select=contactid&$filter=lastname eq 'Three'")[0]["contactid"].clone();
    case.file("away.csv", format!("contactid,Team\n{},North\n", three.as_str().unwrap()));
    let away = ["away.csv", "--key", "contactid", "--update", "--map", "Team=ownerid:team.name"];
    assert_eq!(case.load(&away).done(), "loaded 1 rows into contacts\n");
    assert_eq!(owner("Three"), north);

    case.file("bare.csv", format!("lastname,ownerid\nX,{me}\n"));
    let said = case.load(&["bare.csv"]).failed(65);
    assert!(said.contains("say into which: `ownerid:systemuser`, `ownerid:team`"), "{said}");
    // What the first row does not have, cannot be looked up.
    case.file("late.jsonl", "{\"lastname\":\"Five\"}\n{\"lastname\":\"Six\",\"ownerid:team.name\":\"North\"}\n");
    assert_eq!(case.load(&["late.jsonl"]).code(), 65);
    let rejects = case.read("late.jsonl.rejects.jsonl");
    assert!(rejects.contains("by `--map 'ownerid:team.name=ownerid:team.name'`"), "{rejects}");
    let mapped = ["late.jsonl", "--map", "ownerid:team.name=ownerid:team.name", "--journal", "j", "--rejects", "r"];
    assert_eq!(case.load(&mapped).done(), "loaded 2 rows into contacts\n");
}

/// A lookup into several tables from a column for each: of each row one names the row, and it is emptied once.
#[tokio::test(flavor = "multi_thread")]
async fn customers_of_several_tables_are_loaded_from_a_column_for_each() {
    let case = Case::new().await;
    let made = |path: &str, body: &str| {
        let made = case.run(&["create", path, "--data", body, "--output", "json"]).json();
        made["id"].as_str().unwrap().to_owned()
    };
    let account = made("accounts", r#"{"name":"Contoso"}"#);
    let contact = made("contacts", r#"{"lastname":"Parent"}"#);
    let customers = format!(
        "lastname,parentcustomerid:account,parentcustomerid:contact\nOne,{account},\nTwo,,{contact}\nNone,,\nBoth,{account},{contact}\n"
    );
    case.file("of.csv", customers);
    let ended = case.load(&["of.csv", "--empty-as-null"]);
    assert_eq!(ended.out, "loaded 3 rows into contacts, 1 rejected: see of.csv.rejects.csv\n");
    let rejects = case.read("of.csv.rejects.csv");
    assert!(
        rejects.contains("4,\"`parentcustomerid:contact` names a second row for the same lookup\",Both"),
        "{rejects}"
    );
    let parent = |name: &str| {
        let found = case.query(&format!("contacts?$select=_parentcustomerid_value&$filter=lastname eq '{name}'"));
        found[0]["_parentcustomerid_value"].as_str().map(str::to_owned)
    };
    let parents = [parent("One"), parent("Two"), parent("None")];
    assert_eq!(parents, [Some(account.clone()), Some(contact.clone()), None]);

    // A null beside the one that is named says nothing; the first line that is a row tells which columns have to be known.
    let lines = [
        "oops".to_owned(),
        r#"{"keyholder_line":"oops"}"#.to_owned(),
        r#"{"lastname":"Three","parentcustomerid:account.name":"Contoso","parentcustomerid:contact":null}"#.to_owned(),
        format!(r#"{{"lastname":"Four","parentcustomerid:account":null,"parentcustomerid:contact":"{contact}"}}"#),
    ];
    case.file("of.jsonl", lines.join("\n"));
    assert_eq!(case.load(&["of.jsonl"]).code(), 65);
    assert_eq!(case.read("of.jsonl.rejects.jsonl").lines().count(), 2);
    assert_eq!([parent("Three"), parent("Four")], [Some(account), Some(contact)]);
}

/// All columns that do not fit are told at once, and how they are left out; what an export wrote goes back.
#[tokio::test(flavor = "multi_thread")]
async fn all_columns_that_do_not_fit_are_told_at_once() {
    let case = Case::new().await;
    case.file("bad.csv", "lastname,fistname,createdon,Shoe size,parentcustomerid,Name\nA,B,C,D,E,F\n");
    let maps = ["bad.csv", "--key", "contactid", "--map", "Name=lastname", "--map", "Gone=fax"];
    let said = case.load(&maps).failed(65);
    for part in [
        "`Gone` is mapped, and the first line of `bad.csv` does not name it",
        "names the column `fistname`, which",
        "by `fistname`, did you mean `firstname`?",
        "names `createdon`, which the org fills itself",
        "names the column `Shoe size`, which",
        "say into which: `parentcustomerid:account`, `parentcustomerid:contact`",
        "has `lastname` twice: as `lastname` and as `Name`",
        "has no column `contactid`",
        "`--map 'fistname=' --map 'createdon=' --map 'Shoe size=' --map 'parentcustomerid=' --map 'Name='`",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("leave the column out"), "{said}");

    case.run(&["export", "contacts", "--output-file", "all.csv"]).done();
    let back =
        ["all.csv", "--key", "contactid", "--update", "--map", "_parentcustomerid_value=parentcustomerid:account"];
    let said = case.load(&back).failed(65);
    let (_, rest) = said.split_once("left out with `").unwrap();
    let left_out = rest.split('`').next().unwrap().replace('\'', "");
    let left_out: Vec<&str> = left_out.split(' ').collect();
    assert!(left_out.len() > 20, "{said}");
    let told = case.load(&[&back[..], &left_out].concat());
    assert_eq!(told.done(), "loaded 10 rows into contacts\n");
}

/// A token that is good may not be accepted for a while.
#[tokio::test(flavor = "multi_thread")]
async fn a_load_outlasts_some_answers_that_do_not_accept_the_token() {
    let case = Case::new().await;
    case.file("rows.csv", "lastname,jobtitle\nA,accepted\n");
    let order = json!({"fault": "expired-token", "method": "POST", "path": "/api/data/v9.2/contacts*", "requests": 3});
    case.order(&order).await;
    assert_eq!(case.load(&["rows.csv"]).done(), "loaded 1 rows into contacts\n");
    assert_eq!(case.query("contacts?$select=lastname&$filter=jobtitle eq 'accepted'").len(), 1);
}

/// What keeps a load from beginning is said, and nothing is sent or written.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_loaded_is_refused_by_name() {
    let case = Case::new().await;
    for (text, more, said) in [
        (&b""[..], &[][..], "is empty: its first line has to name the columns"),
        (b"\xef\xbb\xbf", &[], "has nothing in its first line"),
        (b"\xff\xfel\0", &[], "is UTF-16"),
        (b"last\xffname\nx\n", &[], "the first line of `bad.csv` is not UTF-8"),
        (b"lastname,lastname\na,b\n", &[], "has the column `lastname` twice"),
        (b"lastname,Name\na,b\n", &["--map", "Name=lastname"], "has `lastname` twice: as `lastname` and as `Name`"),
        (b"lastname,lstname\na,b\n", &[], "did you mean `lastname`?"),
        (b"lastname,,x\na,b\n", &[], "column 2 of `bad.csv` has no name"),
        (b"lastname;firstname\na;b\n", &[], "--delimiter ';'"),
        (b"lastname,\"x\na,b\n", &[], "its quotes do not match"),
        (
            b"lastname\nx\n",
            &["--map", "Name=lastname"],
            "`Name` is mapped, and the first line of `bad.csv` does not name it",
        ),
        (
            b"lastname,keyholder_row\nx,1\n",
            &["--map", "keyholder_row=jobtitle"],
            "maps `keyholder_row`, which is what a load writes of a row that it rejects",
        ),
        (b"lastname,createdon\nx,y\n", &[], "which the org fills itself"),
        (b"lastname,parentcustomerid\nx,y\n", &[], "`parentcustomerid:account`, `parentcustomerid:contact`"),
        (b"lastname,contactid\nx,y\n", &[], "load with `contactid` as the key"),
        (b"lastname\nx\n", &["--key", "contactid"], "has no column `contactid`"),
        (b"lastname\nx\n", &["--key", "emailaddress1"], "`emailaddress1` is no alternate key of `contact`"),
    ] {
        case.file("bad.csv", text);
        let told = case.load(&[&["bad.csv"], more].concat()).failed(65);
        assert!(told.contains(said), "{told}");
        assert_eq!(
            fs::read_dir(case.path()).unwrap().filter(|entry| entry.as_ref().unwrap().file_name() != "state").count(),
            1,
            "{said}"
        );
    }
    let told = case.run(&["load", "bad.csv", "--table", "contcts"]).failed(65);
    assert!(told.contains("no table `contcts`") && told.contains("did you mean `contacts`?"), "{told}");
    case.load(&["none.csv"]).failed(73);
    assert!(case.load(&["."]).failed(65).contains("is no regular file"));
    assert!(case.load(&["bad.csv", "--update"]).failed(64).contains("--key"));
    // A file of a header alone has no rows, and that is done.
    case.file("none.csv", "lastname\n");
    assert_eq!(case.load(&["none.csv"]).done(), "loaded 0 rows into contacts\n");
    assert_eq!(case.query("contacts?$select=lastname").len(), 10);
}
