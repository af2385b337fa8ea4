//! `keyholder schema`: the JSON Schema of keyholder.toml.

use keyholder_service_users::declaration::json_schema;

use crate::printer::Printer;

pub(crate) fn run(printer: Printer) {
    printer.data(&serde_json::to_string_pretty(&json_schema()).unwrap_or_default());
}
