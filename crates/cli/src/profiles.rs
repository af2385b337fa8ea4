//! The profile that counts, with what stands in the files that it names.

use std::path::Path;

use keyholder_client::connection::Settings;
use keyholder_client::profiles::{Profile, ProfileFiles, Profiles};
use keyholder_foundation::Secret;
use keyholder_service_users::declaration::nearest;

use crate::failure::Failure;
use crate::printer::Printer;
use crate::settings::{self, Needs, environment, note_exposed, secret_file, state_folder};

/// The profiles of this user.
pub(crate) fn kept() -> Result<Profiles, Failure> {
    Ok(Profiles::in_folder(state_folder("a profile")?))
}

/// The profile of that name, which `origin` gave.
pub(crate) fn find(name: &str, origin: &str) -> Result<Profile, Failure> {
    let profiles = kept()?;
    profiles.find(name, origin).map_err(|error| {
        let known = profiles.read().map(|kept| kept.profiles).unwrap_or_default();
        with_those_there_are(error.into(), name, &known.keys().map(String::as_str).collect::<Vec<_>>())
    })
}

/// Says of a name that none of the profiles has which was meant, or where to look.
pub(crate) fn with_those_there_are(failure: Failure, name: &str, known: &[&str]) -> Failure {
    match nearest(name, known.iter().copied()) {
        Some(meant) => failure.hint(format!("did you mean `{meant}`?")),
        None if known.is_empty() => failure.hint("there is none yet: `keyholder profile add` keeps one"),
        None => failure.hint("`keyholder profile list` shows those that there are"),
    }
}

/// The settings of the profile that is named, or in use, to be put below those of stronger places.
pub(crate) fn below(above: &Settings, needs: Needs, printer: Printer) -> Result<Option<Settings>, Failure> {
    let (name, profile) = match &above.profile {
        Some(named) => (named.value.clone(), find(&named.value, &named.origin.to_string())?),
        // Whoever has no folder has no profile either.
        None if keyholder_platform::state_folder(environment).is_none() => return Ok(None),
        None => {
            let Some(name) = kept()?.read()?.in_use else { return Ok(None) };
            let profile = find(&name, "`keyholder profile use`")?;
            (name, profile)
        }
    };
    let files = match needs {
        Needs::Place => {
            files(&name, &Profile { client_secret_file: None, password_file: None, ..profile.clone() }, printer)?
        }
        // A credential of a stronger place counts: then nobody misses a file that may be elsewhere.
        Needs::Caller if above.has_credential() => {
            files(&name, &Profile { client_secret_file: None, password_file: None, ..profile.clone() }, printer)?
        }
        Needs::Caller | Needs::Everything => files(&name, &profile, printer)?,
    };
    if let (Some(named), Some(url), Some(own)) = (&above.profile, &above.url, &profile.url)
        && url.value != *own
    {
        let (origin, name) = (&url.origin, &named.value);
        printer.note(&format!("the org is {} ({origin}), not that of the profile `{name}`, {own}", url.value));
    }
    Ok(Some(profile.settings(&name, &files)))
}

/// Reads the files that a profile names.
pub(crate) fn files(name: &str, profile: &Profile, printer: Printer) -> Result<ProfileFiles, Failure> {
    let secret = |path: &Option<String>, what: &str| -> Result<Option<Secret>, Failure> {
        let Some(path) = path.as_deref().map(Path::new) else { return Ok(None) };
        let secret = secret_file(path, what, &format!("profile {name}"))?;
        note_exposed(path, what, printer);
        Ok(Some(secret))
    };
    let env_file = profile.env_file.as_deref().map(|path| settings::env_file_at(Path::new(path), printer));
    Ok(ProfileFiles {
        client_secret: secret(&profile.client_secret_file, "client secret")?,
        password: secret(&profile.password_file, "password")?,
        env_file: env_file.transpose()?,
    })
}
