//! What only a server can do to a store: other nodes, broken connections, somebody else's tables.

use std::sync::Arc;

use keyholder_cluster::Cluster;
use keyholder_foundation::{OsRandom, Secret};
use keyholder_platform::RuntimeSleep;
use keyholder_store::statement::{
    AddColumn, ColumnDefinition, DropTable, Insert, Select, TableDefinition, Update, literal, parameter,
};
use keyholder_store::{Database, DatabaseOptions, Error, Kind, Migration, Prepared, Server, Snapshot, Transaction};

use crate::{add, migrations, numbers, server};

fn open(cluster: &Cluster, schema: &str, migrations: &[Migration]) -> Result<Database, Error> {
    Database::open(&DatabaseOptions::postgresql(&server(cluster), schema), migrations)
}

/// Two nodes on one new schema.
fn two(cluster: &Cluster) -> (Database, Database) {
    let schema = cluster.fresh_schema();
    (open(cluster, &schema, &migrations()).unwrap(), open(cluster, &schema, &migrations()).unwrap())
}

async fn note(database: &Database, number: i64) -> Result<u64, Error> {
    let add = add();
    database.write(move |tx| tx.execute(&add, &[number.into(), number.to_string().into()])).await
}

fn refused(url: &str) -> Error {
    Server::parse(&Secret::new(url), Arc::new(OsRandom), Arc::new(RuntimeSleep)).unwrap_err()
}

#[tokio::test]
async fn what_one_node_wrote_the_other_reads_at_once() {
    let Some(cluster) = keyholder_cluster::server() else { return };
    let (here, there) = two(cluster);
    for number in 0..20 {
        let (writes, reads) = if number % 2 == 0 { (&here, &there) } else { (&there, &here) };
        note(writes, number).await.unwrap();
        assert_eq!(numbers(reads).await, (0..=number).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn nodes_take_turns_so_that_no_change_is_lost() {
    let Some(cluster) = keyholder_cluster::server() else { return };
    let (here, there) = two(cluster);
    note(&here, 0).await.unwrap();
    let read = Prepared::new(Select::from("note").column("text", Kind::Text)).unwrap();
    let change = Prepared::new(Update::of("note").set("text", parameter(0))).unwrap();
    // Read, then written what was read and one more: lost, were anybody else between the two.
    let count = |database: &Database| {
        let (database, read, change) = (database.clone(), read.clone(), change.clone());
        tokio::spawn(async move {
            let work = move |tx: &mut Transaction<'_>| {
                let before: Option<String> = tx.first(&read, &[], |row| row.get(0))?;
                let before: i64 = before.unwrap_or_default().parse().unwrap();
                tx.execute(&change, &[(before + 1).to_string().into()])
            };
            database.write::<_, Error, _>(work).await
        })
    };
    let counts: Vec<_> = (0..40).flat_map(|_| [count(&here), count(&there)]).collect();
    for counted in counts {
        assert_eq!(counted.await.unwrap(), Ok(1));
    }
    let read = read.clone();
    let last: Result<Option<String>, Error> =
        here.read(move |snapshot| snapshot.first(&read, &[], |row| row.get(0))).await;
    assert_eq!(last.unwrap().unwrap(), "80");
}

#[tokio::test]
async fn a_broken_connection_is_made_again() {
    let Some(cluster) = keyholder_cluster::server() else { return };
    let database_url = cluster.fresh_database();
    let name = database_url.rsplit('/').next().unwrap().to_owned();
    let server = Server::parse(&Secret::new(database_url), Arc::new(OsRandom), Arc::new(RuntimeSleep)).unwrap();
    let database = Database::open(&DatabaseOptions::postgresql(&server, "notes"), &migrations()).unwrap();
    let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                WHERE application_name = 'keyholder' AND datname = current_database()";
    for number in 0..3 {
        note(&database, number).await.unwrap();
        assert_eq!(numbers(&database).await.len() as i64, number + 1);
        let killed: i64 = cluster.run(&name, kill).unwrap().parse().unwrap();
        assert!(killed >= 2, "{killed}");
    }
    assert_eq!(numbers(&database).await, [0, 1, 2]);
    // In the middle of a write: nothing of it was kept, so it is begun again, once more as a whole.
    let (add, name) = (add(), name.clone());
    let times = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let counted = Arc::clone(&times);
    let wrote = database.write::<_, Error, _>(move |tx| {
        tx.execute(&add, &[10.into(), "ten".into()])?;
        if counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0 {
            cluster.run(&name, kill).unwrap();
        }
        tx.execute(&add, &[11.into(), "eleven".into()])
    });
    assert_eq!(wrote.await, Ok(1));
    assert_eq!(times.load(std::sync::atomic::Ordering::Relaxed), 2);
    assert_eq!(numbers(&database).await, [0, 1, 2, 10, 11]);
}

#[tokio::test]
async fn a_reader_that_meets_a_changed_table_is_run_again() {
    let Some(cluster) = keyholder_cluster::server() else { return };
    let (here, there) = two(cluster);
    note(&here, 1).await.unwrap();
    assert_eq!(numbers(&here).await, [1]);
    // Another node makes the table anew, with another column and another type of the one.
    let drop = Prepared::new(DropTable { name: "note".into() }).unwrap();
    let table = TableDefinition::new("note").required("number", Kind::Integer).optional("text", Kind::Integer);
    let (make, fill) = (
        Prepared::new(table).unwrap(),
        Prepared::new(Insert::into("note").value("number", literal(7)).value("text", literal(8))).unwrap(),
    );
    let anew = move |tx: &mut Transaction<'_>| {
        tx.execute(&drop, &[])?;
        tx.execute(&make, &[])?;
        tx.execute(&fill, &[])
    };
    there.write::<_, Error, _>(anew).await.unwrap();
    assert_eq!(numbers(&here).await, [7]);
    let text = Prepared::new(Select::from("note").column("text", Kind::Integer)).unwrap();
    let read = move |snapshot: &mut Snapshot<'_>| snapshot.first(&text, &[], |row| row.get::<i64>(0));
    assert_eq!(here.read::<_, Error, _>(read).await, Ok(Some(8)));
}

#[tokio::test]
async fn nodes_that_start_together_make_one_schema() {
    let Some(cluster) = keyholder_cluster::server() else { return };
    let schema = cluster.fresh_schema();
    let opened: Vec<_> = std::thread::scope(|scope| {
        let starting: Vec<_> = (0..4).map(|_| scope.spawn(|| open(cluster, &schema, &migrations()).unwrap())).collect();
        starting.into_iter().map(|one| one.join().unwrap()).collect()
    });
    note(&opened[0], 1).await.unwrap();
    assert_eq!(numbers(&opened[3]).await, [1]);
}

#[tokio::test]
async fn migrations_of_another_build_are_refused() {
    let Some(cluster) = keyholder_cluster::server() else { return };
    let schema = cluster.fresh_schema();
    let mut more = migrations();
    let column = ColumnDefinition::optional("colour", Kind::Text);
    more.push(Migration::new(2, "colour the notes", [AddColumn { table: "note".into(), column }.into()]));
    drop(open(cluster, &schema, &migrations()).unwrap());
    drop(open(cluster, &schema, &more).unwrap());
    let newer = open(cluster, &schema, &migrations()).unwrap_err();
    assert!(matches!(&newer, Error::NewerMigration { number: 2, .. }), "{newer:?}");
    more[1] = Migration::new(2, "colour the notes", [DropTable { name: "note".into() }.into()]);
    let changed = open(cluster, &schema, &more).unwrap_err();
    assert!(matches!(&changed, Error::ChangedMigration { number: 2, .. }), "{changed:?}");
    let text = changed.to_string();
    assert!(text.contains(&schema) && !text.contains("only-for-tests"), "{text}");
}

#[tokio::test]
async fn somebody_elses_schema_is_left_alone() {
    let Some(cluster) = keyholder_cluster::server() else { return };
    let schema = cluster.fresh_schema();
    cluster.run("postgres", &format!("CREATE SCHEMA {schema}; CREATE TABLE {schema}.photo (id int)")).unwrap();
    let error = open(cluster, &schema, &migrations()).unwrap_err();
    assert!(matches!(error, Error::Unusable { .. }), "{error:?}");
    let tables = format!("SELECT string_agg(tablename, ',') FROM pg_tables WHERE schemaname = '{schema}'");
    assert_eq!(cluster.run("postgres", &tables).unwrap(), "photo");
    let named = open(cluster, "no\"name", &migrations()).unwrap_err();
    assert!(matches!(named, Error::Unusable { .. }), "{named:?}");
}

#[tokio::test]
async fn a_user_without_rights_is_told_which() {
    let Some(cluster) = keyholder_cluster::server() else { return };
    cluster.run("postgres", "CREATE ROLE poor LOGIN PASSWORD 'poor'").unwrap();
    let url = cluster.url("postgres").replace("keyholder:only-for-tests", "poor:poor");
    let server = Server::parse(&Secret::new(url), Arc::new(OsRandom), Arc::new(RuntimeSleep)).unwrap();
    let error = Database::open(&DatabaseOptions::postgresql(&server, "poor"), &migrations()).unwrap_err();
    assert!(error.to_string().contains("grant the user CREATE on the database"), "{error}");
}

#[tokio::test]
async fn a_server_that_is_not_there_or_does_not_know_us_is_named_without_the_password() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut urls = vec![format!("postgres://me:hunter2@127.0.0.1:{port}/world")];
    if let Some(cluster) = keyholder_cluster::server() {
        urls.push(cluster.url("postgres").replace("only-for-tests", "hunter2"));
        urls.push(cluster.url("no_such_database"));
    }
    for url in urls {
        let server = Server::parse(&Secret::new(url), Arc::new(OsRandom), Arc::new(RuntimeSleep)).unwrap();
        let error = Database::open(&DatabaseOptions::postgresql(&server, "notes"), &migrations()).unwrap_err();
        assert!(matches!(error, Error::Lost { .. }), "{error:?}");
        let text = format!("{error} {error:?} {server:?}");
        assert!(text.contains("127.0.0.1") && !text.contains("hunter2") && !text.contains("only-for-tests"), "{text}");
    }
}

#[test]
fn an_address_that_cannot_be_used_is_refused_without_being_shown() {
    for url in [
        "mysql://me:hunter2@localhost/world",
        "hunter2",
        "postgres://me:hunter2@localhost/world?sslmode=require",
        "postgres://me:hunter2@localhost/world?sslmode=verify-full",
        "postgres://me:hunter2@localhost:port/world",
        "postgres://me:hunter2@localhost/world?hunter2=hunter2",
        "postgres://me:hunter2@one,two/world",
        "postgres://localhost",
        "postgres://me:hunter2@db.example.com/world",
        "postgres://me:hunter2@db.example.com/world?sslmode=prefer",
        "postgres://me:p@hunter2@localhost/world",
    ] {
        let error = refused(url);
        let text = format!("{error} {error:?}");
        assert!(matches!(error, Error::Address { .. }) && !text.contains("hunter2"), "{text}");
    }
}

/// What nobody said about the way to a server must not send a password over a network in clear.
#[test]
fn a_server_on_another_machine_is_used_only_when_the_url_says_without_tls() {
    for host in ["db.example.com", "10.0.0.7", "[2001:db8::7]", "localhost.example.com", "127.0.0.1.example.com"] {
        for mode in ["", "?sslmode=prefer", "?application_name=sslmode=disable"] {
            let error = refused(&format!("postgres://me:sslmode=disable@{host}/world{mode}")).to_string();
            assert!(error.contains("in clear") && error.contains("?sslmode=disable"), "{host}{mode}: {error}");
        }
        let said = format!("postgres://me:hunter2@{host}/world?sslmode=disable");
        Server::parse(&Secret::new(said), Arc::new(OsRandom), Arc::new(RuntimeSleep)).unwrap();
    }
    assert!(refused("postgres://me:hunter2@localhost/world?hostaddr=10.0.0.7").to_string().contains("in clear"));
    for url in [
        "postgres://me:hunter2@localhost/world",
        "postgres://me:hunter2@127.0.0.1/world?sslmode=prefer",
        "postgres://me:hunter2@[::1]/world",
        "postgres://me:hunter2@%2Frun%2Fpostgresql/world",
        // Only the option counts, not what a password or a name happens to be.
        "postgres://me:verify-full@localhost/verify-ca",
    ] {
        Server::parse(&Secret::new(url.to_owned()), Arc::new(OsRandom), Arc::new(RuntimeSleep)).unwrap();
    }
    for mode in ["require", "verify-ca", "verify-full"] {
        let error = refused(&format!("postgres://me:hunter2@db.example.com/world?sslmode={mode}")).to_string();
        assert!(error.contains("TLS to the server") && error.contains("sslmode"), "{error}");
    }
}

#[test]
fn the_part_of_an_address_that_cannot_be_read_is_said() {
    for (url, part) in [
        ("postgres://%ff:secret@localhost/world", "its user"),
        ("postgres://me:one@two@localhost/world", "has an `@`"),
        ("postgres://me:secret@localhost:port/world", "its port"),
        ("postgres://me:secret@localhost:70000/world", "its port"),
        ("postgres://me:secret@[::1/world", "its host"),
        ("postgres://me:secret@localhost/%ff", "its database's name"),
        ("postgres://me:secret@localhost/world?connect_timeout=5&sslmod=x", "its option number 2"),
        ("postgres://me:secret@localhost/world?connect_timeout=soon", "its option number 1"),
    ] {
        let error = refused(url).to_string();
        assert!(error.contains(part) && !error.contains("secret"), "{url}: {error}");
    }
}
