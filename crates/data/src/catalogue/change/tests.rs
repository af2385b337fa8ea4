use super::*;
use serde_json::json;

fn definition(value: serde_json::Value) -> SchemaDefinition {
    serde_json::from_value(value).unwrap()
}

fn thing(columns: &serde_json::Value) -> TableDefinition {
    serde_json::from_value(json!({
        "logical_name": "new_thing", "schema_name": "new_Thing", "entity_set": "new_things", "display_name": "Thing",
        "ownership": "organization", "primary_id": "new_thingid", "columns": columns,
    }))
    .unwrap()
}

fn id() -> serde_json::Value {
    json!({ "name": "new_thingid", "label": "Thing", "kind": "guid" })
}

fn text(name: &str) -> Box<ColumnDefinition> {
    Box::new(
        serde_json::from_value(json!({ "name": name, "label": name, "kind": { "text": { "max_length": 10 } } }))
            .unwrap(),
    )
}

fn message(failure: Failure) -> String {
    match failure {
        Failure::Answer(refusal) => refusal.message,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_ships_is_neither_changed_nor_deleted() {
    let shipped = SchemaDefinition::core().unwrap();
    let mut own = SchemaDefinition::empty();
    for change in
        [SchemaChange::DeleteTable("contact".into()), SchemaChange::DeleteColumn("contact".into(), "lastname".into())]
    {
        assert!(message(apply(&mut own, &shipped, &change).unwrap_err()).contains("one of the platform's"));
    }
    assert_eq!(own, SchemaDefinition::empty());
    let there = SchemaChange::AddColumn("contact".into(), text("lastname"));
    assert!(message(apply(&mut own, &shipped, &there).unwrap_err()).contains("already"));
    let nowhere = SchemaChange::AddColumn("nosuch".into(), text("lastname"));
    assert!(message(apply(&mut own, &shipped, &nowhere).unwrap_err()).contains("no table 'nosuch'"));
}

#[test]
fn a_deleted_table_takes_what_leads_to_it() {
    let shipped = SchemaDefinition::core().unwrap();
    let mut own = SchemaDefinition::empty();
    let lookup = |targets: &serde_json::Value| -> Box<ColumnDefinition> {
        Box::new(
            serde_json::from_value(
                json!({ "name": "new_whose", "label": "Whose", "kind": { "lookup": { "targets": targets } } }),
            )
            .unwrap(),
        )
    };
    let pairs = json!({
        "name": "new_thing_contact", "intersect": "new_thing_contact",
        "first": { "table": "new_thing", "column": "new_thingid", "navigation": "new_thing_contact" },
        "second": { "table": "contact", "column": "contactid", "navigation": "new_thing_contact" },
    });
    for change in [
        SchemaChange::AddTable(Box::new(thing(&json!([id()])))),
        SchemaChange::AddColumn(
            "contact".into(),
            lookup(&json!([{ "table": "new_thing", "navigation": "new_Whose" }])),
        ),
        SchemaChange::AddManyToMany(Box::new(serde_json::from_value(pairs).unwrap())),
    ] {
        apply(&mut own, &shipped, &change).unwrap();
    }
    assert!(own.table("new_thing_contact").is_some() && own.table("contact").unwrap().columns.len() == 1);
    apply(&mut own, &shipped, &SchemaChange::DeleteTable("new_thing".into())).unwrap();
    assert!(own.table("new_thing").is_none() && own.table("new_thing_contact").is_none());
    assert!(own.many_to_many.is_empty() && own.table("contact").unwrap().columns.is_empty());
}

#[test]
fn a_column_of_a_key_stays_until_the_key_goes() {
    let shipped = SchemaDefinition::core().unwrap();
    let mut own = definition(json!({ "tables": [] }));
    for change in [
        SchemaChange::AddTable(Box::new(thing(&json!([id()])))),
        SchemaChange::AddColumn("new_thing".into(), text("new_code")),
        SchemaChange::AddKey("new_thing".into(), "by_code".into(), vec!["new_code".into()]),
    ] {
        apply(&mut own, &shipped, &change).unwrap();
    }
    let delete = SchemaChange::DeleteColumn("new_thing".into(), "new_code".into());
    assert!(message(apply(&mut own, &shipped, &delete).unwrap_err()).contains("part of the key 'by_code'"));
    apply(&mut own, &shipped, &SchemaChange::DeleteKey("new_thing".into(), "by_code".into())).unwrap();
    apply(&mut own, &shipped, &delete).unwrap();
    assert_eq!(own.table("new_thing").unwrap().columns.len(), 1);
}

mod in_a_store {
    use keyholder_dataverse::Value;
    use keyholder_foundation::{ClientId, Clocks, ManualClock, OrgClock, OrgId, SeededRandom, TenantId};
    use keyholder_store::DatabaseOptions;
    use uuid::Uuid;

    use super::*;
    use crate::catalogue::Record;
    use crate::directory::{ApplicationFacts, BoxFuture, Directory, DirectoryError};
    use crate::{Organization, OrganizationConfig};

    struct Nobody;

    impl Directory for Nobody {
        fn find_application(&self, _: ClientId) -> BoxFuture<'_, Result<Option<ApplicationFacts>, DirectoryError>> {
            Box::pin(async { Ok(None) })
        }
    }

    async fn organization() -> Organization {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_790_000_000_000)));
        let config = OrganizationConfig {
            database: DatabaseOptions::ephemeral(),
            organization: OrgId(Uuid::from_u128(1)),
            tenant: TenantId(Uuid::from_u128(2)),
            name: "Contrast".to_owned(),
            url: "https://localhost:8443".to_owned(),
            login: "https://localhost:8443".to_owned(),
            clocks: Clocks { org: Arc::new(OrgClock::new(clock.clone(), 0)), monotonic: clock.clone(), system: clock },
            random: Arc::new(SeededRandom::new(7)),
            directory: Arc::new(Nobody),
            non_interactive_limit: 7,
            role_policy: crate::RolePolicy::AnyRole,
            version: crate::VERSION,
            sample_rows: 0,
            trouble: None,
        };
        Organization::open(config).await.unwrap()
    }

    /// Makes changes; then looks at what there is.
    async fn changed<T: Send + 'static>(
        organization: &Organization,
        changes: Vec<SchemaChange>,
        then: impl Fn(&mut Transaction<'_>, &Catalogue) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let core = Arc::clone(organization.core());
        let work = move |tx: &mut Transaction<'_>| {
            let changed = change(&core, tx, &changes, Timestamp::from_millis(0))?;
            then(tx, &changed.catalogue)
        };
        organization.core().database.write(work).await
    }

    #[tokio::test]
    async fn made_tables_follow_every_change_and_rows_stay() {
        let org = organization().await;
        let row = Uuid::from_u128(9);
        let code =
            changed(&org, vec![SchemaChange::AddTable(Box::new(thing(&json!([id()]))))], move |tx, catalogue| {
                let table = catalogue.table("new_thing")?;
                made::make(tx, &table)?;
                let mut record = Record::empty(&catalogue.layout(&table));
                record.set_id(row);
                record.insert(tx)?;
                Ok(table.type_code())
            })
            .await
            .unwrap();
        assert!(code >= 10_000);

        let add = SchemaChange::AddColumn("new_thing".into(), text("new_code"));
        changed(&org, vec![add], move |tx, catalogue| {
            let layout = catalogue.layout_of("new_thing")?;
            let before = Record::load(tx, catalogue, &layout, row)?.unwrap();
            let mut after = before.clone();
            after.set_text("new_code", "Ä");
            after.update(tx, catalogue, &before)
        })
        .await
        .unwrap();

        // A lookup that led to one table, and leads to two.
        let target = |table: &str| json!({ "table": table, "navigation": format!("new_whose_{table}") });
        let lookup =
            json!({ "name": "new_whose", "label": "Whose", "kind": { "lookup": { "targets": [target("contact")] } } });
        let add = SchemaChange::AddColumn("new_thing".into(), Box::new(serde_json::from_value(lookup).unwrap()));
        changed(&org, vec![add], move |tx, catalogue| {
            let layout = catalogue.layout_of("new_thing")?;
            let before = Record::load(tx, catalogue, &layout, row)?.unwrap();
            let mut after = before.clone();
            let contact = keyholder_dataverse::Reference { type_code: 2, id: Uuid::from_u128(5) };
            after.set("new_whose", Value::Lookup(contact));
            after.update(tx, catalogue, &before)
        })
        .await
        .unwrap();
        let more = SchemaChange::AddTarget {
            table: "new_thing".into(),
            column: "new_whose".into(),
            target: serde_json::from_value(target("account")).unwrap(),
        };
        let seen = changed(&org, vec![more], move |tx, catalogue| {
            let layout = catalogue.layout_of("new_thing")?;
            let record = Record::load(tx, catalogue, &layout, row)?.unwrap();
            Ok((record.get("new_code").clone(), record.get("new_whose").clone()))
        })
        .await
        .unwrap();
        let contact = keyholder_dataverse::Reference { type_code: 2, id: Uuid::from_u128(5) };
        assert_eq!(seen, (Value::Text("Ä".to_owned()), Value::Lookup(contact)));

        let key = SchemaChange::AddKey("new_thing".into(), "by_code".into(), vec!["new_code".into()]);
        changed(&org, vec![key], |_, _| Ok(())).await.unwrap();
        let gone = vec![
            SchemaChange::DeleteKey("new_thing".into(), "by_code".into()),
            SchemaChange::DeleteColumn("new_thing".into(), "new_code".into()),
            SchemaChange::DeleteTarget {
                table: "new_thing".into(),
                column: "new_whose".into(),
                target: "contact".into(),
            },
        ];
        let seen = changed(&org, gone, move |tx, catalogue| {
            let layout = catalogue.layout_of("new_thing")?;
            let record = Record::load(tx, catalogue, &layout, row)?.unwrap();
            Ok((layout.named("new_code").is_none(), record.get("new_whose").clone()))
        })
        .await
        .unwrap();
        assert_eq!(seen, (true, Value::Null), "the contact that it named is none that it can lead to");

        let deleted = changed(&org, vec![SchemaChange::DeleteTable("new_thing".into())], |tx, catalogue| {
            let names = catalogue.schema.names().any(|name| &*name.logical_name == "new_thing");
            Ok((names, made::list(tx)?.contains("new_thing")))
        });
        assert_eq!(deleted.await.unwrap(), (false, false));
    }

    /// Makes `costcenter` of business units a number of the organization's own, as if it had been one before a text of that name shipped;
    /// then starts this program.
    async fn with_a_column_that_came_to_ship(organization: &Organization) {
        let core = Arc::clone(organization.core());
        let work = move |tx: &mut Transaction<'_>| {
            let number = json!({ "name": "costcenter", "label": "Own", "kind": "big_integer" });
            let number: ColumnDefinition = serde_json::from_value(number).unwrap();
            let mut earlier = SchemaDefinition::core()?;
            let table = earlier.table_mut("businessunit").unwrap();
            let part = TableDefinition { columns: vec![number.clone()], type_code: 0, ..table.clone() };
            *table.columns.iter_mut().find(|column| column.name == "costcenter").unwrap() = number;
            let own = SchemaDefinition { tables: vec![part], ..SchemaDefinition::empty() };
            let earlier = Schema::new(earlier)?;
            let let_go =
                LetGo::between(&own, &SchemaDefinition { tables: vec![own_without_columns(&own)], ..own.clone() });
            let made = made::list(tx)?;
            migrate(tx, &Schema::core()?, &earlier, &made, &let_go)?;
            stored::write(tx, stored::OWN, serde_json::to_string(&own).unwrap())?;
            stored::write(tx, stored::COMPILED, earlier.to_packed())?;
            stored::write(tx, stored::SHIPPED, "of an earlier program".to_owned())?;
            crate::catalogue::install(tx, &core.epochs).map(drop)
        };
        organization.core().database.write(work).await.unwrap();
    }

    fn own_without_columns(own: &SchemaDefinition) -> TableDefinition {
        TableDefinition { columns: Vec::new(), ..own.tables[0].clone() }
    }

    #[tokio::test]
    async fn a_column_that_was_ours_before_it_shipped_stays_ours_in_every_later_change() {
        let org = organization().await;
        with_a_column_that_came_to_ship(&org).await;
        let unit = org.core().seed_id("cost center");
        let add = SchemaChange::AddColumn("businessunit".into(), text("new_code"));
        let held = changed(&org, vec![add], move |tx, catalogue| {
            let layout = catalogue.layout_of("businessunit")?;
            let mut record = Record::empty(&layout);
            record.set_id(unit);
            record.set("costcenter", Value::Integer(7));
            record.set_text("new_code", "A");
            record.insert(tx)?;
            let record = Record::load(tx, catalogue, &layout, unit)?.unwrap();
            Ok((record.get("costcenter").clone(), record.get("new_code").clone()))
        });
        assert_eq!(held.await.unwrap(), (Value::Integer(7), Value::Text("A".into())));
        let change = SchemaChange::ChangeColumn("businessunit".into(), text("costcenter"));
        let refused = message(changed(&org, vec![change], |_, _| Ok(())).await.unwrap_err());
        assert!(
            refused.contains("'costcenter' of 'businessunit' holds Edm.Int64 and cannot hold Edm.String"),
            "{refused}"
        );

        // Once it is deleted, what ships takes its place.
        let delete = SchemaChange::DeleteColumn("businessunit".into(), "costcenter".into());
        let held = changed(&org, vec![delete.clone()], move |tx, catalogue| {
            let layout = catalogue.layout_of("businessunit")?;
            let before = Record::load(tx, catalogue, &layout, unit)?.unwrap();
            let mut after = before.clone();
            after.set_text("costcenter", "North");
            after.update(tx, catalogue, &before)?;
            let after = Record::load(tx, catalogue, &layout, unit)?.unwrap();
            Ok((before.get("costcenter").clone(), after.get("costcenter").clone()))
        });
        assert_eq!(held.await.unwrap(), (Value::Null, Value::Text("North".into())));
        let refused = message(changed(&org, vec![delete], |_, _| Ok(())).await.unwrap_err());
        assert!(refused.contains("one of the platform's"), "{refused}");
    }

    #[tokio::test]
    async fn a_key_that_rows_contradict_is_refused_and_nothing_changes() {
        let org = organization().await;
        let made_with_twins = vec![
            SchemaChange::AddTable(Box::new(thing(&json!([id()])))),
            SchemaChange::AddColumn("new_thing".into(), text("new_code")),
        ];
        changed(&org, made_with_twins, |tx, catalogue| {
            let table = catalogue.table("new_thing")?;
            made::make(tx, &table)?;
            for number in 0..2 {
                let mut record = Record::empty(&catalogue.layout(&table));
                record.set_id(Uuid::from_u128(number));
                record.set_text("new_code", "same");
                record.insert(tx)?;
            }
            Ok(())
        })
        .await
        .unwrap();
        let key = SchemaChange::AddKey("new_thing".into(), "by_code".into(), vec!["new_code".into()]);
        let refused = changed(&org, vec![key], |_, _| Ok(())).await.unwrap_err();
        assert!(matches!(refused, Failure::Store(keyholder_store::Error::UniqueViolation { .. })), "{refused:?}");
        org.core().reload().await.unwrap();
        let catalogue = org.core().catalogue();
        assert!(catalogue.table("new_thing").unwrap().keys().is_empty());
    }

    #[tokio::test]
    async fn privileges_come_and_go_with_their_table() {
        let org = organization().await;
        let core = Arc::clone(org.core());
        let administrator = core.seed_id("System Administrator");
        let held = move |tx: &mut Transaction<'_>, catalogue: &Catalogue| -> Result<(bool, bool), Failure> {
            let platform = crate::platform::Platform { catalogue };
            let id = keyholder_security::privilege_id("prvReadnew_Thing");
            let known = platform.privilege_names(tx)?.iter().any(|(known, _)| *known == id);
            Ok((known, platform.privileges(tx, administrator)?.iter().any(|(known, _)| *known == id)))
        };
        let there = changed(&org, vec![SchemaChange::AddTable(Box::new(thing(&json!([id()]))))], held);
        assert_eq!(there.await.unwrap(), (true, true));
        let gone = changed(&org, vec![SchemaChange::DeleteTable("new_thing".into())], held);
        assert_eq!(gone.await.unwrap(), (false, false));
    }
}
