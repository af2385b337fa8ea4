//! The pages that people see, in a real browser.

use crate::program;
use crate::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn s17_the_pages_in_chromium() {
    let Some(chromium) = program::chromium() else { return };
    let Some(stage) = Stage::start().await else { return };
    let more = [("KEYHOLDER_CHROMIUM", &*chromium.browser), ("KEYHOLDER_CHROMEDRIVER", &*chromium.driver)];
    stage.python_with("pages.py", &more).await;
    stage.stop().await;
}
