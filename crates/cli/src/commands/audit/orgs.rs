//! Which orgs are audited, and as whom: a declaration's, one, or all of the local org.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use futures::stream::{self, StreamExt};
use keyholder_client::connection::{Flags, Given, OrgUrl, Origin, resolve};
use keyholder_client::{ConfigurationError, Connection, EnvFile, Error as ClientError, Http};
use keyholder_org::Entitled;
use keyholder_service_users::audit::report::{Asked, Requests, TenantRequests};
use keyholder_service_users::declaration::{Declaration, Org, ReadError};
use keyholder_service_users::{Administrator, Estate};
use serde_json::Value;

use crate::args::{Audit, ConnectionFlags};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::local::{self, Absent, LocalPlace};
use crate::printer::Printer;
use crate::settings;

/// How many orgs are signed in to at once.
const AT_ONCE: usize = 16;
/// The declaration that is audited where nothing else is said.
const DECLARATION: &str = "keyholder.toml";

/// Orgs, signed in to.
pub(super) struct Audited {
    declaration: Declaration,
    /// The file in which somebody declared it: then what is not in it is unknown.
    file: Option<PathBuf>,
    estate: Estate,
    /// The local org that runs as long as this command.
    place: Option<LocalPlace>,
}

impl Audited {
    /// Finds the orgs that the flags mean and signs in to them; one out of reach is told in the report.
    pub(super) async fn find(arguments: &Audit, printer: Printer) -> Result<Self, Failure> {
        if let Some(folder) = &arguments.local {
            let place = LocalPlace::find(folder, Absent::Refuse, printer).await?;
            return match all_local(&place).await {
                Ok((declaration, orgs)) => Ok(Self::new(declaration, None, orgs, Some(place))),
                Err(failure) => {
                    place.end().await;
                    Err(failure)
                }
            };
        }
        match declared(arguments, printer)? {
            Some((file, declaration)) => {
                let orgs = all_declared(arguments, &file, &declaration, printer).await?;
                Ok(Self::new(declaration, Some(file), orgs, None))
            }
            None => {
                let connection = settings::connection(&arguments.connection, printer).await?;
                let http = settings::http(connection.ca_file.clone())?;
                let (name, url) = (connection.url.to_string(), connection.url.clone());
                let mut declaration = Declaration::default();
                declaration.orgs.insert(name.clone(), Org { url, tenant: None, environment: None });
                let orgs = connect(vec![(name, connection)], &http).await;
                Ok(Self::new(declaration, None, orgs, None))
            }
        }
    }

    fn new(
        declaration: Declaration,
        file: Option<PathBuf>,
        orgs: BTreeMap<String, Result<Administrator, ClientError>>,
        place: Option<LocalPlace>,
    ) -> Self {
        let estate = Estate::new(&declaration, orgs);
        Self { declaration, file, estate, place }
    }

    pub(super) fn estate(&self) -> &Estate {
        &self.estate
    }

    /// The orgs as a declaration has them, whether there is one or not.
    pub(super) fn declaration(&self) -> &Declaration {
        &self.declaration
    }

    /// What somebody declared.
    pub(super) fn declared(&self) -> Option<&Declaration> {
        self.file.as_ref().map(|_| &self.declaration)
    }

    /// The file of that.
    pub(super) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// What the users of a local org asked for today; a real one tells no program.
    pub(super) async fn requests(&self, printer: Printer) -> Option<Requests> {
        let folder = self.place.as_ref()?.folder().path();
        let told = match local::running(folder) {
            Ok(control) => control.get(&format!("usage?{}", Entitled::default().to_query())).await,
            Err(failure) => Err(failure),
        };
        match told {
            Ok(told) => Some(requests_of(&told)),
            Err(failure) => {
                printer.note(&format!("what was asked for today is not known: {}", failure.message()));
                None
            }
        }
    }

    /// Stops the local org, if one was started.
    pub(super) async fn end(self) {
        if let Some(place) = self.place {
            place.end().await;
        }
    }
}

/// The declaration that is meant; nothing where one org is.
fn declared(arguments: &Audit, printer: Printer) -> Result<Option<(PathBuf, Declaration)>, Failure> {
    let flags = &arguments.connection;
    if let Some(file) = &arguments.file {
        return Ok(Some((file.clone(), Declaration::read(file)?)));
    }
    if flags.place.url.is_some() || flags.source.profile.is_some() {
        return Ok(None);
    }
    let declaration = match Declaration::read(Path::new(DECLARATION)) {
        Ok(declaration) => declaration,
        Err(ReadError::File(error)) if error.is_missing() => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    // An env file says how to sign in, as for `plan`; one of another org than those that are declared means that org.
    if let Some(url) = url_of_env_file(flags)?
        && declaration.orgs.values().all(|org| org.url != url)
    {
        printer.note(&format!(
            "`{DECLARATION}` does not declare {url}: that org alone is audited, without the declaration. \
             `--file {DECLARATION}` audits what is declared"
        ));
        return Ok(None);
    }
    Ok(Some((DECLARATION.into(), declaration)))
}

/// The org that the env file of the flags names; what is wrong with the file is told where it is used.
fn url_of_env_file(flags: &ConnectionFlags) -> Result<Option<OrgUrl>, Failure> {
    let Some(path) = &flags.place.env_file else { return Ok(None) };
    let file = EnvFile::read(path).map_err(ConfigurationError::from)?;
    let url = resolve(&Flags::default(), Some(&file), |_| None).url;
    Ok(url.and_then(|given| given.value.parse().ok()))
}

async fn all_declared(
    arguments: &Audit,
    file: &Path,
    declaration: &Declaration,
    printer: Printer,
) -> Result<BTreeMap<String, Result<Administrator, ClientError>>, Failure> {
    let Some(first) = declaration.orgs.values().next() else {
        return Err(Failure::new(Exit::BadConfiguration, format!("`{}` declares no org", file.display())));
    };
    let mut settings = settings::settings(&arguments.connection, printer).await?;
    // Which orgs is the declaration's to say; how to sign in to them is not.
    settings.url = Some(Given { value: first.url.to_string(), origin: Origin::Flag("--file") });
    let base = Connection::try_from(settings)?;
    let http = settings::http(base.ca_file.clone())?;
    let orgs =
        declaration.orgs.iter().map(|(name, org)| (name.clone(), Connection { url: org.url.clone(), ..base.clone() }));
    Ok(connect(orgs.collect(), &http).await)
}

/// All orgs of a local world, each as the administrator of its tenant.
async fn all_local(
    place: &LocalPlace,
) -> Result<(Declaration, BTreeMap<String, Result<Administrator, ClientError>>), Failure> {
    let folder = place.folder();
    let base = local::administrator(folder)?;
    let http = settings::http(base.ca_file.clone())?;
    let listed = local::running(folder.path())?.get("orgs").await?;
    let mut declaration = Declaration::default();
    let mut orgs = Vec::new();
    for tenant in listed_in(&listed, "tenants") {
        // One without an org has no administrator of an org, and nothing to be audited.
        if listed_in(tenant, "orgs").next().is_none() {
            continue;
        }
        let is_own = base.tenant.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(text(tenant, "tenantId")));
        let own = if is_own { base.clone() } else { local::administrator_of(folder, text(tenant, "domain"))? };
        for org in listed_in(tenant, "orgs") {
            let (name, url) = (text(org, "name"), text(org, "url").trim_end_matches('/'));
            let parsed = url.parse().map_err(|error| {
                Failure::new(Exit::BadData, format!("the local org {name} is at `{url}`, which {error}"))
            })?;
            // Two tenants may call their orgs the same.
            let taken = declaration.orgs.contains_key(name) || name.is_empty();
            let name = if taken { format!("{name} ({url})") } else { name.to_owned() };
            let connection = Connection { url: parsed, ..own.clone() };
            declaration.orgs.insert(name.clone(), Org { url: connection.url.clone(), tenant: None, environment: None });
            orgs.push((name, connection));
        }
    }
    Ok((declaration, connect(orgs, &http).await))
}

fn requests_of(told: &Value) -> Requests {
    let asked = |value: &Value| {
        let number = |member: &str| value.get(member).and_then(Value::as_u64);
        let (today, forecast) = (number("day").unwrap_or_default(), number("forecast").unwrap_or_default());
        Asked { today, forecast, allowance: number("allowance") }
    };
    let tenants = listed_in(told, "tenants").map(|tenant| TenantRequests {
        name: text(tenant, "domain").to_owned(),
        pool: asked(tenant.get("pool").unwrap_or(&Value::Null)),
        users: listed_in(tenant, "users")
            .filter_map(|user| {
                let id = text(user, "user").parse().ok()?;
                Some(((text(user, "url").trim_end_matches('/').to_owned(), id), asked(user)))
            })
            .collect(),
    });
    Requests { day: text(told, "day").to_owned(), tenants: tenants.collect() }
}

/// Signs in to each, a bounded number at once.
async fn connect(orgs: Vec<(String, Connection)>, http: &Http) -> BTreeMap<String, Result<Administrator, ClientError>> {
    let signing_in: Vec<_> = orgs
        .into_iter()
        .map(|(name, connection)| {
            let http = http.clone();
            async move { (name, Administrator::connect(connection, http).await) }
        })
        .collect();
    stream::iter(signing_in).buffer_unordered(AT_ONCE).collect().await
}

fn listed_in<'a>(value: &'a Value, member: &str) -> impl Iterator<Item = &'a Value> {
    value.get(member).and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value.get(member).and_then(Value::as_str).unwrap_or_default()
}
