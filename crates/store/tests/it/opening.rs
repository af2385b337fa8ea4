//! Files that are not what they should be, and migrations.

use std::fs;
use std::path::Path;

use keyholder_store::statement::{AddColumn, ColumnDefinition, TableDefinition};
use keyholder_store::{Database, DatabaseOptions, Durability, Error, Kind, Migration};

use crate::{add, migrations, numbers};

fn open(path: &Path, migrations: &[Migration]) -> Result<Database, Error> {
    Database::open(&DatabaseOptions::file(path).readers(1).durability(Durability::Full), migrations)
}

/// A folder with a database of a few pages in it.
async fn filled() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.db");
    let database = open(&path, &migrations()).unwrap();
    let add = add();
    let rows = |number: i64| [number.into(), format!("{number} {}", "x".repeat(500)).into()];
    database
        .write(move |tx| tx.execute_each(&add, (0..100).map(rows)).map(drop))
        .await
        .unwrap_or_else(|e: Error| panic!("{e}"));
    drop(database);
    (folder, path)
}

#[tokio::test]
async fn what_was_written_is_there_after_reopening() {
    let (_folder, path) = filled().await;
    let database = open(&path, &migrations()).unwrap();
    assert_eq!(numbers(&database).await.len(), 100);
    assert_eq!(database.path(), path);
}

#[tokio::test]
async fn later_migrations_are_applied_to_a_database_of_before() {
    let (_folder, path) = filled().await;
    let mut more = migrations();
    let column = ColumnDefinition::optional("colour", Kind::Text);
    more.push(Migration::new(2, "colour the notes", [AddColumn { table: "note".into(), column }.into()]));
    assert_eq!(numbers(&open(&path, &more).unwrap()).await.len(), 100);
    // And once more, with nothing left to do.
    assert_eq!(numbers(&open(&path, &more).unwrap()).await.len(), 100);

    let older = open(&path, &migrations()).unwrap_err();
    assert_eq!(older, Error::NewerMigration { path: path.clone(), number: 2, name: "colour the notes".into() });
    let text = older.to_string();
    assert!(text.contains("notes.db") && text.contains("colour the notes") && text.contains("newer"), "{text}");
}

#[tokio::test]
async fn a_changed_or_gappy_migration_is_refused() {
    let (_folder, path) = filled().await;
    let other = |number| {
        let table = TableDefinition::new("other").required("id", Kind::Uuid);
        vec![Migration::new(number, "create the notes", [table.into()])]
    };
    let changed = open(&path, &other(1)).unwrap_err();
    assert_eq!(changed, Error::ChangedMigration { path: path.clone(), number: 1, name: "create the notes".into() });
    assert!(matches!(open(&path, &other(3)).unwrap_err(), Error::Statement { .. }));
}

#[tokio::test]
async fn a_failing_migration_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.db");
    let twice = [TableDefinition::new("note"), TableDefinition::new("note")]
        .map(|table| table.required("number", Kind::Integer).required("text", Kind::Text).into());
    assert!(matches!(open(&path, &[Migration::new(1, "twice", twice)]).unwrap_err(), Error::Engine { .. }));
    assert_eq!(numbers(&open(&path, &migrations()).unwrap()).await, [0i64; 0]);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named_with_its_mend() {
    let folder = tempfile::tempdir().unwrap();
    for content in ["hello".to_owned(), "no database ".repeat(1000)] {
        let path = folder.path().join("letter.txt");
        fs::write(&path, &content).unwrap();
        let error = open(&path, &migrations()).unwrap_err();
        assert!(matches!(error, Error::Corrupt { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("letter.txt") && text.contains("backup"), "{text}");
        assert_eq!(fs::read_to_string(&path).unwrap(), content, "it must be left as it was");
    }
}

#[tokio::test]
async fn a_cut_or_scribbled_file_is_refused() {
    let (_folder, path) = filled().await;
    let whole = fs::read(&path).unwrap();
    assert!(whole.len() > 20_000, "{}", whole.len());
    for cut in [50, 4096, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..cut]).unwrap();
        let error = open(&path, &migrations()).unwrap_err();
        assert!(matches!(error, Error::Corrupt { .. }), "{cut}: {error:?}");
    }
    let mut scribbled = whole;
    scribbled[100..4096].fill(0xaa);
    fs::write(&path, &scribbled).unwrap();
    let error = open(&path, &migrations()).unwrap_err();
    assert!(matches!(error, Error::Corrupt { .. }), "{error:?}");
}

#[tokio::test]
async fn another_programs_database_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("photos.db");
    let photos = rusqlite::Connection::open(&path).unwrap();
    photos.execute_batch("CREATE TABLE photo (id INTEGER)").unwrap();
    drop(photos);
    let error = open(&path, &migrations()).unwrap_err();
    assert_eq!(error, Error::Foreign { path: path.clone(), application_id: 0 });
    let photos = rusqlite::Connection::open(&path).unwrap();
    photos.execute_batch("PRAGMA application_id = -2").unwrap();
    drop(photos);
    assert_eq!(open(&path, &migrations()).unwrap_err(), Error::Foreign { path, application_id: 0xffff_fffe });
}

#[tokio::test]
async fn a_missing_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = open(&folder.path().join("missing/notes.db"), &migrations()).unwrap_err();
    assert!(matches!(error, Error::Unusable { .. }), "{error:?}");
    assert!(error.to_string().contains("missing/notes.db"), "{error}");
    let error = open(folder.path(), &migrations()).unwrap_err();
    assert!(matches!(error, Error::Unusable { .. }), "{error:?}");
}

#[tokio::test]
async fn an_ephemeral_database_leaves_no_files() {
    let database = crate::ephemeral();
    let folder = database.path().parent().unwrap().to_owned();
    assert!(folder.is_dir());
    drop(database);
    assert!(!folder.exists());
}
