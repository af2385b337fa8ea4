//! A batch is taken apart or refused.
#![no_main]

use keyholder_operation::batch;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    drop(batch::read("v9.2", Some("multipart/mixed; boundary=b"), body));
});
