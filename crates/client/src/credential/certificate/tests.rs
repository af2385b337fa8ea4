use keyholder_entra::assertion::{AssertionClaims, Thumbprint};
use keyholder_entra::jws::Compact;
use keyholder_foundation::SeededRandom;
use url::Url;

use super::*;
use crate::testing::{Script, answer};

const POST: &str = "POST /contoso.example/oauth2/v2.0/token";
const TOKEN: &str = r#"{"token_type":"Bearer","expires_in":3599,"access_token":"tok"}"#;

fn id() -> ClientId {
    "0b8f0a2e-3c63-4dc5-9d5c-54c8e0a3b001".parse().unwrap()
}

fn authority() -> Authority {
    Authority::new(&Url::parse("https://login.microsoftonline.com").unwrap(), "contoso.example").unwrap()
}

/// A certificate and its key, made once: generating an RSA key takes a while.
fn made() -> &'static (String, String, Vec<u8>) {
    static MADE: std::sync::OnceLock<(String, String, Vec<u8>)> = std::sync::OnceLock::new();
    MADE.get_or_init(|| {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
        let certificate = rcgen::CertificateParams::new(vec![]).unwrap().self_signed(&key).unwrap();
        (key.serialize_pem(), certificate.pem(), certificate.der().to_vec())
    })
}

fn pem(blocks: &[&str]) -> Secret {
    Secret::new(blocks.join("\n"))
}

fn credential() -> ClientCertificate {
    let (key, certificate, _) = made();
    ClientCertificate::from_pem(id(), &pem(&[certificate, key]), "the test's")
        .unwrap()
        .with_random(Arc::new(SeededRandom::new(1)))
}

fn assertion_of(request: &http::Request<bytes::Bytes>) -> String {
    let form: Vec<(String, String)> = form_urlencoded::parse(request.body()).into_owned().collect();
    form.into_iter().find(|(name, _)| name == "client_assertion").unwrap().1
}

#[tokio::test]
async fn s07_an_assertion_is_what_microsoft_documents() {
    for (algorithm, name) in [(AssertionAlgorithm::Ps256, "PS256"), (AssertionAlgorithm::Rs256, "RS256")] {
        let (script, http) = Script::http();
        script.expect(POST, answer(200, &[], TOKEN));
        let credential = credential().signing_with(algorithm);
        credential.fetch(&authority(), "https://org.example/.default", &http).await.unwrap();
        let sent = assertion_of(&script.seen()[0]);
        let read = Compact::parse(&sent).unwrap();
        assert_eq!(read.header.alg, name);
        let der = &made().2;
        let thumbprint = match algorithm {
            AssertionAlgorithm::Ps256 => Thumbprint::Sha256(digest(&SHA256, der).as_ref().to_vec()),
            AssertionAlgorithm::Rs256 => Thumbprint::Sha1(digest(&SHA1_FOR_LEGACY_USE_ONLY, der).as_ref().to_vec()),
        };
        assert_eq!(Thumbprint::of(&read.header), Some(thumbprint));
        assert_eq!(read.header.x5t.is_some(), algorithm == AssertionAlgorithm::Rs256, "one thumbprint, not two");
        let claims: AssertionClaims = read.claims().unwrap();
        assert_eq!(claims.aud, ["https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token"]);
        assert_eq!((claims.iss.clone(), claims.iss), (claims.sub, Some(id().to_string())));
        assert_eq!(claims.exp.unwrap() - claims.nbf.unwrap(), 600);
        let debug = format!("{credential:?}");
        assert!(!debug.contains("PRIVATE") && debug.len() < 1_000, "{debug}");
    }
}

#[tokio::test]
async fn each_assertion_has_an_id_of_its_own() {
    let (script, http) = Script::http();
    let credential = credential();
    for _ in 0..2 {
        script.expect(POST, answer(200, &[], TOKEN));
        credential.fetch(&authority(), "s", &http).await.unwrap();
    }
    let [one, two] = [0, 1].map(|index| assertion_of(&script.seen()[index]));
    assert_ne!(one, two);
}

#[tokio::test]
async fn an_assertion_follows_the_servers_clock() {
    let (script, http) = Script::http();
    let there = http.clock().now().plus(Duration::from_secs(7200));
    let refused =
        r#"{"error":"invalid_client","error_description":"AADSTS700024: not in time","error_codes":[700024]}"#;
    script.expect(POST, answer(401, &[("date", &there.http_date())], refused));
    script.expect(POST, answer(200, &[("date", &there.http_date())], TOKEN));
    credential().fetch(&authority(), "s", &http).await.unwrap();
    let second: AssertionClaims = Compact::parse(&assertion_of(&script.seen()[1])).unwrap().claims().unwrap();
    assert_eq!(second.iat, Some(there.unix_seconds()));
    // A clock that agrees is no reason to try again.
    script.expect(POST, answer(401, &[("date", &there.http_date())], refused));
    let error = credential().fetch(&authority(), "s", &http).await.unwrap_err();
    assert_eq!(error.aadsts(), Some(700_024));
    assert!(script.is_done());
}

#[tokio::test]
async fn a_refusal_that_repeats_the_assertion_is_cleaned() {
    let (script, http) = Script::http();
    let known = credential().with_random(Arc::new(SeededRandom::new(9))).signing_with(AssertionAlgorithm::Rs256);
    let twin = known.clone().with_random(Arc::new(SeededRandom::new(9)));
    let assertion = twin.assertion(&authority(), &http).unwrap();
    let body = format!(r#"{{"error":"invalid_client","error_description":"AADSTS700027: {}"}}"#, assertion.expose());
    script.expect(POST, answer(401, &[], &body));
    let error = known.fetch(&authority(), "s", &http).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains(assertion.expose()), "{error}");
}

#[test]
fn the_key_is_found_in_every_common_form_and_order() {
    let (key, certificate, der) = made();
    let other = rcgen::KeyPair::generate().unwrap();
    let other = rcgen::CertificateParams::new(vec![]).unwrap().self_signed(&other).unwrap().pem();
    for blocks in [[key, certificate, &other], [&other, certificate, key], [certificate, key, &other]] {
        let found = ClientCertificate::from_pem(id(), &pem(&blocks.map(String::as_str)), "x").unwrap();
        assert_eq!(found.facts.sha256, base64url::encode(digest(&SHA256, der)));
    }
    // PKCS#1 is what stands inside PKCS#8, behind 26 bytes.
    let pkcs8 = rustls::pki_types::pem::PemObject::from_pem_slice(key.as_bytes());
    let pkcs8: rustls::pki_types::PrivatePkcs8KeyDer<'_> = pkcs8.unwrap();
    let inner = pkcs8.secret_pkcs8_der().get(26..).unwrap();
    let body = base64_lines(inner);
    let pkcs1 = format!("-----BEGIN RSA PRIVATE KEY-----\n{body}-----END RSA PRIVATE KEY-----\n");
    ClientCertificate::from_pem(id(), &pem(&[&pkcs1, certificate]), "x").unwrap();
}

fn base64_lines(bytes: &[u8]) -> String {
    let text = base64url::encode(bytes).replace('-', "+").replace('_', "/");
    let padded = format!("{text}{}", "=".repeat((4 - text.len() % 4) % 4));
    padded.as_bytes().chunks(64).map(|line| format!("{}\n", String::from_utf8_lossy(line))).collect()
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_the_mend_and_without_the_key() {
    let (key, certificate, _) = made();
    let ec_key = rcgen::KeyPair::generate().unwrap();
    let ec = rcgen::CertificateParams::new(vec![]).unwrap().self_signed(&ec_key).unwrap().pem();
    let locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let damaged = key.replacen('\n', "\n*", 1);
    for (blocks, says) in [
        (vec!["hello"], "neither a certificate nor a key"),
        (vec![certificate.as_str()], "no private key"),
        (vec![key], "no certificate"),
        (vec![key, key, certificate], "more than one private key"),
        (vec![key, &ec], "none of its certificates belongs"),
        (vec![&ec_key.serialize_pem(), &ec], "no RSA key"),
        (vec![locked, certificate], "openssl pkey"),
        (vec![&damaged, certificate], "damaged"),
    ] {
        let error = ClientCertificate::from_pem(id(), &pem(&blocks), "`app.pem`").unwrap_err();
        assert!(error.to_string().contains(says) && error.to_string().contains("app.pem"), "{error}");
        let inside = key.lines().nth(1).unwrap();
        assert!(!format!("{error:?}").contains(inside), "{error:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.pfx");
    std::fs::write(&path, [0x30, 0x82, 0x0a, 0x00]).unwrap();
    let error = ClientCertificate::read(id(), &path).unwrap_err();
    assert!(error.to_string().contains("no PFX file") && error.to_string().contains("app.pfx"), "{error}");
    std::fs::write(&path, include_bytes!("fixtures/orders-sync.pfx")).unwrap();
    let error = ClientCertificate::read(id(), &path).unwrap_err();
    assert!(error.to_string().ends_with("its password is another one"), "{error}");
    let password = Secret::new("püß wörd");
    let opened = ClientCertificate::read_protected(id(), &path, &password).unwrap();
    assert!(opened.facts().not_after > Timestamp::from_unix_seconds(4_000_000_000));
    std::fs::remove_file(&path).unwrap();
    assert!(ClientCertificate::read(id(), &path).unwrap_err().to_string().contains("app.pfx"));
}
