//! Packs the tables that ship with the project while it is built.
//!
//! They stand in `schema/*.json`, a file for each area, to be read and changed by people. A program
//! that starts needs none of that: it needs the index of their names, and each table's definition
//! with its relationships when the table is first named. So relationships are resolved here, and what
//! is compiled in is the text that [`Schema::to_packed`](../src/schema/packed.rs) would write.

use std::error::Error;
use std::path::Path;

#[allow(dead_code, unreachable_pub, reason = "shared with the library, which uses all of it")]
#[path = "src/schema/column.rs"]
mod column;
#[allow(dead_code, unreachable_pub, reason = "shared with the library, which uses all of it")]
#[path = "src/schema/definition.rs"]
mod definition;
#[allow(dead_code, unreachable_pub, reason = "shared with the library, which uses all of it")]
#[path = "src/schema/error.rs"]
mod error;
#[allow(dead_code, reason = "shared with the library, which uses all of it")]
#[path = "src/schema/packing.rs"]
mod packing;
#[allow(dead_code, unreachable_pub, reason = "shared with the library, which uses all of it")]
#[path = "src/privilege.rs"]
mod privilege;

use column::{Access, ColumnKind, ContentsLimit, LookupTarget, OptionItem, Requirement};
use definition::{ColumnDefinition, SchemaDefinition, TableDefinition};
use error::SchemaError;
use privilege::Verb;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new("schema");
    println!("cargo::rerun-if-changed=schema");
    println!("cargo::rerun-if-changed=src/schema");
    println!("cargo::rerun-if-changed=src/privilege.rs");
    let mut files: Vec<_> =
        std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_, std::io::Error>>()?;
    files.sort();
    let mut all = SchemaDefinition::empty();
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "json")) {
        let text = std::fs::read_to_string(file)?;
        let part: SchemaDefinition =
            serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))?;
        all.tables.extend(part.tables);
        all.many_to_many.extend(part.many_to_many);
    }
    let tables = all.resolved()?;
    let definitions = tables.iter().map(packing::definition).collect::<Result<Vec<_>, _>>()?;
    let index: Vec<packing::IndexRow<'_>> = tables
        .iter()
        .zip(&definitions)
        .map(|(table, definition)| {
            let set = table.entity_set.as_deref().map(Into::into);
            (table.logical_name.as_str().into(), set, table.type_code, definition.len())
        })
        .collect();
    let packed = packing::text(&index, definitions.iter().map(String::as_str));
    println!("cargo::rustc-env=KEYHOLDER_CORE_DIGEST={:016x}", packing::digest(&packed));
    let out = std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR for build scripts")?;
    std::fs::write(Path::new(&out).join("core.packed"), packed)?;
    Ok(())
}
