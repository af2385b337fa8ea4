//! The store as its users see it: one binary, so that SQLite is linked once.

#![expect(clippy::unwrap_used, reason = "a failing helper fails its test")]

mod copying;
mod grouping;
mod kill;
mod opening;
mod reading;
mod values;

use keyholder_store::statement::{Insert, Select, TableDefinition, column};
use keyholder_store::{Database, DatabaseOptions, Error, Kind, Migration, Prepared};

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

async fn numbers(database: &Database) -> Vec<i64> {
    let select = Select::from("note").column("number", Kind::Integer).order_by(column("number").ascending());
    let select = Prepared::new(select).unwrap();
    database.read::<_, Error, _>(move |snapshot| snapshot.list(&select, &[], |row| row.get(0))).await.unwrap()
}
