use super::*;
use crate::Verb;

const CUSTOMERS: &str = include_str!("../../schema/customers.json");
const SECURITY: &str = include_str!("../../schema/security.json");

fn core() -> Schema {
    Schema::core().unwrap()
}

fn table(schema: &Schema, name: &str) -> Arc<Table> {
    schema.table(name).unwrap().unwrap()
}

#[test]
fn the_core_tables_are_there_under_all_their_names() {
    let schema = core();
    for (logical, set, code) in [
        ("account", "accounts", 1),
        ("contact", "contacts", 2),
        ("systemuser", "systemusers", 8),
        ("team", "teams", 9),
        ("businessunit", "businessunits", 10),
        ("role", "roles", 1036),
        ("privilege", "privileges", 1023),
        ("roleprivileges", "roleprivilegescollection", 12),
        ("systemuserroles", "systemuserrolescollection", 15),
        ("transactioncurrency", "transactioncurrencies", 9105),
        ("organization", "organizations", 1019),
        ("opportunity", "opportunities", 3),
        ("incident", "incidents", 112),
        ("phonecall", "phonecalls", 4210),
        ("activityparty", "activityparties", 135),
        ("salesorderdetail", "salesorderdetails", 1089),
        ("savedquery", "savedqueries", 1039),
    ] {
        let found = table(&schema, logical);
        assert_eq!((found.entity_set(), found.type_code()), (set, code));
        assert_eq!(schema.table_of_set(set).unwrap().unwrap(), found);
        assert_eq!(schema.table_of_code(code).unwrap().unwrap(), found);
    }
    assert!(schema.table("Contact").unwrap().is_none());
    assert!(schema.table_of_set("contact").unwrap().is_none());
}

#[test]
fn privileges_are_named_after_the_table_with_the_platforms_exceptions() {
    let schema = core();
    let name = |logical: &str, verb| table(&schema, logical).privilege_name(verb);
    assert_eq!(name("contact", Verb::Read).as_deref(), Some("prvReadContact"));
    assert_eq!(name("contact", Verb::AppendTo).as_deref(), Some("prvAppendToContact"));
    assert_eq!(name("systemuser", Verb::Read).as_deref(), Some("prvReadUser"));
    assert_eq!(name("businessunit", Verb::Write).as_deref(), Some("prvWriteBusinessUnit"));
    assert_eq!(name("role", Verb::Assign).as_deref(), Some("prvAssignRole"));
    assert_eq!(name("systemuser", Verb::Share), None);
    assert_eq!(name("roleprivileges", Verb::Create), None);
    assert_eq!(name("phonecall", Verb::Read).as_deref(), Some("prvReadActivity"));
    assert_eq!(name("salesorderdetail", Verb::Create).as_deref(), Some("prvCreateOrder"));
    assert_eq!(name("quotedetail", Verb::Assign), None);
    assert_eq!(name("annotation", Verb::Share).as_deref(), Some("prvShareNote"));
}

#[test]
fn relationships_lead_both_ways() {
    let schema = core();
    let contact = table(&schema, "contact");
    let customer = contact.property("_parentcustomerid_value").unwrap();
    assert!(contact.property("parentcustomerid").is_none());
    let Some(Navigation::Lookup { column, targets }) = contact.navigation("parentcustomerid_account") else { panic!() };
    assert_eq!((column, targets.len(), targets[0].table.as_str()), (customer, 1, "account"));
    let Some(Navigation::Lookup { targets, .. }) = contact.navigation("ownerid") else { panic!() };
    assert_eq!(targets.len(), 2);
    let account = table(&schema, "account");
    let Some(Navigation::OneToMany(back)) = account.navigation("contact_customer_accounts") else { panic!() };
    assert_eq!((back.table.as_str(), back.column.as_str()), ("contact", "parentcustomerid"));
    for (name, expected) in [("systemuser", Side::First), ("role", Side::Second)] {
        let found = table(&schema, name);
        let Some(Navigation::ManyToMany { relationship, side }) = found.navigation("systemuserroles_association")
        else {
            panic!()
        };
        assert_eq!((relationship.intersect.as_str(), *side), ("systemuserroles", expected));
        assert_eq!(relationship.ends(*side).0.table, name);
    }
}

#[test]
fn every_relationship_of_the_core_tables_leads_somewhere() {
    let schema = core();
    for name in schema.names() {
        let found = table(&schema, &name.logical_name);
        for (navigation, leads) in found.navigations() {
            match leads {
                Navigation::Lookup { targets, .. } => {
                    for target in targets {
                        table(&schema, &target.table);
                    }
                }
                Navigation::OneToMany(back) => {
                    let other = table(&schema, &back.table);
                    assert!(other.column(&back.column).unwrap().kind.is_lookup(), "{navigation}");
                }
                Navigation::ManyToMany { relationship, .. } => {
                    let pairs = table(&schema, &relationship.intersect);
                    assert!(pairs.column(&relationship.first.column).is_some());
                    assert!(pairs.column(&relationship.second.column).is_some());
                }
            }
        }
        if found.ownership() == Ownership::User {
            assert!(found.owner_column().is_some() && found.business_unit_column().is_some());
        }
        if found.ownership() == Ownership::BusinessUnit {
            assert!(found.business_unit_column().is_some(), "{}", name.logical_name);
        }
    }
}

#[test]
fn states_and_statuses_belong_together() {
    let schema = core();
    for name in schema.names() {
        let found = table(&schema, &name.logical_name);
        let (Some(state), Some(status)) = (found.column("statecode"), found.column("statuscode")) else { continue };
        for option in state.kind.options() {
            let entered = status.kind.options().iter().find(|status| Some(status.value) == option.pair).unwrap();
            assert_eq!(entered.pair, Some(option.value));
        }
    }
}

#[test]
fn packing_keeps_everything_and_decodes_nothing_unasked() {
    let schema = core();
    let packed = schema.to_packed();
    let again = Schema::from_packed(&packed).unwrap();
    assert_eq!(again.decoded_tables(), 0);
    assert_eq!(table(&again, "contact"), table(&schema, "contact"));
    assert_eq!(again.decoded_tables(), 1);
    for name in schema.names() {
        assert_eq!(table(&again, &name.logical_name), table(&schema, &name.logical_name));
    }
    assert_eq!(again.to_packed(), packed);
    assert_eq!(packed, Schema::core_packed());
    assert_eq!(core().decoded_tables(), 0);
}

#[test]
fn a_text_that_does_not_ship_is_kept_and_read_alike() {
    let packed = Schema::core_packed().replace("\"display_name\":\"Contact\"", "\"display_name\":\"Kontakt\"");
    let (kontakt, contact) = ("Kontakt".len(), "Contact".len());
    assert_eq!(kontakt, contact, "the lengths in the index still hold");
    let schema = Schema::from_packed(&packed).unwrap();
    assert_eq!(schema.decoded_tables(), 0);
    assert_eq!(table(&schema, "contact").display_name(), "Kontakt");
    assert_eq!(schema.to_packed(), packed);
    assert_ne!(packing::digest(&packed), packing::digest(Schema::core_packed()));
    assert_eq!(format!("{:016x}", packing::digest(Schema::core_packed())), Schema::core_digest());
}

#[test]
fn an_activity_is_reached_by_its_own_names_and_by_those_of_every_activity() {
    let schema = core();
    let task = table(&schema, "task");
    for (navigation, target) in [
        ("regardingobjectid_contact_task", "contact"),
        ("regardingobjectid_contact", "contact"),
        ("ownerid_task", "systemuser"),
        ("ownerid", "systemuser"),
    ] {
        let Some(Navigation::Lookup { targets, .. }) = task.navigation(navigation) else { panic!("{navigation}") };
        assert_eq!(targets[0].table, target);
    }
    let account = table(&schema, "account");
    let Some(Navigation::OneToMany(tasks)) = account.navigation("Account_Tasks") else { panic!() };
    assert_eq!((tasks.table.as_str(), tasks.column.as_str()), ("task", "regardingobjectid"));
}

#[test]
fn damage_is_named() {
    let packed = core().to_packed();
    for broken in ["", "[", "{}", &packed[..packed.len() / 2]] {
        assert!(
            matches!(Schema::from_packed(broken), Err(SchemaError::Unreadable { .. })),
            "{}",
            &broken[..broken.len().min(9)]
        );
    }
    let damaged = packed.replace("\"schema_name\":\"Contact\"", "\"schema_nxme\":\"Contact\"");
    let schema = Schema::from_packed(&damaged).unwrap();
    assert!(schema.table("account").is_ok());
    let Err(SchemaError::Table { table, .. }) = schema.table("contact") else { panic!() };
    assert_eq!(table, "contact");
}

#[test]
fn contradictions_are_refused() {
    let definition = |change: fn(&mut SchemaDefinition)| {
        let mut definition: SchemaDefinition = serde_json::from_str(CUSTOMERS).unwrap();
        let security: SchemaDefinition = serde_json::from_str(SECURITY).unwrap();
        definition.tables.extend(security.tables);
        definition.many_to_many = security.many_to_many;
        change(&mut definition);
        Schema::new(definition).map(|_| ()).unwrap_err().to_string()
    };
    assert!(definition(|all| all.tables[1].type_code = 1).contains("type code `1`"));
    assert!(definition(|all| all.tables[1].primary_id = "nosuch".into()).contains("no column `nosuch`"));
    assert!(definition(|all| all.tables[1].primary_id = "fullname".into()).contains("no GUID column"));
    assert!(definition(|all| all.many_to_many[0].second.table = "nosuch".into()).contains("no table `nosuch`"));
    assert!(
        definition(|all| {
            let twice = all.tables[1].columns[0].clone();
            all.tables[1].columns.push(twice);
        })
        .contains("two columns")
    );
}
