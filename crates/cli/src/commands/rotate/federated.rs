//! `rotate --to federated`: no secret any more.

use keyholder_service_users::rotate::{federate, to_be_federated};
use serde_json::json;

use crate::args::Rotate;
use crate::commands::apply::confirm;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::here::Here;
use crate::printer::Printer;
use crate::progress::Lines;

pub(super) async fn run(here: &Here, arguments: &Rotate, who: &str, printer: Printer) -> Result<Exit, Failure> {
    let administrator = &here.administrator;
    let manner = arguments.manner();
    let Some(federation) = arguments.trust.federation(administrator.org.tokens().authority().tenant())? else {
        return Err(Failure::new(Exit::Usage, "`--to federated` needs `--trust`"));
    };
    let goes = to_be_federated(administrator, who, arguments.replaces, manner).await?;
    printer.sentence(
        "  + ",
        &format!("federated credential of `{who}`: {} about {}", federation.issuer, federation.subject),
    );
    for id in &goes {
        let when = match arguments.without_proof {
            true => "at once",
            false => "once a sign-in with such a token stands in the directory's log",
        };
        printer.sentence("  - ", &format!("secret or certificate {id}, {when}"));
    }
    if arguments.dry_run {
        printer.json(&json!({"plan": {"issuer": federation.issuer, "subject": federation.subject, "revokes": goes}}));
        return Ok(Exit::Changes);
    }
    confirm(arguments.yes, "a credential is to be replaced for good", printer).await?;
    printer.line("");
    let lines = Lines::of_changes(printer, false);
    let manner = (manner, arguments.without_proof);
    let done = federate(administrator, who, (federation, &goes), manner, &here.journal, &lines).await?;
    let mut document = json!({"changed": done.changed, "federated": done, "steps": lines.events()});
    let failed = (!done.left.is_empty()).then(|| {
        let message = match done.still_used {
            Some(last) => format!(
                "`{who}` has signed in with a token of that issuer, and with what that replaces on {last}: somebody may still \
                 have it, and it works on"
            ),
            None => format!("no sign-in of `{who}` with a token of that issuer was seen yet: what it replaces works on"),
        };
        Failure::new(Exit::Failed, message)
            .hint("let it sign in where it runs (`keyholder whoami` there), and run the same command again")
            .hint("the log may be hours behind: `--wait-for-use 2h` looks that long; `--without-proof` does not look at all")
            .within(&mut document)
    });
    printer.json(&document);
    match failed {
        Some(failed) => Err(failed),
        None => {
            match done.others.as_slice() {
                [] => printer.line(&format!("`{who}` signs in with no secret now.")),
                others => {
                    let others: Vec<String> = others.iter().map(ToString::to_string).collect();
                    printer.sentence("", &format!("`{who}` can still sign in with {}.", others.join(", ")));
                }
            }
            Ok(Exit::Done)
        }
    }
}
