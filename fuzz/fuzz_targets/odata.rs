//! A request's path and query are bound or refused.
#![no_main]

use std::sync::LazyLock;

use http::{HeaderMap, Method};
use keyholder_dataverse::Schema;
use keyholder_operation::{Request, bind};
use libfuzzer_sys::fuzz_target;

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::core().expect("the shipped tables are sound"));

fuzz_target!(|address: &str| {
    let (path, query) = match address.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (address, None),
    };
    let headers = HeaderMap::new();
    let request = Request { method: &Method::GET, path, query, headers: &headers, body: &[], references: None };
    drop(bind(&SCHEMA, &request));
});
