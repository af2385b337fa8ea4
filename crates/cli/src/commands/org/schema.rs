//! `keyholder org import-schema`, and the schemas that `org start --schema` brings.

use std::fs::File;
use std::path::{Path, PathBuf};

use keyholder_org::Imported;
use keyholder_org::schemas::{self, SchemaFile, SchemaFileError, SchemaRequest, Schemas};
use serde_json::{Value, json};

use crate::args::ImportSchema;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::local::{self, Holder};
use crate::printer::Printer;

/// Of each list at most this many lines are shown to people; programs get all.
const SHOWN: usize = 20;

/// Imports schemas into the org of a folder, running or not.
pub(super) async fn import(arguments: &ImportSchema, printer: Printer) -> Result<(), Failure> {
    let read = read(&arguments.files, arguments.side.as_deref())?;
    let (schema, provenance) = (read.definition.clone(), read.provenance.clone());
    let imported = match local::holder(&arguments.folder.data).await? {
        Holder::Running(control) => {
            let body = serde_json::to_value(SchemaRequest { schema, provenance }).unwrap_or_default();
            let done = control.post("schema", &body).await.map_err(again)?;
            serde_json::from_value(done).map_err(|error| {
                Failure::new(Exit::Failed, format!("the running org answered something else: {error}"))
            })?
        }
        Holder::Opened(world) => world.import_schema(schema, provenance).await?,
    };
    report(&read, &imported, printer);
    Ok(())
}

/// What to do when nobody knows whether an import arrived.
fn again(failure: Failure) -> Failure {
    match failure.exit() {
        Exit::OutOfReach => failure
            .hint("run the import again once the org answers: an import is taken whole or not at all, and the same again is always safe"),
        _ => failure,
    }
}

/// Reads the files that a command names.
pub(super) fn read(files: &[PathBuf], side: Option<&Path>) -> Result<Schemas, Failure> {
    let files = files.iter().map(|path| content(path)).collect::<Result<Vec<_>, _>>()?;
    let side = side.map(content).transpose()?;
    Schemas::read(&files, side.as_ref()).map_err(|error| {
        let failure = Failure::new(Exit::BadData, error.to_string());
        match error {
            SchemaFileError::Side { .. } => failure.hint("`keyholder org import-schema --help` shows one"),
            SchemaFileError::Unreadable { .. } => {
                failure.hint("a real org's document is at ORG/api/data/v9.2/$metadata")
            }
            _ => failure,
        }
    })
}

fn content(path: &Path) -> Result<SchemaFile, Failure> {
    let name = path.display().to_string();
    let read = match File::open(path) {
        Ok(file) => SchemaFile::read(name, file),
        Err(error) => Err(SchemaFileError::NotRead { name, reason: error.to_string() }),
    };
    read.map_err(|error| {
        let exit = match error {
            SchemaFileError::NotRead { .. } => Exit::BadConfiguration,
            _ => Exit::BadData,
        };
        Failure::new(exit, error.to_string())
    })
}

/// Says what an import did, and what it did not.
pub(super) fn report(read: &Schemas, imported: &Imported, printer: Printer) {
    let Imported { new, changed, unchanged, kept, columns, lookups, many_to_many, differences, .. } = imported;
    printer.line(&format!(
        "tables: {} new, {} with more than before, {unchanged} as they were",
        new.len(),
        changed.len()
    ));
    printer.line(&format!("columns: {columns} new, {lookups} of them lookups"));
    printer.line(&format!("many-to-many relationships: {many_to_many} new"));
    if *kept > 0 {
        printer.line(&format!("tables of earlier imports that are not in these files, and stay: {kept}"));
    }
    if !read.assumed.is_empty() {
        printer.line("assumed where the documents are silent (a file given with `--side` says otherwise, `--output json` names each):");
        for (what, places) in &read.assumed {
            printer.sentence("  ", &format!("{what}: {}", places.len()));
        }
    }
    list("not taken over:", &read.left_out, printer);
    list("where the org's own tables counted, or what was imported before:", differences, printer);
    if !new.is_empty() {
        printer.line("a table is made in the org's database when it is first used");
    }
    let mut value = schemas::to_json(imported);
    if let Value::Object(members) = &mut value {
        let assumed =
            |(what, places): &(String, Vec<String>)| json!({"what": what, "count": places.len(), "of": places});
        let assumed: Vec<Value> = read.assumed.iter().map(assumed).collect();
        members.insert("assumed".to_owned(), assumed.into());
        members.insert("leftOut".to_owned(), json!(read.left_out));
    }
    printer.json(&value);
}

fn list(title: &str, lines: &[String], printer: Printer) {
    if lines.is_empty() {
        return;
    }
    printer.line(title);
    for line in lines.iter().take(SHOWN) {
        printer.sentence("  ", line);
    }
    if let Some(more) = lines.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        printer.line(&format!("  and {more} more; `--output json` shows all"));
    }
}

#[cfg(test)]
mod tests {
    use keyholder_client::Error;
    use keyholder_client::error::Unreachable;

    use super::*;

    #[test]
    fn a_lost_connection_says_that_importing_again_is_safe() {
        let cause = Unreachable::Lost("it was closed before the whole answer had come".to_owned());
        let lost = again(Failure::from(Error::Unreachable { origin: "https://localhost:8443".to_owned(), cause }));
        assert!(lost.hints().iter().any(|hint| hint.contains("always safe")), "{:?}", lost.hints());
        let refused = again(Failure::new(Exit::Usage, "no"));
        assert!(refused.hints().is_empty());
    }
}
