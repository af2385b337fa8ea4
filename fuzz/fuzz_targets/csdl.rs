//! A metadata document is read or refused; what is read can be compiled or is refused by name.
#![no_main]

use std::collections::HashMap;

use keyholder_dataverse::{Schema, csdl};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|document: &[u8]| {
    let Ok(reading) = csdl::read("fuzz.xml", document) else { return };
    let mut definition = reading.definition;
    definition.number(&HashMap::new());
    if let Ok(schema) = Schema::new(definition) {
        let packed = schema.to_packed();
        let again = Schema::from_packed(&packed).expect("what is packed is read back");
        assert_eq!(again.to_packed(), packed);
    }
});
