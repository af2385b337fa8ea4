//! Copies of a database that is in use.

use keyholder_store::{Database, DatabaseOptions, Error};

use crate::{add, ephemeral, migrations, numbers};

#[tokio::test]
async fn a_copy_has_what_was_committed_and_goes_its_own_way() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("copy.db");
    let database = ephemeral();
    let write = |number: i64| {
        let add = add();
        database.write::<_, Error, _>(move |tx| tx.execute(&add, &[number.into(), number.to_string().into()]))
    };
    write(1).await.unwrap();
    write(2).await.unwrap();
    Database::copy(database.path(), &path).await.unwrap();
    write(3).await.unwrap();

    let copy = Database::open(&DatabaseOptions::file(&path), &migrations()).unwrap();
    assert_eq!(numbers(&copy).await, [1, 2]);
    assert_eq!(numbers(&database).await, [1, 2, 3]);
}

#[tokio::test]
async fn a_copy_never_overwrites_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("taken.db");
    std::fs::write(&path, "mine").unwrap();
    let database = ephemeral();
    let error = Database::copy(database.path(), &path).await.unwrap_err();
    assert!(matches!(&error, Error::Unusable { path: named, .. } if *named == path), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), b"mine");
}

#[tokio::test]
async fn a_copy_into_a_folder_that_is_not_there_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let database = ephemeral();
    assert!(Database::copy(database.path(), &folder.path().join("nowhere/copy.db")).await.is_err());
    assert!(Database::copy(&folder.path().join("nothing.db"), &folder.path().join("copy.db")).await.is_err());
}
