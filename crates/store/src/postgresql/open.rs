//! Opening a schema: does the server take us, is the schema ours, is it of today?

use std::path::PathBuf;
use std::sync::Arc;

use tokio::runtime::Runtime;
use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

use super::failure::explain;
use super::{Server, Session};
use crate::migration::check_numbers;
use crate::{Durability, Error, Migration, dialect};

/// The oldest server that all of what is printed runs on.
const OLDEST: u32 = 13;
/// The longest name that the server keeps whole.
const LONGEST_NAME: usize = 63;

/// What is asked of the server while a schema is opened, and how its errors are told.
struct Opening<'a> {
    runtime: &'a Runtime,
    client: &'a Client,
    place: PathBuf,
}

impl Opening<'_> {
    fn run(&self, sql: &str) -> Result<(), Error> {
        self.runtime.block_on(self.client.batch_execute(sql)).map_err(|error| self.error(&error))
    }

    fn ask(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<tokio_postgres::Row>, Error> {
        self.runtime.block_on(self.client.query(sql, values)).map_err(|error| self.error(&error))
    }

    fn number(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<i64, Error> {
        let rows = self.ask(sql, values)?;
        rows.first()
            .and_then(|row| row.try_get(0).ok())
            .ok_or_else(|| self.unusable("the server gave no number".into()))
    }

    fn error(&self, error: &tokio_postgres::Error) -> Error {
        match error.as_db_error() {
            Some(said) if said.code().code() == "42501" => {
                self.unusable(format!("{}; grant the user CREATE on the database", said.message()))
            }
            _ => explain(error, &self.place, "").error(),
        }
    }

    fn unusable(&self, reason: String) -> Error {
        Error::Unusable { doing: "open", path: self.place.clone(), reason }
    }
}

/// Refuses a schema's name that cannot stand between quotes, or that the server would cut.
pub(super) fn check_name(server: &Server, schema: &str) -> Result<(), Error> {
    let sound = schema.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if schema.is_empty() || schema.len() > LONGEST_NAME || !sound {
        let reason = format!("a schema's name is 1 to {LONGEST_NAME} small letters, digits and `_`");
        return Err(Error::Unusable { doing: "open", path: server.schema(schema), reason });
    }
    Ok(())
}

/// Connects, makes the schema where it is missing, and brings its tables to the last of these
/// migrations: all in one transaction, which nodes that start at the same time take turns in.
pub(super) fn open(
    runtime: &Arc<Runtime>,
    server: &Server,
    schema: &str,
    migrations: &[Migration],
) -> Result<Session, Error> {
    check_numbers(migrations)?;
    let session = Session::connect(runtime, server, schema)?;
    let opening = Opening { runtime, client: session.client(), place: server.schema(schema) };
    let version = opening.number("SELECT current_setting('server_version_num')::bigint", &[])?;
    if version < i64::from(OLDEST) * 10_000 {
        let reason = format!("the server is PostgreSQL {}, and {OLDEST} is the oldest that will do", version / 10_000);
        return Err(opening.unusable(reason));
    }
    if opening.number("SELECT (current_setting('server_encoding') = 'UTF8')::int::bigint", &[])? == 0 {
        return Err(opening.unusable("the database does not keep text as UTF-8; make one with ENCODING 'UTF8'".into()));
    }
    opening.run("BEGIN")?;
    let migrated = migrate(&opening, schema, migrations).and_then(|()| opening.run("COMMIT"));
    if let Err(error) = migrated {
        // The first error is the one to tell.
        drop(opening.run("ROLLBACK"));
        return Err(error);
    }
    Ok(session)
}

fn migrate(opening: &Opening<'_>, schema: &str, migrations: &[Migration]) -> Result<(), Error> {
    opening.ask("SELECT pg_advisory_xact_lock(hashtextextended('keyholder ' || $1, 0))", &[&schema])?;
    let known = "SELECT count(*) FROM pg_catalog.pg_namespace WHERE nspname = $1";
    if opening.number(known, &[&schema])? == 0 {
        opening.run(&format!("CREATE SCHEMA \"{schema}\""))?;
    }
    let tables = "SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
                  WHERE n.nspname = $1 AND ($2 = '' OR c.relname = $2)";
    if opening.number(tables, &[&schema, &"keyholder_migration"])? == 0 {
        if opening.number(tables, &[&schema, &""])? != 0 {
            return Err(
                opening.unusable("the schema has tables, and none of Keyholder's; name another database".into())
            );
        }
        opening.run(
            "CREATE TABLE keyholder_migration (number bigint NOT NULL PRIMARY KEY, name text NOT NULL, \
             checksum text NOT NULL); CREATE TABLE keyholder_writer (turn boolean)",
        )?;
    }
    for migration in migrations {
        let (checksum, number, path) = (migration.checksum()?, i64::from(migration.number), opening.place.clone());
        let found = opening.ask("SELECT name, checksum FROM keyholder_migration WHERE number = $1", &[&number])?;
        match found.first().map(|row| (row.get::<_, String>(0), row.get::<_, String>(1))) {
            Some((_, known)) if known == checksum => {}
            Some((name, _)) => return Err(Error::ChangedMigration { path, number: migration.number, name }),
            None => {
                for statement in &migration.statements {
                    opening.run(&dialect::postgresql::print(statement)?)?;
                }
                let note = "INSERT INTO keyholder_migration (number, name, checksum) VALUES ($1, $2, $3)";
                opening.ask(note, &[&number, &migration.name, &checksum])?;
            }
        }
    }
    let last = i64::try_from(migrations.len()).unwrap_or(i64::MAX);
    let newer = "SELECT number, name FROM keyholder_migration WHERE number > $1 ORDER BY number LIMIT 1";
    match opening.ask(newer, &[&last])?.first() {
        Some(row) => {
            let number = u32::try_from(row.get::<_, i64>(0)).unwrap_or(u32::MAX);
            Err(Error::NewerMigration { path: opening.place.clone(), number, name: row.get(1) })
        }
        None => Ok(()),
    }
}

/// What every session of this durability is set to beside what the server's address says.
pub(super) fn durable(durability: Durability) -> Option<&'static str> {
    match durability {
        // What the server is set to is the administrator's choice.
        Durability::Normal => None,
        Durability::Full => Some("SET synchronous_commit TO on"),
    }
}
