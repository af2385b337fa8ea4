//! Query strings from public code and documents: each is understood or refused by name.

use std::collections::BTreeMap;
use std::path::PathBuf;

use keyholder_dataverse::error::code;
use keyholder_operation::syntax::filter;

use crate::world::send;

pub(crate) fn shared() -> PathBuf {
    std::env::var_os("KEYHOLDER_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from)
}

#[test]
fn each_real_query_is_understood_or_refused_by_name() {
    let file = shared().join("data/queries/odata-queries.jsonl");
    let Ok(text) = std::fs::read_to_string(&file) else {
        println!("skipped: there is no {}", file.display());
        return;
    };
    let (mut bound, mut parsed, mut count) = (0, 0, 0);
    let mut refused: BTreeMap<String, usize> = BTreeMap::new();
    for line in text.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let (Some(query), set) = (row["query"].as_str(), row["entity_set"].as_str().unwrap_or("contacts")) else {
            continue;
        };
        count += 1;
        match send("GET", &format!("{set}?{}", query.trim_start_matches('?')), &[], "") {
            Ok(_) => bound += 1,
            Err(error) => {
                assert!(!error.message.is_empty() && (400..=599).contains(&error.status), "{query}: {error}");
                // Names differ from row to row; what stands around them is the kind.
                let kind: String = error.message.split('\'').step_by(2).take(2).collect::<Vec<_>>().join("…");
                let kind = kind.replace(|letter: char| letter.is_ascii_digit(), "");
                *refused.entry(kind).or_default() += 1;
            }
        }
        let Some(concrete) = row["filter_concrete"].as_str() else { continue };
        match filter::parse(concrete) {
            Ok(_) => parsed += 1,
            // What a plain OData parser takes is either taken here or named as not supported yet.
            Err(error) if row["parses"] == true => {
                assert_eq!(error.code, code::NOT_SUPPORTED_HERE, "{concrete}: {error}");
            }
            Err(_) => {}
        }
    }
    println!("{count} queries: {bound} bound against the core tables, {parsed} filters parsed; refused:");
    for (kind, times) in &refused {
        println!("{times:5}  {kind}");
    }
    assert!(count >= 350 && bound > 0 && parsed > 150, "{count} {bound} {parsed}");
}
