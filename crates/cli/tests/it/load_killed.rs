//! A load that is killed, whenever that is, and begun again until it is done: each row is there, once.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::Read;
use std::path::Path;
use std::pin::Pin;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use keyholder_foundation::{Random, SeededRandom, Sleep};
use keyholder_org::Settings;
use keyholder_testkit::World;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::program::keyholder;

/// Rows of each load, and in each request.
const ROWS: usize = 400;
const CHUNK: &str = "10";
/// How often a load is killed: in all, and of one file, so that each mode has its turn.
const KILLS: usize = 20;
const KILLS_OF_ONE: usize = 8;

/// What a test waits for.
#[derive(Debug, PartialEq, Eq)]
enum Event {
    /// The org has been asked so often.
    Reached,
    /// The command ended by itself; what it said.
    Ended(String),
}

/// Says when the org is asked for the so-manieth time from now on. It takes the place of the sleep by which the org delays
/// each request, and does not wait.
#[derive(Debug)]
struct Gate {
    left: AtomicUsize,
    events: UnboundedSender<Event>,
}

impl Gate {
    fn new() -> (Arc<Self>, UnboundedReceiver<Event>) {
        let (events, told) = unbounded_channel();
        (Arc::new(Self { left: AtomicUsize::new(0), events }), told)
    }
}

impl Sleep for Gate {
    fn sleep(&self, _: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + 'static>> {
        let before = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if before == Ok(1) {
            let _ = self.events.send(Event::Reached);
        }
        Box::pin(std::future::ready(()))
    }
}

fn load(world: &World, folder: &Path, file: &str, more: &[&str]) -> Command {
    let mut command = keyholder(folder);
    command.args(["load", file, "--table", "contacts", "--quiet", "--chunk", CHUNK]).args(more);
    command.env("KEYHOLDER_ORG_URL", world.origin());
    command.env("KEYHOLDER_CLIENT_ID", &world.admin().client_id);
    command.env("KEYHOLDER_CLIENT_SECRET", world.admin().client_secret.expose());
    command.env("KEYHOLDER_CA_FILE", world.file("ca.pem"));
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_that_is_killed_at_random_and_begun_again_has_each_row_once() {
    let (gate, mut told) = Gate::new();
    let settings =
        Settings { limits: None, latency: Duration::from_millis(1), sleep: gate.clone(), ..Settings::default() };
    let world = World::behaving(settings).await;
    let folder = tempfile::tempdir().unwrap();
    let chance = SeededRandom::new(20);
    let mut kills = 0;
    for round in 0.. {
        if kills >= KILLS {
            break;
        }
        let mark = format!("round {round}");
        let file = format!("{round}.csv");
        let mut text = "lastname,jobtitle,numberofchildren,parentcustomerid:account\n".to_owned();
        for row in 0..ROWS {
            // Some are refused: by the load itself, and by the org.
            let children = if row % 97 == 13 { "many" } else { "3" };
            let company = if row % 101 == 50 { "5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c11" } else { "" };
            writeln!(text, "Row {row},{mark},{children},{company}").unwrap();
        }
        std::fs::write(folder.path().join(&file), text).unwrap();
        let (mode, most) = [("multiple", 24), ("batch", 24), ("single", 120)][round % 3];
        let mut killed = 0;
        loop {
            // What comes before the first row are some ten requests; row by row there are more behind it, and those that look for
            // what the killed run had sent.
            let place = usize::try_from(8 + chance.below(most)).unwrap();
            gate.left.store(if kills < KILLS && killed < KILLS_OF_ONE { place } else { 0 }, Ordering::SeqCst);
            let mut child = load(&world, folder.path(), &file, &["--mode", mode]).spawn().unwrap();
            let (mut err, events) = (child.stderr.take().unwrap(), gate.events.clone());
            let listener = std::thread::spawn(move || {
                let mut said = String::new();
                err.read_to_string(&mut said).unwrap();
                let _ = events.send(Event::Ended(said));
            });
            let event = told.recv().await.unwrap();
            if event == Event::Reached {
                child.kill().unwrap();
            }
            let status = child.wait().unwrap();
            listener.join().unwrap();
            gate.left.store(0, Ordering::SeqCst);
            while told.try_recv().is_ok() {}
            if status.code() == Some(65) {
                break;
            }
            assert_eq!(status.code(), None, "round {round}: {status} {event:?}");
            kills += 1;
            killed += 1;
        }
        let token = world.admin_token().await;
        let query = format!("contacts?$select=lastname&$filter=jobtitle eq '{mark}'");
        let rows = world.api(&token, "GET", &query, None).await;
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for row in rows.body["value"].as_array().unwrap() {
            *seen.entry(row["lastname"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        let rejected: Vec<usize> = (0..ROWS).filter(|row| row % 97 == 13 || row % 101 == 50).collect();
        for row in 0..ROWS {
            let wanted = usize::from(!rejected.contains(&row));
            assert_eq!(seen.get(&format!("Row {row}")).copied().unwrap_or(0), wanted, "{mode}, row {row}");
        }
        let told = std::fs::read_to_string(folder.path().join(format!("{file}.rejects.csv"))).unwrap();
        let mut numbers: Vec<usize> =
            told.lines().skip(1).map(|line| line.split(',').next().unwrap().parse().unwrap()).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, rejected.iter().map(|row| row + 1).collect::<Vec<_>>(), "{mode}: {told}");
    }
}
