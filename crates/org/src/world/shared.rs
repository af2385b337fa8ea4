//! A world that several nodes serve: its record, the token service's keys and its epoch in a database
//! of PostgreSQL, beside the directory's and the orgs' schemas.
//!
//! Each change of the record or the keys bumps the epoch in its own transaction, and only if the epoch
//! is still the one that the change was made from. A node asks for the epoch before each request and
//! reads all anew when it moved. The private keys are sealed under a master key that the database
//! never sees.

use std::sync::Arc;
use std::time::Duration;

use keyholder_foundation::{Random, Secret, Sleep, Timestamp};
use keyholder_identity::keys::MasterKey;
use keyholder_store::statement::{Delete, Insert, Select, TableDefinition, Update, column, literal, parameter};
use keyholder_store::{Database, DatabaseOptions, Durability, Kind, Migration, Prepared, Server, Transaction, Value};
use uuid::Uuid;

use super::WorldOptions;
use crate::error::{Refused, StartError};
use crate::folder::World;

/// The schema of all this. The directory's and the orgs' names begin like it.
const SCHEMA: &str = "keyholder_world";
/// How long a node may take to make a new world before another one does it.
const LEASE: Duration = Duration::from_secs(120);
/// How often, and how long each time, a node that makes the world is waited for.
const TRIES: u32 = 900;
const PAUSE: Duration = Duration::from_millis(200);

/// A database that several nodes share, and what opens its keys.
#[derive(Debug, Clone)]
pub struct SharedDatabase {
    /// The server and the database on it.
    server: Server,
    /// Seals the token service's private keys.
    master_key: Arc<MasterKey>,
}

impl SharedDatabase {
    /// The database at a URL (`postgres://USER:PASSWORD@HOST:PORT/DATABASE`), with a master key of 64
    /// hexadecimal digits. Nothing is connected yet; `random` and `sleep` are for the pauses before
    /// something is tried again.
    ///
    /// # Errors
    /// [`StartError::Store`] and [`StartError::MasterKey`], which never show what they refuse.
    pub fn new(
        url: &Secret,
        master_key: &Secret,
        random: Arc<dyn Random>,
        sleep: Arc<dyn Sleep>,
    ) -> Result<Self, StartError> {
        let master_key = Arc::new(MasterKey::parse(master_key)?);
        Ok(Self { server: Server::parse(url, random, sleep)?, master_key })
    }

    /// Where it is, without user and password.
    #[must_use]
    pub fn place(&self) -> &str {
        self.server.place()
    }

    /// Where the directory is.
    pub(super) fn directory(&self) -> DatabaseOptions {
        DatabaseOptions::postgresql(&self.server, "keyholder_directory")
    }

    /// Where an org's rows are.
    pub(super) fn org(&self, id: Uuid) -> DatabaseOptions {
        DatabaseOptions::postgresql(&self.server, format!("keyholder_org_{}", id.simple()))
    }
}

/// What the database says of the world.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) record: World,
    pub(super) epoch: i64,
    /// The token service's keys by number, the newest first, as they are kept.
    keys: Vec<(i64, Vec<u8>)>,
}

/// The open database.
#[derive(Debug)]
pub(crate) struct Shared {
    database: Database,
    pub(super) at: SharedDatabase,
    statements: Arc<Statements>,
}

#[derive(Debug)]
struct Statements {
    read: Prepared,
    epoch: Prepared,
    first: Prepared,
    write: Prepared,
    lease: Prepared,
    keys: Prepared,
    add_key: Prepared,
    remove_key: Prepared,
}

impl Statements {
    fn prepare() -> Result<Self, keyholder_store::Error> {
        let number = || column("number").equals(literal(1));
        let read = Select::from("world").column("record", Kind::Text).column("epoch", Kind::Integer);
        let lease = Update::of("world").set("maker", parameter(0)).set("until", parameter(1)).filter(number());
        let keys = Select::from("signing_key").column("number", Kind::Integer).column("sealed", Kind::Bytes);
        Ok(Self {
            read: Prepared::new(read.column("maker", Kind::Uuid).column("until", Kind::Time).filter(number()))?,
            epoch: Prepared::new(Select::from("world").column("epoch", Kind::Integer).filter(number()))?,
            first: Prepared::new(
                Insert::into("world").columns(["record"]).value("number", literal(1)).value("epoch", literal(1)),
            )?,
            write: Prepared::new(
                Update::of("world")
                    .set("record", parameter(0))
                    .set("epoch", column("epoch").plus(literal(1)))
                    .filter(number().and(column("epoch").equals(parameter(1)))),
            )?,
            lease: Prepared::new(lease)?,
            keys: Prepared::new(keys.order_by(column("number").descending()))?,
            add_key: Prepared::new(Insert::into("signing_key").columns(["number", "sealed"]))?,
            remove_key: Prepared::new(Delete::from("signing_key").filter(column("number").equals(parameter(0))))?,
        })
    }
}

fn migrations() -> Vec<Migration> {
    vec![Migration::new(
        1,
        "create the world",
        [
            TableDefinition::new("world")
                .required("number", Kind::Integer)
                .required("epoch", Kind::Integer)
                .required("record", Kind::Text)
                .optional("maker", Kind::Uuid)
                .optional("until", Kind::Time)
                .primary_key(["number"])
                .into(),
            TableDefinition::new("signing_key")
                .required("number", Kind::Integer)
                .required("sealed", Kind::Bytes)
                .primary_key(["number"])
                .into(),
        ],
    )]
}

impl Shared {
    pub(super) fn open(at: &SharedDatabase, durability: Durability) -> Result<Self, StartError> {
        let options = DatabaseOptions::postgresql(&at.server, SCHEMA).durability(durability).readers(2);
        let database = Database::open(&options, &migrations())?;
        Ok(Self { database, at: at.clone(), statements: Arc::new(Statements::prepare()?) })
    }

    /// The world, new or known. While another node makes it, that one is waited for; one that was
    /// killed at it is waited for no longer than its lease runs.
    pub(super) async fn begin(&self, options: &WorldOptions, new: &World) -> Result<Known, StartError> {
        let (me, text) = (options.random.uuid(), print(new));
        for _ in 0..TRIES {
            let (statements, now, text) = (Arc::clone(&self.statements), options.clocks.system.now(), text.clone());
            let work = move |tx: &mut Transaction<'_>| -> Result<bool, keyholder_store::Error> {
                let found = tx.first(&statements.read, &[], |row| {
                    Ok((row.get::<String>(0)?, row.get::<Option<Uuid>>(2)?, row.get::<Option<Timestamp>>(3)?))
                })?;
                match found {
                    None => drop(tx.execute(&statements.first, &[text.as_str().into()])?),
                    Some((record, _, _)) if is_complete(&record) => return Ok(true),
                    Some((_, Some(_), Some(until))) if until > now => return Ok(false),
                    Some(_) => {}
                }
                tx.execute(&statements.lease, &[me.into(), now.plus(LEASE).into()])?;
                Ok(true)
            };
            if self.database.write(work).await? {
                return self.read().await;
            }
            options.settings.sleep.sleep(PAUSE).await;
        }
        Err(self.trouble(&"another node has been making it for minutes; stop that node, then start this one again"))
    }

    pub(super) async fn read(&self) -> Result<Known, StartError> {
        let statements = Arc::clone(&self.statements);
        let read = self.database.read::<_, keyholder_store::Error, _>(move |snapshot| {
            let world: Option<(String, i64)> =
                snapshot.first(&statements.read, &[], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let keys = snapshot.list(&statements.keys, &[], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok((world, keys))
        });
        let (Some((text, epoch)), keys) = read.await? else { return Err(self.trouble(&"its record is missing")) };
        let record = World::parse(&text).map_err(|why| self.trouble(&why))?;
        Ok(Known { record, epoch, keys })
    }

    /// The epoch as it is now.
    pub(super) async fn epoch(&self) -> Result<i64, StartError> {
        let statements = Arc::clone(&self.statements);
        let read = self.database.read::<_, keyholder_store::Error, _>(move |snapshot| {
            snapshot.first(&statements.epoch, &[], |row| row.get(0))
        });
        read.await?.ok_or_else(|| self.trouble(&"its record is missing"))
    }

    /// Writes the record, if the world is still of this epoch; gives the new epoch.
    pub(super) async fn write(&self, record: &World, epoch: i64) -> Result<i64, StartError> {
        self.change(record, epoch, |_, _| Ok(())).await
    }

    /// Adds a key, which is the newest.
    pub(super) async fn add_key(
        &self,
        record: &World,
        epoch: i64,
        number: i64,
        pem: &Secret,
        random: &dyn Random,
    ) -> Result<i64, StartError> {
        let sealed = self.at.master_key.seal(pem, &purpose(number), random).map_err(|why| self.trouble(&why))?;
        let add = move |statements: &Statements, tx: &mut Transaction<'_>| {
            tx.execute(&statements.add_key, &[number.into(), Value::Bytes(sealed.clone())]).map(drop)
        };
        self.change(record, epoch, add).await
    }

    /// Removes keys that nobody needs any more. No node has to learn of that.
    pub(super) async fn remove_keys(&self, numbers: Vec<i64>) -> Result<(), StartError> {
        let statements = Arc::clone(&self.statements);
        let work = move |tx: &mut Transaction<'_>| {
            tx.execute_each(&statements.remove_key, numbers.iter().map(|number| [Value::from(*number)])).map(drop)
        };
        Ok(self.database.write::<_, keyholder_store::Error, _>(work).await?)
    }

    async fn change(
        &self,
        record: &World,
        epoch: i64,
        more: impl Fn(&Statements, &mut Transaction<'_>) -> Result<(), keyholder_store::Error> + Send + 'static,
    ) -> Result<i64, StartError> {
        let (statements, text, complete) = (Arc::clone(&self.statements), print(record), record.complete);
        let work = move |tx: &mut Transaction<'_>| -> Result<bool, keyholder_store::Error> {
            if tx.execute(&statements.write, &[text.as_str().into(), epoch.into()])? == 0 {
                return Ok(false);
            }
            if complete {
                tx.execute(&statements.lease, &[Value::Null, Value::Null])?;
            }
            more(&statements, tx)?;
            Ok(true)
        };
        if self.database.write(work).await? { Ok(epoch + 1) } else { Err(Refused::ChangedElsewhere.into()) }
    }

    /// The private keys by number, the newest first.
    pub(super) fn keys(&self, known: &Known) -> Result<Vec<(i64, Secret)>, StartError> {
        let open = |(number, sealed): &(i64, Vec<u8>)| {
            let opened = self.at.master_key.open(sealed, &purpose(*number));
            let named = |why| self.trouble(&format!("signing key {number}: {why}"));
            Ok((*number, opened.map_err(named)?))
        };
        known.keys.iter().map(open).collect()
    }

    pub(super) fn trouble(&self, why: &dyn std::fmt::Display) -> StartError {
        StartError::Shared { place: self.at.server.place().to_owned(), why: why.to_string() }
    }
}

/// What a key is sealed for.
fn purpose(number: i64) -> String {
    format!("keyholder signing key {number}")
}

fn print(record: &World) -> String {
    serde_json::to_string(record).unwrap_or_default()
}

fn is_complete(text: &str) -> bool {
    // One that cannot be read is told of by whoever reads it next.
    World::parse(text).is_ok_and(|record| record.complete)
}
