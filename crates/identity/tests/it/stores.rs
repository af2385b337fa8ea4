//! The same suite on the other store.

#[test]
fn all_of_this_holds_on_postgresql() {
    keyholder_cluster::again_on_postgresql("stores::all_of_this_holds_on_postgresql");
}
