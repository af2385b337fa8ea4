//! Looks along the way in, as far as it goes. Everything that is sent reads.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::join;
use http::{Method, StatusCode};
use keyholder_client::authority::{Discovered, discover};
use keyholder_client::connection::CredentialChoice;
use keyholder_client::dataverse::Query;
use keyholder_client::entitlement::Allowances;
use keyholder_client::error::Unreachable;
use keyholder_client::{
    Authority, ClientCertificate, Connection, Credential, Dataverse, Error, Federation, Graph, Http, TokenRefusal,
    Tokens,
};
use keyholder_entra::openid::OpenIdConfiguration;
use keyholder_foundation::{ObjectId, Secret, WallClock};
use keyholder_security::Depth;
use serde::Deserialize;
use uuid::Uuid;

use super::Patient;
use super::needs::{Asked, CanSeen, Needs};
use super::registration;
use super::request::needs;
use super::seen::{AnswerSeen, CredentialSeen, RoleHeld, Seen, TokenSeen, TrustSeen, UserSeen, UserSource};
use crate::Administrator;
use crate::claims;
use crate::non_interactive::{ASSIGNED_COLUMNS, AssignedRole, teams_of};
use crate::usage::{Kind, entitled_to};

/// No token is longer, in bytes.
const LONGEST_TOKEN: u64 = 1 << 16;

/// What is read of the user's row.
const COLUMNS: [&str; 8] = [
    "systemuserid",
    "fullname",
    "isdisabled",
    "accessmode",
    "islicensed",
    "applicationid",
    "azureactivedirectoryobjectid",
    "domainname",
];

/// Looks at everything that can be seen.
pub async fn look(patient: &Patient<'_>) -> Seen {
    let Patient { connection, http, .. } = *patient;
    let answer = knock(connection, http).await;
    let ahead = answer.is_ok().then(|| http.clock().ahead_millis());
    let mut seen = Seen {
        url: connection.url.as_url().clone(),
        client: connection.client_id,
        is_person: false,
        proxy: patient.proxy.clone(),
        now: http.clock().now(),
        ahead,
        answer,
        discovered: None,
        tenant: None,
        credential: Ok(CredentialSeen::default()),
        token: None,
        registration: None,
        me: None,
        version: None,
        user: None,
        source: UserSource::Itself,
        roles: None,
        privileges: None,
        can: Vec::new(),
        room: None,
        entitled: None,
    };
    let credential = connection.credential();
    if let Ok(credential) = &credential {
        seen.is_person = credential.is_person();
        if !seen.is_person {
            seen.client = credential.client_id();
        }
    }
    seen.credential = match &credential {
        Ok(_) => of_itself(connection),
        Err(error) => Err(error.clone()),
    };
    let org = match credential {
        Ok(credential) => enter(patient, credential, &mut seen).await,
        Err(_) => {
            ask_for_authority(patient, &mut seen).await;
            None
        }
    };
    seen.now = http.clock().now();
    if let Some(org) = &org {
        in_org(org, &mut seen).await;
    }
    rights(patient, org.as_ref(), &mut seen).await;
    directory(patient, org.as_ref(), &mut seen).await;
    for asked in patient.asked {
        let seen_one = can(asked, patient, org.as_ref(), &seen).await;
        seen.can.push(seen_one);
    }
    seen
}

/// Asks the org without a token.
async fn knock(connection: &Connection, http: &Http) -> Result<AnswerSeen, Error> {
    let url = connection.url.web_api("");
    let request = http::Request::get(url.as_str()).body(Bytes::new());
    let request = request.map_err(|error| Error::Protocol { origin: url.to_string(), found: error.to_string() })?;
    let answer = http.send(&request).await?;
    Ok(AnswerSeen { status: answer.status().as_u16() })
}

/// What a credential says of itself.
fn of_itself(connection: &Connection) -> Result<CredentialSeen, Error> {
    let certificate = |read: Result<ClientCertificate, _>| {
        let ends = Some(read.map_err(Error::Configuration)?.facts().not_after);
        Ok(CredentialSeen { what: "the certificate", ends, presented: None })
    };
    let what = match &connection.credential {
        CredentialChoice::Certificate(file) => return certificate(ClientCertificate::read(connection.client_id, file)),
        CredentialChoice::ProtectedCertificate { file, password } => {
            return certificate(ClientCertificate::read_protected(connection.client_id, file, password));
        }
        CredentialChoice::Secret(_) => "the client secret",
        CredentialChoice::Federated(Federation::File(file)) => {
            let what = "the outside issuer's token";
            return Ok(CredentialSeen { what, ends: None, presented: presented(file) });
        }
        CredentialChoice::Federated(_) => "the pipeline's token",
        CredentialChoice::ManagedIdentity(_) => "the managed identity",
        CredentialChoice::Password { .. } => "the password",
        CredentialChoice::Kept { .. } => "the sign-in that `keyholder login` kept",
        CredentialChoice::AzureCli => "the Azure CLI's sign-in",
        _ => "the credential",
    };
    Ok(CredentialSeen { what, ends: None, presented: None })
}

/// What an outside issuer's token says; nothing where the file has none, which the sign-in tells.
fn presented(file: &Path) -> Option<TrustSeen> {
    let text = Secret::new(keyholder_platform::read_bounded(file, LONGEST_TOKEN).ok()?);
    let (_, body) = claims::read(text.expose().trim())?;
    let claim = |name: &str| body.get(name).map(|value| claims::shown(name, value)).unwrap_or_default();
    Some(TrustSeen { issuer: claim("iss"), subject: claim("sub"), audience: claim("aud") })
}

/// Which authority the org wants, and whether it knows the tenant.
async fn ask_for_authority(patient: &Patient<'_>, seen: &mut Seen) -> Option<Discovered> {
    let usable = seen.answer.as_ref().is_ok_and(|answer| answer.status != 429 && answer.status < 500);
    if !usable {
        return None;
    }
    let found = discover(patient.connection, patient.http).await;
    seen.discovered = Some(found.clone());
    let found = found.ok()?;
    let tenant = issuer(&found.authority, patient.http).await;
    let is_known = tenant.is_ok();
    seen.tenant = Some(tenant);
    is_known.then_some(found)
}

/// Signs in, and asks for a token for the org.
async fn enter(patient: &Patient<'_>, credential: Arc<dyn Credential>, seen: &mut Seen) -> Option<Dataverse> {
    let found = ask_for_authority(patient, seen).await?;
    let tokens = Tokens::new(credential, found.authority.clone(), patient.http.clone());
    let org = Dataverse::new(patient.connection, &found, tokens.clone(), patient.http.clone());
    let token = tokens.get(&found.scope()).await.map(|token| TokenSeen {
        claims: claims::read(token.secret().expose()).map(|(_, body)| body),
        expires: token.expires_at(),
    });
    let is_given = token.is_ok();
    seen.token = Some(token);
    is_given.then_some(org)
}

/// The tenant's issuer, by OpenID Connect's configuration document.
async fn issuer(authority: &Authority, http: &Http) -> Result<String, Error> {
    let url = authority.endpoint("v2.0/.well-known/openid-configuration");
    let origin = keyholder_client::transport::origin_of(&url);
    let protocol = |found: String| Error::Protocol { origin: origin.clone(), found };
    let request = http::Request::get(url.as_str()).body(Bytes::new()).map_err(|error| protocol(error.to_string()))?;
    let answer = http.send(&request).await?;
    let status = answer.status();
    if status.is_success() {
        let read = serde_json::from_slice::<OpenIdConfiguration>(answer.body());
        let read = read.map_err(|_| protocol("no OpenID configuration".to_owned()))?;
        return Ok(read.issuer);
    }
    if let Some(refusal) = TokenRefusal::read(&authority.to_string(), &answer) {
        return Err(Error::TokenRefused(Box::new(refusal)));
    }
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        let cause = Unreachable::Other(format!("it answered with HTTP status {status}"));
        return Err(Error::Unreachable { origin, cause });
    }
    Err(protocol(format!("HTTP status {status} in the place of the tenant's configuration")))
}

#[derive(Deserialize)]
struct Version {
    #[serde(rename = "Version")]
    version: String,
}

async fn in_org(org: &Dataverse, seen: &mut Seen) {
    let me = org.who_am_i().await;
    let is_let_in = me.is_ok();
    seen.me = Some(me);
    if !is_let_in {
        return;
    }
    let (version, room) = join(version(org), org.room()).await;
    (seen.version, seen.room) = (Some(version), Some(room));
}

/// The org's version; one from before 9.0 answers at an older address.
async fn version(org: &Dataverse) -> Result<String, Error> {
    let answer = match org.send(Method::GET, "RetrieveVersion()", None).await {
        Err(error) if error.is_missing() => org.send(Method::GET, "/api/data/v8.0/RetrieveVersion()", None).await?,
        other => other?,
    };
    read_json::<Version>(org, &answer).map(|read| read.version)
}

fn read_json<T: for<'a> Deserialize<'a>>(org: &Dataverse, answer: &http::Response<Bytes>) -> Result<T, Error> {
    serde_json::from_slice(answer.body()).map_err(|_| Error::Protocol {
        origin: org.tokens().authority().to_string(),
        found: "an answer of another form than the Web API's".to_owned(),
    })
}

/// The user's row, roles and privileges, by whoever sees the most.
async fn rights(patient: &Patient<'_>, org: Option<&Dataverse>, seen: &mut Seen) {
    let known = seen.me.as_ref().and_then(|me| me.as_ref().ok()).map(|me| me.user_id);
    let witness = patient.witness.map(|witness| &witness.org);
    seen.source = if witness.is_some() { UserSource::Witness } else { UserSource::Itself };
    let Some(reader) = witness.or(org) else { return };
    let row = match known {
        Some(id) => {
            reader.find(Query::row("systemusers", id).select(COLUMNS)).await.map(|row| row.into_iter().collect())
        }
        None if witness.is_some() && !seen.is_person => {
            let query = format!("systemusers?$select={}&$filter=applicationid eq {}", COLUMNS.join(","), seen.client);
            reader.query(&query).collect().await
        }
        None => return,
    };
    let row = row.map(|rows: Vec<keyholder_client::Row>| {
        let rows = rows.into_iter().filter_map(|row| serde_json::from_value::<UserSeen>(row.into()).ok());
        rows.into_iter().next()
    });
    let id = known.or_else(|| row.as_ref().ok().and_then(|row| row.as_ref()).map(|row| row.id));
    let is_seen = matches!(&row, Ok(Some(_)));
    // A row that is there, and that the caller may not see, is no row.
    seen.user = Some(row);
    let Some(id) = id.filter(|_| is_seen || known.is_some()) else { return };
    let (roles, privileges) = join(roles(reader, id), privileges(reader, id)).await;
    (seen.roles, seen.privileges) = (Some(roles), Some(privileges));
}

async fn roles(org: &Dataverse, user: Uuid) -> Result<Vec<RoleHeld>, Error> {
    let query = format!("systemusers({user})/systemuserroles_association?$select={ASSIGNED_COLUMNS}");
    let of = |role: AssignedRole, team: Option<String>| RoleHeld {
        is_system_administrator: role.is_system_administrator(),
        name: role.name,
        team,
    };
    let own = org.query(&query).collect_as::<AssignedRole>().await?;
    let mut held: Vec<RoleHeld> = own.into_iter().map(|role| of(role, None)).collect();
    for team in teams_of(org, user).await? {
        held.extend(team.roles.into_iter().map(|role| of(role, Some(team.name.clone()))));
    }
    Ok(held)
}

#[derive(Deserialize)]
struct RolePrivileges {
    #[serde(rename = "RolePrivileges", default)]
    all: Vec<RolePrivilege>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RolePrivilege {
    depth: String,
    #[serde(default)]
    privilege_name: Option<String>,
}

/// What the user's own roles and those of its teams give, by name.
async fn privileges(org: &Dataverse, user: Uuid) -> Result<Vec<(String, Depth)>, Error> {
    let path = format!("systemusers({user})/Microsoft.Dynamics.CRM.RetrieveUserPrivileges()");
    let answer = org.send(Method::GET, &path, None).await?;
    let read: RolePrivileges = read_json(org, &answer)?;
    let named = read.all.into_iter().filter_map(|one| Some((one.privilege_name?, Depth::from_name(&one.depth)?)));
    Ok(named.collect::<BTreeSet<_>>().into_iter().collect())
}

/// What the directory tells of the registration and the licences.
async fn directory(patient: &Patient<'_>, org: Option<&Dataverse>, seen: &mut Seen) {
    let own = match org {
        Some(org) => {
            let host = patient.connection.url.as_url().host_str();
            match Graph::connect(org.tokens().clone(), host, patient.http.clone()).await {
                Ok(graph) => {
                    Some(Administrator::of(patient.connection.clone(), org.clone(), graph, patient.http.clone()))
                }
                Err(_) => None,
            }
        }
        None => None,
    };
    let Some(asker) = patient.witness.or(own.as_ref()) else { return };
    if !seen.is_person {
        seen.registration = Some(registration::read(asker, patient.connection, seen.client).await);
    }
    if seen.me.as_ref().is_some_and(Result::is_ok) {
        let row = seen.user.as_ref().and_then(|row| row.as_ref().ok()?.as_ref());
        let kind = match row {
            Some(row) if row.application.is_some() => Kind::Application,
            Some(row) if row.access_mode == Some(4) => Kind::NonInteractive,
            None if !seen.is_person => Kind::Application,
            _ => Kind::Person,
        };
        let object = row.and_then(|row| row.object).map(ObjectId);
        seen.entitled = Some(entitled_to(asker, kind, object, &Allowances::TODAY, 0).await);
    }
}

async fn can(asked: &Asked, patient: &Patient<'_>, org: Option<&Dataverse>, seen: &Seen) -> CanSeen {
    let reader = patient.witness.map(|witness| &witness.org).or(org);
    let needs = needs(asked, reader).await;
    let is_known = matches!(seen.privileges, Some(Ok(_)));
    let tried = match (asked, org) {
        (Asked::Request { method, path, query, .. }, Some(org))
            if *method == Method::GET && !(is_known && matches!(needs, Ok(Needs::Privileges(_)))) =>
        {
            let query = query.as_ref().map(|query| format!("?{query}")).unwrap_or_default();
            Some(org.send(Method::GET, &format!("{path}{query}"), None).await.map(|_| ()))
        }
        _ => None,
    };
    CanSeen { asked: asked.clone(), needs, tried }
}
