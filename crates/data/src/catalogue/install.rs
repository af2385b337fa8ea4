//! Putting the schema into a store: the first time, and when a newer program knows more columns.

use std::sync::Arc;

use keyholder_dataverse::Schema;
use keyholder_dataverse::schema::{ColumnKind, SchemaDefinition, SchemaError};
use keyholder_store::{Prepared, Transaction};

use super::compose::compose;
use super::migrate::{LetGo, migrate};
use super::{Catalogue, Layout, left, made, stored};
use crate::Error;
use crate::epoch::EpochStatements;

/// The tables that a program brings along.
struct Program<'a> {
    /// Tells whether it is the same program's as the last time.
    digest: &'a str,
    /// As they are, for an organization that has nothing of its own.
    schema: &'a dyn Fn() -> Result<Schema, SchemaError>,
    /// To add more to.
    definition: &'a dyn Fn() -> Result<SchemaDefinition, SchemaError>,
}

/// Reads the organization's schema, or gives it that of this program with what the organization has of its own. The flag says
/// whether anything was new, so that the rows which the platform keeps can follow.
///
/// Columns that a newer program's schema adds are added. What it takes back stays in the store and is not shown until a schema has it
/// again; a column that changed what it holds is refused, unless the organization had it first.
pub(crate) fn install(tx: &mut Transaction<'_>, epochs: &EpochStatements) -> Result<(Catalogue, bool), Error> {
    let this = Program { digest: Schema::core_digest(), schema: &Schema::core, definition: &SchemaDefinition::core };
    install_of(&this, tx, epochs)
}

fn install_of(
    program: &Program<'_>,
    tx: &mut Transaction<'_>,
    epochs: &EpochStatements,
) -> Result<(Catalogue, bool), Error> {
    let before = match stored::read(tx, stored::COMPILED)? {
        Some(compiled) => {
            let schema = Schema::from_packed(&compiled)?;
            place_files(tx, epochs, &schema)?;
            if stored::read(tx, stored::SHIPPED)?.as_deref() == Some(program.digest) {
                let catalogue = Catalogue::new(epochs.read(tx)?.schema, Arc::new(schema));
                return Ok((catalogue.sharing(stored::option_sets(tx)?), false));
            }
            Some(schema)
        }
        None => {
            stored::write(tx, stored::FILES, "placed".to_owned())?;
            None
        }
    };
    epochs.bump_made(tx)?;
    let own = stored::own(tx)?;
    let mut known = made::list(tx)?;
    if let (Some(before), true) = (&before, known.is_empty()) {
        // From a program that made all tables at once and wrote down none.
        for name in before.names() {
            made::record(tx, &name.logical_name)?;
            known.insert(name.logical_name.to_string());
        }
    }
    let schema = if own == SchemaDefinition::empty() {
        (program.schema)()?
    } else {
        // Nobody is there to be told of differences; who imports is.
        Schema::new(compose((program.definition)()?, &own, before.as_ref(), &known)?.0)?
    };
    if let Some(before) = &before {
        migrate(tx, before, &schema, &known, &LetGo::default())?;
    }
    for name in made::AT_START {
        if let Some(table) = schema.table(name)? {
            made::make(tx, &table)?;
        }
    }
    let packed = schema.to_packed();
    stored::write(tx, stored::COMPILED, packed.clone())?;
    stored::write(tx, stored::SHIPPED, program.digest.to_owned())?;
    epochs.bump_schema(tx)?;
    epochs.bump_security(tx)?;
    // Nothing of it is decoded any more: who asks for a table decodes that one.
    let catalogue = Catalogue::new(epochs.read(tx)?.schema, Arc::new(Schema::from_packed(&packed)?));
    Ok((catalogue.sharing(own.option_sets), true))
}

/// Gives the tables that an earlier program made, which kept no files, the columns for them; once.
fn place_files(tx: &mut Transaction<'_>, epochs: &EpochStatements, schema: &Schema) -> Result<(), Error> {
    if stored::read(tx, stored::FILES)?.is_some() {
        return Ok(());
    }
    epochs.bump_made(tx)?;
    for name in made::list(tx)? {
        let Some(table) = schema.table(&name)? else { continue };
        let layout = Layout::new(&table);
        let files: Vec<_> = layout.places.iter().filter(|place| place.column.kind == ColumnKind::File).collect();
        if files.is_empty() {
            continue;
        }
        let stored = left::columns_of(tx, &layout.name)?;
        for place in files {
            if place.physical().all(|(name, _)| stored.iter().any(|known| *known.name == *name)) {
                continue;
            }
            for statement in layout.added_columns(place) {
                tx.execute(&Prepared::new(statement)?, &[])?;
            }
        }
    }
    Ok(stored::write(tx, stored::FILES, "placed".to_owned())?)
}

#[cfg(test)]
mod tests;
