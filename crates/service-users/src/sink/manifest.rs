//! The manifest of a Kubernetes Secret: printed, and read back as it is printed.
//!
//! After "Kubernetes API: Secret" (`v1`). Values are double-quoted YAML scalars, which JSON's strings are; `stringData`
//! takes them as they are. Only what Keyholder prints is read: a manifest that somebody has changed is theirs.

use std::fmt::Write as _;

use keyholder_foundation::Secret;

use crate::declaration::KubernetesSecret;

/// The entry that holds private key and certificate. It is no variable's name: a volume shows it as a file.
pub(crate) const PEM: &str = "client.pem";

const HEAD: &str = "apiVersion: v1\nkind: Secret\nmetadata:\n";
const MARK: &str = "  labels:\n    app.kubernetes.io/managed-by: keyholder\ntype: Opaque\nstringData:\n";

/// The manifest of a Secret with these entries. It holds secrets, so it is one.
pub(crate) fn print<'a>(secret: &KubernetesSecret, entries: impl IntoIterator<Item = (&'a str, &'a str)>) -> Secret {
    let mut text = String::from("# Written by Keyholder. It holds a secret: keep it private, and out of Git.\n");
    text.push_str(HEAD);
    let _ = writeln!(text, "  name: {}", quoted(&secret.name));
    if let Some(namespace) = &secret.namespace {
        let _ = writeln!(text, "  namespace: {}", quoted(namespace));
    }
    text.push_str(MARK);
    for (name, value) in entries {
        let _ = writeln!(text, "  {name}: {}", quoted(value));
    }
    Secret::new(text)
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A manifest that was read.
pub(crate) struct Manifest {
    pub(crate) secret: KubernetesSecret,
    pub(crate) entries: Vec<(String, Secret)>,
}

impl Manifest {
    /// Reads what [`print()`] printed; nothing for any other text.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix('#')?.split_once('\n')?.1.strip_prefix(HEAD)?;
        let (name, rest) = rest.strip_prefix("  name: ")?.split_once('\n')?;
        let (namespace, rest) = match rest.strip_prefix("  namespace: ") {
            Some(rest) => rest.split_once('\n').map(|(namespace, rest)| (Some(namespace), rest))?,
            None => (None, rest),
        };
        let unquoted = |text: &str| serde_json::from_str::<String>(text).ok();
        let namespace = match namespace {
            Some(namespace) => Some(unquoted(namespace)?),
            None => None,
        };
        let secret = KubernetesSecret { namespace, name: unquoted(name)? };
        let entries = rest.strip_prefix(MARK)?.lines().map(|line| {
            let (name, value) = line.strip_prefix("  ")?.split_once(": ")?;
            Some((name.to_owned(), Secret::new(unquoted(value)?)))
        });
        Some(Self { secret, entries: entries.collect::<Option<Vec<_>>>()? })
    }

    /// The value of an entry; one that is empty counts as not there.
    pub(crate) fn get(&self, name: &str) -> Option<&Secret> {
        self.entries.iter().find(|(of, value)| of == name && !value.is_empty()).map(|(_, value)| value)
    }
}
