//! A declaration and the orgs that it is carried out in: real ones, or the local org for a rehearsal.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use futures::future::join_all;
use keyholder_client::connection::{Given, Origin};
use keyholder_client::{Connection, Http};
use keyholder_foundation::OsRandom;
use keyholder_org::DataFolder;
use keyholder_service_users::apply::{Applied, Proving, apply};
use keyholder_service_users::declaration::Declaration;
use keyholder_service_users::observe::{Look, Observation};
use keyholder_service_users::plan::{Finding, Leave, Plan, plan};
use keyholder_service_users::{Administrator, Borrowing, Estate, Journal, Reporter, Sinks, observe, rights};
use serde_json::{Value, json};

use crate::args;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::local::{self, LocalPlace};
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
    /// Reads the declaration and signs in; an org out of reach is told later.
    pub(crate) async fn read(arguments: &args::Declared, printer: Printer) -> Result<Self, Failure> {
        let mut declaration = Declaration::read(&arguments.file)?;
        let sinks = Sinks::of(&declaration).map_err(keyholder_service_users::Error::from)?;
        let (base, place) = match &arguments.local {
            Some(folder) => {
                let place = LocalPlace::find(folder, printer).await?;
                let base = local::administrator(place.folder())?;
                rehearse(&mut declaration, place.folder(), &base, printer).await?;
                (base, Some(place))
            }
            None => {
                let Some(first) = declaration.orgs.values().next() else {
                    let message = format!("`{}` declares no org", arguments.file.display());
                    return Err(Failure::new(Exit::BadConfiguration, message));
                };
                let mut settings = settings::settings(&arguments.connection, printer)?;
                // Which orgs is the declaration's to say; how to sign in to them is not.
                settings.url = Some(Given { value: first.url.to_string(), origin: Origin::Flag("--file") });
                (Connection::try_from(settings)?, None)
            }
        };
        let http = settings::http(base.ca_file.clone())?;
        let orgs = declaration.orgs.iter().map(|(name, org)| {
            let connection = Connection { url: org.url.clone(), ..base.clone() };
            let http: Http = http.clone();
            async move { (name.clone(), Administrator::connect(connection, http).await) }
        });
        let orgs: BTreeMap<_, _> = join_all(orgs).await.into_iter().collect();
        let journal = match &place {
            Some(place) => Journal::new(place.folder().file("journal")),
            None => Journal::new(settings::state_folder("what is borrowed")?.join("journal")),
        };
        let borrowing = Borrowing { journal, random: Arc::new(OsRandom) };
        let estate = Estate::new(&declaration, orgs).borrowing(borrowing);
        Ok(Self { declaration, estate, sinks, place })
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
/// org of that name, which is made when there is none.
async fn rehearse(
    declaration: &mut Declaration,
    folder: &DataFolder,
    base: &Connection,
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
