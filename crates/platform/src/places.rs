//! Where things are on this machine: programs on the `PATH`, the user's own folder for state, a
//! browser.
//!
//! The environment is a parameter, so that two users' settings fit in one process.

use std::path::{Path, PathBuf};

use crate::system;

/// The program `name` on the `PATH`. Only absolute folders are looked in: a relative one would run
/// what lies in the folder that the user happens to stand in.
#[must_use]
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).filter(|folder| folder.is_absolute()).find_map(|folder| {
        let names = system::PROGRAM_ENDINGS.iter().map(|ending| folder.join(format!("{name}{ending}")));
        names.into_iter().find(|path| system::is_program(path))
    })
}

/// Whether there is such a program: on the `PATH`, or where its path says.
#[must_use]
pub fn is_program(name: &str) -> bool {
    if Path::new(name).components().count() > 1 || name.contains(std::path::MAIN_SEPARATOR) {
        return system::is_program(Path::new(name));
    }
    find_program(name).is_some()
}

/// The folder for what Keyholder keeps for this user between runs: `$XDG_STATE_HOME/keyholder` where
/// that is set, else the system's usual place. Nothing when the system does not tell who the user is.
#[must_use]
pub fn state_folder(environment: impl Fn(&'static str) -> Option<String>) -> Option<PathBuf> {
    let folder = |name| environment(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = folder("XDG_STATE_HOME").or_else(|| {
        let (name, below) = system::STATE_HOME;
        folder(name).map(|home| home.join(Path::new(below)))
    })?;
    Some(base.join("keyholder"))
}

/// Whether a browser can be opened where this process runs: there is a program for it, and a screen.
#[must_use]
pub fn has_browser(environment: impl Fn(&'static str) -> Option<String>) -> bool {
    let has_screen = system::SCREENS.is_empty()
        || system::SCREENS.iter().any(|name| environment(name).is_some_and(|value| !value.is_empty()));
    has_screen && find_program(system::OPENER[0]).is_some()
}

/// Opens an address in the user's browser, without waiting for it.
///
/// # Errors
/// When there is no program for that, or it does not start.
pub fn open_in_browser(address: &str) -> std::io::Result<()> {
    let [name, arguments @ ..] = system::OPENER;
    let program = find_program(name).ok_or(std::io::ErrorKind::NotFound)?;
    let quiet = std::process::Stdio::null;
    std::process::Command::new(program)
        .args(arguments)
        .arg(address)
        .stdin(quiet())
        .stdout(quiet())
        .stderr(quiet())
        .spawn()
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_has_a_folder_of_the_users_own() {
        let only = |name: &'static str, value: &'static str| move |asked| (asked == name).then(|| value.to_owned());
        if cfg!(unix) {
            let found = state_folder(only("XDG_STATE_HOME", "/home/ada/.state")).unwrap();
            assert_eq!(found, Path::new("/home/ada/.state/keyholder"));
            assert_eq!(state_folder(only("XDG_STATE_HOME", "relative")), None);
        }
        assert_eq!(state_folder(|_| None), None);
    }

    #[test]
    fn programs_are_found_on_the_path() {
        assert_eq!(find_program("no-program-has-this-name"), None);
        if cfg!(unix) {
            let sh = find_program("sh").unwrap();
            assert!(sh.is_absolute() && is_program("sh") && is_program(&sh.display().to_string()));
            assert!(!is_program("./sh") && !is_program("/") && !is_program(""));
        }
    }
}
