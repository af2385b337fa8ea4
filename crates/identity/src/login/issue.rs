//! What goes into tokens: the claims, and how long they last.
//!
//! The token's version is the resource's choice, not the endpoint's: Dataverse, Graph and the
//! management addresses take v1 tokens, an API of one's own may ask for v2.

use std::net::IpAddr;
use std::time::Duration;

use aws_lc_rs::digest::{self, SHA256};
use keyholder_entra::base64url;
use keyholder_entra::claims::{AccessTokenClaims, IdTokenClaims, issuer_v1, issuer_v2};
use keyholder_entra::jws;
use keyholder_foundation::{Secret, Timestamp};
use serde::Serialize;
use uuid::Uuid;

use super::authentication::Proof;
use super::client::Found;
use super::{Failure, Version};
use crate::Identity;
use crate::directory::Refusal;
use crate::directory::people::Person;
use crate::resources::{Kind, Resource};

/// How long before now a token says that it was issued, in seconds: for receivers whose clocks run
/// behind.
const BACK_DATED: i64 = 300;
/// For how long from now an application's token is good, in seconds.
const FOR_APPLICATIONS: i64 = 3600;
/// A person's token is good for at least so long, in seconds,
const FOR_PEOPLE: i64 = 3600;
/// and by chance for up to so much longer, so that not all are renewed at once.
const LONGER_FOR_PEOPLE: u64 = 1800;
/// For how long after it signed its last token a key is needed: the longest token, and the skew that
/// receivers allow.
pub(crate) const LONGEST_TOKEN: Duration = Duration::from_secs(5400 + 300);
/// The directory role that every member of a tenant has in a token's `wids`.
const ORDINARY_MEMBER: Uuid = Uuid::from_u128(0xb79f_bf4d_3ef9_4689_8143_76b1_94e8_5509);

/// When a token begins and ends, in seconds since 1970.
#[derive(Debug, Clone, Copy)]
struct Span {
    issued: i64,
    expires: i64,
}

impl Span {
    fn from(now: Timestamp, seconds: i64) -> Self {
        let now = now.unix_seconds();
        Self { issued: now - BACK_DATED, expires: now + seconds }
    }
}

/// The token's own id and two opaque claims, which are there for whoever expects them.
struct Opaque {
    uti: String,
    aio: String,
    rh: String,
}

impl Opaque {
    fn new(identity: &Identity) -> Self {
        let mut bytes = [0; 64];
        identity.random.fill(&mut bytes);
        let (uti, opaque) = bytes.split_at(16);
        let (aio, rh) = opaque.split_at(24);
        Self { uti: base64url::encode(uti), aio: base64url::encode(aio), rh: base64url::encode(rh) }
    }
}

/// An access token's claims, and how long its holder is told that it lasts.
#[derive(Debug)]
pub(super) struct Access {
    pub(super) claims: AccessTokenClaims,
    /// In seconds.
    pub(super) expires_in: i64,
}

/// The claims that all access tokens for a resource have.
fn common(identity: &Identity, found: &Found, proof: Proof, resource: &Resource, span: Span) -> AccessTokenClaims {
    let tenant = found.tenant.id;
    let client = found.client.facts.client_id;
    let opaque = Opaque::new(identity);
    let v2 = resource.wants_v2();
    let aud = match (&resource.api, v2) {
        (Some(api), true) => api.client.to_string(),
        _ => resource.requested.clone(),
    };
    let credential = Some(proof.claim().to_owned());
    AccessTokenClaims {
        aud,
        iss: if v2 { issuer_v2(&identity.origin, tenant) } else { issuer_v1(tenant) },
        iat: span.issued,
        nbf: span.issued,
        exp: span.expires,
        acr: None,
        aio: Some(opaque.aio),
        amr: None,
        app_displayname: (!v2).then(|| found.client.facts.display_name.clone()),
        appid: (!v2).then_some(client),
        appidacr: if v2 { None } else { credential.clone() },
        azp: v2.then_some(client),
        azpacr: if v2 { credential } else { None },
        family_name: None,
        given_name: None,
        idp: None,
        idtyp: None,
        ipaddr: None,
        name: None,
        oid: None,
        preferred_username: None,
        rh: Some(opaque.rh),
        roles: None,
        scp: None,
        sub: None,
        tid: tenant,
        unique_name: None,
        upn: None,
        uti: Some(opaque.uti),
        ver: Some(if v2 { "2.0" } else { "1.0" }.to_owned()),
        wids: None,
    }
}

/// The application permissions of the client's that stand in a token for `resource`.
pub(super) fn roles(found: &Found, resource: &Resource) -> Vec<String> {
    if resource.kind.includes_graph() {
        return found.client.graph_roles.clone();
    }
    let (Kind::Registered, Some(api)) = (resource.kind, &resource.api) else {
        return Vec::new();
    };
    let of_api = found.client.assigned.iter().filter(|(resource, _)| *resource == api.principal);
    let mut values: Vec<_> = of_api.filter_map(|(_, role)| api.role_value(*role)).map(str::to_owned).collect();
    values.sort_unstable();
    values.dedup();
    values
}

/// A token for an application that speaks for itself. It has a service principal by now.
pub(super) fn for_application(identity: &Identity, found: &Found, proof: Proof, resource: &Resource) -> Access {
    let span = Span::from(identity.clocks.now(), FOR_APPLICATIONS);
    let mut claims = common(identity, found, proof, resource, span);
    let principal = found.client.facts.service_principal;
    let roles = roles(found, resource);
    if !resource.wants_v2() {
        claims.idp = Some(claims.iss.clone());
    }
    claims.idtyp = Some("app".to_owned());
    claims.oid = principal;
    claims.sub = principal.map(|principal| principal.to_string());
    claims.roles = (!roles.is_empty()).then_some(roles);
    Access { claims, expires_in: FOR_APPLICATIONS - 1 }
}

/// A token for an application that speaks for a person.
#[derive(Debug)]
pub(super) struct ForPerson<'a> {
    pub(super) found: &'a Found,
    pub(super) proof: Proof,
    pub(super) person: &'a Person,
    pub(super) resource: &'a Resource,
    /// What was consented to.
    pub(super) permissions: &'a [String],
    /// How the person signed in, separated by blanks.
    pub(super) methods: &'a str,
    /// The person's directory roles.
    pub(super) roles: Vec<Uuid>,
    /// Where the request came from, when that is known.
    pub(super) address: Option<IpAddr>,
}

impl ForPerson<'_> {
    /// The access token.
    pub(super) fn access(self, identity: &Identity) -> Access {
        let longer = i64::try_from(identity.random.below(LONGER_FOR_PEOPLE)).unwrap_or(0);
        let seconds = FOR_PEOPLE + longer;
        let span = Span::from(identity.clocks.now(), seconds);
        let mut claims = common(identity, self.found, self.proof, self.resource, span);
        let v2 = self.resource.wants_v2();
        let name = &self.person.user_principal_name;
        // Whoever is signed in by a partner's tenant says so.
        claims.idp = self.person.home_tenant.map(issuer_v1);
        claims.idtyp = Some("user".to_owned());
        claims.name = Some(self.person.display_name.clone());
        claims.oid = Some(self.person.id);
        claims.sub = Some(pairwise(self.person, &claims.aud));
        claims.scp = Some(self.permissions.join(" "));
        if v2 {
            claims.preferred_username = Some(name.clone());
        } else {
            claims.acr = Some("1".to_owned());
            claims.amr = Some(self.methods.split_ascii_whitespace().map(str::to_owned).collect());
            claims.family_name.clone_from(&self.person.family_name);
            claims.given_name.clone_from(&self.person.given_name);
            claims.ipaddr = self.address.map(|address| address.to_string());
            claims.unique_name = Some(name.clone());
            claims.upn = Some(name.clone());
            claims.wids = Some(self.roles.into_iter().chain([ORDINARY_MEMBER]).collect());
        }
        Access { claims, expires_in: seconds - 1 }
    }
}

/// The id token for the application itself.
pub(super) fn id_token(
    identity: &Identity,
    version: Version,
    found: &Found,
    person: &Person,
    methods: &str,
    nonce: Option<String>,
) -> IdTokenClaims {
    let span = Span::from(identity.clocks.now(), FOR_PEOPLE);
    let client = found.client.facts.client_id.to_string();
    let opaque = Opaque::new(identity);
    let (name, v2) = (&person.user_principal_name, version == Version::Two);
    let tenant = found.tenant.id;
    IdTokenClaims {
        iss: if v2 { issuer_v2(&identity.origin, tenant) } else { issuer_v1(tenant) },
        iat: span.issued,
        nbf: span.issued,
        exp: span.expires,
        amr: (!v2).then(|| methods.split_ascii_whitespace().map(str::to_owned).collect()),
        name: Some(person.display_name.clone()),
        nonce,
        oid: person.id,
        preferred_username: v2.then(|| name.clone()),
        rh: Some(opaque.rh),
        sub: pairwise(person, &client),
        tid: tenant,
        unique_name: (!v2).then(|| name.clone()),
        upn: (!v2).then(|| name.clone()),
        uti: Some(opaque.uti),
        ver: if v2 { "2.0" } else { "1.0" }.to_owned(),
        aud: client,
    }
}

/// The person as only `audience` knows them: the same each time, and another for everybody else.
pub(super) fn pairwise(person: &Person, audience: &str) -> String {
    let mut context = digest::Context::new(&SHA256);
    context.update(person.tenant.0.as_bytes());
    context.update(person.id.0.as_bytes());
    context.update(crate::resources::normal(audience).as_bytes());
    base64url::encode(context.finish())
}

/// Who signed in, for the client's own book-keeping: `client_info`.
pub(super) fn client_info(person: &Person) -> String {
    base64url::encode(format!(r#"{{"uid":"{}","utid":"{}"}}"#, person.id, person.tenant))
}

/// Signs an access token.
pub(super) fn sign(identity: &Identity, claims: &AccessTokenClaims) -> Result<Secret, Failure> {
    sign_as(identity, claims, claims.azp.is_some())
}

/// Signs an id token.
pub(super) fn sign_id_token(identity: &Identity, claims: &IdTokenClaims) -> Result<Secret, Failure> {
    sign_as(identity, claims, claims.ver == "2.0")
}

fn sign_as(identity: &Identity, claims: &impl Serialize, v2: bool) -> Result<Secret, Failure> {
    let keys = identity.keys();
    let key = keys.current();
    let header = if v2 { key.header_v2() } else { key.header_v1() };
    let token = jws::encode(header, claims, key);
    let token = token.map_err(|_| Failure::Directory(Refusal::Damaged("a token cannot be signed")))?;
    Ok(Secret::new(token))
}
