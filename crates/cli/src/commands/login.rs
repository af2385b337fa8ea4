//! `keyholder login`: a person signs in once; later commands use what that leaves.

use std::sync::Arc;

use keyholder_client::authority::discover;
use keyholder_client::connection::names;
use keyholder_client::credential::{
    AZURE_CLI, AzureCli, Browser, Credential, DeviceCode, DeviceCodePrompt, OpenPage, ShowDeviceCode, SignedIn,
};
use keyholder_client::sign_ins::{KeptSignIn, Left, SignIns};
use keyholder_client::transport::origin_of;
use keyholder_client::{Authority, ConfigurationError, Connection, Error, Http, SignInError, cloud};
use keyholder_foundation::{ClientId, WallClock};
use serde_json::{Value, json};

use crate::args::{ConnectionFlags, Login, PlaceFlags};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::settings::{administrator, http, place, sign_ins};

/// Where a person of a tenant signs in when no org says otherwise.
const MICROSOFT: &str = "https://login.microsoftonline.com";
/// Microsoft Graph, as a resource of whatever cloud or local org.
const GRAPH: &str = "00000003-0000-0000-c000-000000000000/.default";

pub(crate) async fn run(arguments: &Login, printer: Printer) -> Result<(), Failure> {
    let kept = sign_ins()?;
    if arguments.list {
        return list(&kept, printer);
    }
    let place = Place::find(&arguments.place, arguments, printer).await?;
    let sign_in = sign_in(arguments, &place, printer).await?;
    kept.keep(&sign_in, &place.http).await.map_err(Error::from)?;
    let whom = if sign_in.username.is_empty() { "whoever the Azure CLI has signed in" } else { &sign_in.username };
    printer.line(&format!("signed in   {whom}"));
    printer.line(&format!("at          {}/{}", sign_in.authority, sign_in.tenant));
    printer.line(&format!("kept in     {} (until `keyholder logout`)", kept.file().display()));
    let mut facts = facts(&sign_in);
    facts["file"] = json!(kept.file());
    if place.has_org {
        let proof = prove(arguments, &sign_in, printer).await?;
        facts["userId"] = proof.0;
        facts["directory"] = proof.1;
    }
    printer.json(&facts);
    Ok(())
}

/// Where the person signs in, and for what.
struct Place {
    authority: Authority,
    scope: String,
    http: Http,
    has_org: bool,
    client_id: ClientId,
}

impl Place {
    async fn find(flags: &PlaceFlags, arguments: &Login, printer: Printer) -> Result<Self, Failure> {
        let given = place(flags, &arguments.source, printer).await?;
        let client_id = match &arguments.client_id {
            None => AZURE_CLI,
            Some(text) => text.trim().parse().map_err(|_| ConfigurationError::Invalid {
                what: "the client id",
                problem: "is not a GUID".to_owned(),
                origin: "flag --client-id".to_owned(),
            })?,
        };
        let http = http(given.ca_file.as_ref().map(|given| given.value.clone().into()))?;
        if given.url.is_some() {
            let connection = Connection::try_from(given)?;
            let found = discover(&connection, &http).await?;
            return Ok(Self { scope: found.scope(), authority: found.authority, http, has_org: true, client_id });
        }
        let Some(tenant) = &given.tenant else {
            return Err(Failure::from(ConfigurationError::Missing {
                what: "where to sign in",
                places: vec![
                    "`--url`".to_owned(),
                    "`--tenant`".to_owned(),
                    format!("or the environment variable `{}`", names::ORG_URL),
                ],
            }));
        };
        let login = given.authority.as_ref().map_or(MICROSOFT, |given| &given.value);
        let login =
            login.parse().map_err(|_| Failure::new(Exit::BadConfiguration, "the authority is not an address"))?;
        let authority = Authority::new(&login, &tenant.value).map_err(Failure::from)?;
        let graph = cloud::graph_host(authority.login(), None).map(|host| format!("https://{host}/.default"));
        Ok(Self { authority, scope: graph.unwrap_or_else(|| GRAPH.to_owned()), http, has_org: false, client_id })
    }
}

async fn sign_in(arguments: &Login, place: &Place, printer: Printer) -> Result<KeptSignIn, Failure> {
    let (authority, scope, http) = (&place.authority, &place.scope, &place.http);
    let keep = |client_id, tenant: &str, username: &str, left| KeptSignIn {
        authority: origin_of(authority.login()),
        tenant: if tenant.is_empty() { authority.tenant().to_owned() } else { tenant.to_owned() },
        tenant_as: authority.tenant().to_owned(),
        client_id,
        username: username.to_owned(),
        kept_at: http.clock().now().as_millis(),
        left,
    };
    if arguments.azure_cli {
        AzureCli::new().fetch(authority, scope, http).await?;
        return Ok(keep(AZURE_CLI, "", "", Left::AzureCli));
    }
    let signed_in: SignedIn = if arguments.browser || (!arguments.device_code && has_browser()) {
        let browser = Browser::new(place.client_id, Arc::new(Terminal(printer)));
        browser.expecting(arguments.username.clone()).sign_in(authority, scope, http).await?
    } else {
        DeviceCode::new(place.client_id, Arc::new(Terminal(printer))).sign_in(authority, scope, http).await?
    };
    let authority = authority.to_string();
    let token = signed_in.refresh_token.ok_or(SignInError::NoRefreshToken { authority }).map_err(Error::from)?;
    let (tenant, username) = signed_in.account.map(|account| (account.tenant_id, account.username)).unwrap_or_default();
    Ok(keep(place.client_id, &tenant, &username, Left::RefreshToken(token)))
}

fn has_browser() -> bool {
    keyholder_platform::has_browser(|name| std::env::var(name).ok())
}

/// Asks the org and the directory who came, by the way that every later command takes. That one of
/// them does not let the person in is worth knowing, but the sign-in itself stands.
async fn prove(arguments: &Login, sign_in: &KeptSignIn, printer: Printer) -> Result<(Value, Value), Failure> {
    let (place, source) = (arguments.place.clone(), arguments.source.clone());
    let mut flags = ConnectionFlags { place, source, ..ConnectionFlags::default() };
    match sign_in.left {
        Left::AzureCli => flags.caller.azure_cli = true,
        Left::RefreshToken(_) => {
            flags.caller.username = Some(sign_in.username.clone()).filter(|name| !name.is_empty());
            flags.caller.client_id = Some(sign_in.client_id.to_string());
        }
    }
    let administrator = administrator(&flags, printer).await?;
    let note = |what: &str, error: &Error| {
        printer.note(&format!("{what}: {error}"));
        error.hints().iter().for_each(|hint| printer.note(hint));
        Value::Null
    };
    let user = match administrator.org.who_am_i().await {
        Ok(me) => {
            printer.line(&format!("org user    {}", me.user_id));
            json!(me.user_id)
        }
        Err(error) => note("the org does not let this person in", &error),
    };
    let directory = match administrator.graph.organization().await {
        Ok(found) => {
            let name = found.display_name.unwrap_or_default();
            printer.line(&format!("directory   {name}"));
            json!(name)
        }
        Err(error) => note("the directory does not let this person in", &error),
    };
    Ok((user, directory))
}

/// Whose sign-ins are kept.
fn list(kept: &SignIns, printer: Printer) -> Result<(), Failure> {
    let all = kept.list().map_err(Error::from)?;
    if all.is_empty() {
        printer.line("nobody is signed in");
    }
    for one in &all {
        printer.line(&describe(one));
    }
    printer.json(&Value::Array(all.iter().map(facts).collect()));
    Ok(())
}

/// A sign-in in a line.
pub(crate) fn describe(sign_in: &KeptSignIn) -> String {
    let whom = if sign_in.username.is_empty() { "(the Azure CLI's)" } else { &sign_in.username };
    format!("{whom}  {}/{}", sign_in.authority, sign_in.tenant_as)
}

/// A sign-in for programs, without what it left.
pub(crate) fn facts(sign_in: &KeptSignIn) -> Value {
    json!({
        "username": sign_in.username,
        "authority": sign_in.authority,
        "tenantId": sign_in.tenant,
        "clientId": sign_in.client_id,
        "by": match sign_in.left {
            Left::AzureCli => "azureCli",
            Left::RefreshToken(_) => "refreshToken",
        },
    })
}

/// Shows the person what to do; on standard error, since the result goes to standard output.
#[derive(Debug)]
struct Terminal(Printer);

impl ShowDeviceCode for Terminal {
    fn show(&self, prompt: &DeviceCodePrompt) {
        let (page, code) = (&prompt.verification_uri, &prompt.user_code);
        self.0.ask(&format!("open {page} in a browser anywhere and enter the code {code}"));
    }
}

impl OpenPage for Terminal {
    fn open(&self, page: &url::Url) {
        let opened = has_browser() && keyholder_platform::open_in_browser(page.as_str()).is_ok();
        let words = if opened { "a browser opens; if it does not, open" } else { "open in a browser of this machine" };
        self.0.ask(&format!("{words}: {page}"));
    }
}
