//! `keyholder org import-schema` and `org start --schema`.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use crate::program::{RunningOrg, run};

fn example(name: &str) -> String {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name);
    path.to_str().unwrap().to_owned()
}

#[test]
fn s10_a_schema_is_imported_whether_the_org_runs_or_not() {
    let folder = tempfile::tempdir().unwrap();
    let (document, side) = (example("visits.xml"), example("visits.toml"));
    let import = ["org", "import-schema", document.as_str(), "--side", side.as_str()];
    let missing = run(folder.path(), &import).failed(78);
    assert!(missing.contains("no local org"), "{missing}");

    let org = RunningOrg::start(folder.path(), &["--listen", "127.0.0.1:0"]);
    let told = run(folder.path(), &import).done();
    assert!(told.contains("tables: 1 new, 0 with more than before, 1 as they were"), "{told}");
    assert!(
        told.contains("texts as long as they can be") && told.contains("first used") && told.contains("json"),
        "{told}"
    );
    let same = run(folder.path(), &import).done();
    assert!(same.contains("tables: 0 new, 0 with more than before, 2 as they were"), "{same}");
    drop(org);

    let again = run(folder.path(), &[&import[..], &["--output", "json"]].concat()).json();
    assert_eq!((&again["new"], &again["changed"], &again["unchanged"]), (&json!([]), &json!([]), &json!(2)), "{again}");
    let assumed = again["assumed"].as_array().unwrap();
    let of = |what: &str| assumed.iter().find(|one| one["what"] == what).map(|one| one["of"].clone());
    assert_eq!(
        of("tables without a column that names rows"),
        None,
        "the side file tells one, and the other ships: {again}"
    );
    let texts = of("texts as long as they can be");
    assert_eq!(texts, Some(json!(["`new_visit`.`new_number`"])), "the side file tells the title's: {again}");
}

#[test]
fn an_org_starts_with_a_schema() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = folder.path().join("wrong.xml");
    fs::write(&wrong, "<html/>").unwrap();
    let start = ["org", "start", "--listen", "127.0.0.1:0", "--schema", wrong.to_str().unwrap()];
    let refused = run(folder.path(), &start).failed(65);
    assert!(refused.contains("wrong.xml`, line 1") && refused.contains("$metadata"), "{refused}");
    assert!(!folder.path().join(".keyholder").exists(), "a file that is wrong leaves nothing behind");

    let document = example("visits.xml");
    let org = RunningOrg::start(folder.path(), &["--listen", "127.0.0.1:0", "--schema", &document]);
    let there = run(folder.path(), &["org", "import-schema", &document, "--output", "json"]).json();
    assert_eq!((&there["new"], &there["unchanged"]), (&json!([]), &json!(2)), "{there}");
    drop(org);

    // Packed it is the same.
    let packed = folder.path().join("visits.xml.gz");
    let mut packer = GzEncoder::new(fs::File::create(&packed).unwrap(), Compression::default());
    packer.write_all(&fs::read(&document).unwrap()).unwrap();
    packer.finish().unwrap();
    let packed = packed.to_str().unwrap();
    let there = run(folder.path(), &["org", "import-schema", packed, "--output", "json"]).json();
    assert_eq!((&there["new"], &there["unchanged"]), (&json!([]), &json!(2)), "{there}");
    let org = RunningOrg::start(folder.path(), &["--listen", "127.0.0.1:0", "--schema", packed]);
    drop(org);
}

#[test]
fn files_that_are_no_schemas_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (document, nothing) = (example("visits.xml"), file("nothing.json", b"{\"tables\":7}"));
    let (packed, side) = (file("packed.xml.gz", &[0x1f, 0x8b, 8, 0]), file("side.toml", b"[tables.nosuch]\n"));
    let broken = file("broken.toml", b"[tables");
    for (arguments, code, expected) in [
        (vec![nothing.as_str()], 65, "neither a metadata document"),
        (vec![packed.as_str()], 65, "packed.xml.gz` cannot be unpacked"),
        (vec![document.as_str(), "--side", side.as_str()], 65, "table `nosuch`: there is no such table"),
        (vec![document.as_str(), "--side", broken.as_str()], 65, "broken.toml"),
        (vec!["not-there.xml"], 78, "cannot read `not-there.xml`"),
    ] {
        let said = run(folder.path(), &[&["org", "import-schema"][..], &arguments].concat()).failed(code);
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
}
