//! Clients for Node: Microsoft's `@azure/msal-node` and `@azure/identity`, and `openid-client`.

use crate::program;
use crate::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn s11_msal_node_signs_applications_in() {
    let Some(node) = program::node("@azure/msal-node") else { return };
    let Some(stage) = Stage::start().await else { return };
    stage.run(&node, [program::here("node/applications.js")]).await;
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s11_azure_identity_for_node_signs_applications_in() {
    let Some(node) = program::node("@azure/identity") else { return };
    let Some(stage) = Stage::start().await else { return };
    stage.run(&node, [program::here("node/azure_identity.js")]).await;
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s11_openid_client_takes_the_token_service_for_what_the_standards_say() {
    let Some(node) = program::node("openid-client") else { return };
    let Some(stage) = Stage::start().await else { return };
    stage.run(&node, [program::here("node/openid_client.js")]).await;
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s16_msal_node_signs_people_in() {
    let Some(node) = program::node("@azure/msal-node") else { return };
    let Some(stage) = Stage::start().await else { return };
    stage.run(&node, [program::here("node/people.js")]).await;
    stage.stop().await;
}
