//! `/beta/reports` and `/auditLogs/signIns`: who and what signed in last, and the log of it.
//!
//! The numbers come from the token service's own observations. A report on service principals has a
//! row for each that was ever used; one on credentials leaves out those that were removed since.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use keyholder_entra::graph::{Application, ServicePrincipal};
use keyholder_foundation::{ObjectId, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::answer::{Answer, Shape};
use super::filter::{Properties, Type};
use super::path::Segment;
use super::problem::Problem;
use super::query::{Askable, narrows_nothing};
use super::{Call, end, no_key};
use crate::directory::Refusal;
use crate::directory::activity::{ActivityKind, CredentialKind, SignIn};
use crate::directory::applications::ObjectKey;
use crate::directory::listing::{Cursor, Listed, Page};

const ACTIVITY: &str = "servicePrincipalSignInActivity";
const CREDENTIAL: &str = "appCredentialSignInActivity";
const SIGN_IN: &str = "signIn";
const ACTIVITY_PROPERTIES: Properties = &[("id", Type::Text), ("appId", Type::Text)];
const CREDENTIAL_PROPERTIES: Properties = &[
    ("appId", Type::Text),
    ("appObjectId", Type::Text),
    ("keyId", Type::Text),
    ("servicePrincipalObjectId", Type::Text),
];
const SIGN_IN_PROPERTIES: Properties = &[
    ("appDisplayName", Type::Text),
    ("appId", Type::Text),
    ("correlationId", Type::Text),
    ("createdDateTime", Type::Moment),
    ("id", Type::Text),
    ("isInteractive", Type::Bool),
    ("resourceDisplayName", Type::Text),
    ("resourceId", Type::Text),
    ("servicePrincipalId", Type::Text),
    ("signInEventTypes", Type::Texts),
    ("status/errorCode", Type::Number),
    ("userDisplayName", Type::Text),
    ("userId", Type::Text),
    ("userPrincipalName", Type::Text),
];
/// How many entries of the log are read at once.
const CHUNK: u32 = 500;

/// A row of a report, in the order of its place.
#[derive(Debug, Serialize)]
struct Row {
    #[serde(skip)]
    place: Uuid,
    #[serde(flatten)]
    shown: Map<String, Value>,
}

impl Row {
    fn new(place: Uuid, shown: &Value) -> Self {
        Self { place, shown: shown.as_object().cloned().unwrap_or_default() }
    }
}

impl Listed for Row {
    fn id(&self) -> Uuid {
        self.place
    }
}

pub(super) async fn handle(call: &Call<'_>, first: &Segment, rest: &[Segment]) -> Result<Answer, Problem> {
    no_key(first)?;
    let Some((report, rest)) = rest.split_first() else {
        return Err(Problem::unknown_segment(&first.text));
    };
    let rows = match (first.name.as_str(), report.name.as_str(), call.version) {
        ("auditlogs", "signins", _) => {
            check(call, rest)?;
            return log(call).await;
        }
        ("reports", "serviceprincipalsigninactivities", "beta") => {
            check(call, rest)?;
            (principals(call).await?, ACTIVITY, ACTIVITY_PROPERTIES, "reports/servicePrincipalSignInActivities")
        }
        ("reports", "appcredentialsigninactivities", "beta") => {
            check(call, rest)?;
            (credentials(call).await?, CREDENTIAL, CREDENTIAL_PROPERTIES, "reports/appCredentialSignInActivities")
        }
        _ => return Err(Problem::unknown_segment(&report.text)),
    };
    let (rows, entity, properties, set) = rows;
    let askable = Askable { entity, properties, narrows: narrows_nothing, named: false };
    let page = call.query.listing(&askable)?.page(rows);
    Ok(Answer::Found(Shape::new(call, set, entity).page(&call.query, &page)?))
}

fn check(call: &Call<'_>, rest: &[Segment]) -> Result<(), Problem> {
    end(rest)?;
    if call.method != Method::GET {
        return call.no_method();
    }
    call.caller.may_read_reports()
}

/// The latest of the moments, as reports show one.
fn activity(moments: impl Iterator<Item = Timestamp>) -> Value {
    match moments.max() {
        Some(last) => json!({ "lastSignInDateTime": last.to_string(), "lastSignInRequestId": null }),
        None => Value::Null,
    }
}

async fn find_principal(call: &Call<'_>, id: ObjectId) -> Result<Option<ServicePrincipal>, Problem> {
    match call.identity.directory.find_service_principal(call.caller.tenant.id, ObjectKey::Object(id)).await {
        Ok(found) => Ok(Some(found)),
        Err(Refusal::NotFound(_)) => Ok(None),
        Err(other) => Err(other.into()),
    }
}

/// One row for each service principal that was used.
async fn principals(call: &Call<'_>) -> Result<Vec<Row>, Problem> {
    let mut used: HashMap<ObjectId, Vec<(ActivityKind, Timestamp)>> = HashMap::new();
    for activity in call.identity.directory.sign_in_activities(call.caller.tenant.id).await? {
        used.entry(activity.principal).or_default().push((activity.kind, activity.last));
    }
    let mut rows = Vec::with_capacity(used.len());
    for (principal, moments) in used {
        let Some(principal) = find_principal(call, principal).await? else { continue };
        let of = |wanted: fn(ActivityKind) -> bool| {
            activity(moments.iter().filter(|(kind, _)| wanted(*kind)).map(|(_, last)| *last))
        };
        let shown = json!({
            "id": STANDARD.encode(principal.app_id.to_string()),
            "appId": principal.app_id,
            "lastSignInActivity": of(|_| true),
            "delegatedClientSignInActivity": of(|kind| kind == ActivityKind::DelegatedClient),
            "delegatedResourceSignInActivity": of(|kind| kind == ActivityKind::DelegatedResource),
            "applicationAuthenticationClientSignInActivity":
                of(|kind| matches!(kind, ActivityKind::ApplicationClient(_))),
            "applicationAuthenticationResourceSignInActivity": of(|kind| kind == ActivityKind::ApplicationResource),
        });
        rows.push(Row::new(principal.app_id.0, &shown));
    }
    Ok(rows)
}

/// One row for each credential that was used and is still there.
async fn credentials(call: &Call<'_>) -> Result<Vec<Row>, Problem> {
    let (directory, tenant) = (&call.identity.directory, &call.caller.tenant);
    let mut rows = Vec::new();
    for activity in directory.sign_in_activities(tenant.id).await? {
        let (ActivityKind::ApplicationClient(kind), Some(key)) = (activity.kind, activity.key) else { continue };
        let Some(principal) = find_principal(call, activity.principal).await? else { continue };
        let application = match directory.find_application(tenant, ObjectKey::Client(principal.app_id)).await {
            Ok(application) => Some(application),
            Err(Refusal::NotFound(_)) => None,
            Err(other) => return Err(other.into()),
        };
        let own = dates(&principal.password_credentials, &principal.key_credentials, key.0);
        let of_application =
            application.as_ref().and_then(|Application { password_credentials, key_credentials, .. }| {
                dates(password_credentials, key_credentials, key.0)
            });
        let Some(((starts, ends), origin)) =
            of_application.map(|dates| (dates, "application")).or(own.map(|dates| (dates, "servicePrincipal")))
        else {
            continue;
        };
        let shown = json!({
            "id": STANDARD.encode(format!("{key}{}", principal.app_id)),
            "keyId": key,
            "keyType": if kind == CredentialKind::Certificate { "certificate" } else { "clientSecret" },
            "keyUsage": "verify",
            "appId": principal.app_id,
            "appObjectId": application.map(|application| application.id),
            "servicePrincipalObjectId": principal.id,
            "resourceId": null,
            "credentialOrigin": origin,
            "createdDateTime": starts.map(|moment| moment.to_string()),
            "expirationDateTime": ends.map(|moment| moment.to_string()),
            "signInActivity": self::activity(std::iter::once(activity.last)),
        });
        rows.push(Row::new(key.0, &shown));
    }
    Ok(rows)
}

type Dates = (Option<Timestamp>, Option<Timestamp>);

/// From when until when a credential is good; none when it is not among these.
fn dates(
    secrets: &[keyholder_entra::graph::PasswordCredential],
    certificates: &[keyholder_entra::graph::KeyCredential],
    key: Uuid,
) -> Option<Dates> {
    let secret = secrets.iter().find(|secret| secret.key_id.0 == key);
    let certificate = certificates.iter().find(|certificate| certificate.key_id.0 == key);
    let of_secret = secret.map(|secret| (secret.start_date_time, secret.end_date_time));
    of_secret.or_else(|| certificate.map(|certificate| (certificate.start_date_time, certificate.end_date_time)))
}

/// What kind of sign-in it was, in Graph's words.
fn event_type(entry: &SignIn) -> &'static str {
    match (entry.user, entry.flow.as_str()) {
        (None, "client_credentials") => "servicePrincipal",
        _ if entry.is_non_interactive() => "nonInteractiveUser",
        _ => "interactiveUser",
    }
}

/// The log, the newest first. Unless another kind is asked for by name, as Graph has it: only those
/// where a person was there.
async fn log(call: &Call<'_>) -> Result<Answer, Problem> {
    let askable = Askable { entity: SIGN_IN, properties: SIGN_IN_PROPERTIES, narrows: narrows_nothing, named: false };
    let listing = call.query.listing(&askable)?;
    let any_kind = call.query.filter.as_ref().is_some_and(|filter| filter.names("signInEventTypes"));
    let (directory, tenant) = (&call.identity.directory, call.caller.tenant.id);
    let mut before = match &listing.after {
        Some(after) => Some(i64::try_from(after.id.as_u128()).map_err(|_| Problem::bad_skip_token())?),
        None => None,
    };
    let mut names = HashMap::new();
    let mut rows: Vec<Row> = Vec::new();
    loop {
        let chunk = directory.sign_ins(tenant, before, CHUNK).await?;
        let is_last = u32::try_from(chunk.len()).is_ok_and(|length| length < CHUNK);
        before = chunk.last().map(|(sequence, _)| *sequence);
        for (sequence, entry) in chunk {
            let kind = event_type(&entry);
            if !any_kind && kind != "interactiveUser" {
                continue;
            }
            let place = Uuid::from_u128(u128::try_from(sequence).unwrap_or_default());
            let row = Row::new(place, &show(call, &entry, place, kind, &mut names).await?);
            if listing.keep.as_ref().is_none_or(|keep| (keep.0)(&Value::Object(row.shown.clone()))) {
                rows.push(row);
            }
        }
        if is_last || rows.len() > listing.size {
            break;
        }
    }
    let more = rows.len() > listing.size;
    rows.truncate(listing.size);
    let next = rows.last().filter(|_| more).map(|last| Cursor { id: last.place, ..Cursor::default() });
    let page = Page { entities: rows, next, count: None };
    Ok(Answer::Found(Shape::new(call, "auditLogs/signIns", SIGN_IN).page(&call.query, &page)?))
}

/// The client ids and names of resources that were looked up already.
type Names = HashMap<ObjectId, (Value, Value)>;

async fn show(call: &Call<'_>, entry: &SignIn, place: Uuid, kind: &str, names: &mut Names) -> Result<Value, Problem> {
    let resource = match entry.resource_principal {
        None => (Value::Null, entry.resource.clone().into()),
        Some(id) => match names.get(&id) {
            Some(known) => known.clone(),
            None => {
                let found = find_principal(call, id).await?;
                let resource = found.map_or((Value::Null, entry.resource.clone().into()), |found| {
                    (json!(found.app_id), found.display_name.into())
                });
                names.insert(id, resource.clone());
                resource
            }
        },
    };
    Ok(json!({
        "id": Uuid::from_u128(call.caller.tenant.id.0.as_u128() ^ place.as_u128()),
        "createdDateTime": entry.created.to_string(),
        "appDisplayName": entry.client_name,
        "appId": entry.client,
        "clientCredentialType": credential_type(entry.credential),
        "correlationId": entry.correlation,
        "incomingTokenType": "none",
        "isInteractive": kind == "interactiveUser",
        "resourceDisplayName": resource.1,
        "resourceId": resource.0,
        "servicePrincipalCredentialKeyId": entry.key,
        "servicePrincipalId": entry.service_principal,
        "servicePrincipalName": if entry.user.is_none() { Some(&entry.client_name) } else { None },
        "signInEventTypes": [kind],
        "status": { "errorCode": entry.error, "failureReason": entry.failure, "additionalDetails": null },
        "userDisplayName": entry.user_name,
        "userId": entry.user,
        "userPrincipalName": entry.user_name,
    }))
}

fn credential_type(kind: CredentialKind) -> &'static str {
    match kind {
        CredentialKind::None => "none",
        CredentialKind::Secret => "clientSecret",
        CredentialKind::Certificate => "certificate",
        CredentialKind::Federated => "federatedIdentityCredential",
    }
}
