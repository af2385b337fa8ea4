//! The Azure CLI.

use crate::program;
use crate::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn s05_the_azure_cli_logs_in_and_registers_an_application() {
    let Some(az) = program::azure_cli() else { return };
    let Some(stage) = Stage::start().await else { return };
    stage.python_with("azure_cli.py", &[("KEYHOLDER_AZ", &az)]).await;
    stage.stop().await;
}
