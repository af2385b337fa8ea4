//! What is told of requests, and what is not.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};

use serde_json::json;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::dataverse::{Key, Query};
use crate::testing::{SECRET, answer, org};

/// Writes down every field of every span and event.
#[derive(Debug, Clone, Default)]
struct Told(Arc<Mutex<String>>);

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.0, " {field}={value:?}");
    }
}

impl Subscriber for Told {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("keyholder_client")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut told = self.0.lock().unwrap();
        told.push_str(span.metadata().name());
        span.record(&mut Fields(&mut told));
        Id::from_u64(1)
    }

    fn event(&self, event: &Event<'_>) {
        event.record(&mut Fields(&mut self.0.lock().unwrap()));
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn requests_are_told_with_their_ids_and_without_secrets_tokens_keys_and_values() {
    let told = Told::default();
    let _guard = tracing::subscriber::set_default(told.clone());
    let (script, org) = org().await;
    // Tests beside this one, which nobody listens to, may have met the same call sites while this one began to listen.
    tracing::callsite::rebuild_interest_cache();
    let asked = "PATCH /api/data/v9.2/contacts(emailaddress1='who@contoso.example')";
    script.expect(
        asked,
        answer(403, &[("x-ms-service-request-id", "the-id")], r#"{"error":{"code":"","message":"no"}}"#),
    );
    let key = Key::alternate("emailaddress1", "who@contoso.example");
    org.update("contacts", key, &json!({ "lastname": "hidden-value" })).await.unwrap_err();
    script
        .expect("GET /api/data/v9.2/contacts?$filter=a%20eq%20%27hidden-value%27", answer(200, &[], r#"{"value":[]}"#));
    org.query(Query::from("contacts?$filter=a eq 'hidden-value'")).collect().await.unwrap();
    let told = told.0.lock().unwrap().clone();
    assert!(told.contains(r#"method=PATCH path="contacts" status=403 request_id="the-id""#), "{told}");
    for hidden in [SECRET, "Bearer", "who@", "hidden-value"] {
        assert!(!told.contains(hidden), "{hidden}: {told}");
    }
}
