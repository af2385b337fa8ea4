//! A declaration and the orgs that it is carried out in: real ones, or the local org for a rehearsal.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use futures::future::join_all;
use keyholder_client::connection::{Given, Origin};
use keyholder_client::{Connection, Http, cloud};
use keyholder_foundation::OsRandom;
use keyholder_org::DataFolder;
use keyholder_service_users::app_users::by_admin_api;
use keyholder_service_users::apply::{Applied, Proving, apply};
use keyholder_service_users::declaration::{Credential, Declaration, ONE_ORG};
use keyholder_service_users::observe::{Look, Observation};
use keyholder_service_users::plan::{Finding, Leave, Plan, plan};
use keyholder_service_users::{Administrator, Borrowing, Estate, Journal, Means, Reporter, Sinks, observe, rights};
use serde_json::{Value, json};

use crate::args;
use crate::commands::rehearsal;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::here::{Here, take_off_elevations};
use crate::local::{self, Absent, LocalPlace};
use crate::outside;
use crate::printer::Printer;
use crate::settings;

/// A declaration, signed in to its orgs.
pub(crate) struct Declared {
    declaration: Declaration,
    estate: Estate,
    sinks: Sinks,
    /// The local org that runs as long as this command.
    place: Option<LocalPlace>,
}

impl Declared {
    /// Reads the declaration and signs in; an org out of reach is told later, `absent` is for the local ones.
    pub(crate) async fn read(arguments: &args::Declared, absent: Absent, printer: Printer) -> Result<Self, Failure> {
        let mut declaration = Declaration::read(&arguments.file)?;
        let (base, place) = match &arguments.local {
            Some(folder) => {
                let place = LocalPlace::find(folder, absent, printer).await?;
                let base = local::administrator(place.folder())?;
                rehearse(&mut declaration, place.folder(), &base, absent, printer).await?;
                rehearsal::keep_apart(&mut declaration, place.folder(), printer)?;
                (base, Some(place))
            }
            None => {
                let Some(first) = declaration.orgs.values().next() else {
                    let message = format!("`{}` declares no org", arguments.file.display());
                    return Err(Failure::new(Exit::BadConfiguration, message));
                };
                let mut settings = settings::settings(&arguments.connection, printer).await?;
                // Which orgs is the declaration's to say; how to sign in to them is not.
                settings.url = Some(Given { value: first.url.to_string(), origin: Origin::Flag("--file") });
                (Connection::try_from(settings)?, None)
            }
        };
        let github = settings::github()?;
        let http = settings::http(base.ca_file.clone())?;
        let orgs = declaration.orgs.iter().map(|(name, org)| {
            let connection = Connection { url: org.url.clone(), ..base.clone() };
            let http: Http = http.clone();
            let github = github.clone();
            async move {
                let administrator = Administrator::connect(connection, http).await;
                (name.clone(), administrator.map(|administrator| administrator.with_github(github)))
            }
        });
        let orgs: BTreeMap<_, _> = join_all(orgs).await.into_iter().collect();
        let means = Means::of(base, http.clone()).with_github(github.clone());
        let sinks = Sinks::of(&declaration, Some(&means)).map_err(keyholder_service_users::Error::from)?;
        let journal = match &place {
            Some(place) => Journal::new(place.folder().file("journal")),
            None => Journal::new(settings::state_folder("what is borrowed")?.join("journal")),
        };
        let borrowing = Borrowing { journal, random: Arc::new(OsRandom) };
        let estate = Estate::new(&declaration, orgs).borrowing(borrowing);
        Ok(Self { declaration, estate, sinks, place })
    }

    /// A declaration that was made in code for one org.
    pub(crate) fn of_one(here: Here, declaration: Declaration) -> Result<Self, Failure> {
        let (administrator, journal, place) = here.into_parts();
        let sinks = Sinks::of(&declaration, Some(&administrator.means()));
        let sinks = sinks.map_err(keyholder_service_users::Error::from)?;
        let borrowing = Borrowing { journal, random: Arc::new(OsRandom) };
        let orgs = BTreeMap::from([(ONE_ORG.to_owned(), Ok(administrator))]);
        let estate = Estate::new(&declaration, orgs).borrowing(borrowing);
        Ok(Self { declaration, estate, sinks, place })
    }

    /// The same with tokens of outside issuers at hand, where some application accepts such.
    pub(crate) async fn with_outside(mut self, file: Option<&Path>, printer: Printer) -> Result<Self, Failure> {
        let mut credentials = self.declaration.application_users.values().flat_map(|user| &user.credentials);
        let accepts = credentials.any(|credential| matches!(credential, Credential::Federated(_)));
        let reached = self.estate.orgs().find_map(|(_, org)| org.ok());
        if let Some(administrator) = reached.filter(|_| accepts || file.is_some()) {
            let audience = cloud::token_exchange_audience(administrator.org.tokens().authority().login());
            match outside::at_hand(file, audience, &administrator.http, printer).await {
                Ok(tokens) => self.estate = self.estate.with_outside(tokens),
                Err(failure) => {
                    self.end().await;
                    return Err(failure);
                }
            }
        }
        Ok(self)
    }

    /// An org for people: by its name in the declaration, where that has a name for it.
    pub(crate) fn org_in_words(&self, org: &str) -> String {
        match (org, self.url(org)) {
            (ONE_ORG, url) => url,
            (name, url) => format!("{name} ({url})"),
        }
    }

    /// Whether orgs are told apart by the declaration's names for them.
    pub(crate) fn names_orgs(&self) -> bool {
        !self.declaration.orgs.contains_key(ONE_ORG)
    }

    /// An org's address.
    pub(crate) fn url(&self, org: &str) -> String {
        self.declaration.orgs.get(org).map(|org| org.url.to_string()).unwrap_or_default()
    }

    /// Reads what there is and compares.
    pub(crate) async fn plan(&self, leave: Leave) -> Result<(Observation, Plan), Failure> {
        let look = Look { prune: leave.prune };
        let seen = observe(&self.estate, &self.declaration, &self.sinks, look).await?;
        let plan = plan(&self.declaration, &seen, leave);
        Ok((seen, plan))
    }

    /// What the caller may not do of the plan.
    pub(crate) async fn missing_rights(&self, seen: &Observation, plan: &Plan) -> Option<Failure> {
        let missing = rights::missing(&self.estate, seen, plan).await;
        if missing.is_empty() {
            return None;
        }
        let message = format!("nothing was done: {}", missing.join("; "));
        Some(Failure::new(Exit::NotAllowed, message).hint("sign in as somebody who may, or have the rights given"))
    }

    /// Carries the plan out.
    pub(crate) async fn apply(
        &self,
        seen: &Observation,
        plan: &Plan,
        proving: Proving,
        reporter: &dyn Reporter,
    ) -> Applied {
        apply(&self.estate, &self.declaration, seen, plan, &self.sinks, proving, reporter).await
    }

    /// Does the org's part of a declaration of one application through Power Platform; nothing where the
    /// application has all of it already.
    pub(crate) async fn by_admin_api(&self, leave: Leave, reporter: &dyn Reporter) -> Result<Option<Applied>, Failure> {
        let unreached = || Failure::new(Exit::OutOfReach, "the org could not be reached");
        let administrator = self.estate.org(ONE_ORG).ok_or_else(unreached)?;
        let journal = &self.estate.to_borrow().ok_or_else(unreached)?.journal;
        Ok(by_admin_api(administrator, journal, &self.declaration, &self.sinks, leave, reporter).await?)
    }

    /// No application keeps what a stopped run had lent to it.
    pub(crate) async fn take_off_elevations(&self, printer: Printer) {
        let administrator = self.estate.orgs().find_map(|(_, org)| org.ok());
        if let (Some(administrator), Some(borrowing)) = (administrator, self.estate.to_borrow()) {
            take_off_elevations(administrator, &borrowing.journal, printer).await;
        }
    }

    /// The declared orgs, signed in to.
    pub(crate) fn estate(&self) -> &Estate {
        &self.estate
    }

    /// Where the declared credentials are kept.
    pub(crate) fn sinks(&self) -> &Sinks {
        &self.sinks
    }

    /// What is declared.
    pub(crate) fn declaration(&self) -> &Declaration {
        &self.declaration
    }

    /// Stops the local org, if one was started.
    pub(crate) async fn end(self) {
        if let Some(place) = self.place {
            place.end().await;
        }
    }
}

/// The failure that a plan's stops amount to.
pub(crate) fn stopped(plan: &Plan) -> Result<(), Failure> {
    let stops: Vec<Finding> = plan.stops().cloned().collect();
    if stops.is_empty() { Ok(()) } else { Err(keyholder_service_users::Error::Stopped(stops).into()) }
}

/// Lets the declared orgs be orgs of the local world: one alone is its first org; of several, each is the
/// org of that name, where there is none as `absent` says.
async fn rehearse(
    declaration: &mut Declaration,
    folder: &DataFolder,
    base: &Connection,
    absent: Absent,
    printer: Printer,
) -> Result<(), Failure> {
    let path = folder.path();
    let (domain, mut known) = local_orgs(path, base.tenant.as_deref().unwrap_or_default()).await?;
    for user in declaration.non_interactive_users.values_mut() {
        let local = user.user_name.split('@').next().unwrap_or_default();
        let here = format!("{local}@{domain}");
        if here != user.user_name {
            printer.note(&format!("`{}` is `{here}` here, for the rehearsal", user.user_name));
            user.user_name = here;
        }
    }
    let alone = declaration.orgs.len() == 1;
    for (name, org) in &mut declaration.orgs {
        org.tenant = None;
        let named = |(known, url): &&(String, String)| known.eq_ignore_ascii_case(name) || *url == org.url.to_string();
        let url = match known.iter().find(named) {
            Some((_, url)) => url.clone(),
            None if alone => base.url.to_string(),
            None if absent == Absent::Refuse => {
                let message = format!("there is no local org {name} in `{}`", path.display());
                return Err(Failure::new(Exit::BadConfiguration, message)
                    .hint("`keyholder apply` with the same `--local` makes it, and what is declared in it"));
            }
            None => {
                let made = local::running(path)?.post("orgs", &json!({"name": name, "tenant": domain})).await?;
                let url = made.get("url").and_then(Value::as_str).unwrap_or_default().to_owned();
                printer.note(&format!("made the local org {name} at {url}, for the rehearsal"));
                known.push((name.clone(), url.clone()));
                url
            }
        };
        org.url = url.parse().map_err(|error| {
            Failure::new(Exit::BadData, format!("the local org {name} is at `{url}`, which {error}"))
        })?;
    }
    Ok(())
}

/// A local tenant's domain, and names and addresses of its orgs.
async fn local_orgs(path: &Path, tenant: &str) -> Result<(String, Vec<(String, String)>), Failure> {
    let listed = local::running(path)?.get("orgs").await?;
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut tenants = listed.get("tenants").and_then(Value::as_array).into_iter().flatten();
    let Some(own) = tenants.find(|known| text(known, "tenantId").eq_ignore_ascii_case(tenant)) else {
        return Err(Failure::new(Exit::BadData, format!("the local org does not know its own tenant {tenant}")));
    };
    let orgs = own.get("orgs").and_then(Value::as_array).into_iter().flatten();
    let orgs = orgs.map(|org| (text(org, "name"), text(org, "url").trim_end_matches('/').to_owned())).collect();
    Ok((text(own, "domain"), orgs))
}
