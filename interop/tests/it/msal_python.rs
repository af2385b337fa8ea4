//! Microsoft's `msal` for Python: client credentials with a secret.

use crate::program;
use keyholder_testkit::World;

#[tokio::test(flavor = "multi_thread")]
async fn s11_msal_signs_in_with_a_secret_and_is_refused_with_a_wrong_one() {
    let Some(python) = program::python() else { return };
    let world = World::start().await;
    let output = program::run(&python, "msal_secret.py", &world, &[]).await;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    assert!(out.contains("6 passed, 0 failed"), "{out}\n{err}");
}
