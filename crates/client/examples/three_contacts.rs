//! What the guides' programs do: an application signs in to an org as itself and reads three contacts.
//! The org, the application and its credential come from the environment (docs/sign-in.md).
#![expect(clippy::print_stdout, reason = "what was read is the program's output")]

use keyholder_client::dataverse::{Query, Row};
use keyholder_client::{Connection, Dataverse, Error, Http, NetworkOptions, connection};

pub(crate) async fn three_contacts(variable: impl Fn(&'static str) -> Option<String>) -> Result<Vec<Row>, Error> {
    let connection = Connection::try_from(connection::from_environment(variable))?;
    let http = Http::over_network(NetworkOptions { ca_file: connection.ca_file.clone(), ..Default::default() })?;
    let org = Dataverse::connect(&connection, http).await?;
    org.query(Query::rows("contacts").select(["fullname"]).top(3)).collect().await
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    for contact in three_contacts(|name| std::env::var(name).ok()).await? {
        println!("{}", contact["fullname"]);
    }
    Ok(())
}
