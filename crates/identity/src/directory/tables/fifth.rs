//! The fifth step: what a service principal says of itself.

use keyholder_store::Kind;
use keyholder_store::statement::{AddColumn, ColumnDefinition, Literal, Statement};

use super::SERVICE_PRINCIPAL;

pub(super) fn widen() -> Vec<Statement> {
    // JSON of what is read and written as a whole.
    let details = ColumnDefinition::required("details", Kind::Text).default(Literal::from("{}"));
    vec![AddColumn { table: SERVICE_PRINCIPAL.into(), column: details }.into()]
}
