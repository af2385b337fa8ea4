//! SAP CAP with its SQLite service, a framework that serves OData from a model, as a process of its own.

use std::path::Path;

use crate::Failure;
use crate::http_client::Target;
use crate::server::{Server, Started};

/// Starts it from the folder in which it is installed, on a new database in `data`, with its rows in
/// it; or says what it takes to have it there.
pub(crate) async fn start(
    folder: &Path,
    data: &Path,
    contacts: u32,
    accounts: u32,
) -> Result<Result<Server, String>, Failure> {
    if !folder.join("node_modules/@sap/cds").is_dir() {
        return Ok(Err(format!("SAP CAP is not installed: `npm --prefix {} install`", folder.display())));
    }
    let server = folder.join("server.js").into_os_string();
    let database = data.join("cap.db").into_os_string();
    let arguments = [server, database, contacts.to_string().into(), accounts.to_string().into()];
    let started = Started::new(Path::new("node"), &arguments, &[]).await?;
    let target = Target::plain(started.port()?);
    Ok(Ok(Server::new(started, target)))
}
