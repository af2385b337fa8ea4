//! Clients of Dataverse: `dynamics-web-api` for Node, and Microsoft's Dataverse SDK for Python.

use crate::program;
use crate::stage::Stage;

/// Everything is done by application users that the programs themselves make, and bears their names.
/// One org for both, because neither minds what the other makes.
#[tokio::test(flavor = "multi_thread")]
async fn s13_s15_clients_of_dataverse_work_as_application_users() {
    let (node, python) = (program::node("dynamics-web-api"), program::dataverse_sdk());
    if node.is_none() && python.is_none() {
        return;
    }
    let Some(stage) = Stage::start().await else { return };
    if let Some(node) = node {
        stage.run(&node, [program::here("node/dynamics_web_api.js")]).await;
    }
    if let Some(python) = python {
        stage.run(&python, [program::here("python/dataverse_sdk.py")]).await;
    }
    stage.stop().await;
}
