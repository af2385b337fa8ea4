//! FetchXML is read or refused; what is read reads the same when it is printed.
#![no_main]

use keyholder_operation::fetch::Fetch;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|document: &str| {
    if let Ok(fetch) = Fetch::parse(document) {
        assert_eq!(Fetch::parse(&fetch.to_string()).expect("what is printed is read"), fetch);
    }
});
