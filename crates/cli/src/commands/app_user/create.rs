//! `app-user create`: a declaration of one, carried out as `apply` does.

use keyholder_service_users::app_users::{Wanted, check_admin_api, is_no_member};
use keyholder_service_users::apply::Proving;
use keyholder_service_users::declaration::{Credential, Declaration};
use keyholder_service_users::plan::Leave;

use super::admin_api;
use crate::args::AppUserCreate;
use crate::commands::apply::{Manner, carry_out};
use crate::commands::declared::Declared;
use crate::commands::plan;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::here::Here;
use crate::local::Absent;
use crate::printer::Printer;

pub(crate) async fn run(arguments: &AppUserCreate, printer: Printer) -> Result<Exit, Failure> {
    let here = Here::find(&arguments.place, Absent::unless(arguments.dry_run), printer).await?;
    let prepared = async {
        let declaration = declaration(arguments, &here)?;
        let stranger = arguments.via_admin_api && is_stranger(&here, &declaration, printer).await?;
        Ok::<_, Failure>((declaration, stranger))
    };
    let (declared, stranger) = match prepared.await {
        Ok((declaration, stranger)) => (Declared::of_one(here, declaration)?, stranger),
        Err(failure) => {
            here.end().await;
            return Err(failure);
        }
    };
    let declared = declared.with_outside(arguments.issuer_token_file.as_deref(), printer).await?;
    let leave = Leave { prune: false, system_administrator: arguments.i_know, adds: true };
    let outcome = if stranger {
        admin_api::carry_out(&declared, leave, arguments.yes, arguments.dry_run, printer).await
    } else if arguments.dry_run {
        plan::show(&declared, leave, None, printer).await
    } else {
        let proving = Proving { all: true, ..Proving::default() };
        carry_out(&declared, Manner { leave, yes: arguments.yes, proving, whole: true }, None, printer).await
    };
    if outcome.is_ok() && !arguments.dry_run {
        say_what_next(arguments, printer);
    }
    declared.end().await;
    outcome
}

/// Whether the caller is no user of the org; one who is needs nobody's help.
async fn is_stranger(here: &Here, declaration: &Declaration, printer: Printer) -> Result<bool, Failure> {
    check_admin_api(declaration)?;
    match here.administrator.org.who_am_i().await {
        Ok(_) => {
            printer.note("`--via-admin-api` is not needed: the caller is a user of the org, and does it there");
            Ok(false)
        }
        Err(error) if is_no_member(&error) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

fn declaration(arguments: &AppUserCreate, here: &Here) -> Result<Declaration, Failure> {
    let administrator = &here.administrator;
    let key = arguments.sink.credential(arguments.lifetime.lifetime);
    let federation = arguments.trust.federation(administrator.org.tokens().authority().tenant())?;
    let wanted = Wanted {
        name: arguments.name.clone(),
        client_id: arguments.adopt,
        business_unit: arguments.business_unit.clone(),
        roles: arguments.rights.role.clone(),
        rights: arguments.rights.rights()?,
        credentials: federation.map(Credential::Federated).into_iter().chain(key).collect(),
        user_impersonation: arguments.user_impersonation,
        multi_tenant: arguments.multi_tenant,
    };
    let usage = |problem: String| Failure::new(Exit::Usage, problem);
    let declaration = wanted.declaration(&administrator.connection.url).map_err(usage)?;
    declaration.check().map_err(|mistakes| usage(mistakes.to_string()))?;
    Ok(declaration)
}

/// How the new way in is used.
fn say_what_next(arguments: &AppUserCreate, printer: Printer) {
    if let Some(next) = arguments.sink.next() {
        printer.line(&format!("\n{next}"));
    }
}
