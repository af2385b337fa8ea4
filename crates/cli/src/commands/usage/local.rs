//! Usage of a local org, asked of it while it runs and of its folder while it does not.

use std::path::Path;

use keyholder_org::Entitled;
use serde_json::Value;

use crate::failure::Failure;
use crate::local::{self, Holder};

pub(super) async fn told(folder: &Path, entitled: Entitled) -> Result<Value, Failure> {
    Ok(match local::holder(folder).await? {
        Holder::Running(control) => control.get(&format!("usage?{}", entitled.to_query())).await?,
        Holder::Opened(world) => world.usage(entitled).await?,
    })
}
