//! What the limits cost the org: the same requests with them and without.

use std::path::Path;

use crate::Failure;
use crate::arguments::Arguments;
use crate::org_process::Org;
use crate::report::Report;

const CONNECTIONS: usize = 2;
/// As wide as they can be set, in the service's own window: everything is counted and nothing refused.
const WIDEST: &str = "1000000,1000000,10000,300";

pub(super) async fn measure(keyholder: &Path, arguments: &Arguments, report: &mut Report) -> Result<(), Failure> {
    let folders = [tempfile::tempdir()?, tempfile::tempdir()?];
    let with = Org::start_with(keyholder, folders[0].path(), &["--limits", WIDEST], &[]).await?;
    let without = Org::start(keyholder, folders[1].path()).await?;
    for (name, path) in [("WhoAmI", "/api/data/v9.2/WhoAmI"), ("contacts?$top=3", "/api/data/v9.2/contacts?$top=3")] {
        let requests = (with.request(path).await?, without.request(path).await?);
        let (mut counted, mut free) = (Vec::new(), Vec::new());
        for _ in 0..arguments.rounds() {
            counted.push(with.load(&requests.0, CONNECTIONS, arguments.turn()).await?);
            free.push(without.load(&requests.1, CONNECTIONS, arguments.turn()).await?);
        }
        report.load(&format!("{name}, counted against limits"), &counted);
        report.load(&format!("{name}, without limits"), &free);
        report.cpu_ratio(&format!("{name}: CPU with limits / without"), &counted, &free, "about 1");
    }
    with.stop().await?;
    without.stop().await
}
