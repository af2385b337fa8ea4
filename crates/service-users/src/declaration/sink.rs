//! Where credentials go, as files and flags name it: files, programs, and places beyond this machine.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use keyholder_client::transport::is_loopback;
use url::Url;

/// Where a credential goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sink {
    /// A file of `NAME=value` lines with the whole way in, for the owner alone.
    EnvFile(PathBuf),
    /// A file that holds the credential and nothing else, for the owner alone.
    File(PathBuf),
    /// A program that reads it from its standard input; it and its arguments.
    Command(Vec<String>),
    /// A file with the manifest of a Kubernetes Secret that holds the whole way in, for the owner alone.
    Manifest {
        /// The file.
        file: PathBuf,
        /// The Secret.
        secret: KubernetesSecret,
    },
    /// A program that reads such a manifest from its standard input.
    ManifestCommand {
        /// It and its arguments.
        words: Vec<String>,
        /// The Secret.
        secret: KubernetesSecret,
    },
    /// A secret of GitHub Actions.
    GitHub(GitHubSecret),
    /// A secret in a vault of Azure's.
    KeyVault(VaultSecret),
}

impl Sink {
    /// Where it is, whole: of a program its arguments too, each in quotes where they would run together.
    #[must_use]
    pub fn in_words(&self) -> String {
        match self {
            Self::EnvFile(path) => format!("the env file `{}`", path.display()),
            Self::File(path) => format!("the file `{}`", path.display()),
            Self::Command(words) => format!("the program `{}`", in_quotes(words)),
            Self::Manifest { file, secret } => {
                format!("the file `{}`, as the Kubernetes Secret `{secret}`", file.display())
            }
            Self::ManifestCommand { words, secret } => {
                format!("the program `{}`, as the Kubernetes Secret `{secret}`", in_quotes(words))
            }
            Self::GitHub(secret) => format!("the GitHub Actions secret `{secret}`"),
            Self::KeyVault(secret) => format!("the key vault's secret `{secret}`"),
        }
    }

    /// The file of a sink that is one.
    #[must_use]
    pub fn file(&self) -> Option<&PathBuf> {
        match self {
            Self::EnvFile(path) | Self::File(path) | Self::Manifest { file: path, .. } => Some(path),
            Self::Command(_) | Self::ManifestCommand { .. } | Self::GitHub(_) | Self::KeyVault(_) => None,
        }
    }

    /// Whether it shows again what it was given.
    #[must_use]
    pub fn gives_back(&self) -> bool {
        !matches!(self, Self::Command(_) | Self::ManifestCommand { .. } | Self::GitHub(_))
    }

    /// Whether it is a place beyond this machine, which is asked over the network.
    #[must_use]
    pub fn is_remote(&self) -> bool {
        matches!(self, Self::GitHub(_) | Self::KeyVault(_))
    }
}

fn in_quotes(words: &[String]) -> String {
    let is_plain = |word: &String| !word.is_empty() && !word.contains([' ', '"', '\'', '`', '\\']);
    let quoted = |word: &String| if is_plain(word) { word.clone() } else { format!("{word:?}") };
    words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// A Secret of a Kubernetes cluster: `NAME`, or `NAMESPACE/NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KubernetesSecret {
    /// Its namespace; without, the one that whoever applies the manifest works in.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

impl FromStr for KubernetesSecret {
    type Err = String;

    /// After "Object Names and IDs": a name is a DNS subdomain, a namespace a DNS label.
    fn from_str(text: &str) -> Result<Self, String> {
        let (namespace, name) = match text.split_once('/') {
            Some((namespace, name)) => (Some(namespace), name),
            None => (None, text),
        };
        let is_label = |text: &str, most: usize| {
            (1..=most).contains(&text.len())
                && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                && !text.starts_with('-')
                && !text.ends_with('-')
        };
        let is_name = name.len() <= 253 && name.split('.').all(|label| is_label(label, 253));
        if !is_name || namespace.is_some_and(|text| !is_label(text, 63)) {
            return Err(format!(
                "is `{text}`, which names no Kubernetes Secret: write `NAMESPACE/NAME` or `NAME`, in small letters"
            ));
        }
        Ok(Self { namespace: namespace.map(str::to_owned), name: name.to_owned() })
    }
}

impl fmt::Display for KubernetesSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{namespace}/{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// A secret of GitHub Actions: `OWNER/REPOSITORY#NAME`, `OWNER/REPOSITORY@ENVIRONMENT#NAME`, or an
/// organization's, `ORGANIZATION#NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitHubSecret {
    /// Whose it is.
    pub of: GitHubPlace,
    /// Its name, in capital letters.
    pub name: String,
}

/// Who has secrets on GitHub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GitHubPlace {
    /// A repository.
    Repository {
        /// Its owner.
        owner: String,
        /// Its name.
        name: String,
    },
    /// A deployment environment of a repository.
    Environment {
        /// The repository's owner.
        owner: String,
        /// The repository's name.
        name: String,
        /// The environment.
        environment: String,
    },
    /// An organization.
    Organization(String),
}

impl FromStr for GitHubSecret {
    type Err = String;

    /// After GitHub's "Using secrets in GitHub Actions" for what a secret may be called.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "is `{text}`, which names no GitHub Actions secret: write `OWNER/REPOSITORY#NAME`, \
                 `OWNER/REPOSITORY@ENVIRONMENT#NAME`, or `ORGANIZATION#NAME`"
            )
        };
        let (of, name) = text.rsplit_once('#').ok_or_else(wrong)?;
        let is_word = |text: &str| {
            (1..=100).contains(&text.len())
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
                && !matches!(text, "." | "..")
        };
        let of = match of.split_once('/') {
            None if is_word(of) => GitHubPlace::Organization(of.to_owned()),
            None => return Err(wrong()),
            Some((owner, rest)) => {
                let (name, environment) = match rest.split_once('@') {
                    Some((name, environment)) => (name, Some(environment)),
                    None => (rest, None),
                };
                if !is_word(owner) || !is_word(name) {
                    return Err(wrong());
                }
                let (owner, name) = (owner.to_owned(), name.to_owned());
                match environment {
                    None => GitHubPlace::Repository { owner, name },
                    Some(environment)
                        if (1..=255).contains(&environment.len()) && !environment.contains(char::is_control) =>
                    {
                        GitHubPlace::Environment { owner, name, environment: environment.to_owned() }
                    }
                    Some(_) => return Err(wrong()),
                }
            }
        };
        let is_name = (1..=255).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            && !name.starts_with(|c: char| c.is_ascii_digit());
        let name = name.to_ascii_uppercase();
        if !is_name || name.starts_with("GITHUB_") {
            return Err(format!(
                "names `{name}`, which is no name of a GitHub Actions secret: letters, digits and `_`, no digit first, and not `GITHUB_...`"
            ));
        }
        Ok(Self { of, name })
    }
}

impl fmt::Display for GitHubSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.of {
            GitHubPlace::Repository { owner, name } => write!(f, "{owner}/{name}")?,
            GitHubPlace::Environment { owner, name, environment } => write!(f, "{owner}/{name}@{environment}")?,
            GitHubPlace::Organization(name) => f.write_str(name)?,
        }
        write!(f, "#{}", self.name)
    }
}

/// The hosts of Azure's key vaults, and what tokens for them are asked for.
const VAULTS: [(&str, &str); 3] = [
    (".vault.azure.net", "https://vault.azure.net/.default"),
    (".vault.usgovcloudapi.net", "https://vault.usgovcloudapi.net/.default"),
    (".vault.azure.cn", "https://vault.azure.cn/.default"),
];

/// A secret in an Azure key vault, by its address: `https://NAME.vault.azure.net/secrets/SECRET`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultSecret {
    vault: Url,
    name: String,
}

impl VaultSecret {
    /// The vault's root.
    #[must_use]
    pub fn vault(&self) -> &Url {
        &self.vault
    }

    /// The secret's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What tokens for the vault are asked for. One on this machine is taken for one of the public cloud.
    #[must_use]
    pub fn scope(&self) -> &'static str {
        let host = self.vault.host_str().unwrap_or_default();
        let known = VAULTS.iter().find(|(end, _)| host.ends_with(end)).or(VAULTS.first());
        known.map_or("", |(_, scope)| scope)
    }
}

impl FromStr for VaultSecret {
    type Err = String;

    /// After "Azure Key Vault keys, secrets and certificates overview": object identifiers, without a version.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            |why: &str| Err(format!("is `{text}`, which {why}: write `https://NAME.vault.azure.net/secrets/SECRET`"));
        let Ok(mut vault) = Url::parse(text) else { return wrong("is no address") };
        let host = vault.host_str().unwrap_or_default().to_owned();
        let is_azure = vault.scheme() == "https"
            && vault.port().is_none()
            && VAULTS.iter().any(|(end, _)| host.strip_suffix(end).is_some_and(is_object_name));
        if !is_azure && !is_loopback(&vault) {
            return wrong("is no secret of an Azure key vault");
        }
        if !vault.username().is_empty() || vault.password().is_some() || vault.query().is_some() {
            return wrong("has more than an address in it");
        }
        let parts: Vec<&str> = vault.path().trim_end_matches('/').split('/').skip(1).collect();
        let name = match parts.as_slice() {
            ["secrets", name] if is_object_name(name) => (*name).to_owned(),
            ["secrets", _, _] => return wrong("names one version of a secret, and each new one has its own"),
            _ => return wrong("names no secret (letters, digits and `-`)"),
        };
        vault.set_path("/");
        vault.set_fragment(None);
        Ok(Self { vault, name })
    }
}

/// Letters, digits and hyphens, 127 at most.
fn is_object_name(text: &str) -> bool {
    (1..=127).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

impl fmt::Display for VaultSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}secrets/{}", self.vault, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_printed_as_it_was_written() {
        for text in ["orders", "prod/orders.sync-1"] {
            assert_eq!(text.parse::<KubernetesSecret>().unwrap().to_string(), text);
        }
        for text in ["contoso/orders#D365", "contoso/or.ders@Prod env/1#D365_SECRET", "contoso#D365"] {
            assert_eq!(text.parse::<GitHubSecret>().unwrap().to_string(), text);
        }
        assert_eq!("contoso/orders#d365".parse::<GitHubSecret>().unwrap().name, "D365");
        for text in ["https://contoso.vault.azure.net/secrets/orders-sync", "http://127.0.0.1:8080/secrets/x"] {
            assert_eq!(text.parse::<VaultSecret>().unwrap().to_string(), text);
        }
        let china: VaultSecret = "https://contoso.vault.azure.cn/secrets/x/".parse().unwrap();
        assert_eq!(china.scope(), "https://vault.azure.cn/.default");
    }

    #[test]
    fn what_names_nothing_is_refused_with_the_way_to_write_it() {
        for text in ["", "Orders", "a/b/c", "-a", "a_b", "/a", "a/", &"x".repeat(254), &format!("{}/a", "n".repeat(64))]
        {
            assert!(text.parse::<KubernetesSecret>().unwrap_err().contains("NAMESPACE/NAME"), "{text}");
        }
        for text in ["", "a/b", "a/b#", "a/b@#N", "a b#N", "../x#N", "a/..#N", "a/b#1N", "a/b#N-M", "a/b#GITHUB_TOKEN"]
        {
            assert!(text.parse::<GitHubSecret>().is_err(), "{text}");
        }
        for text in [
            "contoso",
            "http://contoso.vault.azure.net/secrets/x",
            "https://contoso.vault.azure.net.evil.example/secrets/x",
            "https://evil.example/?.vault.azure.net/secrets/x",
            "https://contoso.vault.azure.net:444/secrets/x",
            "https://vault.azure.net/secrets/x",
            "https://contoso.vault.azure.net/keys/x",
            "https://contoso.vault.azure.net/secrets/x/0123",
            "https://contoso.vault.azure.net/secrets/a_b",
            "https://me@contoso.vault.azure.net/secrets/x",
            "https://contoso.managedhsm.azure.net/secrets/x",
        ] {
            assert!(text.parse::<VaultSecret>().unwrap_err().contains("https://NAME.vault.azure.net"), "{text}");
        }
    }
}
