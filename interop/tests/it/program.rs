//! Where the foreign programs are that `.ci/run` installs.

use std::path::PathBuf;

/// A path in this folder.
pub(crate) fn here(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Whether every client must run here, as in CI.
pub(crate) fn required() -> bool {
    std::env::var_os("KEYHOLDER_REQUIRE_INTEROP").is_some()
}

/// What `.ci/run` installs there; `None` (after saying so) where it is missing and need not be
/// there.
fn installed(path: &str) -> Option<PathBuf> {
    let path = here(path);
    if path.exists() {
        return Some(path);
    }
    assert!(!required(), "the real clients must run here, and {} is missing", path.display());
    println!("skipped: {} is missing (.ci/run makes it)", path.display());
    None
}

/// The Python that has the clients installed.
pub(crate) fn python() -> Option<PathBuf> {
    installed(".venv/bin/python")
}

/// Node, if this one of its clients is installed.
pub(crate) fn node(client: &str) -> Option<PathBuf> {
    installed(&format!("node/node_modules/{client}")).map(|_| PathBuf::from("node"))
}

/// The program in `rust/`.
pub(crate) fn rust() -> Option<PathBuf> {
    installed("rust/target/debug/keyholder-interop-rust")
}

/// The Python that has Microsoft's Dataverse SDK installed.
pub(crate) fn dataverse_sdk() -> Option<PathBuf> {
    installed(".venv-dataverse/bin/python")
}

/// The Azure CLI.
pub(crate) fn azure_cli() -> Option<PathBuf> {
    installed(".venv-az/bin/az")
}

/// Debian's Chromium with what drives it.
pub(crate) struct Chromium {
    pub(crate) browser: PathBuf,
    pub(crate) driver: PathBuf,
}

/// The browser, if it, its driver and `certutil` (which makes its certificate store) are installed.
pub(crate) fn chromium() -> Option<Chromium> {
    let found = |program: &str| {
        let folders = std::env::var_os("PATH").unwrap_or_default();
        let found = std::env::split_paths(&folders).map(|folder| folder.join(program)).find(|path| path.is_file());
        if found.is_none() {
            assert!(!required(), "the browser must run here, and {program} is not installed");
            println!("skipped: {program} is not installed (.ci/run does it)");
        }
        found
    };
    found("certutil")?;
    Some(Chromium { browser: found("chromium")?, driver: found("chromedriver")? })
}
