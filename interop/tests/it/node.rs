//! Microsoft's library for Node, `@azure/msal-node`.

use crate::program;
use crate::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn s11_msal_node_signs_applications_in() {
    let Some(node) = program::node() else { return };
    let Some(stage) = Stage::start().await else { return };
    stage.run(&node, [program::here("node/applications.js")]).await;
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s16_msal_node_signs_people_in() {
    let Some(node) = program::node() else { return };
    let Some(stage) = Stage::start().await else { return };
    stage.run(&node, [program::here("node/people.js")]).await;
    stage.stop().await;
}
