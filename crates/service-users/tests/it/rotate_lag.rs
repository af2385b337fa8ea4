//! Rotations in a directory that lags: what was just written to it is not what it shows.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Method, Request, Response};
use keyholder_client::time::SkippingSleep;
use keyholder_client::transport::Network;
use keyholder_client::{Error as ClientError, Http, NetworkOptions, Tokens, Transport};
use keyholder_foundation::{ManualClock, Timestamp, WallClock};
use keyholder_service_users::apply::Proving;
use keyholder_service_users::credentials::{Wanted, add};
use keyholder_service_users::declaration::{Declaration, ONE_ORG, Sink};
use keyholder_service_users::rotate::{Aim, Came, Manner, Overlap, find, rotate, rotate_all};
use keyholder_service_users::{
    Administrator, Error, Estate, Event, Journal, Kept, KeyKind, SecretSink, Sinks, bring_about, open_sink,
};
use keyholder_testkit::World;
use serde_json::Value;

/// Which reads are late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Late {
    /// Every one, for so long after a write.
    All(Duration),
    /// Every other one: two replicas answer in turn, and one of them learns that much later.
    EveryOther(Duration),
}

/// A network behind which the directory shows registrations as they were before the last writes.
#[derive(Debug)]
struct Lagging {
    network: Network,
    clock: Arc<ManualClock>,
    late: Mutex<Option<Late>>,
    seen: Mutex<Shown>,
}

#[derive(Debug, Default)]
struct Shown {
    /// What each address would have shown before a write, and until when it does.
    stale: BTreeMap<String, (Timestamp, Response<Bytes>)>,
    /// How to ask for each address that was asked for.
    asked: BTreeMap<String, Request<Bytes>>,
    reads: usize,
    told_late: usize,
}

impl Lagging {
    fn stale(&self, address: &str) -> Option<Response<Bytes>> {
        let late = (*self.late.lock().unwrap())?;
        let mut shown = self.seen.lock().unwrap();
        shown.reads += 1;
        let is_turn = late.is_for_all() || shown.reads.is_multiple_of(2);
        let (until, answer) = shown.stale.get(address)?;
        let answer = (is_turn && self.clock.now() < *until).then(|| answer.clone())?;
        shown.told_late += 1;
        Some(answer)
    }

    /// Before a write: what is shown now is shown for a while yet.
    async fn keep(&self) -> Result<(), ClientError> {
        let Some(late) = *self.late.lock().unwrap() else { return Ok(()) };
        let asked: Vec<_> = self.seen.lock().unwrap().asked.clone().into_iter().collect();
        for (address, request) in asked {
            let before = self.network.send(request).await?;
            let now = self.clock.now();
            let stale = &mut self.seen.lock().unwrap().stale;
            if before.status().is_success() && stale.get(&address).is_none_or(|(until, _)| *until <= now) {
                stale.insert(address, (now.plus(late.time()), before));
            }
        }
        Ok(())
    }
}

impl Late {
    fn time(self) -> Duration {
        let (Self::All(time) | Self::EveryOther(time)) = self;
        time
    }

    fn is_for_all(self) -> bool {
        matches!(self, Self::All(_))
    }
}

impl Transport for Lagging {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, ClientError>> {
        Box::pin(async move {
            let address = request.uri().to_string();
            if !address.contains("/v1.0/applications") {
                return self.network.send(request).await;
            }
            if request.method() != Method::GET {
                self.keep().await?;
                return self.network.send(request).await;
            }
            self.seen.lock().unwrap().asked.insert(address.clone(), request.clone());
            match self.stale(&address) {
                Some(answer) => Ok(answer),
                None => self.network.send(request).await,
            }
        })
    }
}

struct Case {
    world: World,
    folder: tempfile::TempDir,
    network: Arc<Lagging>,
    kind: KeyKind,
}

impl Case {
    async fn new(kind: KeyKind) -> Self {
        let world = World::start().await;
        let options = NetworkOptions { ca_file: world.connection().ca_file, ..NetworkOptions::default() };
        let network = Arc::new(Lagging {
            network: Network::new(options).unwrap(),
            clock: world.clock(),
            late: Mutex::default(),
            seen: Mutex::default(),
        });
        let case = Self { world, folder: tempfile::tempdir().unwrap(), network, kind };
        case.applied().await.unwrap();
        case.rotated().await.unwrap();
        case
    }

    /// What `apply` does, by the declaration of one secret in the place.
    async fn applied(&self) -> Result<(), Error> {
        let administrator = self.administrator().await;
        let url = &administrator.connection.url;
        let declaration = Declaration::reading_contacts("orders", url, Sink::EnvFile(self.env()));
        let estate = Estate::new(&declaration, BTreeMap::from([(ONE_ORG.to_owned(), Ok(administrator))]));
        let sinks = Sinks::of(&declaration, None).unwrap();
        bring_about(&estate, &declaration, &sinks, Proving::default(), &|_: &Event| {}).await.map(drop)
    }

    fn env(&self) -> PathBuf {
        self.folder.path().join("orders.env")
    }

    async fn administrator(&self) -> Administrator {
        let clock = self.world.clock();
        let http = Http::new(self.network.clone(), clock.clone(), Arc::new(SkippingSleep(clock)));
        Administrator::connect(self.world.connection(), http).await.unwrap()
    }

    async fn rotated(&self) -> Result<Came, Error> {
        self.rotated_as(Manner::default()).await
    }

    async fn rotated_as(&self, manner: Manner) -> Result<Came, Error> {
        // The org's clock stands still: two that are made at once would be of one age.
        self.world.advance(Duration::from_secs(60));
        let administrator = self.administrator().await;
        let sink = open_sink(&Sink::EnvFile(self.env()), None).unwrap();
        let found = find(&administrator, "orders").await?;
        let aim = Aim { kind: Some(self.kind), ..found.aim(&administrator, sink.as_ref(), None) };
        let journal = Journal::new(self.folder.path().join("journal"));
        rotate(&aim, manner, &journal, &|_: &Event| {}).await.map(|rotated| rotated.came)
    }

    /// What the directory really has.
    async fn there(&self) -> BTreeSet<String> {
        let token = self.world.admin_token().await;
        let found = self.world.graph(&token, "GET", "applications?$filter=displayName eq 'orders'", None).await;
        let of = |name: &str| found.body["value"][0][name].as_array().cloned().unwrap_or_default();
        let all: Vec<Value> = of("passwordCredentials").into_iter().chain(of("keyCredentials")).collect();
        all.iter().map(|one| one["keyId"].as_str().unwrap().to_owned()).collect()
    }

    /// Whatever has come of it, what the place holds lets in.
    async fn works(&self, when: &str) {
        self.lets_in(open_sink(&Sink::EnvFile(self.env()), None).unwrap().as_ref(), when).await;
    }

    async fn lets_in(&self, sink: &dyn SecretSink, when: &str) {
        let Kept::Key { key, .. } = sink.load().await.unwrap() else { panic!("{when}: the place holds nothing") };
        let administrator = self.administrator().await;
        let authority = administrator.org.tokens().authority().clone();
        let tokens = Tokens::new(key.credential().unwrap(), authority, administrator.http.clone());
        let told = administrator.org.with_tokens(tokens).who_am_i().await;
        told.unwrap_or_else(|error| panic!("{when}: {error}"));
    }
}

async fn a_lagging_directory_loses_nothing(kind: KeyKind) {
    for late in
        [10, 45, 600].map(Duration::from_secs).into_iter().flat_map(|time| [Late::All(time), Late::EveryOther(time)])
    {
        let case = Case::new(kind).await;
        let before = case.there().await;
        assert_eq!(before.len(), 1);
        *case.network.late.lock().unwrap() = Some(late);
        let mut ended = Vec::new();
        for run in 0..3 {
            let came = case.rotated().await;
            case.works(&format!("{late:?}, run {run}, which came to {came:?}")).await;
            ended.push(came);
        }
        assert!(case.network.seen.lock().unwrap().told_late > 0, "{late:?}");
        // What a run could not see then, one that sees all puts right.
        *case.network.late.lock().unwrap() = None;
        case.world.advance(Duration::from_secs(20 * 60));
        case.rotated().await.unwrap_or_else(|error| panic!("{late:?}: {error}, after {ended:?}"));
        case.works("in the end").await;
        let left = case.there().await;
        assert!(left.len() == 1 && left.is_disjoint(&before), "{late:?}: {left:?} of {before:?}, after {ended:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s08_secrets_are_replaced_in_a_directory_that_lags() {
    a_lagging_directory_loses_nothing(KeyKind::Secret).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s08_certificates_are_replaced_in_a_directory_that_lags() {
    a_lagging_directory_loses_nothing(KeyKind::Certificate).await;
}

/// The list of certificates is one for all places: a list that was read late must not be written over another place's new
/// one.
#[tokio::test(flavor = "multi_thread")]
async fn s08_certificates_of_several_places_are_replaced_in_a_directory_that_lags() {
    let patterns = [10, 600].map(Duration::from_secs).into_iter();
    let patterns: Vec<Late> = patterns.flat_map(|time| [Late::All(time), Late::EveryOther(time)]).collect();
    for (overlap, late) in
        [Overlap::None, Overlap::Open].into_iter().flat_map(|one| patterns.iter().map(move |late| (one, *late)))
    {
        let case = Case::new(KeyKind::Certificate).await;
        let administrator = case.administrator().await;
        let place = |name: &str| open_sink(&Sink::EnvFile(case.folder.path().join(name)), None).unwrap();
        let places = ["orders.env", "second.env"].map(place);
        let lifetime = Duration::from_secs(30 * 24 * 60 * 60);
        for sink in &places[1..] {
            let wanted = Wanted::Certificate { lifetime, sink: sink.as_ref() };
            let journal = Journal::new(case.folder.path().join("journal"));
            add(&administrator, "orders", wanted, &journal, &|_: &Event| {}).await.unwrap();
        }
        case.world.advance(Duration::from_secs(60 * 60));
        let before = case.there().await;
        *case.network.late.lock().unwrap() = Some(late);
        let administrator = case.administrator().await;
        let found = find(&administrator, "orders").await.unwrap();
        let aim = |sink| Aim { kind: Some(KeyKind::Certificate), ..found.aim(&administrator, sink, None) };
        let aims: Vec<Aim<'_>> = places.iter().map(|sink| aim(sink.as_ref())).collect();
        let journal = Journal::new(case.folder.path().join("journal"));
        let manner = Manner { overlap, ..Manner::default() };
        let came = rotate_all(&aims, manner, &journal, &|_: &Event| {}).await;
        for sink in &places {
            case.lets_in(sink.as_ref(), &format!("{overlap:?}, {late:?}, {came:?}")).await;
        }
        if overlap == Overlap::Open && came.iter().all(Result::is_ok) {
            assert!(before.is_subset(&case.there().await), "{late:?}: nothing is revoked yet");
        }
    }
}

/// What overlaps is nothing left over, though the directory does not show yet what has replaced it.
#[tokio::test(flavor = "multi_thread")]
async fn s08_what_an_apply_and_an_addition_cannot_see_yet_costs_no_overlapping_credential() {
    for kind in [KeyKind::Secret, KeyKind::Certificate] {
        let case = Case::new(kind).await;
        let old = case.there().await;
        *case.network.late.lock().unwrap() = Some(Late::All(Duration::from_secs(600)));
        let open = Manner { overlap: Overlap::Open, ..Manner::default() };
        assert_eq!(case.rotated_as(open).await.unwrap(), Came::Overlaps);
        if kind == KeyKind::Secret {
            case.applied().await.unwrap();
            case.works("after the apply").await;
            assert!(old.is_subset(&case.there().await), "after the apply");
        }
        let administrator = case.administrator().await;
        let sink = open_sink(&Sink::EnvFile(case.env()), None).unwrap();
        let (lifetime, sink) = (Duration::from_secs(30 * 24 * 60 * 60), sink.as_ref());
        let wanted = match kind {
            KeyKind::Secret => Wanted::Secret { lifetime, sink },
            KeyKind::Certificate => Wanted::Certificate { lifetime, sink },
        };
        let journal = Journal::new(case.folder.path().join("journal"));
        let before = case.there().await;
        let added = add(&administrator, "orders", wanted, &journal, &|_: &Event| {}).await;
        case.works(&format!("after an addition that came to {added:?}")).await;
        let there = case.there().await;
        // Of certificates, which are one list, another run knows only what the directory shows.
        assert!(kind == KeyKind::Certificate || before.is_subset(&there), "{before:?}, {there:?}, {added:?}");
    }
}
