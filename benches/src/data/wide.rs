//! A schema as large as a real org's: 700 tables beside the standard ones.

use std::fmt::Write as _;

const TABLES: usize = 700;
const COLUMNS: usize = 40;

/// A metadata document with them, each with a key, texts, numbers and a lookup to the one before.
pub(crate) fn document() -> String {
    let mut types = String::new();
    let mut sets = String::new();
    for table in 0..TABLES {
        let name = format!("bench_table{table}");
        let _ = write!(
            types,
            "<EntityType Name=\"{name}\"><Key><PropertyRef Name=\"{name}id\"/></Key>\
             <Property Name=\"{name}id\" Type=\"Edm.Guid\"/><Property Name=\"bench_name\" Type=\"Edm.String\"/>"
        );
        for column in 0..COLUMNS {
            let kind = ["Edm.String", "Edm.Int32", "Edm.DateTimeOffset", "Edm.Decimal"][column % 4];
            let _ = write!(types, "<Property Name=\"bench_column{column}\" Type=\"{kind}\"/>");
        }
        if let Some(before) = table.checked_sub(1) {
            let _ = write!(
                types,
                "<Property Name=\"_bench_before_value\" Type=\"Edm.Guid\"/>\
                 <NavigationProperty Name=\"bench_before\" Type=\"mscrm.bench_table{before}\">\
                 <ReferentialConstraint Property=\"_bench_before_value\" ReferencedProperty=\"bench_table{before}id\"/>\
                 </NavigationProperty>"
            );
        }
        types.push_str("</EntityType>");
        let _ = write!(sets, "<EntitySet Name=\"{name}s\" EntityType=\"Microsoft.Dynamics.CRM.{name}\"/>");
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><edmx:Edmx Version=\"4.0\" \
         xmlns:edmx=\"http://docs.oasis-open.org/odata/ns/edmx\"><edmx:DataServices>\
         <Schema Namespace=\"Microsoft.Dynamics.CRM\" Alias=\"mscrm\" xmlns=\"http://docs.oasis-open.org/odata/ns/edm\">\
         {types}<EntityContainer Name=\"System\">{sets}</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>"
    )
}
