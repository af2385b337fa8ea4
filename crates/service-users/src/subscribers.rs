//! Customers of a published application: other people's tenants, where an administrator of theirs lets
//! it in and makes its application user.
//!
//! The publisher is nobody there. What it can tell of a subscriber is what its own key comes to: a token
//! of the subscriber's tenant means that it was consented to, `WhoAmI` that it has a user in the org, and
//! reading that its role is right. Nothing is kept but the declaration's list (docs/decisions/0011).

use std::collections::BTreeMap;
use std::time::Duration;

use keyholder_client::authority::discover;
use keyholder_client::{
    Authority, ConfigurationError, Connection, Dataverse, Error as ClientError, Http, OrgUrl, Tokens, cloud,
};
use keyholder_entra::graph::Application;
use keyholder_entra::well_known::MICROSOFT_GRAPH;
use keyholder_foundation::ClientId;
use url::Url;
use uuid::Uuid;

use crate::Administrator;
use crate::apply::tries;
use crate::declaration::{ApplicationUser, Declaration, Org, Role, Subscriber};
use crate::error::{Error, While};
use crate::observe::held;
use crate::patience::Patience;
use crate::plan::{Finding, reach};
use crate::report::Reporter;
use crate::sink::{Kept, Key, Sinks};
use crate::wishes::Wishes;

/// Audiences that let other tenants in.
const PUBLISHED: [&str; 2] = ["AzureADMultipleOrgs", "AzureADandPersonalMicrosoftAccount"];

/// While consent is waited for, the token service is asked at first this often, and then ever more seldom.
const FIRST_WAIT: Duration = Duration::from_secs(5);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// An app registration that other tenants can consent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Its name.
    pub name: String,
    /// What it signs in as, everywhere.
    pub client_id: ClientId,
    /// Where a consenting administrator is sent afterwards, when it has such an address.
    pub redirect_uri: Option<String>,
}

/// Finds a published registration in its own tenant, by name or client id.
///
/// # Errors
/// [`Error::Stopped`] when there is none, there are several, or other tenants cannot consent to it.
pub async fn published(administrator: &Administrator, app: &str) -> Result<Published, Error> {
    let graph = &administrator.graph;
    let doing = || format!("look for the app registration `{app}`");
    let stop = |finding| Err(Error::Stopped(vec![finding]));
    let found: Vec<Application> = match app.parse::<ClientId>() {
        Ok(client_id) => match graph.application(client_id).await.while_doing(doing)? {
            Some(found) => vec![found],
            None => return stop(Finding::no_such_registration(app, client_id)),
        },
        Err(_) => {
            let named = graph.applications_named(app).await.while_doing(doing)?;
            // The directory compares without case; another spelling is another name.
            named.into_iter().filter(|one| one.display_name.as_deref() == Some(app)).collect()
        }
    };
    let [one] = found.as_slice() else {
        let ids: Vec<ClientId> = found.iter().map(|application| application.app_id).collect();
        return stop(if ids.is_empty() {
            Finding::no_registration_called(app)
        } else {
            Finding::several_registrations(app, app, &ids)
        });
    };
    let name = one.display_name.clone().unwrap_or_else(|| app.to_owned());
    let audience = one.sign_in_audience.as_deref().unwrap_or("AzureADMyOrg");
    if !PUBLISHED.contains(&audience) {
        return stop(Finding::not_published(&name, one.app_id, audience));
    }
    Ok(Published { name, client_id: one.app_id, redirect_uri: one.details.web.redirect_uris.first().cloned() })
}

/// Where a subscriber's administrator consents for everybody of that tenant: `/{tenant}/adminconsent`.
/// `state` comes back to the redirect address as it is.
#[must_use]
pub fn consent_link(authority: &Authority, published: &Published, state: &str) -> Url {
    let mut link = authority.endpoint("adminconsent");
    link.query_pairs_mut().append_pair("client_id", &published.client_id.to_string());
    if let Some(redirect) = &published.redirect_uri {
        link.query_pairs_mut().append_pair("redirect_uri", redirect);
    }
    link.query_pairs_mut().append_pair("state", state);
    link
}

/// What a subscriber's administrator declares to let the application in: its user with the same roles, in
/// that org; the registration and its credentials stay the publisher's.
#[must_use]
pub fn declaration_for(
    org: (&str, &OrgUrl),
    application: (&str, &ApplicationUser),
    client_id: ClientId,
    roles: &BTreeMap<String, Role>,
) -> Declaration {
    let (org, url) = (org.0.to_owned(), org.1.clone());
    let (key, user) = application;
    let used = roles.iter().filter(|(name, _)| user.roles.contains(name));
    let user = ApplicationUser {
        client_id: Some(client_id),
        orgs: vec![org.clone()],
        business_unit: None,
        credentials: Vec::new(),
        user_impersonation: false,
        multi_tenant: true,
        ..user.clone()
    };
    Declaration {
        orgs: BTreeMap::from([(org, Org { url, tenant: None, environment: None })]),
        roles: used.map(|(name, role)| (name.clone(), Role { adopt: false, ..role.clone() })).collect(),
        application_users: BTreeMap::from([(key.to_owned(), user)]),
        ..Declaration::default()
    }
}

/// The application's own way in, as its first declared sink keeps it; nothing where none keeps a whole one.
///
/// # Errors
/// When a sink cannot be looked at.
pub async fn own_key(declaration: &Declaration, sinks: &Sinks, application: &str) -> Result<Option<Connection>, Error> {
    let Some(user) = declaration.application_users.get(application) else { return Ok(None) };
    for number in 0..user.credentials.len() {
        let Some(sink) = sinks.get(application, number) else { continue };
        let usable = |error: ConfigurationError| Error::Service {
            doing: format!("use the key in `{}`", sink.place()),
            source: error.into(),
        };
        match sink.load().await? {
            Kept::Key { key, .. } => return key.connection().map(Some).map_err(usable),
            // A bare secret is the declared application's, at its own first org.
            Kept::Text { text, .. } => {
                let Some((client_id, (_, org))) = user.client_id.zip(declaration.home(application)) else { continue };
                let key = Key {
                    url: org.url.clone(),
                    tenant: String::new(),
                    authority: None,
                    client_id,
                    secret: text,
                    key_id: None,
                    expires: None,
                    ca_file: None,
                };
                // Its tenant is the org's own to say.
                let connection = key.connection().map_err(usable)?;
                return Ok(Some(Connection { tenant: None, ..connection }));
            }
            _ => {}
        }
    }
    Ok(None)
}

/// An application's own key, and the token service that it is for.
#[derive(Debug, Clone)]
pub struct Publisher {
    key: Connection,
    home: Authority,
    http: Http,
}

impl Publisher {
    /// Finds the token service of a key by its own org.
    ///
    /// # Errors
    /// As [`discover`].
    pub async fn new(key: Connection, http: Http) -> Result<Self, ClientError> {
        let home = discover(&key, &http).await?.authority;
        Ok(Self { key, home, http })
    }

    /// A subscriber's tenant at that token service.
    ///
    /// # Errors
    /// When the tenant could not be one.
    pub fn at(&self, tenant: &str) -> Result<Authority, ClientError> {
        Ok(Authority::new(self.home.login(), tenant)?)
    }

    /// Whether the subscriber's tenant knows the application: it gets a token there.
    ///
    /// # Errors
    /// Whatever else than "not consented yet" the token service said.
    pub async fn is_consented(&self, tenant: &str) -> Result<bool, ClientError> {
        match self.token(tenant).await {
            Ok(()) => Ok(true),
            Err(error) if not_consented(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Every tenant has Microsoft's directory to get a token for, whatever else it has.
    async fn token(&self, tenant: &str) -> Result<(), ClientError> {
        let authority = self.at(tenant)?;
        let scope = match cloud::graph_host(authority.login(), self.key.url.as_url().host_str()) {
            Some(host) => format!("https://{host}/.default"),
            None => format!("{MICROSOFT_GRAPH}/.default"),
        };
        self.key.credential()?.fetch(&authority, &scope, &self.http).await.map(drop)
    }

    /// Waits until the subscriber has consented; whether that happened within `deadline`.
    ///
    /// # Errors
    /// As [`Publisher::is_consented`]; only "not consented yet" is waited out.
    pub async fn wait_for_consent(
        &self,
        tenant: &str,
        deadline: Duration,
        reporter: &dyn Reporter,
    ) -> Result<bool, ClientError> {
        let patience = Patience { deadline, first_wait: FIRST_WAIT, longest_wait: LONGEST_WAIT };
        let what = format!("the consent of {tenant}");
        let waited = patience.wait_for(&what, &self.http, reporter, not_consented, || self.token(tenant)).await;
        match waited {
            Ok(()) => Ok(true),
            Err(error) if not_consented(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// How far a subscriber is, as the application's own key shows it; `roles` are those that it shall have.
    pub async fn look(&self, subscriber: &Subscriber, wishes: &Wishes, roles: &[String]) -> Standing {
        let mut standing = Standing::default();
        if let Err(error) = self.look_into(subscriber, wishes, roles, &mut standing).await {
            standing.trouble = Some(error);
        }
        standing
    }

    async fn look_into(
        &self,
        subscriber: &Subscriber,
        wishes: &Wishes,
        roles: &[String],
        standing: &mut Standing,
    ) -> Result<(), Error> {
        let tenant = &subscriber.tenant;
        let is_consented = self.is_consented(tenant).await;
        standing.is_consented = Some(is_consented.while_doing(|| format!("sign in to the tenant {tenant}"))?);
        let (Some(true), Some(url)) = (standing.is_consented, &subscriber.url) else { return Ok(()) };
        let way_in = Connection { url: url.clone(), tenant: Some(tenant.clone()), ..self.key.clone() };
        // What comes from the org is believed only where it names the token service that has the key already.
        let found = discover(&way_in, &self.http).await.while_doing(|| format!("reach the org {url}"))?;
        let tokens =
            self.key.credential().map(|credential| Tokens::new(credential, found.authority.clone(), self.http.clone()));
        let there =
            Dataverse::new(&way_in, &found, tokens.while_doing(|| "use the key".to_owned())?, self.http.clone());
        let who = match there.who_am_i().await {
            Ok(who) => who,
            Err(error) if has_code(&error, NO_USER) => {
                standing.has_user = Some(false);
                return Ok(());
            }
            Err(error) => {
                // Only somebody whom the org knows lacks roles.
                standing.has_user = NO_ROLE.iter().any(|code| has_code(&error, code)).then_some(true);
                return Err(error).while_doing(|| format!("ask the org {url} who the application is"));
            }
        };
        (standing.has_user, standing.user_id) = (Some(true), Some(who.user_id));
        let shown = format!("systemusers({})/systemuserroles_association?$select=name", who.user_id);
        standing.roles = there
            .query(&shown)
            .collect()
            .await
            .ok()
            .map(|rows| rows.iter().filter_map(|row| row.get("name")?.as_str().map(str::to_owned)).collect());
        let wanted: Vec<_> = roles.iter().flat_map(|role| wishes.role(role)).collect();
        let (reads, others) = tries(&wanted);
        for set in reads {
            let query = format!("{set}?$top=1");
            there.query(&query).collect().await.while_doing(|| format!("read `{query}` in the org {url}"))?;
            standing.tried.push(format!("read {set}"));
        }
        if !others.is_empty() {
            match held(&there, who.user_id).await {
                Ok(held) => {
                    let lacks = |wish: &&&crate::wishes::Wish| {
                        !held.iter().any(|held| held.is_at_least(&wish.name, wish.depth))
                    };
                    let missing: Vec<String> = others
                        .iter()
                        .filter(lacks)
                        .map(|wish| format!("{} {}", wish.name, reach(wish.depth)))
                        .collect();
                    if !missing.is_empty() {
                        return Err(Error::RightsMissing { name: subscriber.application.clone(), missing });
                    }
                    standing.tried.extend(others.iter().map(|wish| format!("hold {}", wish.name)));
                }
                // It may not ask what it holds: then changing rights stay unproved, and nothing is claimed of them.
                Err(_) => standing.untold = others.iter().map(|wish| wish.name.clone()).collect(),
            }
        }
        standing.is_proved = true;
        Ok(())
    }
}

/// How far a subscriber is. What is not known is `None`.
#[derive(Debug, Default)]
pub struct Standing {
    /// Whether the tenant's administrator has consented.
    pub is_consented: Option<bool>,
    /// Whether the org has the application user.
    pub has_user: Option<bool>,
    /// The application user's id.
    pub user_id: Option<Uuid>,
    /// The names of its roles, where it may see them.
    pub roles: Option<Vec<String>>,
    /// What was tried and works: "read contacts".
    pub tried: Vec<String>,
    /// Declared privileges that the application may not ask about, and that reading does not show.
    pub untold: Vec<String>,
    /// Whether it signed in, was known to the org, and may read all that its roles are to let it read.
    pub is_proved: bool,
    /// What went wrong beyond "not yet".
    pub trouble: Option<Error>,
}

/// The org knows no such user.
const NO_USER: &str = "0x80072560";
/// The org knows the user, who has no role or lacks a right.
const NO_ROLE: [&str; 2] = ["0x80042f09", "0x80040220"];

fn has_code(error: &ClientError, code: &str) -> bool {
    error.dataverse().is_some_and(|refusal| refusal.code == code)
}

/// The tenant does not know the application (700016), or has no service principal of it (7000229).
fn not_consented(error: &ClientError) -> bool {
    matches!(error.aadsts(), Some(700_016 | 7_000_229))
}
