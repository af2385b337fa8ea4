//! Writes that wait together, and what they notice of each other.

use std::sync::{Arc, Barrier};

use keyholder_store::statement::{Select, column, qualified};
use keyholder_store::{Database, Error, Kind, Prepared};

use crate::{Store, add, migrations, numbers};

crate::on_both_stores! {
    a_failing_write_does_not_disturb_its_group,
    a_panic_reaches_its_caller_and_nobody_else,
    a_unique_violation_leaves_its_transaction_usable,
    a_full_queue_says_busy_and_a_closed_one_closed,
    a_snapshot_does_not_move_and_readers_run_beside_the_writer,
    a_missing_table_is_named_and_does_no_harm,
    misuse_is_an_error_not_a_surprise,
    writes_that_belong_together_are_done_in_their_order_and_fail_each_by_itself,
    no_other_write_comes_between_writes_that_belong_together,
}

async fn note(database: &Database, number: i64, text: &'static str) -> Result<(), Error> {
    let add = add();
    database.write(move |tx| tx.execute(&add, &[number.into(), text.into()]).map(drop)).await
}

/// Keeps the writer busy until the barrier is passed, so that what follows waits together.
async fn hold(database: &Database, barrier: &Arc<Barrier>) {
    let barrier = Arc::clone(barrier);
    let wait = move |_: &mut keyholder_store::Transaction<'_>| {
        barrier.wait();
        Ok::<_, Error>(())
    };
    database.write(wait).await.unwrap();
}

async fn a_failing_write_does_not_disturb_its_group(store: Store) {
    let database = store.notes();
    let barrier = Arc::new(Barrier::new(2));
    let (_, one, twin, two, undone, three, _) = tokio::join!(
        hold(&database, &barrier),
        note(&database, 1, "one"),
        note(&database, 9, "one"),
        note(&database, 2, "two"),
        async {
            let add = add();
            database
                .write::<(), Error, _>(move |tx| {
                    tx.execute(&add, &[4.into(), "four".into()])?;
                    Err(Error::Value { reason: "changed its mind".into() })
                })
                .await
        },
        note(&database, 3, "three"),
        async { barrier.wait().is_leader() },
    );
    assert_eq!((one, two, three), (Ok(()), Ok(()), Ok(())));
    assert_eq!(twin, Err(Error::UniqueViolation { table: "note".into(), columns: vec!["text".into()] }));
    assert_eq!(undone, Err(Error::Value { reason: "changed its mind".into() }));
    assert_eq!(numbers(&database).await, [1, 2, 3]);
}

/// What each of so many writes sees when it has added a row: how many there are.
fn counting(
    count: usize,
    twin_of: impl Fn(usize) -> usize,
) -> Vec<impl Fn(&mut keyholder_store::Transaction<'_>) -> Result<usize, Error>> {
    let all = Prepared::new(Select::from("note").column("number", Kind::Integer)).unwrap();
    let work = |at: usize| {
        let (add, all, text) = (add(), all.clone(), format!("note {}", twin_of(at)));
        move |tx: &mut keyholder_store::Transaction<'_>| {
            tx.execute(&add, &[i64::try_from(at).unwrap().into(), text.clone().into()])?;
            Ok(tx.list(&all, &[], |row| row.get::<i64>(0))?.len())
        }
    };
    (0..count).map(work).collect()
}

async fn writes_that_belong_together_are_done_in_their_order_and_fail_each_by_itself(store: Store) {
    // Those that share a commit wait as one.
    let database = Database::open(&store.options().queue(1), &migrations()).unwrap();
    // More than share one commit.
    let count = 2 * keyholder_store::MOST_TOGETHER + 5;
    let results = database.write_each(counting(count, |at| if at == 150 { 3 } else { at })).await;
    let wanted = (0..count).map(|at| match at {
        150 => Err(Error::UniqueViolation { table: "note".into(), columns: vec!["text".into()] }),
        at => Ok(if at < 150 { at + 1 } else { at }),
    });
    assert_eq!(results, wanted.collect::<Vec<_>>());
    assert_eq!(numbers(&database).await.len(), count - 1);
    assert!(database.write_each(counting(0, |at| at)).await.is_empty());
    let last = database.clone();
    database.close();
    assert!(matches!(last.write_each(counting(2, |at| at)).await.as_slice(), [Err(Error::Closed { .. }), Err(_)]));
}

async fn no_other_write_comes_between_writes_that_belong_together(store: Store) {
    let database = store.notes();
    let barrier = Arc::new(Barrier::new(2));
    let (_, together, other, _) = tokio::join!(
        hold(&database, &barrier),
        database.write_each(counting(keyholder_store::MOST_TOGETHER, |at| at)),
        note(&database, 1_000, "other"),
        async { barrier.wait().is_leader() },
    );
    assert_eq!(together, (1..=keyholder_store::MOST_TOGETHER).map(Ok).collect::<Vec<_>>());
    other.unwrap();
}

async fn a_panic_reaches_its_caller_and_nobody_else(store: Store) {
    let database = store.notes();
    let shaky = database.clone();
    let panicked = tokio::spawn(async move {
        let add = add();
        shaky
            .write::<(), Error, _>(move |tx| {
                tx.execute(&add, &[1.into(), "one".into()])?;
                panic!("a bug in a closure")
            })
            .await
    });
    assert!(panicked.await.unwrap_err().is_panic());
    note(&database, 2, "two").await.unwrap();
    assert_eq!(numbers(&database).await, [2]);
}

async fn a_unique_violation_leaves_its_transaction_usable(store: Store) {
    let database = store.notes();
    note(&database, 1, "one").await.unwrap();
    let add = add();
    let outcome: Result<u64, Error> = database
        .write(move |tx| match tx.execute(&add, &[1.into(), "other".into()]) {
            Err(Error::UniqueViolation { columns, .. }) if columns == ["number"] => {
                tx.execute(&add, &[2.into(), "other".into()])
            }
            other => other,
        })
        .await;
    assert_eq!(outcome, Ok(1));
    assert_eq!(numbers(&database).await, [1, 2]);
}

async fn a_full_queue_says_busy_and_a_closed_one_closed(store: Store) {
    let database = Database::open(&store.options().queue(1), &migrations()).unwrap();
    let (begun, barrier) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let holder = {
        let (database, begun, barrier) = (database.clone(), Arc::clone(&begun), Arc::clone(&barrier));
        tokio::spawn(async move {
            let work = move |_: &mut keyholder_store::Transaction<'_>| {
                begun.wait();
                barrier.wait();
                Ok::<_, Error>(())
            };
            database.write(work).await
        })
    };
    // Let the holder's task run up to its push, then be sure that the writer has taken it.
    tokio::task::yield_now().await;
    begun.wait();
    let (waits, refused) = tokio::join!(note(&database, 1, "one"), async {
        let refused = note(&database, 2, "two").await;
        barrier.wait();
        refused
    });
    assert_eq!(waits, Ok(()));
    assert!(matches!(refused, Err(Error::Busy { waiting: 1, .. })), "{refused:?}");
    holder.await.unwrap().unwrap();

    let other = database.clone();
    database.close();
    assert!(matches!(note(&other, 3, "three").await, Err(Error::Closed { .. })));
}

async fn a_snapshot_does_not_move_and_readers_run_beside_the_writer(store: Store) {
    let database = store.notes();
    note(&database, 1, "one").await.unwrap();
    let select =
        Prepared::new(Select::from("note").column("number", Kind::Integer).order_by(column("number").ascending()))
            .unwrap();
    let (looked, written) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let reader = {
        let (database, looked, written) = (database.clone(), Arc::clone(&looked), Arc::clone(&written));
        tokio::spawn(async move {
            database
                .read::<_, Error, _>(move |snapshot| {
                    let before: Vec<i64> = snapshot.list(&select, &[], |row| row.get(0))?;
                    looked.wait();
                    written.wait();
                    Ok((before, snapshot.list(&select, &[], |row| row.get(0))?))
                })
                .await
        })
    };
    tokio::task::yield_now().await;
    looked.wait();
    note(&database, 2, "two").await.unwrap();
    written.wait();
    assert_eq!(reader.await.unwrap().unwrap(), (vec![1], vec![1]));
    assert_eq!(numbers(&database).await, [1, 2]);
}

async fn a_missing_table_is_named_and_does_no_harm(store: Store) {
    let database = store.notes();
    let nowhere = Prepared::new(Select::from("note").alias("n").project(qualified("n", "number"), Kind::Integer).join(
        "nowhere",
        "w",
        qualified("w", "number").equals(qualified("n", "number")),
    ))
    .unwrap();
    let select = nowhere.clone();
    let read = database.read::<_, Error, _>(move |snapshot| snapshot.exists(&select, &[])).await;
    let (add, select) = (add(), nowhere);
    let written = database
        .write::<_, Error, _>(move |tx| {
            tx.execute(&add, &[1.into(), "one".into()])?;
            tx.exists(&select, &[])
        })
        .await;
    for outcome in [read, written] {
        assert!(matches!(&outcome, Err(Error::NoTable { table, .. }) if table == "nowhere"), "{outcome:?}");
    }
    assert_eq!(numbers(&database).await, [0_i64; 0]);
    note(&database, 1, "one").await.unwrap();
}

async fn misuse_is_an_error_not_a_surprise(store: Store) {
    let database = store.notes();
    let (add, select) = (add(), Prepared::new(Select::from("note").column("number", Kind::Text)).unwrap());
    note(&database, 1, "one").await.unwrap();
    let (add_again, select_again) = (add.clone(), select.clone());
    let count = database.write(move |tx| tx.execute(&add_again, &[1.into()])).await;
    assert!(matches!(count, Err(Error::Statement { .. })), "{count:?}");
    let executed = database.write(move |tx| tx.execute(&select_again, &[])).await;
    assert!(matches!(executed, Err(Error::Statement { .. })), "{executed:?}");
    let read = database.read(move |snapshot| snapshot.list(&add, &[1.into(), "x".into()], |_| Ok(()))).await;
    assert!(matches!(read, Err(Error::Statement { .. })), "{read:?}");
    let kind = database.read(move |snapshot| snapshot.first(&select, &[], |row| row.get::<String>(0))).await;
    assert!(matches!(kind, Err(Error::Value { .. })), "{kind:?}");
}
