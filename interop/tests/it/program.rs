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

/// Node, if its clients are installed.
pub(crate) fn node() -> Option<PathBuf> {
    installed("node/node_modules/@azure/msal-node").map(|_| PathBuf::from("node"))
}

/// The program in `rust/`.
pub(crate) fn rust() -> Option<PathBuf> {
    installed("rust/target/debug/keyholder-interop-rust")
}

/// The Azure CLI.
pub(crate) fn azure_cli() -> Option<PathBuf> {
    installed(".venv-az/bin/az")
}
