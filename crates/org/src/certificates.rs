//! The local org's certificate authority and the certificate that the listener shows.
//!
//! Real clients refuse a self-signed server certificate, so the org makes a real CA once and
//! keeps it in its data folder; clients are given `ca.pem` as a file and nothing is ever added
//! to a system's trust store. Should the key leak, it must be of no use elsewhere: the CA is
//! name-constrained (RFC 5280, 4.2.1.10) to `localhost`, the loopback addresses and, where the
//! org was told to listen beyond loopback, that one host (and names below these, which such constraints
//! always admit), and is good for TLS servers alone.
//!
//! The server's own certificate is made afresh at every start (a P-256 key takes well under a
//! millisecond) and never written down. Its dates follow the machine's clock and not the
//! org's, because other people's programs check them against theirs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use keyholder_foundation::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, PKCS_ECDSA_P256_SHA256,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// What can go wrong with the certificates.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The kept CA cannot be read.
    #[error("the certificate authority in the data folder is damaged: {0}")]
    Damaged(&'static str),
    /// A certificate could not be made.
    #[error("cannot make a certificate: {0}")]
    Make(#[from] rcgen::Error),
    /// The TLS library refused the certificate.
    #[error("cannot set up TLS: {0}")]
    Tls(#[from] rustls::Error),
}

// What the parsers say of it is for programmers, and the mend is the same.
const NO_CERTIFICATE: &str = "`ca.pem` holds no certificate that can be read";
const NO_KEY: &str = "`ca.key` holds no private key that can be read";

/// A certificate authority as the data folder keeps it.
#[derive(Debug, Clone)]
pub struct Authority {
    /// The CA certificate, PEM: what clients are told to trust.
    pub certificate_pem: String,
    /// Its private key, PKCS#8 PEM.
    pub key_pem: keyholder_foundation::Secret,
}

const CA_YEARS: i32 = 10;
const LEAF_DAYS: u32 = 397;
const DAY: std::time::Duration = std::time::Duration::from_secs(86_400);

fn day(moment: Timestamp) -> (i32, u8, u8) {
    let text = moment.date();
    let mut parts = text.split('-').map(|part| part.parse::<i32>().unwrap_or(1));
    let mut next = || parts.next().unwrap_or(1);
    let (year, month, day) = (next(), next(), next());
    (year, u8::try_from(month).unwrap_or(1), u8::try_from(day).unwrap_or(1))
}

fn days(params: &mut CertificateParams, from: Timestamp, until: Timestamp) {
    let ((y, m, d), (uy, um, ud)) = (day(from), day(until));
    params.not_before = rcgen::date_time_ymd(y, m, d);
    params.not_after = rcgen::date_time_ymd(uy, um, ud);
}

impl Authority {
    /// Makes a CA that can vouch for `localhost`, the loopback addresses and `host`.
    ///
    /// # Errors
    /// [`CertificateError::Make`].
    pub fn create(host: Option<&str>, now: Timestamp) -> Result<Self, CertificateError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = CertificateParams::default();
        let mut name = DistinguishedName::new();
        name.push(DnType::CommonName, "Keyholder local org");
        // Two folders' authorities must not be mistaken for each other by a client that has both.
        let (year, month, date) = day(now);
        name.push(DnType::OrganizationalUnitName, format!("made {year}-{month:02}-{date:02}"));
        params.distinguished_name = name;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages =
            vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
        // Names of other kinds (mail, URIs) are of no use without a purpose that takes them.
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.name_constraints =
            Some(NameConstraints { permitted_subtrees: permitted(host), excluded_subtrees: vec![] });
        days(&mut params, now.minus(DAY), now.plus(DAY * 365 * CA_YEARS.unsigned_abs()));
        let certificate = params.self_signed(&key)?;
        Ok(Self { certificate_pem: certificate.pem(), key_pem: key.serialize_pem().into() })
    }

    /// Whether this CA may still vouch for `host` at `now` and for a leaf's lifetime after it.
    ///
    /// # Errors
    /// [`CertificateError::Damaged`] when it is no certificate.
    pub fn covers(&self, host: Option<&str>, now: Timestamp) -> Result<bool, CertificateError> {
        let der = self.certificate_der()?;
        let (_, certificate) =
            X509Certificate::from_der(&der).map_err(|_| CertificateError::Damaged(NO_CERTIFICATE))?;
        let lasts = certificate.validity().not_after.timestamp() > now.plus(DAY * LEAF_DAYS).unix_seconds();
        let Some(host) = host else { return Ok(lasts) };
        let constraints = certificate.name_constraints().map_err(|_| CertificateError::Damaged(NO_CERTIFICATE))?;
        let address = host.parse::<IpAddr>().ok();
        let named = constraints.and_then(|c| c.value.permitted_subtrees.as_ref()).is_some_and(|trees| {
            trees.iter().any(|tree| match (&tree.base, address) {
                (GeneralName::DNSName(permitted), None) => permitted.eq_ignore_ascii_case(host),
                (GeneralName::IPAddress(bytes), Some(address)) => subnet_holds(bytes, address),
                _ => false,
            })
        });
        Ok(lasts && named)
    }

    /// Makes a server certificate for `localhost`, the loopback addresses and `host`, and the
    /// TLS configuration that shows it. HTTP/2 and HTTP/1.1 are offered.
    ///
    /// # Errors
    /// [`CertificateError`] when the CA is damaged or the TLS library refuses.
    pub fn server_config(
        &self,
        host: Option<&str>,
        now: Timestamp,
        provider: &Arc<rustls::crypto::CryptoProvider>,
    ) -> Result<rustls::ServerConfig, CertificateError> {
        let ca_key = KeyPair::from_pem(self.key_pem.expose()).map_err(|_| CertificateError::Damaged(NO_KEY))?;
        let issuer = Issuer::from_ca_cert_pem(&self.certificate_pem, ca_key)
            .map_err(|_| CertificateError::Damaged(NO_CERTIFICATE))?;
        let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
        names.extend(host.map(ToOwned::to_owned));
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "localhost");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let ca_ends = self.ends()?;
        days(&mut params, now.minus(DAY), now.plus(DAY * LEAF_DAYS).min(ca_ends));
        let certificate = params.signed_by(&key, &issuer)?;
        let chain = vec![certificate.der().clone(), CertificateDer::from(self.certificate_der()?)];
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut config = rustls::ServerConfig::builder_with_provider(Arc::clone(provider))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }

    fn ends(&self) -> Result<Timestamp, CertificateError> {
        let der = self.certificate_der()?;
        let (_, certificate) =
            X509Certificate::from_der(&der).map_err(|_| CertificateError::Damaged(NO_CERTIFICATE))?;
        Ok(Timestamp::from_unix_seconds(certificate.validity().not_after.timestamp()))
    }

    fn certificate_der(&self) -> Result<Vec<u8>, CertificateError> {
        let (_, pem) = x509_parser::pem::parse_x509_pem(self.certificate_pem.as_bytes())
            .map_err(|_| CertificateError::Damaged(NO_CERTIFICATE))?;
        Ok(pem.contents)
    }
}

fn permitted(host: Option<&str>) -> Vec<GeneralSubtree> {
    let mut trees = vec![
        GeneralSubtree::DnsName("localhost".to_owned()),
        GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8)),
        GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(IpAddr::V6(Ipv6Addr::LOCALHOST), 128)),
    ];
    trees.extend(host.map(|host| match host.parse::<IpAddr>() {
        Ok(address) => {
            let bits = if address.is_ipv4() { 32 } else { 128 };
            GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(address, bits))
        }
        Err(_) => GeneralSubtree::DnsName(host.to_owned()),
    }));
    trees
}

/// Whether the address-and-mask bytes of a name constraint hold `address`.
fn subnet_holds(bytes: &[u8], address: IpAddr) -> bool {
    let wanted = match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    };
    if bytes.len() != wanted.len() * 2 {
        return false;
    }
    let (base, mask) = bytes.split_at(wanted.len());
    wanted.iter().zip(base).zip(mask).all(|((w, b), m)| w & m == b & m)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_unix_seconds(1_795_338_466)
    }

    #[test]
    fn a_ca_vouches_for_loopback_and_its_one_host_only() {
        let plain = Authority::create(None, now()).unwrap();
        assert!(plain.covers(None, now()).unwrap());
        assert!(!plain.covers(Some("build-box"), now()).unwrap());
        let named = Authority::create(Some("build-box"), now()).unwrap();
        assert!(named.covers(Some("build-box"), now()).unwrap());
        assert!(!named.covers(Some("other-box"), now()).unwrap());
        let addressed = Authority::create(Some("10.1.2.3"), now()).unwrap();
        assert!(addressed.covers(Some("10.1.2.3"), now()).unwrap());
        assert!(!addressed.covers(Some("10.1.2.4"), now()).unwrap());
    }

    #[test]
    fn an_old_ca_is_not_used_to_its_last_day() {
        let ca = Authority::create(None, now()).unwrap();
        let ends = ca.ends().unwrap();
        assert!(ca.covers(None, ends.minus(DAY * (LEAF_DAYS + 1))).unwrap());
        assert!(!ca.covers(None, ends.minus(DAY * LEAF_DAYS)).unwrap(), "a leaf would outlive it");
    }

    #[test]
    fn a_ca_vouches_for_tls_servers_alone() {
        let ca = Authority::create(None, now()).unwrap();
        let der = ca.certificate_der().unwrap();
        let (_, certificate) = X509Certificate::from_der(&der).unwrap();
        let purposes = certificate.extended_key_usage().unwrap().unwrap().value;
        assert!(purposes.server_auth && !purposes.client_auth && !purposes.email_protection && !purposes.any);
    }

    #[test]
    fn a_leaf_chains_to_its_ca() {
        let ca = Authority::create(None, now()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        ca.server_config(None, now(), &provider).unwrap();
        let damaged = Authority { certificate_pem: "nonsense".into(), key_pem: ca.key_pem };
        assert!(matches!(damaged.server_config(None, now(), &provider), Err(CertificateError::Damaged(_))));
    }
}
