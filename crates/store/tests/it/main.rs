//! The store as its users see it, on both engines: one binary, so that SQLite is linked once.
//!
//! What holds for both is written once, for a [`Store`], and `on_both_stores!` makes two tests of it;
//! those of PostgreSQL are skipped, and say so, where no server can be started.

#![expect(clippy::unwrap_used, reason = "a failing helper fails its test")]

mod copying;
mod grouping;
mod kill;
mod opening;
mod patterns;
mod postgresql;
mod reading;
mod values;

use std::sync::Arc;

use keyholder_cluster::Cluster;
use keyholder_foundation::{OsRandom, Secret};
use keyholder_platform::RuntimeSleep;
use keyholder_store::statement::{Insert, Select, TableDefinition, column};
use keyholder_store::{Database, DatabaseOptions, Error, Kind, Migration, Prepared, Server};

/// The tables that these tests share: one table of numbered texts, the texts unique.
fn migrations() -> Vec<Migration> {
    vec![Migration::new(
        1,
        "create the notes",
        [
            TableDefinition::new("note")
                .required("number", Kind::Integer)
                .required("text", Kind::Text)
                .primary_key(["number"])
                .into(),
            keyholder_store::statement::CreateIndex::new("note_text", "note", ["text"]).unique().into(),
        ],
    )]
}

fn add() -> Prepared {
    Prepared::new(Insert::into("note").columns(["number", "text"])).unwrap()
}

fn ephemeral() -> Database {
    Database::open(&DatabaseOptions::ephemeral(), &migrations()).unwrap()
}

/// An engine.
#[derive(Debug, Clone, Copy)]
enum Store {
    Sqlite,
    Postgresql(&'static Cluster),
}

impl Store {
    /// Where an empty database is.
    fn options(self) -> DatabaseOptions {
        match self {
            Self::Sqlite => DatabaseOptions::ephemeral(),
            Self::Postgresql(cluster) => DatabaseOptions::postgresql(&server(cluster), cluster.fresh_schema()),
        }
    }

    /// A database with the notes in it.
    fn notes(self) -> Database {
        Database::open(&self.options(), &migrations()).unwrap()
    }
}

/// The server, as the store knows it.
fn server(cluster: &Cluster) -> Server {
    server_with(cluster, "")
}

/// The server by its address with something behind it.
fn server_with(cluster: &Cluster, rest: &str) -> Server {
    let url = format!("{}{rest}", cluster.url("postgres"));
    Server::parse(&Secret::new(url), Arc::new(OsRandom), Arc::new(RuntimeSleep)).unwrap()
}

/// Makes a test on each engine of each of these functions.
macro_rules! on_both_stores {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                super::$name(crate::Store::Sqlite).await;
            })+
        }

        mod postgresql {
            $(#[tokio::test]
            async fn $name() {
                let Some(cluster) = keyholder_cluster::server() else { return };
                super::$name(crate::Store::Postgresql(cluster)).await;
            })+
        }
    };
}
pub(crate) use on_both_stores;

async fn numbers(database: &Database) -> Vec<i64> {
    let select = Select::from("note").column("number", Kind::Integer).order_by(column("number").ascending());
    let select = Prepared::new(select).unwrap();
    database.read::<_, Error, _>(move |snapshot| snapshot.list(&select, &[], |row| row.get(0))).await.unwrap()
}
