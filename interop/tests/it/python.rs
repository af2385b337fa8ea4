//! Microsoft's libraries for Python: `msal`, `azure-identity`, and `adal`, which came before them.

use crate::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn s11_msal_for_python_signs_applications_in() {
    let Some(stage) = Stage::start().await else { return };
    for script in ["msal_secret.py", "msal_certificate.py", "msal_federated.py"] {
        stage.python(script).await;
    }
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s11_azure_identity_for_python_signs_applications_in() {
    let Some(stage) = Stage::start().await else { return };
    stage.python("azure_identity_applications.py").await;
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s11_adal_for_python_signs_applications_in_at_the_first_endpoint() {
    let Some(stage) = Stage::start().await else { return };
    stage.python("adal_applications.py").await;
    stage.stop().await;
}
