use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;

const FILE: &str = "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>
<Role id=\"{6cd42081-ff82-e911-a82c-000d3a1d5203}\" name=\"Orders &amp; more\" isinherited=\"1\" \
xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">
  <!-- kept in git -->
  <IsCustomizable>1</IsCustomizable>
  <IsAutoAssigned>0</IsAutoAssigned>
  <RolePrivileges>
    <RolePrivilege name=\"prvReadContact\" level=\"Global\" />
    <RolePrivilege name=\"prvWritenew_Shipment\" level=\"Basic\" />
  </RolePrivileges>
</Role>";

fn role() -> RoleFile {
    RoleFile {
        id: Some("6cd42081-ff82-e911-a82c-000d3a1d5203".parse().unwrap()),
        name: "Orders & more".to_owned(),
        is_inherited: Some(true),
        is_customizable: Some(true),
        is_auto_assigned: Some(false),
        privileges: vec![
            ("prvReadContact".to_owned(), Depth::Global),
            ("prvWritenew_Shipment".to_owned(), Depth::Basic),
        ],
    }
}

#[test]
fn s10_a_role_file_is_read_and_written() {
    assert_eq!(RoleFile::parse(FILE).unwrap(), role());
    assert_eq!(RoleFile::parse(&role().print()).unwrap(), role());
}

/// Role files of published solutions, where they are there.
#[test]
fn s10_the_role_files_of_published_solutions_are_read() {
    let shared = std::env::var_os("KEYHOLDER_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let folder = shared.join("data/roles");
    let Ok(index) = std::fs::read_to_string(folder.join("index.json")) else {
        println!("skipped: there are no role files in {}", folder.display());
        return;
    };
    let index: serde_json::Value = serde_json::from_str(&index).unwrap();
    let mut read = 0;
    for entry in index.as_array().unwrap() {
        let file = entry["file"].as_str().unwrap();
        if !file.starts_with("unpacked/") {
            continue;
        }
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        let role = RoleFile::parse(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(role.name, entry["role"].as_str().unwrap());
        assert_eq!(role.id.unwrap(), Uuid::try_parse(entry["roleid"].as_str().unwrap()).unwrap());
        assert_eq!(role.privileges.len() as u64, entry["privileges"].as_u64().unwrap(), "{file}");
        assert_eq!(RoleFile::parse(&role.print()).unwrap(), role, "{file}");
        read += 1;
    }
    assert_eq!(read, 15);
}

#[test]
fn hostile_files_are_refused_with_their_place() {
    let replaced = |from: &str, to: &str| FILE.replacen(from, to, 1);
    for (text, reason) in [
        (replaced("<Role id", "<!DOCTYPE Role [<!ENTITY a \"b\">]>\n<Role id"), "DTD"),
        (replaced("<Role id", "<!DOCTYPE Role SYSTEM \"file:///etc/passwd\">\n<Role id"), "DTD"),
        (replaced("\"Orders &amp; more\"", "\"&a;\""), "entity"),
        (replaced("level=\"Basic\"", "level=\"Everywhere\""), "line 8, column 5: `prvWritenew_Shipment` has the level"),
        (replaced("level=\"Basic\"", ""), "has the level ``"),
        (replaced("prvWritenew_Shipment", "prvreadcontact"), "listed twice"),
        (replaced("prvWritenew_Shipment", "prv'; drop"), "no privilege's name"),
        (replaced("prvReadContact\" level", "prvReadContact\" filter=\"x\" level"), "attribute `filter`"),
        (replaced("Role id", "Role secret=\"x\" id"), "attribute `secret`"),
        (replaced("{6cd42081", "{6cd4208"), "no GUID"),
        (replaced("name=\"Orders &amp; more\"", ""), "no name"),
        (replaced("<IsCustomizable>1", "<IsCustomizable>2"), "may be 0 or 1"),
        (replaced("<RolePrivileges>", "<RolePrivileges>x"), "there is text"),
        (replaced("<RolePrivileges>", "<RolePrivileges><a/>"), "`a` among the privileges"),
        ("<Roles/>".to_owned(), "the root is `Roles`"),
        ("<Role name=\"x\"/>".to_owned(), "no `RolePrivileges`"),
        ("<Role name=\"x\"><RolePrivileges/><RolePrivileges/></Role>".to_owned(), "two lists"),
        ("<Role name=\"x\"><Other/></Role>".to_owned(), "`Other` is not known"),
        (String::new(), "not XML"),
        (" ".repeat(LIMIT + 1), "longer than"),
        (format!("<Role name=\"x\">{}", "<a>".repeat(100_000)), "not XML"),
        (format!("<Role name=\"x\"><RolePrivileges>{}</RolePrivileges></Role>", "<a/>".repeat(300_000)), "not XML"),
    ] {
        let error = RoleFile::parse(&text).unwrap_err().to_string();
        assert!(error.contains(reason), "{reason}: {error}");
        assert!(error.len() < 300, "{error}");
    }
}

proptest! {
    #[test]
    fn print_then_parse_gives_the_same(
        name in "[ -~äß€]{1,40}".prop_filter("a name", |name| !name.trim().is_empty()),
        flags in prop::array::uniform3(prop::option::of(any::<bool>())),
        id in prop::option::of(any::<u128>()),
        privileges in prop::collection::btree_map("prv[A-Z][a-z0-9_]{0,20}", 0_usize..4, 0..20),
    ) {
        let [is_inherited, is_customizable, is_auto_assigned] = flags;
        let privileges = privileges.into_iter().map(|(name, depth)| (name, Depth::ALL[depth])).collect();
        let id = id.map(Uuid::from_u128);
        let role = RoleFile { id, name, is_inherited, is_customizable, is_auto_assigned, privileges };
        prop_assert_eq!(RoleFile::parse(&role.print()).unwrap(), role);
    }

    #[test]
    fn any_text_is_read_or_refused(text in ".{0,200}", at in 0..FILE.len(), cut in 0..FILE.len()) {
        let _ = RoleFile::parse(&text);
        // A real one, damaged: something put in somewhere, the rest cut off.
        let mut at = at;
        while !FILE.is_char_boundary(at) { at -= 1; }
        let damaged: String = format!("{}{text}{}", &FILE[..at], &FILE[at..]).chars().take(cut).collect();
        let _ = RoleFile::parse(&damaged);
    }
}
