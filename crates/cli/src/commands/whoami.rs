//! `keyholder whoami`.

use serde_json::json;

use crate::args::Whoami;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::settings::connect;

pub(crate) async fn run(arguments: &Whoami, printer: Printer) -> Result<(), Failure> {
    let org = connect(&arguments.connection, printer).await?;
    let me = org.who_am_i().await?;
    printer.line(&format!("user           {}", me.user_id));
    printer.line(&format!("business unit  {}", me.business_unit_id));
    printer.line(&format!("organization   {}", me.organization_id));
    printer.json(&json!({
        "userId": me.user_id,
        "businessUnitId": me.business_unit_id,
        "organizationId": me.organization_id,
    }));
    Ok(())
}
