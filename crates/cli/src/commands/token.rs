//! `keyholder token`.

use serde_json::json;

use crate::args::Token;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::settings::connect;

pub(crate) async fn run(arguments: &Token, printer: Printer) -> Result<(), Failure> {
    let org = connect(&arguments.connection, printer).await?;
    let token = org.tokens().get(org.scope()).await?;
    // The one command whose result is a secret, and it was asked for.
    let text = token.secret().expose();
    match (arguments.as_header, printer.is_json()) {
        (true, _) => printer.data(&format!("Authorization: Bearer {text}")),
        (false, false) => printer.data(text),
        (false, true) => printer.json(&json!({
            "accessToken": text,
            "tokenType": "Bearer",
            "expiresOn": token.expires_at().to_string(),
            "scope": org.scope(),
        })),
    }
    Ok(())
}
