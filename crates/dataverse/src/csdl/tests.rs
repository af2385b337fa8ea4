use std::path::{Path, PathBuf};
use std::process::Command;

use proptest::prelude::*;

use super::*;
use crate::Schema;
use crate::schema::{ColumnKind, Navigation, Ownership, SchemaDefinition};

/// A document around these entity types and sets.
fn document(types: &str, sets: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<edmx:Edmx Version=\"4.0\" xmlns:edmx=\"http://docs.oasis-open.org/odata/ns/edmx\">\
         <edmx:DataServices>\n<Schema Namespace=\"Microsoft.Dynamics.CRM\" Alias=\"mscrm\" xmlns=\"http://docs.oasis-open.org/odata/ns/edm\">\n\
         <EntityType Name=\"crmbaseentity\" Abstract=\"true\"/>\n{types}\n<EntityContainer Name=\"System\">{sets}</EntityContainer>\n\
         </Schema></edmx:DataServices></edmx:Edmx>"
    )
}

fn entity(name: &str, inner: &str) -> String {
    format!(
        "<EntityType Name=\"{name}\" BaseType=\"mscrm.crmbaseentity\"><Key><PropertyRef Name=\"{name}id\"/></Key>\
         <Property Name=\"{name}id\" Type=\"Edm.Guid\"/>{inner}</EntityType>\n"
    )
}

fn set(name: &str) -> String {
    format!("<EntitySet Name=\"{name}s\" EntityType=\"Microsoft.Dynamics.CRM.{name}\"/>")
}

fn read_text(text: &str) -> Result<Reading, CsdlError> {
    read("org.xml", text.as_bytes())
}

/// A kind of owner, whose key is that of all owners.
fn principal(name: &str) -> String {
    entity(name, "")
        .replace("mscrm.crmbaseentity", "mscrm.principal")
        .replace(&format!("<PropertyRef Name=\"{name}id\"/>"), "<PropertyRef Name=\"ownerid\"/>")
}

/// Two tables that know each other in every way.
fn visits() -> String {
    let visit = entity(
        "new_visit",
        "<Property Name=\"new_name\" Type=\"Edm.String\" MaxLength=\"100\"/>\
         <Property Name=\"new_remarks\" Type=\"Edm.String\" Unicode=\"false\"/>\
         <Property Name=\"new_outcomecode\" Type=\"Edm.Int32\"/><Property Name=\"new_guests\" Type=\"Edm.Int32\"/>\
         <Property Name=\"new_cost\" Type=\"Edm.Decimal\" Scale=\"2\"/><Property Name=\"new_cost_base\" Type=\"Edm.Decimal\"/>\
         <Property Name=\"new_ratio\" Type=\"Edm.Decimal\" Scale=\"Variable\"/>\
         <Property Name=\"_transactioncurrencyid_value\" Type=\"Edm.Guid\"/>\
         <Property Name=\"statecode\" Type=\"Edm.Int32\"/><Property Name=\"statuscode\" Type=\"Edm.Int32\"/>\
         <Property Name=\"createdon\" Type=\"Edm.DateTimeOffset\"/><Property Name=\"new_day\" Type=\"Edm.Date\"/>\
         <Property Name=\"_ownerid_value\" Type=\"Edm.Guid\"/><Property Name=\"_owningbusinessunit_value\" Type=\"Edm.Guid\"/>\
         <Property Name=\"_new_whom_value\" Type=\"Edm.Guid\"/><Property Name=\"new_shape\" Type=\"Edm.Geography\"/>\
         <Property Name=\"new_total\" Type=\"Edm.Int32\"><Annotation Term=\"Org.OData.Core.V1.Computed\" Bool=\"true\"/></Property>\
         <Property Name=\"new_seen\" Type=\"Edm.Boolean\"><Annotation Term=\"Org.OData.Core.V1.Permissions\">\
         <EnumMember>Org.OData.Core.V1.PermissionType/Read</EnumMember></Annotation></Property>\
         <NavigationProperty Name=\"ownerid\" Type=\"mscrm.principal\" Partner=\"owner_new_visit\">\
         <ReferentialConstraint Property=\"_ownerid_value\" ReferencedProperty=\"ownerid\"/></NavigationProperty>\
         <NavigationProperty Name=\"new_Whom_account\" Type=\"mscrm.account\" Partner=\"new_account_visits\">\
         <ReferentialConstraint Property=\"_new_whom_value\" ReferencedProperty=\"accountid\"/></NavigationProperty>\
         <NavigationProperty Name=\"new_Whom_contact\" Type=\"mscrm.contact\" Partner=\"new_contact_visits\">\
         <ReferentialConstraint Property=\"_new_whom_value\" ReferencedProperty=\"contactid\"/></NavigationProperty>\
         <NavigationProperty Name=\"new_visit_contact\" Type=\"Collection(mscrm.contact)\" Partner=\"new_visit_contact\"/>\
         <Annotation Term=\"OData.Community.Keys.V1.AlternateKeys\"><Collection>\
         <Record Type=\"OData.Community.Keys.V1.AlternateKey\"><PropertyValue Property=\"Key\"><Collection>\
         <Record Type=\"OData.Community.Keys.V1.PropertyRef\"><PropertyValue Property=\"Alias\" String=\"new_name\"/>\
         <PropertyValue Property=\"Name\" PropertyPath=\"new_name\"/></Record></Collection></PropertyValue></Record>\
         </Collection></Annotation>",
    );
    let account = entity("account", "<Property Name=\"name\" Type=\"Edm.String\"/>");
    let contact = entity(
        "contact",
        "<NavigationProperty Name=\"new_visit_contact\" Type=\"Collection(mscrm.new_visit)\" Partner=\"new_visit_contact\"/>",
    );
    let pairs = entity(
        "new_visit_contact",
        "<Property Name=\"new_visitid\" Type=\"Edm.Guid\"/><Property Name=\"contactid\" Type=\"Edm.Guid\"/>\
         <Property Name=\"versionnumber\" Type=\"Edm.Int64\"/>",
    );
    let principals = "<EntityType Name=\"principal\" BaseType=\"mscrm.crmbaseentity\" Abstract=\"true\"><Key>\
        <PropertyRef Name=\"ownerid\"/></Key><Property Name=\"ownerid\" Type=\"Edm.Guid\"/></EntityType>\n"
        .to_owned()
        + &principal("systemuser")
        + &principal("team");
    let sets = ["new_visit", "account", "contact", "systemuser", "team"].map(set).concat();
    document(&(visit + &account + &contact + &pairs + &principals), &sets)
}

#[test]
fn owners_that_no_navigation_property_leads_to_are_told() {
    let leads = "<NavigationProperty Name=\"ownerid\" Type=\"mscrm.principal\" Partner=\"owner_new_visit\">\
         <ReferentialConstraint Property=\"_ownerid_value\" ReferencedProperty=\"ownerid\"/></NavigationProperty>";
    let told = |text: &str| {
        let assumed = read_text(text).unwrap().assumed;
        assumed.into_iter().find(|(what, _)| what.contains("cannot be assigned")).map(|(_, places)| places)
    };
    assert_eq!(told(&visits()), None);
    assert!(visits().contains(leads));
    assert_eq!(told(&visits().replace(leads, "")), Some(vec!["`new_visit`.`ownerid`".to_owned()]));
}

#[test]
fn a_document_becomes_tables_with_their_columns_and_relationships() {
    let reading = read_text(&visits()).unwrap();
    let mut definition = reading.definition.clone();
    definition.number(&std::collections::HashMap::new());
    let schema = Schema::new(definition).unwrap();
    let visit = schema.table_of_set("new_visits").unwrap().unwrap();
    assert!(visit.type_code() >= 10_000);
    assert_eq!((visit.ownership(), visit.display_name()), (Ownership::User, "Visit"));
    assert_eq!(visit.privilege_name(crate::Verb::Read).as_deref(), Some("prvReadnew_visit"));
    assert_eq!(&*visit.primary_name().unwrap().name, "new_name");
    let kind = |name: &str| &visit.column(name).unwrap().kind;
    assert_eq!(*kind("new_name"), ColumnKind::Text { max_length: 100 });
    assert_eq!(*kind("new_remarks"), ColumnKind::Text { max_length: 1_048_576 });
    assert!(matches!(kind("new_outcomecode"), ColumnKind::Choice { options, .. } if options.is_empty()));
    assert!(matches!(kind("new_guests"), ColumnKind::Integer(_)));
    assert!(matches!(kind("new_cost"), ColumnKind::Money { precision: 2, base: false, .. }));
    assert!(matches!(kind("new_cost_base"), ColumnKind::Money { base: true, .. }));
    assert!(matches!(kind("new_ratio"), ColumnKind::Decimal { precision: 10, .. }));
    assert!(matches!(kind("new_whom"), ColumnKind::Customer { targets } if targets.len() == 2));
    assert!(matches!(kind("ownerid"), ColumnKind::Owner { targets } if targets.len() == 2));
    for read_only in ["createdon", "new_total", "new_seen", "new_cost_base", "owningbusinessunit"] {
        assert!(!visit.column(read_only).unwrap().access.create, "{read_only}");
    }
    assert!(visit.column("new_guests").unwrap().access.update);
    assert!(visit.column("new_shape").is_none());
    assert!(reading.left_out.iter().any(|line| line.contains("`new_shape`") && line.contains("Edm.Geography")));
    assert_eq!(visit.keys()[0].columns.len(), 1);
    assert_eq!(&*schema.table("systemuser").unwrap().unwrap().primary_id().name, "systemuserid");
    let account = schema.table("account").unwrap().unwrap();
    assert!(
        matches!(account.navigation("new_account_visits"), Some(Navigation::OneToMany(back)) if back.column == "new_whom")
    );
    let contact = schema.table("contact").unwrap().unwrap();
    let Some(Navigation::ManyToMany { relationship, .. }) = contact.navigation("new_visit_contact") else { panic!() };
    assert_eq!(relationship.intersect, "new_visit_contact");
    let pairs = schema.table("new_visit_contact").unwrap().unwrap();
    assert_eq!((pairs.ownership(), pairs.pairs().len()), (Ownership::None, 1));
}

#[test]
fn a_side_file_tells_what_the_document_cannot() {
    let side: SideFile = serde_json::from_value(serde_json::json!({ "tables": { "new_visit": {
        "display_name": "Besuch", "schema_name": "new_Visit", "primary_name": "new_remarks",
        "keys": { "by_remark": ["new_remarks"] },
        "columns": {
            "new_remarks": { "label": "Bemerkungen", "max_length": 200 },
            "new_guests": { "options": [{ "value": 1, "label": "Eins" }] },
        },
    } } }))
    .unwrap();
    let read_told = |side: &SideFile| {
        let mut definition = read_text(&visits())?.definition;
        tell("side.toml", &mut definition, side).map(|()| definition)
    };
    let definition = read_told(&side).unwrap();
    let visit = definition.table("new_visit").unwrap();
    assert_eq!((visit.display_name.as_str(), visit.primary_name.as_deref()), ("Besuch", Some("new_remarks")));
    assert_eq!(visit.column("new_remarks").unwrap().kind, ColumnKind::Text { max_length: 200 });
    assert_eq!(visit.column("new_guests").unwrap().kind.options().len(), 1);
    assert!(visit.keys.iter().any(|(name, _)| name == "by_remark"));
    for (side, expected) in [
        (serde_json::json!({ "tables": { "nosuch": {} } }), "no such table"),
        (serde_json::json!({ "tables": { "new_visit": { "columns": { "nosuch": {} } } } }), "no column `nosuch`"),
        (serde_json::json!({ "tables": { "new_visit": { "primary_name": "nosuch" } } }), "no column `nosuch`"),
        (
            serde_json::json!({ "tables": { "new_visit": { "columns": { "new_name": { "kind": "big_integer" } } } } }),
            "Edm.Int64 is told",
        ),
    ] {
        let side: SideFile = serde_json::from_value(side).unwrap();
        let error = read_told(&side).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn navigation_properties_over_plain_ids_are_kept_with_them() {
    let stage = entity("new_stage", "");
    let visit = entity(
        "new_visit",
        "<Property Name=\"stageid\" Type=\"Edm.Guid\"/><Property Name=\"ownedby\" Type=\"Edm.Guid\"/>\
         <Property Name=\"_new_next_value\" Type=\"Edm.Guid\"/><Property Name=\"new_tags\" Type=\"Edm.String\"/>\
         <NavigationProperty Name=\"stageid_new_stage\" Type=\"mscrm.new_stage\" Partner=\"new_stage_visits\"/>\
         <NavigationProperty Name=\"new_next\" Type=\"mscrm.new_stage\" Partner=\"new_next_visits\">\
         <ReferentialConstraint Property=\"new_visitid\" ReferencedProperty=\"new_stageid\"/></NavigationProperty>\
         <NavigationProperty Name=\"ownedby_owner\" Type=\"mscrm.principal\"/>",
    );
    let principal = "<EntityType Name=\"principal\" BaseType=\"mscrm.crmbaseentity\" Abstract=\"true\"><Key>\
         <PropertyRef Name=\"ownerid\"/></Key><Property Name=\"ownerid\" Type=\"Edm.Guid\"/></EntityType>\n";
    let reading = read_text(&document(&(stage + &visit + principal), "")).unwrap();
    let mut definition = reading.definition;
    let visit = definition.table("new_visit").unwrap();
    let [to] = visit.column("stageid").unwrap().references.as_slice() else { panic!("{visit:?}") };
    assert_eq!((to.table.as_str(), to.collection.as_deref()), ("new_stage", Some("new_stage_visits")));
    // A constraint that names the table's own key is a slip of the service's documents.
    assert_eq!(visit.column("new_next").unwrap().kind.targets().len(), 1);
    assert!(visit.column("new_visitid").unwrap().references.is_empty());
    assert!(visit.column("ownedby").unwrap().references.is_empty());

    let side = serde_json::json!({ "tables": { "new_visit": { "columns": {
        "new_tags": { "options": [{ "value": 1, "label": "New" }] },
    } } } });
    tell("side.json", &mut definition, &serde_json::from_value(side).unwrap()).unwrap();
    let tags = &definition.table("new_visit").unwrap().column("new_tags").unwrap().kind;
    assert!(matches!(tags, ColumnKind::MultiSelect { options } if options.len() == 1));
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let refused = |text: &str| read_text(text).unwrap_err();
    let twice = document(&(entity("new_a", "") + &entity("new_a", "")), "");
    let error = refused(&twice);
    assert_eq!((error.line, error.element.as_str()), (6, "EntityType"), "{error}");
    assert!(
        error.to_string().starts_with("`org.xml`, line 6, EntityType: there are two of the name `new_a`"),
        "{error}"
    );
    for (text, expected) in [
        (
            document(
                &entity("new_a", "<Property Name=\"x\" Type=\"Edm.Guid\"/><Property Name=\"x\" Type=\"Edm.Guid\"/>"),
                "",
            ),
            "stands twice",
        ),
        (document(&entity("new_a", "<Property Name=\"x y\" Type=\"Edm.Guid\"/>"), ""), "is no name"),
        (document(&entity("new_a", "<Property Type=\"Edm.Guid\"/>"), ""), "no attribute `Name`"),
        (
            document(&entity("new_a", "<Property Name=\"x\" Type=\"Edm.String\" MaxLength=\"-1\"/>"), ""),
            "MaxLength of `x`",
        ),
        (
            document(&entity("new_a", &format!("<Property Name=\"{}\" Type=\"Edm.Guid\"/>", "x".repeat(200))), ""),
            "is no name",
        ),
        (document(&entity("new_a", "").replace("crmbaseentity", "nosuch"), ""), "base type `nosuch`"),
        (document(&entity("new_a", "").replace("mscrm.crmbaseentity", "mscrm.new_a"), ""), "in a circle"),
        (
            document(&entity("new_a", "").replace("Property Name=\"new_aid\"", "Property Name=\"other\""), ""),
            "does not have",
        ),
        (document("", &(set("new_a") + &set("new_a"))), "are both of"),
        (
            document(
                &entity(
                    "new_a",
                    "<Property Name=\"_x_value\" Type=\"Edm.Guid\"/><NavigationProperty Name=\"x\" Type=\"mscrm.gone\">\
                     <ReferentialConstraint Property=\"_x_value\" ReferencedProperty=\"y\"/></NavigationProperty>",
                ),
                "",
            ),
            "`gone` is not in the document",
        ),
        ("<html></html>".to_owned(), "not with `Edmx`"),
        (String::new(), "no entity types"),
        (document("", "").replace("</Schema>", ""), "well-formed"),
        (visits().split("<EntityContainer").next().unwrap_or_default().to_owned(), "ends before it does"),
    ] {
        let error = refused(&text).to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

#[test]
fn what_was_made_to_hurt_a_reader_is_refused() {
    let laughs = "<?xml version=\"1.0\"?><!DOCTYPE l [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;\">]><Edmx>&b;</Edmx>";
    assert!(read_text(laughs).unwrap_err().to_string().contains("document types are not read"));
    let entity_in_a_name = document(&entity("new_a", "").replace("new_aid\"/></Key>", "&outside;\"/></Key>"), "");
    assert!(read_text(&entity_in_a_name).unwrap_err().to_string().contains("cannot be read"));
    let deep = format!("<Edmx>{}", "<a>".repeat(1_000_000));
    assert!(read_text(&deep).unwrap_err().to_string().contains("deeper than 32"));
    let attributes: String = (0..1_000_000).map(|n| format!(" a{n}=\"\"")).collect();
    let wide = document(&format!("<EntityType{attributes}/>"), "");
    assert!(read_text(&wide).unwrap_err().to_string().contains("more than 32"));
    let invalid = [visits().as_bytes(), &[0xff, 0xfe]].concat();
    assert!(read("org.xml", &invalid).unwrap_err().to_string().contains("no UTF-8"));
    let utf16: Vec<u8> = "<Edmx>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(read("org.xml", &utf16).is_err());
    let large = vec![b' '; MOST_BYTES + 1];
    assert!(read("org.xml", &large).unwrap_err().to_string().contains("are the most"));
}

/// The documents of real orgs, where they are at hand.
fn real_documents() -> Vec<(String, Vec<u8>)> {
    let shared = std::env::var_os("KEYHOLDER_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let folder = shared.join("data/csdl");
    if !folder.is_dir() {
        println!("skipped: no folder with metadata documents is at hand");
        return Vec::new();
    }
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.to_string_lossy().ends_with(".xml.gz"));
    files.sort();
    let unpack = |path: &std::path::PathBuf| {
        let unpacked = Command::new("gzip").arg("-dc").arg(path).output().unwrap();
        assert!(unpacked.status.success());
        (path.file_name().unwrap().to_string_lossy().into_owned(), unpacked.stdout)
    };
    files.iter().map(unpack).collect()
}

#[test]
fn the_documents_of_real_orgs_are_read_whole() {
    for (name, text) in real_documents() {
        let reading = read(&name, &text).unwrap();
        let tables = reading.definition.tables.len();
        let pairs = reading.definition.many_to_many.len();
        assert!(tables > 200 && pairs > 10, "{name}: {tables} {pairs}");
        // The types of metadata itself, and one type that somebody added to a copy by hand.
        let left_out = &reading.left_out;
        assert!(
            left_out.iter().all(|line| line.contains("describe tables") || line.contains("Example")),
            "{left_out:#?}"
        );
        // By itself, and beside what ships.
        let mut alone = reading.definition.clone();
        alone.number(&std::collections::HashMap::new());
        Schema::new(alone).unwrap();
        let mut whole = SchemaDefinition::core().unwrap();
        let differences = whole.add(&reading.definition);
        assert!(!differences.iter().any(|line| line.contains("its id is")), "{name}: {differences:#?}");
        whole.number(&std::collections::HashMap::new());
        let schema = Schema::new(whole).unwrap();
        for table in &reading.definition.tables {
            let found = schema.table(&table.logical_name).unwrap().unwrap();
            for column in &table.columns {
                let known = found.column(&column.name).unwrap();
                for target in column.kind.targets() {
                    assert!(found.navigation(&target.navigation).is_some(), "{name} {} {target:?}", known.name);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// What is printed is read back.
    #[test]
    fn printed_tables_are_read_back(
        tables in prop::collection::btree_map(
            "new_[a-z]{1,8}",
            prop::collection::btree_map("new_[a-z]{1,8}", 0..6usize, 0..6),
            1..6,
        ),
    ) {
        let kinds = ["Edm.String", "Edm.Int32", "Edm.Int64", "Edm.Boolean", "Edm.DateTimeOffset", "Edm.Double"];
        let mut types = String::new();
        for (table, columns) in &tables {
            let inner: String = columns
                .iter()
                .filter(|(column, _)| **column != format!("{table}id"))
                .map(|(column, kind)| format!("<Property Name=\"{column}\" Type=\"{}\"/>", kinds[*kind]))
                .collect();
            types += &entity(table, &inner);
        }
        let sets: String = tables.keys().map(|name| set(name)).collect();
        let reading = read_text(&document(&types, &sets)).unwrap();
        prop_assert_eq!(reading.definition.tables.len(), tables.len());
        for (table, columns) in &tables {
            let found = reading.definition.table(table).unwrap();
            for (column, kind) in columns.iter().filter(|(column, _)| **column != format!("{table}id")) {
                prop_assert_eq!(found.column(column).unwrap().kind.edm_type(), kinds[*kind]);
            }
        }
    }

    /// A document that something happened to is read or refused, and nothing else.
    #[test]
    fn damaged_documents_are_read_or_refused(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let mut text = visits().into_bytes();
        for (place, byte) in changes {
            let at = place.index(text.len());
            text[at] = byte;
        }
        if let Ok(reading) = read("org.xml", &text) {
            let mut definition = reading.definition;
            definition.number(&std::collections::HashMap::new());
            drop(Schema::new(definition));
        }
    }
}
