//! The guide by hand, walked as somebody new would: every command as it stands there, in an empty
//! folder with an empty home, with the Azure CLI and in a browser.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::ended;

/// What `.ci/run` installs; `None` (after saying so) where it is missing and need not be there.
fn installed(paths: impl IntoIterator<Item = PathBuf>, what: &str) -> Option<PathBuf> {
    let found = paths.into_iter().find(|path| path.exists());
    if found.is_none() {
        assert!(env::var_os("KEYHOLDER_REQUIRE_INTEROP").is_none(), "{what} must be there");
        #[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
        {
            println!("skipped: {what} is missing (.ci/run installs it)");
        }
    }
    found
}

fn on_path(program: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH").unwrap_or_default();
    installed(env::split_paths(&folders).map(|folder| folder.join(program)), program)
}

#[test]
fn s01_to_s18_the_guide_by_hand_is_walked_as_it_stands() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let interop = root.join("interop");
    let Some(python) = installed([interop.join(".venv/bin/python")], "interop/.venv") else { return };
    let Some(az) = installed([interop.join(".venv-az/bin/az")], "interop/.venv-az") else { return };
    let (Some(browser), Some(driver)) = (on_path("chromium"), on_path("chromedriver")) else { return };
    if on_path("certutil").is_none() || on_path("openssl").is_none() || on_path("curl").is_none() {
        return;
    }
    let walked = ended(
        Command::new(python)
            .arg(interop.join("python/guide.py"))
            .arg(root.join("docs/guide-by-hand.md"))
            .args(["--listen", "127.0.0.1:0"])
            .env("KEYHOLDER_PROGRAM", env!("CARGO_BIN_EXE_keyholder"))
            .env("KEYHOLDER_AZ", az)
            .env("KEYHOLDER_CHROMIUM", browser)
            .env("KEYHOLDER_CHROMEDRIVER", driver),
    );
    assert!(
        walked.code() == 0 && walked.out.trim_end().ends_with(" passed, 0 failed"),
        "{}\n{}",
        walked.out,
        walked.err
    );
}
