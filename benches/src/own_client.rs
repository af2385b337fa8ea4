//! This project's client library in a program of its own, as its documentation shows it: on one thread, like the
//! commands that are built on it.

use futures::{StreamExt, TryStreamExt};
use keyholder_client::dataverse::{Batch, Change, ChangeSet, Key, Query, Targets};
use keyholder_client::{Connection, Dataverse, Error, Http, NetworkOptions, Pool, connection};
use keyholder_foundation::{MonotonicClock, SystemClock};
use serde::Serialize;

use crate::Failure;
use crate::task::{Done, Mode, Operation, Task};

/// Makes this program the client; its task follows as JSON.
pub(crate) const ARGUMENT: &str = "run-client";

/// The columns that are read.
pub(crate) const SHOWN: [&str; 4] = ["fullname", "emailaddress1", "telephone1", "statecode"];

/// A row as a program has it.
#[derive(Serialize)]
pub(crate) struct Contact {
    firstname: String,
    lastname: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    emailaddress1: Option<String>,
    telephone1: String,
}

impl Contact {
    pub(crate) fn new(number: u32) -> Self {
        Self {
            firstname: format!("First{}", number % 50),
            lastname: format!("Last{}", u64::from(number) * 7919 % 1000),
            emailaddress1: Some(format!("contact{number}@contoso.example")),
            telephone1: format!("555-{number:06}"),
        }
    }
}

/// Says when it is ready, waits for a line, does its task, and says what came of it.
pub(crate) async fn run(task: &str) -> Result<(), Failure> {
    let task: Task = serde_json::from_str(task)?;
    let mut org = connect(|name| std::env::var(name).ok()).await?;
    if let Some(limits) = task.limits() {
        org = org.with_pool(Pool::new([org.tokens().clone()], limits));
    }
    org.who_am_i().await?;
    println!("{}", serde_json::json!({"ready": true}));
    // Nothing else is to be done meanwhile.
    let mut lines = std::io::stdin().lines();
    lines.next().transpose()?;
    let clock = SystemClock::new();
    let mut done = if task.operation == Operation::Read { read(&org).await? } else { write(&org, &task).await };
    done.seconds = clock.elapsed().as_secs_f64();
    println!("{}", serde_json::to_string(&done)?);
    lines.next().transpose()?;
    Ok(())
}

/// Signs in with the settings of the environment.
pub(crate) async fn connect(variable: impl Fn(&'static str) -> Option<String>) -> Result<Dataverse, Failure> {
    let connection = Connection::try_from(connection::from_environment(variable))?;
    let http = Http::over_network(NetworkOptions { ca_file: connection.ca_file.clone(), ..Default::default() })?;
    Ok(Dataverse::connect(&connection, http).await?)
}

async fn read(org: &Dataverse) -> Result<Done, Failure> {
    let mut rows = std::pin::pin!(org.query(Query::rows("contacts").select(SHOWN)).rows());
    let mut done = Done::default();
    while let Some(row) = rows.try_next().await? {
        done.rows += u32::from(row.contains_key("fullname"));
    }
    Ok(done)
}

async fn write(org: &Dataverse, task: &Task) -> Done {
    let starts = (0..task.rows).step_by(task.size as usize);
    let all = futures::stream::iter(starts).map(|from| request(org, task, from)).buffer_unordered(task.concurrency);
    let mut done = all
        .fold(Done::default(), async |mut done, outcome| {
            match outcome {
                Ok(rows) => done.rows += rows,
                Err(error) => done.failed = Some(error.to_string()),
            }
            done
        })
        .await;
    done.refused = u32::try_from(org.http().counted().refused).unwrap_or(u32::MAX);
    done
}

/// One request; gives how many rows it wrote.
async fn request(org: &Dataverse, task: &Task, from: u32) -> Result<u32, Error> {
    let numbers = from..from + task.size;
    let written = match (task.operation, task.mode) {
        (Operation::Upsert, _) => {
            let mut targets = Targets::of("contact");
            for number in numbers {
                let mut row = Contact::new(number);
                let mail = row.emailaddress1.take().unwrap_or_default();
                targets.push_with_key(("contacts", Key::alternate("emailaddress1", mail)), &row);
            }
            let rows = targets.len();
            org.upsert_multiple("contacts", targets).await?;
            rows
        }
        (_, Mode::Multiple) => {
            let mut targets = Targets::of("contact");
            numbers.for_each(|number| targets.push(&Contact::new(number)));
            org.create_multiple("contacts", targets).await?.len()
        }
        (_, Mode::Batch) => {
            let mut set = ChangeSet::new();
            for number in numbers {
                set.push(Change::create("contacts", &Contact::new(number)));
            }
            let mut batch = Batch::new();
            batch.change_set(set);
            match org.batch(&batch).await?.pop() {
                Some(keyholder_client::dataverse::Outcome::ChangedTogether(done)) => done.len(),
                Some(keyholder_client::dataverse::Outcome::Refused(error)) => return Err(error),
                _ => 0,
            }
        }
        (_, Mode::Single) => org.create("contacts", &Contact::new(from)).await.map(|_| 1)?,
    };
    Ok(u32::try_from(written).unwrap_or(u32::MAX))
}
