//! A whole local org that learns late, behind services that throttle and stumble: everything is brought
//! about all the same, once, and the waiting is the clock's.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response};
use keyholder_client::time::SkippingSleep;
use keyholder_client::transport::Network;
use keyholder_client::{Error as ClientError, Http, NetworkOptions, Transport};
use keyholder_org::Settings;
use keyholder_service_users::apply::Proving;
use keyholder_service_users::declaration::{Declaration, ONE_ORG, Sink};
use keyholder_service_users::observe::{Look, observe};
use keyholder_service_users::plan::{Leave, plan};
use keyholder_service_users::{Administrator, Error, Estate, Event, Sinks, bring_about};
use keyholder_testkit::World;

/// How a service stumbles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stumble {
    /// 429 with the time to wait, before anything is done.
    Throttled,
    /// 503 before anything is done.
    Unavailable,
    /// 503 for ever.
    Gone,
}

/// A network on which every request whose address has `on` in it is answered with a stumble first.
#[derive(Debug)]
struct Stumbling {
    network: Network,
    on: &'static str,
    how: Mutex<Option<Stumble>>,
    seen: Mutex<BTreeMap<String, usize>>,
    stumbled: AtomicUsize,
}

impl Stumbling {
    fn answer(&self, request: &Request<Bytes>) -> Option<Response<Bytes>> {
        let how = (*self.how.lock().unwrap())?;
        let address = request.uri().to_string();
        if !address.contains(self.on) {
            return None;
        }
        // Tokens for two services are two requests; what else a body says may change from run to run.
        let what = address.contains("/oauth2/").then(|| request.body());
        let mut seen = self.seen.lock().unwrap();
        let times = seen.entry(format!("{} {address} {what:?}", request.method())).or_default();
        *times += 1;
        // The same request gets through when it comes again.
        if how != Stumble::Gone && *times > 1 {
            return None;
        }
        self.stumbled.fetch_add(1, Ordering::SeqCst);
        let answer = match how {
            Stumble::Throttled => Response::builder().status(429).header("retry-after", "17"),
            Stumble::Unavailable | Stumble::Gone => Response::builder().status(503),
        };
        let body = r#"{"error":{"code":"stumbled","message":"not now"}}"#;
        answer.header("content-type", "application/json").body(Bytes::from_static(body.as_bytes())).ok()
    }
}

impl Transport for Stumbling {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, ClientError>> {
        let stumble = self.answer(&request);
        Box::pin(async move {
            match stumble {
                Some(answer) => Ok(answer),
                None => self.network.send(request).await,
            }
        })
    }
}

struct Case {
    world: World,
    folder: tempfile::TempDir,
    network: Arc<Stumbling>,
}

impl Case {
    async fn new(settings: Settings, on: &'static str) -> Self {
        let world = World::behaving(settings).await;
        let options = NetworkOptions { ca_file: world.connection().ca_file, ..NetworkOptions::default() };
        let network = Arc::new(Stumbling {
            network: Network::new(options).unwrap(),
            on,
            how: Mutex::default(),
            seen: Mutex::default(),
            stumbled: AtomicUsize::default(),
        });
        Self { world, folder: tempfile::tempdir().unwrap(), network }
    }

    fn stumbles(&self, how: Option<Stumble>) {
        *self.network.how.lock().unwrap() = how;
        self.network.seen.lock().unwrap().clear();
        self.network.stumbled.store(0, Ordering::SeqCst);
    }

    fn declaration(&self, name: &str) -> Declaration {
        let url = self.world.connection().url;
        Declaration::reading_contacts(name, &url, Sink::EnvFile(self.folder.path().join(format!("{name}.env"))))
    }

    async fn estate(&self, declaration: &Declaration) -> Result<Estate, ClientError> {
        let clock = self.world.clock();
        let http = Http::new(self.network.clone(), clock.clone(), Arc::new(SkippingSleep(clock)));
        let administrator = Administrator::connect(self.world.connection(), http).await?;
        Ok(Estate::new(declaration, BTreeMap::from([(ONE_ORG.to_owned(), Ok(administrator))])))
    }

    async fn bring_about(&self, declaration: &Declaration) -> Result<(), Error> {
        let doing = |source| Error::Service { doing: "sign in".to_owned(), source };
        let estate = self.estate(declaration).await.map_err(doing)?;
        let sinks = Sinks::of(declaration, None).unwrap();
        bring_about(&estate, declaration, &sinks, Proving::default(), &|_: &Event| {}).await.map(drop)
    }

    /// Nothing is left to do, and nothing was made twice.
    async fn is_whole(&self, declaration: &Declaration, name: &str) {
        self.stumbles(None);
        let estate = self.estate(declaration).await.unwrap();
        let sinks = Sinks::of(declaration, None).unwrap();
        let seen = observe(&estate, declaration, &sinks, Look::default()).await.unwrap();
        let left = plan(declaration, &seen, Leave::default());
        assert!(!left.has_changes() && left.stops().count() == 0, "{left:#?}");
        let token = self.world.admin_token().await;
        let filter = format!("applications?$filter=displayName eq '{name}'");
        let found = self.world.graph(&token, "GET", &filter, None).await.body["value"].clone();
        let found = found.as_array().unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0]["passwordCredentials"].as_array().unwrap().len(), 1, "{found:?}");
    }
}

#[tokio::test]
async fn s05_s07_s09_services_that_throttle_and_stumble_are_waited_out_while_others_learn_late() {
    let lags = || Settings {
        directory_lag: Duration::from_secs(40),
        propagation_delay: Duration::from_secs(30),
        ..Settings::default()
    };
    for on in ["/v1.0/", "/api/data/", "/oauth2/"] {
        let case = Case::new(lags(), on).await;
        for (how, name) in [(Stumble::Throttled, "throttled"), (Stumble::Unavailable, "unavailable")] {
            // A new secret that cannot be proved is taken back, and the next one would stumble anew.
            if (on, how) == ("/oauth2/", Stumble::Unavailable) {
                continue;
            }
            let declaration = case.declaration(name);
            case.stumbles(Some(how));
            let mut done = case.bring_about(&declaration).await;
            // A write that was answered with 503 may have been carried out, so it is never simply sent again: the
            // next run looks first, and goes on.
            let mut runs = 1;
            while how == Stumble::Unavailable && done.is_err() && runs < 20 {
                done = case.bring_about(&declaration).await;
                runs += 1;
            }
            done.unwrap_or_else(|error| panic!("{on} {how:?} after {runs} runs: {error:?}"));
            assert!(case.network.stumbled.load(Ordering::SeqCst) >= 2, "{on} {how:?}");
            case.is_whole(&declaration, name).await;
        }
    }
}

#[tokio::test]
async fn a_service_that_stays_away_is_told_and_the_next_run_goes_on() {
    for on in ["/v1.0/", "/api/data/v9.2/systemusers", "addPassword"] {
        let case = Case::new(Settings::default(), on).await;
        let declaration = case.declaration("orders");
        case.stumbles(Some(Stumble::Gone));
        let error = case.bring_about(&declaration).await.expect_err(on);
        assert!(format!("{error:?}").contains("503") || format!("{error:?}").contains("stumbled"), "{on}: {error:?}");
        case.stumbles(None);
        case.bring_about(&declaration).await.unwrap_or_else(|error| panic!("{on}: {error:?}"));
        case.is_whole(&declaration, "orders").await;
    }
}
