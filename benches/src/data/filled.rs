//! A local org with a hundred thousand contacts, and a caller of each depth.

use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};

use super::asked::{posts, typed};
use crate::http_client::{Sender, send};
use crate::org_process::Org;
use crate::{Failure, rows};

/// Rows in one request while the org is filled.
pub(super) const FILL: u32 = 1_000;
pub(super) const ACCOUNTS: u32 = 1_000;

/// An org with its rows, and the tokens of two who ask.
pub(super) struct Filled {
    pub(super) org: Org,
    /// Of one who may everything.
    pub(super) admin: String,
    /// Of one whose role reaches what he owns.
    pub(super) basic: String,
}

impl Filled {
    /// Fills a started org, whose commands are run with files in `folder`.
    pub(super) async fn new(keyholder: &Path, org: Org, folder: &Path, contacts: u32) -> Result<Self, Failure> {
        let admin = org.token(org.token_request()).await?;
        let basic = basic_user(keyholder, &org, folder).await?;
        fill(&org, &admin, &basic, contacts).await?;
        Ok(Self { org, admin, basic: basic.token })
    }
}

/// A caller whose role reaches what he owns.
struct Basic {
    token: String,
    user: String,
}

async fn basic_user(keyholder: &Path, org: &Org, folder: &Path) -> Result<Basic, Failure> {
    let file = folder.join("basic.env");
    let made = tokio::process::Command::new(keyholder)
        .args(["app-user", "create", "bench-basic", "--yes", "--save-env"])
        .arg(&file)
        .args(["--grant", "contact=read:user create:user write:user append:user"])
        .args(["--grant", "account=read:organization append-to:organization"])
        .envs(org.administrator())
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .status()
        .await?;
    if !made.success() {
        return Err(format!("app-user create failed: {made}").into());
    }
    let settings = std::fs::read_to_string(&file)?;
    let setting = |name: &str| {
        let line = settings.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.map(|value| value.trim_matches('\'').to_owned()).ok_or_else(|| format!("no {name} in the env file"))
    };
    let secret = setting("KEYHOLDER_CLIENT_SECRET")?;
    let request = org.token_request_by(&setting("KEYHOLDER_CLIENT_ID")?, &[("client_secret", &secret)]);
    let token = org.token(request).await?;
    let who = send(&mut org.target().connect().await?, Org::with_token("/api/data/v9.2/WhoAmI", &token)?).await?;
    let who: Value = serde_json::from_slice(&who)?;
    Ok(Basic { token, user: who["UserId"].as_str().ok_or("WhoAmI names no user")?.to_owned() })
}

/// Fills the org over the Web API.
async fn fill(org: &Org, admin: &str, basic: &Basic, contacts: u32) -> Result<(), Failure> {
    let mut sender = org.target().connect().await?;
    create_all(&mut sender, admin, "accounts", ACCOUNTS, |number| typed("account", rows::account(number))).await?;
    create_all(&mut sender, admin, "contacts", contacts, |number| {
        let mut row = rows::contact(number);
        row.insert("contactid".to_owned(), json!(rows::contact_id(number)));
        row.insert("ownerid@odata.bind".to_owned(), json!(format!("/systemusers({})", basic.user)));
        let company = format!("/accounts({})", rows::account_id(number % ACCOUNTS));
        row.insert("parentcustomerid_account@odata.bind".to_owned(), json!(company));
        typed("contact", row)
    })
    .await
}

async fn create_all(
    sender: &mut Sender,
    token: &str,
    set: &str,
    count: u32,
    row: impl Fn(u32) -> Value,
) -> Result<(), Failure> {
    for from in (0..count).step_by(FILL as usize) {
        let targets: Vec<Value> = (from..count.min(from + FILL)).map(&row).collect();
        let path = format!("/api/data/v9.2/{set}/Microsoft.Dynamics.CRM.CreateMultiple");
        let mut request = Org::with_token(&path, token)?;
        posts(&mut request, "application/json", &json!({ "Targets": targets }).to_string())?;
        send(sender, request).await?;
    }
    Ok(())
}
