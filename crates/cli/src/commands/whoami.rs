//! `keyholder whoami`.

use keyholder_client::Dataverse;
use serde_json::json;

use crate::args::Whoami;
use crate::failure::Failure;
use crate::here::Asked;
use crate::printer::Printer;

pub(crate) async fn run(arguments: &Whoami, printer: Printer) -> Result<(), Failure> {
    let asked = Asked::find(&arguments.place, printer).await?;
    let outcome = show(&asked.org, printer).await;
    asked.end().await;
    outcome
}

async fn show(org: &Dataverse, printer: Printer) -> Result<(), Failure> {
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
