//! `/_keyholder/`: what other commands and tests ask of a running org.
//!
//! Loopback connections only, no web pages, and only for who may read the data folder or
//! administers the org: the key of this run (`Authorization: Keyholder KEY`, from `running.json`), HTTP Basic with the
//! administering application's id and secret, or a bearer token of a Global Administrator (no
//! partner's) for the org's own origin. No answer holds a secret.

pub(crate) mod admission;
mod caller;
mod faults;
mod tenants;

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use keyholder_data::RolePolicy;
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::clock::ClockChange;
use crate::error::{Refused, StartError};
use crate::folder::Pretence;
use crate::rooms::Rooms;
use crate::schemas::{self, SchemaRequest};
use crate::serve::plain;
use crate::world::{Entitled, NewOrg};

/// The scheme of this run's key in an `Authorization` header.
pub const KEY_SCHEME: &str = "Keyholder";
/// More sample rows than this at once would keep the writer busy for minutes.
pub const MOST_SAMPLE_ROWS: u32 = 1_000_000;

/// The body of `POST /_keyholder/sample`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SampleRequest {
    /// How many rows each table shall have.
    pub rows: u32,
    /// Which rows.
    #[serde(default = "first_seed")]
    pub seed: u64,
}

fn first_seed() -> u64 {
    1
}

/// The body of `POST /_keyholder/snapshot` and `/_keyholder/restore`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnapshotRequest {
    /// The snapshot's name.
    pub name: String,
}

/// The body of `POST /_keyholder/tenants`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantRequest {
    /// The tenant's domain.
    pub domain: String,
}

/// The body of `POST /_keyholder/orgs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrgRequest {
    /// The org's name for people.
    pub name: String,
    /// The domain or id of its tenant.
    pub tenant: String,
    /// What it pretends to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pretend: Option<Pretence>,
}

/// The body of `PUT /_keyholder/orgs/ID/security-group`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecurityGroupRequest {
    /// The id or name of the group whose members may come in.
    pub group: String,
}

/// The body of `PUT /_keyholder/orgs/ID/role-policy`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RolePolicyRequest {
    /// `any-role` or `custom-roles-only`.
    pub policy: String,
}

const COMMANDS: &str = "There are: GET status; GET usage; POST sample; POST schema; POST credentials/reset; GET and POST clock; GET, POST and DELETE faults, DELETE faults/ID; GET snapshots, \
    DELETE snapshots/NAME, POST snapshot, POST restore, POST reset; GET and POST orgs, PUT and DELETE orgs/ID/security-group, \
    PUT orgs/ID/role-policy; \
    POST tenants; GET and PUT tenants/DOMAIN/conditional-access, PUT tenants/DOMAIN/people/NAME/multi-factor, \
    PUT tenants/DOMAIN/password-expiry, PUT tenants/DOMAIN/licences/SKU, POST tenants/DOMAIN/personas/NAME; \
    POST keys/rotate.";

pub(crate) async fn respond(rooms: &Arc<Rooms>, peer: SocketAddr, request: &Request<Bytes>) -> Response<Bytes> {
    if let Some(refusal) = admission::refusal(rooms, peer, request).await {
        return refusal;
    }
    let path = request.uri().path().trim_matches('/').split('/').skip(1);
    let decoded: Vec<_> = path.map(|segment| percent_decode_str(segment).decode_utf8_lossy()).collect();
    let segments: Vec<&str> = decoded.iter().map(AsRef::as_ref).collect();
    let answered = match (request.method(), segments.as_slice()) {
        (&Method::GET, ["usage"]) => usage(rooms, request.uri().query().unwrap_or_default()).await,
        (method, segments) => answer(rooms, method, segments, request.body()).await,
    };
    answered.unwrap_or_else(|error| failed(&error))
}

async fn answer(
    rooms: &Arc<Rooms>,
    method: &Method,
    segments: &[&str],
    body: &Bytes,
) -> Result<Response<Bytes>, StartError> {
    let world = &rooms.world;
    let read = |form: &str| plain(StatusCode::BAD_REQUEST, "BadRequest", &format!("The body must be {form}."));
    Ok(match (method.as_str(), segments) {
        ("GET", ["status"]) => done(&status(rooms)),
        ("POST", ["sample"]) => sample(rooms, body).await?,
        ("POST", ["schema"]) => match serde_json::from_slice::<SchemaRequest>(body) {
            Ok(wanted) => done(&schemas::to_json(&world.import_schema(wanted.schema, wanted.provenance).await?)),
            Err(why) => read(&format!(r#"{{"schema":{{"tables":[...]}}}}: {why}"#)),
        },
        ("POST", ["credentials", "reset"]) => {
            world.reset_credentials().await?;
            done(&json!({"envFile": world.folder.env_file()}))
        }
        ("GET", ["clock"]) => done(&world.clock().to_json()),
        ("POST" | "PUT", ["clock"]) => match ClockChange::from_json(body) {
            Ok(change) => done(&world.change_clock(change).await?.to_json()),
            Err(why) => read(&format!(r#"{{"set":TIME}}, {{"move":"+90d"}} or {{"reset":true}}: {why}"#)),
        },
        ("GET", ["snapshots"]) => {
            let taken: Vec<_> = world.snapshots().await?.iter().map(crate::world::Taken::to_json).collect();
            done(&json!({"snapshots": taken}))
        }
        ("DELETE", ["snapshots", name]) => {
            world.forget_snapshot(name).await?;
            done(&json!({"name": name}))
        }
        ("POST", ["snapshot"]) => match serde_json::from_slice::<SnapshotRequest>(body) {
            Ok(wanted) => done(&world.snapshot(&wanted.name).await?.to_json()),
            Err(why) => read(&format!(r#"{{"name":"NAME"}}: {why}"#)),
        },
        ("POST", ["restore"]) => match serde_json::from_slice::<SnapshotRequest>(body) {
            Ok(wanted) => {
                rooms.restore(&wanted.name).await?;
                done(&json!({"name": wanted.name}))
            }
            Err(why) => read(&format!(r#"{{"name":"NAME"}}: {why}"#)),
        },
        ("POST", ["reset"]) => {
            rooms.reset().await?;
            done(&status(rooms))
        }
        ("GET", ["orgs" | "tenants"]) => done(&json!({"tenants": world.list().await})),
        ("PUT", ["orgs", org, "security-group"]) => match serde_json::from_slice::<SecurityGroupRequest>(body) {
            Ok(wanted) => done(&json!({"group": world.set_security_group(org, Some(&wanted.group)).await?})),
            Err(why) => read(&format!(r#"{{"group":"ID"}}: {why}"#)),
        },
        ("DELETE", ["orgs", org, "security-group"]) => {
            world.set_security_group(org, None).await?;
            done(&json!({"group": null}))
        }
        ("PUT", ["orgs", org, "role-policy"]) => match serde_json::from_slice::<RolePolicyRequest>(body) {
            Ok(wanted) if wanted.policy == "custom-roles-only" || wanted.policy == "any-role" => {
                let only_custom = wanted.policy == "custom-roles-only";
                let policy = if only_custom { RolePolicy::CustomRolesOnly } else { RolePolicy::AnyRole };
                world.set_role_policy(org, policy).await?;
                done(&json!({"policy": wanted.policy}))
            }
            Ok(_) => read(r#"{"policy":"custom-roles-only"} or {"policy":"any-role"}"#),
            Err(why) => read(&format!(r#"{{"policy":"custom-roles-only"}}: {why}"#)),
        },
        (_, ["tenants", tenant, rest @ ..]) if !rest.is_empty() => {
            tenants::answer(world, method, tenant, rest, body).await?
        }
        (_, ["faults"]) => faults::answer(rooms, method, None, body),
        (_, ["faults", id]) => faults::answer(rooms, method, Some(id), body),
        ("POST", ["keys", "rotate"]) => done(&json!({"keyId": world.rotate_keys().await?})),
        ("POST", ["tenants"]) => match serde_json::from_slice::<TenantRequest>(body) {
            Ok(wanted) => done(&serde_json::to_value(world.add_tenant(&wanted.domain).await?).unwrap_or_default()),
            Err(why) => read(&format!(r#"{{"domain":"DOMAIN"}}: {why}"#)),
        },
        ("POST", ["orgs"]) => match serde_json::from_slice::<OrgRequest>(body) {
            Ok(wanted) => {
                let wish = NewOrg { name: wanted.name, tenant: wanted.tenant, pretend: wanted.pretend };
                done(&serde_json::to_value(rooms.add_org(&wish).await?).unwrap_or_default())
            }
            Err(why) => read(&format!(r#"{{"name":NAME,"tenant":DOMAIN}}: {why}"#)),
        },
        (
            _,
            [
                "status" | "usage" | "sample" | "schema" | "clock" | "snapshots" | "snapshot" | "restore" | "reset"
                | "orgs" | "tenants",
            ],
        )
        | (
            _,
            ["credentials", "reset"]
            | ["keys", "rotate"]
            | ["snapshots", _]
            | ["orgs", _, "security-group" | "role-policy"],
        ) => plain(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", "That control command has another method."),
        _ => plain(StatusCode::NOT_FOUND, "NotFound", COMMANDS),
    })
}

/// What a running org says of itself.
pub(crate) fn status(rooms: &Rooms) -> Value {
    let (address, clock) = (rooms.world.address(), rooms.world.clock());
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "pid": std::process::id(),
        "origin": address.origin,
        "orgUrl": address.org_url,
        "organizationId": rooms.world.org(),
        "tenantId": address.tenant_id,
        "tenantDomain": address.tenant_domain,
        "caFile": address.ca_file,
        "envFile": rooms.world.folder.env_file(),
        "now": clock.now.to_string(),
        "clockOffset": clock.offset().to_string(),
        "requests": rooms.counts().to_json(),
        "limits": rooms.protection.limits().map_or_else(|| "off".to_owned(), ToString::to_string),
    })
}

async fn usage(rooms: &Rooms, query: &str) -> Result<Response<Bytes>, StartError> {
    match Entitled::from_query(query) {
        Ok(entitled) => Ok(done(&rooms.world.usage_with(entitled, Some(&rooms.protection)).await?)),
        Err(why) => Ok(plain(StatusCode::BAD_REQUEST, "BadRequest", &format!("Of the query: {why}."))),
    }
}

async fn sample(rooms: &Rooms, body: &Bytes) -> Result<Response<Bytes>, StartError> {
    let wanted: SampleRequest = match serde_json::from_slice(body) {
        Ok(wanted) => wanted,
        Err(error) => {
            let message = format!("The body must be {{\"rows\":N,\"seed\":S}}: {error}");
            return Ok(plain(StatusCode::BAD_REQUEST, "BadRequest", &message));
        }
    };
    if !(1..=MOST_SAMPLE_ROWS).contains(&wanted.rows) {
        let message = format!("rows must be 1 to {MOST_SAMPLE_ROWS}.");
        return Ok(plain(StatusCode::BAD_REQUEST, "BadRequest", &message));
    }
    let sampled = rooms.world.sample(wanted.rows, wanted.seed).await?;
    Ok(done(&json!({"accounts": sampled.accounts, "contacts": sampled.contacts})))
}

pub(super) fn done(value: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(value.to_string()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    response
}

fn failed(error: &StartError) -> Response<Bytes> {
    let (status, code) = match error {
        StartError::Refused(
            Refused::NoSnapshot { .. }
            | Refused::NoTenant { .. }
            | Refused::NoOrg { .. }
            | Refused::NoGroup { .. }
            | Refused::NoLicence { .. }
            | Refused::NoPerson { .. },
        ) => (StatusCode::NOT_FOUND, "NotFound"),
        StartError::Refused(Refused::TenantExists { .. } | Refused::OrgExists { .. }) => {
            (StatusCode::CONFLICT, "Conflict")
        }
        StartError::Refused(_) => (StatusCode::BAD_REQUEST, "BadRequest"),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "Failed"),
    };
    let error = json!({"code": code, "message": error.to_string(), "fault": error.fault()});
    let mut response = done(&json!({"error": error}));
    *response.status_mut() = status;
    response
}
