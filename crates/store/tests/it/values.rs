//! Every kind comes back as it went in, and orders as Rust orders it.

use std::cmp::Ordering;

use keyholder_foundation::Timestamp;
use keyholder_store::statement::{
    AddColumn, ColumnDefinition, Insert, ListColumns, Select, StoredColumn, TableDefinition, column, parameter,
};
use keyholder_store::{Database, Error, Kind, Prepared, Value};
use proptest::prelude::*;
use uuid::Uuid;

use crate::Store;

crate::on_both_stores! {
    null_is_a_value_of_every_kind, what_one_store_could_not_keep_both_refuse, a_table_says_which_columns_it_has,
}

const LIMIT: i128 = keyholder_store::value::DECIMAL_LIMIT;

fn decimal() -> impl Strategy<Value = i128> {
    prop_oneof![-LIMIT..=LIMIT, -1000i128..1000, Just(LIMIT), Just(-LIMIT)]
}

fn double() -> impl Strategy<Value = f64> {
    // SQLite keeps -0.0 as 0.0, which is the same number.
    prop_oneof![any::<f64>(), -3.0..3.0].prop_filter_map("not NaN", |v| (!v.is_nan()).then_some(v + 0.0))
}

/// Some values of one kind, with that kind.
fn values() -> impl Strategy<Value = (Kind, Vec<Value>)> {
    fn some<T: std::fmt::Debug + Clone>(
        kind: Kind,
        of: impl Strategy<Value = T> + 'static,
        value: impl Fn(T) -> Value + Clone + 'static,
    ) -> BoxedStrategy<(Kind, Vec<Value>)> {
        prop::collection::vec(of.prop_map(value), 1..12).prop_map(move |values| (kind, values)).boxed()
    }
    prop_oneof![
        some(Kind::Bool, any::<bool>(), Value::Bool),
        some(Kind::Integer, any::<i64>(), Value::Integer),
        some(Kind::Double, double(), Value::Double),
        some(Kind::Money, any::<i64>(), Value::Money),
        some(Kind::Decimal, decimal(), Value::Decimal),
        some(Kind::Text, "[^\u{0}]{0,12}", Value::Text),
        some(Kind::Uuid, any::<u128>(), |v| Value::Uuid(Uuid::from_u128(v))),
        some(Kind::Time, any::<i64>(), |v| Value::Time(Timestamp::from_millis(v))),
        some(Kind::Bytes, prop::collection::vec(any::<u8>(), 0..12), Value::Bytes),
    ]
}

fn compare(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Integer(a), Value::Integer(b)) | (Value::Money(a), Value::Money(b)) => a.cmp(b),
        (Value::Double(a), Value::Double(b)) => a.partial_cmp(b).unwrap(),
        (Value::Decimal(a), Value::Decimal(b)) => a.cmp(b),
        (Value::Text(a), Value::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
        (Value::Uuid(a), Value::Uuid(b)) => a.as_bytes().cmp(b.as_bytes()),
        (Value::Time(a), Value::Time(b)) => a.cmp(b),
        (Value::Bytes(a), Value::Bytes(b)) => a.cmp(b),
        _ => panic!("{left:?} and {right:?} are not of one kind"),
    }
}

fn table(kind: Kind) -> String {
    format!("of_{kind:?}").to_lowercase()
}

const KINDS: [Kind; 9] = [
    Kind::Bool,
    Kind::Integer,
    Kind::Double,
    Kind::Money,
    Kind::Decimal,
    Kind::Text,
    Kind::Uuid,
    Kind::Time,
    Kind::Bytes,
];

fn database(store: Store) -> Database {
    let tables = KINDS.map(|kind| {
        let table = TableDefinition::new(table(kind)).required("place", Kind::Integer).optional("value", kind);
        table.primary_key(["place"]).into()
    });
    let migration = keyholder_store::Migration::new(1, "a table for each kind", tables);
    Database::open(&store.options(), &[migration]).unwrap()
}

#[test]
fn values_round_trip_and_order_as_in_rust() {
    round_trip(&database(Store::Sqlite));
}

#[test]
fn values_round_trip_and_order_as_in_rust_on_postgresql() {
    if let Some(cluster) = keyholder_cluster::server() {
        round_trip(&database(Store::Postgresql(cluster)));
    }
}

fn round_trip(database: &Database) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    proptest!(ProptestConfig::with_cases(192), |((kind, values) in values())| {
        let name = table(kind);
        let clear = Prepared::new(keyholder_store::statement::Delete::from(name.clone())).unwrap();
        let add = Prepared::new(Insert::into(name.clone()).columns(["place", "value"])).unwrap();
        let all = Select::from(name).column("value", kind);
        let by_place = Prepared::new(all.clone().order_by(column("place").ascending())).unwrap();
        let by_value = Prepared::new(all.clone().order_by(column("value").descending())).unwrap();
        let below = Prepared::new(all.clone().filter(column("value").less_than(parameter(0)))).unwrap();
        let listed = Prepared::new(all.filter(column("value").in_list(0))).unwrap();

        let given = values.clone();
        let (placed, ordered, smaller, found) = runtime.block_on(database.write::<_, Error, _>(move |tx| {
            tx.execute(&clear, &[])?;
            tx.execute_each(&add, (0i64..).zip(&given).map(|(place, value)| [place.into(), value.clone()]))?;
            let read = |row: &keyholder_store::Row<'_>| row.value(0).map(keyholder_store::ValueRef::to_value);
            let first = given[..1].to_vec();
            Ok((
                tx.list(&by_place, &[], read)?,
                tx.list(&by_value, &[], read)?,
                tx.list(&below, &first, read)?,
                tx.list(&listed, &[Value::List(kind, first.clone())], read)?,
            ))
        })).unwrap();

        prop_assert_eq!(&placed, &values);
        let mut sorted = values.clone();
        sorted.sort_by(|a, b| compare(b, a));
        prop_assert_eq!(ordered, sorted);
        let count = |wanted| values.iter().filter(|value| compare(value, &values[0]) == wanted).count();
        prop_assert_eq!(smaller.len(), count(Ordering::Less));
        prop_assert_eq!(found.len(), count(Ordering::Equal));
    });
}

async fn null_is_a_value_of_every_kind(store: Store) {
    let database = database(store);
    for kind in KINDS {
        let add = Prepared::new(Insert::into(table(kind)).columns(["place", "value"])).unwrap();
        let find = Select::from(table(kind)).column("value", kind).filter(column("value").same_as(parameter(0)));
        let find = Prepared::new(find).unwrap();
        let found = database
            .write::<_, Error, _>(move |tx| {
                tx.execute(&add, &[1.into(), Value::Null])?;
                tx.first(&find, &[Value::Null], |row| Ok(row.value(0)?.is_null()))
            })
            .await;
        assert_eq!(found, Ok(Some(true)), "{kind:?}");
    }
}

async fn what_one_store_could_not_keep_both_refuse(store: Store) {
    let database = database(store);
    for (kind, value) in [
        (Kind::Text, Value::Text("a\0b".into())),
        (Kind::Double, Value::Double(f64::NAN)),
        (Kind::Decimal, Value::Decimal(LIMIT + 1)),
        (Kind::Text, Value::List(Kind::Uuid, vec![Value::Bool(true)])),
    ] {
        let add = Prepared::new(Insert::into(table(kind)).columns(["place", "value"])).unwrap();
        let refused = database.write(move |tx| tx.execute(&add, &[1.into(), value.clone()])).await;
        assert!(matches!(refused, Err(Error::Value { .. })), "{kind:?} {refused:?}");
    }
}

async fn a_table_says_which_columns_it_has(store: Store) {
    let database = store.notes();
    let work = |tx: &mut keyholder_store::Transaction<'_>| {
        let of_each =
            KINDS.iter().fold(TableDefinition::new("of_each").required("number", Kind::Integer), |table, kind| {
                table.optional(format!("{kind:?}").to_lowercase(), *kind)
            });
        tx.execute(&Prepared::new(of_each)?, &[])?;
        let column = ColumnDefinition::optional("later", Kind::Text);
        tx.execute(&Prepared::new(AddColumn { table: "of_each".into(), column })?, &[])?;
        let list = Prepared::new(ListColumns)?;
        let found = tx.list(&list, &["of_each".into()], StoredColumn::read)?;
        Ok::<_, Error>((found, tx.list(&list, &["nowhere".into()], StoredColumn::read)?))
    };
    let (found, none) = database.write(work).await.unwrap();
    assert_eq!((found.len(), none.len()), (KINDS.len() + 2, 0));
    assert_eq!((found[0].name.as_str(), found[KINDS.len() + 1].name.as_str()), ("number", "later"));
    for (column, kind) in found[1..].iter().zip(KINDS) {
        assert!(column.can_hold(kind), "{column:?} {kind:?}");
    }
    let text = &found[KINDS.len() + 1];
    assert!(KINDS.into_iter().all(|kind| text.can_hold(kind) == (kind == Kind::Text)), "{text:?}");
}
