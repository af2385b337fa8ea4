//! Why a request got no answer, read from the chain of errors under reqwest's.

use std::error::Error as StdError;
use std::io;

use rustls::CertificateError;
use url::Url;

use super::origin_of;
use crate::error::{Error, Unreachable};

/// Sorts a failed exchange. Nothing of the request is in the result but its origin.
pub(super) fn classify(url: &Url, error: &reqwest::Error) -> Error {
    let origin = origin_of(url);
    let cause = cause_of(error);
    match cause {
        Some(Cause::Certificate(cause)) => return Error::UntrustedCertificate { origin, cause },
        Some(Cause::Tls(found)) => return Error::Protocol { origin, found },
        Some(Cause::Io(io::ErrorKind::TimedOut)) => {
            return Error::Unreachable { origin, cause: Unreachable::TimedOut };
        }
        Some(Cause::Io(io::ErrorKind::ConnectionRefused)) => {
            return Error::Unreachable { origin, cause: Unreachable::Refused };
        }
        _ => {}
    }
    if error.is_timeout() {
        return Error::Unreachable { origin, cause: Unreachable::TimedOut };
    }
    let deepest = deepest(error);
    let cause = if error.is_connect() {
        // The resolver's failure has no type of its own; getaddrinfo's words are the platform's.
        if chain(error).any(|part| part.to_string().contains("dns error")) {
            Unreachable::UnknownHost
        } else {
            Unreachable::Other(deepest)
        }
    } else {
        Unreachable::Lost(lost(error))
    };
    Error::Unreachable { origin, cause }
}

enum Cause {
    Certificate(String),
    Tls(String),
    Io(io::ErrorKind),
}

fn cause_of(error: &reqwest::Error) -> Option<Cause> {
    chain(error).find_map(|part| {
        if let Some(tls) = part.downcast_ref::<rustls::Error>() {
            return Some(of_tls(tls));
        }
        of_io(part.downcast_ref::<io::Error>()?)
    })
}

/// An `io::Error` gives its content's source as its own, so the content has to be asked for; and
/// the connector wraps one in another.
fn of_io(error: &io::Error) -> Option<Cause> {
    match error.get_ref() {
        None => Some(Cause::Io(error.kind())),
        Some(inner) => match inner.downcast_ref::<io::Error>() {
            Some(inner) => of_io(inner),
            None => inner.downcast_ref::<rustls::Error>().map(of_tls),
        },
    }
}

fn of_tls(error: &rustls::Error) -> Cause {
    match error {
        rustls::Error::InvalidCertificate(problem) => Cause::Certificate(words(problem)),
        other => Cause::Tls(format!("no TLS connection: {other}")),
    }
}

fn words(problem: &CertificateError) -> String {
    match problem {
        CertificateError::UnknownIssuer => "no known certificate authority signed it".to_owned(),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired".to_owned(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet (is this machine's clock right?)".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it was made for another host name".to_owned()
        }
        CertificateError::BadEncoding => "it is damaged".to_owned(),
        CertificateError::Revoked => "it was revoked".to_owned(),
        CertificateError::BadSignature => "its signature is not its issuer's".to_owned(),
        // These name themselves by their variants; the innermost name says the most.
        other => match innermost(&other.to_string()) {
            "CaUsedAsEndEntity" => "it is a certificate authority's own, or self-signed, and no server's".to_owned(),
            name => format!("it is not accepted ({})", spaced(name)),
        },
    }
}

/// `CaUsedAsEndEntity` of `Other(OtherError(CaUsedAsEndEntity))`.
fn innermost(text: &str) -> &str {
    text.rsplit('(').next().unwrap_or(text).trim_end_matches(')').trim()
}

/// `ca used as end entity` of `CaUsedAsEndEntity`; a text of several words stays.
fn spaced(name: &str) -> String {
    if name.contains(' ') {
        return name.to_owned();
    }
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(letter.to_ascii_lowercase());
    }
    words
}

/// What is wrong with a certificate that is to be trusted, in words.
pub(super) fn of_authority(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(problem) => words(problem),
        other => other.to_string(),
    }
}

/// How a connection was lost, without the words of libraries where their meaning is known.
fn lost(error: &(dyn StdError + 'static)) -> String {
    let ended = |part: &(dyn StdError + 'static)| {
        part.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::UnexpectedEof)
    };
    if chain(error).any(ended) {
        return "it was closed before the whole answer had come".to_owned();
    }
    let text = chain(error).last().map(ToString::to_string).unwrap_or_default();
    // A link into a library's documentation helps nobody here.
    match text.split_once(": http") {
        Some((words, _)) => words.to_owned(),
        None => text,
    }
}

fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn StdError + 'static)| (*error).source())
}

fn deepest(error: &reqwest::Error) -> String {
    chain(error).last().map(ToString::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::OtherError;

    use super::*;

    #[derive(Debug)]
    struct CaUsedAsEndEntity;

    impl std::fmt::Display for CaUsedAsEndEntity {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "{self:?}")
        }
    }

    impl StdError for CaUsedAsEndEntity {}

    #[test]
    fn a_lost_connection_is_told_without_the_words_of_libraries() {
        let ended = "peer closed connection without sending TLS close_notify: https://docs.rs/rustls/";
        let ended = io::Error::new(io::ErrorKind::UnexpectedEof, ended);
        assert_eq!(lost(&ended), "it was closed before the whole answer had come");
        assert_eq!(lost(&io::Error::other("reset by peer: https://example.org/why")), "reset by peer");
    }

    #[test]
    fn certificates_are_judged_in_words() {
        let of_other = CertificateError::Other(OtherError(Arc::new(CaUsedAsEndEntity)));
        assert_eq!(words(&of_other), "it is a certificate authority's own, or self-signed, and no server's");
        for problem in [
            of_other,
            CertificateError::BadEncoding,
            CertificateError::UnhandledCriticalExtension,
            CertificateError::UnknownRevocationStatus,
            CertificateError::InvalidPurpose,
        ] {
            let said = words(&problem);
            assert!(said.starts_with("it ") && !said.contains("Other") && !said.contains("Error"), "{said}");
        }
    }
}
