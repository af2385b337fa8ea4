//! The documents by which clients find everything: OpenID configuration, keys, instance discovery,
//! and the page behind every error's `error_uri`.

use bytes::Bytes;
use http::{Response, StatusCode};
use keyholder_entra::openid::{InstanceDiscovery, InstanceMetadata, Jwk, JwkSet, OpenIdConfiguration, UserRealm};
use keyholder_entra::{aadsts, claims};

use super::answer;
use super::tenant::Segment;
use super::{Failure, Version, as_document};
use crate::Identity;
use crate::verify::bearer;

/// What a document says in place of a tenant when it is not about a particular one.
const ANY_TENANT: &str = "{tenantid}";

/// Who a document is about, in its addresses and in its issuer.
struct Subject {
    address: String,
    issuer: String,
    region: Option<String>,
}

impl Subject {
    async fn find(identity: &Identity, segment: &str) -> Result<Self, Failure> {
        match Segment::find(&identity.directory, segment).await.map_err(as_document)? {
            Segment::Tenant(tenant) => {
                // However the tenant was named, its id is what clients go on with.
                let id = tenant.id.to_string();
                Ok(Self { address: id.clone(), issuer: id, region: Some("WW".to_owned()) })
            }
            Segment::Any(word) => Ok(Self { address: word.to_owned(), issuer: ANY_TENANT.to_owned(), region: None }),
            Segment::Consumers => Err(as_document(aadsts::tenant_not_found(segment).into())),
        }
    }

    fn issuer(&self, version: Version, origin: &str) -> String {
        match (version, self.issuer.parse()) {
            (Version::One, Ok(tenant)) => claims::issuer_v1(tenant),
            (Version::One, Err(_)) => format!("https://sts.windows.net/{}/", self.issuer),
            (Version::Two, _) => format!("{origin}/{}/v2.0", self.issuer),
        }
    }
}

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}

/// `.well-known/openid-configuration`.
pub(super) async fn configuration(
    identity: &Identity,
    segment: &str,
    version: Version,
) -> Result<Response<Bytes>, Failure> {
    let subject = Subject::find(identity, segment).await?;
    let origin = identity.origin.as_str();
    let at = format!("{origin}/{}", subject.address);
    let host = origin.split_once("://").map_or(origin, |(_, host)| host).to_owned();
    let mut document = OpenIdConfiguration {
        token_endpoint_auth_methods_supported: texts(&["client_secret_post", "private_key_jwt", "client_secret_basic"]),
        response_modes_supported: texts(&["query", "fragment", "form_post"]),
        subject_types_supported: texts(&["pairwise"]),
        id_token_signing_alg_values_supported: texts(&["RS256"]),
        issuer: subject.issuer(version, origin),
        http_logout_supported: true,
        frontchannel_logout_supported: true,
        tenant_region_scope: subject.region,
        // The real ones are Microsoft's; here one host is all of them, and clients that look here
        // for Graph find the local one.
        cloud_instance_name: Some(host.clone()),
        cloud_graph_host_name: Some(host.clone()),
        msgraph_host: Some(host),
        rbac_url: Some("https://pas.windows.net".to_owned()),
        ..OpenIdConfiguration::default()
    };
    match version {
        Version::One => {
            document.token_endpoint = format!("{at}/oauth2/token");
            document.authorization_endpoint = format!("{at}/oauth2/authorize");
            document.device_authorization_endpoint = Some(format!("{at}/oauth2/devicecode"));
            document.end_session_endpoint = Some(format!("{at}/oauth2/logout"));
            document.userinfo_endpoint = Some(format!("{at}/openid/userinfo"));
            document.jwks_uri = format!("{origin}/common/discovery/keys");
            document.check_session_iframe = Some(format!("{at}/oauth2/checksession"));
            document.microsoft_multi_refresh_token = Some(true);
            document.response_types_supported =
                texts(&["code", "id_token", "code id_token", "token id_token", "token"]);
            document.scopes_supported = texts(&["openid"]);
            document.claims_supported = texts(&CLAIMS_V1);
        }
        Version::Two => {
            document.token_endpoint = format!("{at}/oauth2/v2.0/token");
            document.authorization_endpoint = format!("{at}/oauth2/v2.0/authorize");
            document.device_authorization_endpoint = Some(format!("{at}/oauth2/v2.0/devicecode"));
            document.end_session_endpoint = Some(format!("{at}/oauth2/v2.0/logout"));
            document.userinfo_endpoint = Some(format!("{origin}/oidc/userinfo"));
            document.jwks_uri = format!("{at}/discovery/v2.0/keys");
            document.kerberos_endpoint = Some(format!("{at}/kerberos"));
            document.request_uri_parameter_supported = Some(false);
            document.response_types_supported = texts(&["code", "id_token", "code id_token", "id_token token"]);
            document.scopes_supported = texts(&["openid", "profile", "email", "offline_access"]);
            document.claims_supported = texts(&CLAIMS_V2);
        }
    }
    Ok(answer::document(&document))
}

const CLAIMS_V1: [&str; 17] = [
    "sub",
    "iss",
    "cloud_instance_name",
    "cloud_instance_host_name",
    "cloud_graph_host_name",
    "msgraph_host",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "acr",
    "amr",
    "nonce",
    "email",
    "given_name",
    "family_name",
    "nickname",
];

const CLAIMS_V2: [&str; 19] = [
    "sub",
    "iss",
    "cloud_instance_name",
    "cloud_instance_host_name",
    "cloud_graph_host_name",
    "msgraph_host",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "acr",
    "nonce",
    "preferred_username",
    "name",
    "tid",
    "ver",
    "at_hash",
    "c_hash",
    "email",
];

/// The published keys: the same for every tenant, with the tenant's issuer in v2.
pub(super) async fn keys(identity: &Identity, segment: &str, version: Version) -> Result<Response<Bytes>, Failure> {
    let subject = Subject::find(identity, segment).await?;
    let issuer = (version == Version::Two).then(|| subject.issuer(version, &identity.origin));
    let key = |key: &crate::SigningKey| Jwk { issuer: issuer.clone(), ..key.published().clone() };
    let keys = identity.keys();
    let published = keys.published(identity.clocks.now());
    Ok(answer::document(&JwkSet { keys: published.map(|(published, _)| key(published)).collect() }))
}

/// `/common/discovery/instance`: which hosts are this cloud. Clients ask with the host they know,
/// some without its port.
pub(super) fn instance(identity: &Identity, query: Option<&str>) -> Result<Response<Bytes>, Failure> {
    let parameter = |wanted: &str| {
        let mut pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        pairs.find_map(|(name, value)| name.eq_ignore_ascii_case(wanted).then(|| value.into_owned()))
    };
    let Some(endpoint) = parameter("authorization_endpoint") else {
        return Err(aadsts::parameter_missing("authorization_endpoint").into());
    };
    let own: Option<http::Uri> = identity.origin.parse().ok();
    let own_host = own.as_ref().and_then(http::Uri::host).unwrap_or_default();
    let asked: Option<http::Uri> = endpoint.parse().ok();
    let asked_host = asked.as_ref().and_then(http::Uri::host).unwrap_or_default();
    if !asked_host.eq_ignore_ascii_case(own_host) {
        return Err(aadsts::instance_unknown(asked_host).into());
    }
    let tenant = asked.as_ref().and_then(|uri| uri.path().split('/').nth(1)).filter(|tenant| !tenant.is_empty());
    let tenant = tenant.unwrap_or("common");
    let api_version = parameter("api-version").unwrap_or_else(|| "1.0".to_owned());
    let host = identity.origin.split_once("://").map_or("", |(_, host)| host).to_owned();
    let metadata = InstanceMetadata {
        preferred_network: host.clone(),
        preferred_cache: host.clone(),
        // Some clients lose the port on the way here and look for the host without it.
        aliases: if host == own_host { vec![host] } else { vec![host, own_host.to_owned()] },
    };
    let found = InstanceDiscovery {
        tenant_discovery_endpoint: format!("{}/{tenant}/v2.0/.well-known/openid-configuration", identity.origin),
        metadata: if api_version == "1.0" { Vec::new() } else { vec![metadata] },
        api_version,
    };
    Ok(answer::document(&found))
}

/// The userinfo endpoints (OpenID Connect Core section 5.3): who a Graph token speaks for.
pub(super) async fn userinfo(identity: &Identity, request: &http::Request<Bytes>) -> Result<Response<Bytes>, Failure> {
    let refused = || {
        let mut response = answer::text(StatusCode::UNAUTHORIZED, "An access token of Graph's is needed.\n".to_owned());
        response.headers_mut().insert(http::header::WWW_AUTHENTICATE, http::HeaderValue::from_static("Bearer"));
        response
    };
    let verified = bearer(request.headers()).and_then(|token| identity.verify(token, identity.graph_audience()));
    let Some(token) = verified.ok().filter(|token| !token.app_only) else { return Ok(refused()) };
    let person = identity.directory.find_person(token.tenant, token.object_id).await?;
    let Some(person) = person.filter(|person| person.enabled) else { return Ok(refused()) };
    let subject = super::issue::pairwise(&person, &token.client.to_string());
    let email = person.user_principal_name;
    let shown = serde_json::json!({ "sub": subject, "name": person.display_name, "email": email });
    Ok(answer::secret_json(StatusCode::OK, &shown))
}

/// `/common/userrealm/{upn}`: how people of the name's domain sign in.
pub(super) async fn realm(identity: &Identity, name: &str) -> Result<Response<Bytes>, Failure> {
    let name = percent_encoding::percent_decode_str(name).decode_utf8_lossy();
    let domain = name.rsplit_once('@').map_or("", |(_, domain)| domain).to_ascii_lowercase();
    let known = identity.directory.tenants().await?.find_by_domain(&domain).is_some();
    let shown = |text: &str| known.then(|| text.to_owned());
    Ok(answer::document(&UserRealm {
        ver: "1.0".to_owned(),
        account_type: if known { "Managed" } else { "Unknown" }.to_owned(),
        domain_name: shown(&domain),
        cloud_instance_name: shown("microsoftonline.com"),
        cloud_audience_urn: shown("urn:federation:MicrosoftOnline"),
    }))
}

/// The same, with the name as `user`.
pub(super) async fn realm_of_query(identity: &Identity, query: Option<&str>) -> Result<Response<Bytes>, Failure> {
    let mut pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let name = pairs.find_map(|(name, value)| (name == "user" || name == "login").then(|| value.into_owned()));
    let name = name.ok_or_else(|| aadsts::parameter_missing("user"))?;
    realm(identity, &name).await
}

/// `/error?code=NNN`: what a number means.
pub(super) fn explanation(query: Option<&str>) -> Response<Bytes> {
    let mut pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let number = pairs.find_map(|(name, value)| if name == "code" { value.parse().ok() } else { None });
    match number.and_then(aadsts::explain) {
        Some(known) => {
            let text = format!("AADSTS{}: {}\n{}\n", known.number, known.meaning, known.mend);
            answer::text(StatusCode::OK, text)
        }
        None => answer::text(StatusCode::NOT_FOUND, "This error number is not known here.\n".to_owned()),
    }
}
