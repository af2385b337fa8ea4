//! The segments of a path below `/v1.0/`, each with its key in parentheses, if any.

use keyholder_foundation::ObjectId;
use percent_encoding::percent_decode_str;

use super::problem::Problem;
use crate::directory::applications::ObjectKey;

/// One segment: `applications`, an id, or `applications(appId='..')`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    /// As it came, decoded.
    pub(super) text: String,
    /// What stands before the parentheses, in lower case: clients differ in the case.
    pub(super) name: String,
    /// What stands between the parentheses.
    pub(super) key: Option<String>,
}

/// The version and the segments of a path after it. Only what has no other home is answered in
/// the beta version: reports, logs, and how far somebody is with a second factor.
pub(super) fn segments(path: &str) -> Result<(&'static str, Vec<Segment>), Problem> {
    let mut parts = path.split('/').filter(|part| !part.is_empty()).map(segment);
    match parts.next() {
        Some(version) if version.name == "v1.0" => Ok(("v1.0", parts.collect())),
        Some(version) if version.name == "beta" => {
            let rest: Vec<Segment> = parts.collect();
            match rest.first() {
                Some(first) if matches!(first.name.as_str(), "reports" | "auditlogs") => Ok(("beta", rest)),
                Some(first) if matches!(first.name.as_str(), "users" | "me") && has_factors(&rest) => {
                    Ok(("beta", rest))
                }
                _ => Err(Problem::unknown_segment(&version.text)),
            }
        }
        Some(other) => Err(Problem::unknown_segment(&other.text)),
        None => Err(Problem::unknown_segment("")),
    }
}

fn has_factors(rest: &[Segment]) -> bool {
    rest.iter().any(|segment| segment.name == "authentication")
}

fn segment(part: &str) -> Segment {
    let text = percent_decode_str(part).decode_utf8_lossy().into_owned();
    let (name, key) = match text.strip_suffix(')').and_then(|inner| inner.split_once('(')) {
        Some((name, key)) => (name, Some(key.to_owned())),
        None => (text.as_str(), None),
    };
    Segment { name: name.to_ascii_lowercase(), key, text }
}

/// Which object a path names, and what follows: by key (`collection(appId='..')`) or by id as a
/// segment of its own. None for the collection itself.
pub(super) fn object<'a>(first: &Segment, rest: &'a [Segment]) -> Result<Option<(ObjectKey, &'a [Segment])>, Problem> {
    if let Some(key) = &first.key {
        return Ok(Some((by_key(key)?, rest)));
    }
    let Some((id, rest)) = rest.split_first() else {
        return Ok(None);
    };
    let id = id.text.parse::<ObjectId>().map_err(|_| Problem::not_found(&id.text))?;
    Ok(Some((ObjectKey::Object(id), rest)))
}

/// The name and value of a key, as of `(appId='..')`; a bare one is the id's.
pub(super) fn key_parts(key: &str) -> (&str, &str) {
    let (name, value) = key.split_once('=').unwrap_or(("id", key));
    let value = value.trim();
    (name.trim(), value.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')).unwrap_or(value))
}

fn by_key(key: &str) -> Result<ObjectKey, Problem> {
    let unknown = || Problem::bad_request(&format!("The key '{key}' is not supported; use appId='..'."));
    let (name, value) = key_parts(key);
    match name {
        name if name.eq_ignore_ascii_case("appId") => {
            value.parse().map(ObjectKey::Client).map_err(|_| Problem::not_found(value))
        }
        "id" => value.parse().map(ObjectKey::Object).map_err(|_| Problem::not_found(value)),
        _ => Err(unknown()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_object_is_named_by_id_or_by_key() {
        let id = "03ef14b0-ca33-4840-8f4f-d6e91916010e";
        for (path, by_client, follows) in [
            (format!("/v1.0/applications/{id}/addPassword"), false, 1),
            (format!("/v1.0/Applications(appId='{id}')"), true, 0),
            (format!("/v1.0/applications(appid%3D%27{id}%27)/addPassword"), true, 1),
            (format!("/v1.0/applications({id})"), false, 0),
        ] {
            let (_, segments) = segments(&path).unwrap();
            assert_eq!(segments[0].name, "applications");
            let (key, rest) = object(&segments[0], &segments[1..]).unwrap().unwrap();
            assert_eq!(
                (matches!(key, ObjectKey::Client(_)), rest.len(), key.to_string().as_str()),
                (by_client, follows, id)
            );
        }
        let (_, collection) = segments("/v1.0/applications/").unwrap();
        assert_eq!(object(&collection[0], &collection[1..]).unwrap(), None);
        assert!(segments("/beta/applications").is_err() && segments("/beta/users/x").is_err());
        assert_eq!(segments("/beta/users/x/authentication/requirements").unwrap().0, "beta");
        assert_eq!(segments("/beta/reports/x").unwrap().0, "beta");
        assert!(segments("/").is_err());
    }

    proptest! {
        #[test]
        fn any_path_is_read_without_panic(path: String, key in "\\PC*") {
            let _ = segments(&path);
            if let Ok((_, segments)) = segments(&format!("/v1.0/applications({key})/{path}"))
                && let Some((first, rest)) = segments.split_first()
            {
                let _ = object(first, rest);
            }
        }
    }
}
