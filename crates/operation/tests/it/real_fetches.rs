//! FetchXML documents from public code: each is read as it stands, or refused by name.

use std::collections::BTreeMap;
use std::process::Command;

use keyholder_dataverse::error::code;
use keyholder_operation::fetch::Fetch;

use crate::real_queries::shared;

#[test]
fn each_real_document_is_read_or_refused_by_name() {
    let file = shared().join("data/fetchxml/fetchxml.jsonl.gz");
    let unpacked = Command::new("gzip").arg("-dc").arg(&file).output();
    let Some(unpacked) = unpacked.ok().filter(|output| output.status.success()) else {
        println!("skipped: gzip has not unpacked {}", file.display());
        return;
    };
    let (mut read, mut count) = (0, 0);
    let mut refused: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in String::from_utf8(unpacked.stdout).unwrap().lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let (text, id) = (row["fetchxml"].as_str().unwrap(), row["id"].as_str().unwrap());
        count += 1;
        match Fetch::parse(text) {
            Ok(fetch) => {
                assert_eq!(fetch.entity.name, row["entity"].as_str().unwrap(), "{id}");
                assert_eq!(Fetch::parse(&fetch.to_string()).unwrap(), fetch, "{id}");
                read += 1;
            }
            Err(error) => {
                // All are well-formed: what is refused is refused for what it says.
                assert!(!error.message.contains("not well-formed"), "{id}: {error}");
                assert!(error.status == 400 || error.code == code::NOT_SUPPORTED_HERE, "{id}: {error}");
                let holes = if row["placeholders"] == true { "with holes" } else { "whole" };
                let kind = error.message.split('\'').step_by(2).collect::<Vec<_>>().join("…");
                refused.entry(format!("{holes}: {kind}")).or_default().push(id.to_owned());
            }
        }
    }
    println!("{count} documents: {read} read; refused:");
    for (kind, ids) in &refused {
        println!("{:5}  {kind} {:?}", ids.len(), ids.iter().take(4).collect::<Vec<_>>());
    }
    let whole: usize = refused.iter().filter(|(kind, _)| kind.starts_with("whole")).map(|(_, ids)| ids.len()).sum();
    assert!(count >= 950 && whole <= 25, "{count} {whole}");
}
