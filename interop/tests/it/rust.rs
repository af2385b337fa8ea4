//! Microsoft's crate for Rust, `azure_identity`, alone and with the client library, through the adapter between them. It
//! is built outside the workspace, because it brings OpenSSL.

use crate::program;
use crate::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn s11_azure_identity_for_rust_signs_applications_in() {
    let Some(client) = program::rust() else { return };
    let Some(stage) = Stage::start().await else { return };
    stage.run(&client, [""; 0]).await;
    stage.stop().await;
}
