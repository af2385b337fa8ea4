//! What only a server can do to a store: other nodes, broken connections, somebody else's tables.

use std::sync::{Arc, Mutex};

use keyholder_cluster::Cluster;
use keyholder_foundation::{OsRandom, Secret};
use keyholder_platform::RuntimeSleep;
use keyholder_store::statement::{
    AddColumn, ColumnDefinition, CreateIndex, DropTable, Insert, Select, TableDefinition, Update, column, literal,
    parameter,
};
use keyholder_store::{
    Database, DatabaseOptions, Error, Kind, Migration, Prepared, Row, Server, Snapshot, Transaction, Value,
};
use uuid::Uuid;

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

/// The rows of a few owners are merged in the order that an index on their owner has them in; nobody's are all read and sorted.
#[tokio::test]
async fn merged_selects_are_led_to_by_their_indexes() {
    let Some(cluster) = keyholder_cluster::server() else { return };
    let (url, schema) = (cluster.fresh_database(), cluster.fresh_schema());
    let name = url.rsplit('/').next().unwrap();
    let table =
        TableDefinition::new("owned").required("id", Kind::Uuid).optional("owner", Kind::Uuid).primary_key(["id"]);
    let index = CreateIndex::new("by_owner", "owned", ["owner", "id"]).never_null("id");
    let index = index.filter(column("owner").is_not_null());
    let made = [Migration::new(1, "own", [table.into(), index.into()])];
    let server = Server::parse(&Secret::new(&url), Arc::new(OsRandom), Arc::new(RuntimeSleep)).unwrap();
    let database = Database::open(&DatabaseOptions::postgresql(&server, &schema), &made).unwrap();
    let of = |slot| column("owner").equals(parameter(slot));
    let select = Select::from("owned")
        .column("id", Kind::Uuid)
        .apart([of(0), of(1).and(column("owner").differs_from(parameter(0)))])
        .order_by(column("id").ascending().never_null())
        .limit(parameter(2));
    let select = Prepared::new(select).unwrap();
    let asked = format!(
        "SET search_path TO \"{schema}\"; SET plan_cache_mode TO force_generic_plan; SET enable_seqscan TO off; \
         SET enable_sort TO off; SET enable_bitmapscan TO off; PREPARE it AS {}; EXPLAIN EXECUTE it (NULL, NULL, NULL)",
        select.postgresql()
    );
    let steps = cluster.run(name, &asked).unwrap();
    assert!(steps.contains("Merge Append") && !steps.contains("Sort  (") && !steps.contains("Seq Scan"), "{steps}");

    let insert = Prepared::new(Insert::into("owned").columns(["id", "owner"])).unwrap();
    let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let owned = [(5, Some(one)), (3, Some(other)), (4, None), (1, Some(one)), (2, Some(Uuid::nil()))];
    let rows: Vec<[Value; 2]> = owned.map(|(id, owner)| [Uuid::from_u128(id).into(), owner.into()]).into();
    database.write::<_, Error, _>(move |tx| tx.execute_each(&insert, &rows)).await.unwrap();
    for (limit, expected) in [(10, &[1, 3, 5][..]), (2, &[1, 3])] {
        let (select, values) = (select.clone(), [one.into(), other.into(), Value::Integer(limit)]);
        let read = move |snapshot: &mut Snapshot<'_>| snapshot.list(&select, &values, |row| row.get::<Uuid>(0));
        let found: Vec<u128> = database.read(read).await.unwrap().into_iter().map(|id| id.as_u128()).collect();
        assert_eq!(found, expected);
    }
}

/// What a closure expects is asked for along with what it asks, and before any of it counts.
#[tokio::test]
async fn a_read_that_expected_something_else_is_run_again_and_asks() {
    let Some(cluster) = keyholder_cluster::server() else { return };
    let (here, there) = two(cluster);
    note(&here, 1).await.unwrap();
    let select = Prepared::new(Select::from("note").column("number", Kind::Integer)).unwrap();
    // Reads how many notes there are, or does not look further, when it may take them to be this one.
    let read = |expected: i64, looks: bool| {
        let (database, select) = (here.clone(), select.clone());
        async move {
            let runs = Arc::new(Mutex::new(Vec::new()));
            let seen = Arc::clone(&runs);
            let work = move |snapshot: &mut Snapshot<'_>| {
                let is_so = move |rows: &[Row<'_>]| Ok(rows.len() == 1 && rows[0].get::<i64>(0)? == expected);
                let expects = snapshot.expect(&select, &[], is_so)?;
                seen.lock().unwrap().push(expects);
                // One that is not looked at does not come in between.
                assert!(!snapshot.expect(&select, &[], |_| Ok(false)).unwrap() || !expects);
                let asks = looks || !expects;
                Ok::<_, Error>(if asks { snapshot.list(&select, &[], |row| row.get::<i64>(0))?.len() } else { 1 })
            };
            let found = database.read(work).await.unwrap();
            let runs = runs.lock().unwrap().clone();
            (found, runs)
        }
    };
    for looks in [true, false] {
        assert_eq!(read(1, looks).await, (1, vec![true]));
        assert_eq!(read(2, looks).await, (1, vec![true, false]));
    }
    note(&there, 2).await.unwrap();
    for looks in [true, false] {
        assert_eq!(read(1, looks).await, (2, vec![true, false]));
    }
    // What fails may do so because what was expected is not so.
    let (gone, asked) = (Prepared::new(Select::from("gone").column("number", Kind::Integer)).unwrap(), select.clone());
    let work = move |snapshot: &mut Snapshot<'_>| match snapshot.expect(&asked, &[], |_| Ok(true))? {
        true => snapshot.list(&gone, &[], |row| row.get::<i64>(0)),
        false => Ok(Vec::new()),
    };
    assert_eq!(here.read(work).await, Ok::<_, Error>(Vec::new()));
    let write = move |tx: &mut Transaction<'_>| tx.expect(&select, &[], |_| Ok(true));
    assert_eq!(here.write(write).await, Ok(false), "a write may not be run in vain");
}
