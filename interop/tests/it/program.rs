//! Running a foreign program against a world.

use std::path::{Path, PathBuf};
use std::process::Output;

use keyholder_testkit::World;

fn here() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The Python that has the clients installed; `None` (after saying so) where it is missing and
/// need not be there.
pub(crate) fn python() -> Option<PathBuf> {
    let python = here().join(".venv/bin/python");
    if python.exists() {
        return Some(python);
    }
    assert!(
        std::env::var_os("KEYHOLDER_REQUIRE_INTEROP").is_none(),
        "the real clients must run here, and {} is missing",
        python.display()
    );
    println!("skipped: {} is missing (.ci/run makes it)", python.display());
    None
}

/// Runs `python/SCRIPT` with what a client of `world` needs in its environment, and nothing of
/// this machine's that would turn its requests elsewhere.
pub(crate) async fn run(python: &Path, script: &str, world: &World, more: &[(&str, String)]) -> Output {
    let mut command = tokio::process::Command::new(python);
    command.arg(here().join("python").join(script)).kill_on_drop(true);
    for name in ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        command.env_remove(name);
    }
    command.envs(world.environment()).envs(more.iter().map(|(name, value)| (*name, value.as_str())));
    command.output().await.unwrap()
}
