//! The columns that the platform gives every new table.

use keyholder_dataverse::schema::{
    Access, ColumnDefinition, ColumnKind, DateBehavior, LookupTarget, NumberRange, OptionItem, Ownership, Requirement,
    TableDefinition,
};
use keyholder_operation::metadata::NewTable;

use crate::metadata::values::plural;

const READ: Access = Access { create: false, read: true, update: false };
const ONCE: Access = Access { create: true, read: true, update: false };

/// A new table with these columns, and none of its own yet.
pub(super) fn table(new: &NewTable) -> TableDefinition {
    let name = new.schema_name.to_ascii_lowercase();
    let id = format!("{name}id");
    let date = ColumnKind::DateTime { behavior: DateBehavior::UserLocal };
    let any = NumberRange { min: i32::MIN, max: i32::MAX };
    let mut columns = vec![
        ColumnDefinition {
            requirement: Requirement::System,
            ..column(&format!("{}Id", new.schema_name), &new.display_name, ColumnKind::Guid, ONCE)
        },
        column("CreatedOn", "Created On", date.clone(), READ),
        column("ModifiedOn", "Modified On", date.clone(), READ),
        column("OverriddenCreatedOn", "Record Created On", date, ONCE),
        column("ImportSequenceNumber", "Import Sequence Number", ColumnKind::Integer(any), ONCE),
        column(
            "TimeZoneRuleVersionNumber",
            "Time Zone Rule Version Number",
            ColumnKind::Integer(any),
            Access::default(),
        ),
        column(
            "UTCConversionTimeZoneCode",
            "UTC Conversion Time Zone Code",
            ColumnKind::Integer(any),
            Access::default(),
        ),
        column("VersionNumber", "Version Number", ColumnKind::BigInteger, READ),
        ColumnDefinition {
            requirement: Requirement::System,
            ..column(
                "statecode",
                "Status",
                ColumnKind::State { options: vec![option(0, "Active", 1), option(1, "Inactive", 2)] },
                Access::default(),
            )
        },
        column(
            "statuscode",
            "Status Reason",
            ColumnKind::Status { options: vec![option(1, "Active", 0), option(2, "Inactive", 1)] },
            Access::default(),
        ),
    ];
    for (schema_name, label, collection) in [
        ("CreatedBy", "Created By", "createdby"),
        ("ModifiedBy", "Modified By", "modifiedby"),
        ("CreatedOnBehalfBy", "Created By (Delegate)", "createdonbehalfby"),
        ("ModifiedOnBehalfBy", "Modified By (Delegate)", "modifiedonbehalfby"),
    ] {
        columns.push(lookup(schema_name, label, "systemuser", &format!("lk_{name}_{collection}"), READ));
    }
    if new.owned {
        let owners = ["systemuser", "team"].map(|table| target(table, "ownerid", &format!("owner_{name}")));
        columns.push(ColumnDefinition {
            requirement: Requirement::System,
            ..column("OwnerId", "Owner", ColumnKind::Owner { targets: owners.to_vec() }, Access::default())
        });
        for (schema_name, label, table, prefix) in [
            ("OwningBusinessUnit", "Owning Business Unit", "businessunit", "business_unit"),
            ("OwningTeam", "Owning Team", "team", "team"),
            ("OwningUser", "Owning User", "systemuser", "user"),
        ] {
            columns.push(lookup(schema_name, label, table, &format!("{prefix}_{name}"), READ));
        }
    } else {
        columns.push(lookup("OrganizationId", "Organization", "organization", &format!("organization_{name}"), READ));
    }
    TableDefinition {
        entity_set: Some(new.entity_set.clone().unwrap_or_else(|| plural(&name))),
        schema_name: new.schema_name.clone(),
        primary_name: Some(new.primary_name.clone()),
        display_collection_name: new.display_collection_name.clone(),
        description: new.description.clone(),
        audit: new.audit,
        columns,
        ..TableDefinition::new(
            name,
            &new.display_name,
            if new.owned { Ownership::User } else { Ownership::Organization },
            id,
        )
    }
}

/// What a table with amounts has besides: their currency, and its rate.
pub(super) fn currency(table: &str) -> [ColumnDefinition; 2] {
    let rate = ColumnKind::Decimal { precision: 10, range: NumberRange { min: 1e-10, max: 100_000_000_000.0 } };
    let collection = format!("TransactionCurrency_{table}");
    [
        lookup("TransactionCurrencyId", "Currency", "transactioncurrency", &collection, Access::default()),
        column("ExchangeRate", "Exchange Rate", rate, READ),
    ]
}

fn column(schema_name: &str, label: &str, kind: ColumnKind, access: Access) -> ColumnDefinition {
    ColumnDefinition {
        schema_name: Some(schema_name.to_owned()),
        access,
        ..ColumnDefinition::new(schema_name.to_ascii_lowercase(), label, kind)
    }
}

fn lookup(schema_name: &str, label: &str, table: &str, collection: &str, access: Access) -> ColumnDefinition {
    let navigation = schema_name.to_ascii_lowercase();
    let targets = vec![target(table, &navigation, collection)];
    column(schema_name, label, ColumnKind::Lookup { targets }, access)
}

fn target(table: &str, navigation: &str, collection: &str) -> LookupTarget {
    LookupTarget {
        table: table.to_owned(),
        navigation: navigation.to_owned(),
        collection: Some(collection.to_owned()),
        behavior: None,
    }
}

fn option(value: i32, label: &str, pair: i32) -> OptionItem {
    OptionItem { value, label: label.to_owned(), pair: Some(pair) }
}
