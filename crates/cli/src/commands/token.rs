//! `keyholder token`.

use keyholder_client::Dataverse;
use keyholder_service_users::claims;
use serde_json::{Map, Value, json};

use crate::args::Token;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::here::Asked;
use crate::printer::Printer;

pub(crate) async fn run(arguments: &Token, printer: Printer) -> Result<(), Failure> {
    let asked = Asked::find(&arguments.place, printer).await?;
    let outcome = if arguments.decode {
        explain(&asked.org, printer).await
    } else {
        show(&asked.org, arguments.as_header, printer).await
    };
    asked.end().await;
    outcome
}

async fn show(org: &Dataverse, as_header: bool, printer: Printer) -> Result<(), Failure> {
    let token = org.tokens().get(org.scope()).await?;
    // The one command whose result is a secret, and it was asked for.
    let text = token.secret().expose();
    match (as_header, printer.is_json()) {
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

/// Tells what the token says, and never the token: its header and claims open nothing without its signature.
async fn explain(org: &Dataverse, printer: Printer) -> Result<(), Failure> {
    let token = org.tokens().get(org.scope()).await?;
    let Some((header, body)) = claims::read(token.secret().expose()) else {
        return Err(Failure::new(Exit::BadData, "the token has no claims that can be read here: it is no JWT")
            .hint("tokens are the resource's own business; the org alone has to understand it"));
    };
    printer.line("The token, as the token service signed it (its signature is not shown):\n");
    for (part, name) in [(&header, "header"), (&body, "claims")] {
        printer.line(name);
        for (claim, value) in part {
            printer.sentence(&format!("  {claim:<15} "), &claims::shown(claim, value));
            if let Some(words) = claims::explain(claim, value) {
                printer.sentence(&format!("  {:<15} ", ""), &words);
            }
        }
    }
    let explained = |part: &Map<String, Value>| -> Map<String, Value> {
        let all = part
            .iter()
            .map(|(claim, value)| (claim.clone(), json!({ "value": value, "meaning": claims::explain(claim, value) })));
        all.collect()
    };
    printer.json(&json!({ "header": explained(&header), "claims": explained(&body) }));
    Ok(())
}
