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

#[tokio::test(flavor = "multi_thread")]
async fn s16_msal_for_python_signs_people_in() {
    let Some(stage) = Stage::start().await else { return };
    stage.python("msal_people.py").await;
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s16_azure_identity_and_adal_for_python_sign_people_in() {
    let Some(stage) = Stage::start().await else { return };
    stage.python("azure_identity_people.py").await;
    stage.python("adal_people.py").await;
    stage.stop().await;
}

/// One test, because only one world at a time has port 443.
#[tokio::test(flavor = "multi_thread")]
async fn s16_python_signs_people_in_by_username_and_password() {
    let Some(stage) = Stage::start_on_443().await else { return };
    stage.python("password.py").await;
    stage.stop().await;
}
