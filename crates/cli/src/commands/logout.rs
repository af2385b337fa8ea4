//! `keyholder logout`: forgets what a sign-in left.

use keyholder_client::authority::discover;
use keyholder_client::sign_ins::KeptSignIn;
use keyholder_client::transport::origin_of;
use keyholder_client::{Authority, Connection, Error};
use serde_json::{Value, json};
use url::Url;

use super::login::{describe, facts};
use crate::args::Logout;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::settings::{http, place, sign_ins};

pub(crate) async fn run(arguments: &Logout, printer: Printer) -> Result<(), Failure> {
    let kept = sign_ins()?;
    let http = http(arguments.place.ca_file.clone())?;
    if arguments.all {
        let gone = kept.forget_all(&http).await.map_err(Error::from)?;
        printer.line(if gone { "every sign-in is forgotten" } else { "nobody was signed in" });
        printer.json(&json!({"forgotten": "all"}));
        return Ok(());
    }
    let flags = &arguments.place;
    let names_org = flags.url.is_some() || flags.env_file.is_some() || arguments.source.profile.is_some();
    let authority = if names_org { Some(authority_of(arguments, printer).await?) } else { None };
    let tenant = flags.tenant.as_deref();
    // Without an org the flag means whatever was signed in to there.
    let at = flags.authority.as_deref().filter(|_| !names_org).map(origin_named).transpose()?;
    let is_meant = |one: &KeptSignIn| {
        let same = |text: &str| one.tenant.eq_ignore_ascii_case(text) || one.tenant_as.eq_ignore_ascii_case(text);
        arguments.username.as_ref().is_none_or(|name| name.eq_ignore_ascii_case(&one.username))
            && authority.as_ref().is_none_or(|at| one.authority == origin_of(at.login()) && same(at.tenant()))
            && at.as_ref().is_none_or(|at| one.authority == *at)
            && tenant.is_none_or(same)
    };
    let meant: Vec<KeptSignIn> = kept.list().map_err(Error::from)?.into_iter().filter(is_meant).collect();
    let is_named = authority.is_some() || at.is_some() || tenant.is_some() || arguments.username.is_some();
    if meant.len() > 1 && !is_named {
        let all: Vec<String> = meant.iter().map(describe).collect();
        let message = format!("several people are signed in:\n  {}", all.join("\n  "));
        return Err(Failure::new(Exit::Usage, message)
            .hint("say whose sign-in to forget with `--username`, `--tenant`, `--authority`, `--url` or `--env-file`, or `--all`"));
    }
    let gone = kept.forget(is_meant, &http).await.map_err(Error::from)?;
    for one in &gone {
        printer.line(&format!("forgotten   {}", describe(one)));
    }
    if gone.is_empty() {
        printer.line("nobody was signed in");
    }
    printer.json(&json!({"forgotten": gone.iter().map(facts).collect::<Vec<Value>>()}));
    Ok(())
}

/// The origin of the token service that `--authority` names.
fn origin_named(text: &str) -> Result<String, Failure> {
    let url = Url::parse(text).ok().filter(|url| url.scheme() == "https" && url.has_host());
    let message = format!("`{text}` is no https address of a token service (from flag --authority)");
    url.map(|url| origin_of(&url)).ok_or_else(|| {
        Failure::new(Exit::BadConfiguration, message).hint("give it like `https://login.microsoftonline.com`")
    })
}

/// Where people of the org sign in.
async fn authority_of(arguments: &Logout, printer: Printer) -> Result<Authority, Failure> {
    let connection = Connection::try_from(place(&arguments.place, &arguments.source, printer).await?)?;
    Ok(discover(&connection, &http(connection.ca_file.clone())?).await?.authority)
}
