//! What is kept in memory, and when it is let go.

use std::sync::Arc;
use std::time::Duration;

use keyholder_foundation::{ClientId, Clocks, ManualClock, OrgClock, SeededRandom, Timestamp};
use keyholder_store::{Database, DatabaseOptions};

use super::administrators::{Administrators, TenantPlan};
use super::applications::{ApplicationChange, ObjectKey};
use super::service_principals::ServicePrincipalChange;
use super::{Directory, Refusal, tables};

pub(super) async fn directory() -> (Directory, Administrators) {
    let clock = Arc::new(ManualClock::at(Timestamp::from_unix_seconds(1_795_338_466)));
    let clocks = Clocks { org: Arc::new(OrgClock::new(clock.clone(), 0)), monotonic: clock.clone(), system: clock };
    let database = Database::open(&DatabaseOptions::ephemeral(), &tables::migrations()).unwrap();
    let directory = Directory::open(database, clocks, Arc::new(SeededRandom::new(1)), Duration::ZERO).await.unwrap();
    let plan = TenantPlan { id: None, domain: "contoso.example".to_owned(), display_name: "Contoso".to_owned() };
    let administrators = directory.bootstrap_tenant(&plan).await.unwrap();
    (directory, administrators)
}

#[tokio::test]
async fn facts_come_from_memory_until_something_changes() {
    let (directory, admin) = directory().await;
    let find = async || directory.find_client(admin.tenant, admin.client_id).await.unwrap().unwrap();
    let first = find().await;
    assert!(Arc::ptr_eq(&first, &find().await));
    let tenants = directory.tenants().await.unwrap();
    assert!(Arc::ptr_eq(&tenants, &directory.tenants().await.unwrap()));

    let key = ObjectKey::Client(admin.client_id);
    let off = ServicePrincipalChange { account_enabled: Some(false), ..ServicePrincipalChange::default() };
    directory.update_service_principal(admin.tenant, key, off).await.unwrap();
    let second = find().await;
    assert!(first.facts.enabled && !second.facts.enabled, "a change shows in the very next look");
    assert!(Arc::ptr_eq(&second, &find().await));
    assert!(!Arc::ptr_eq(&tenants, &directory.tenants().await.unwrap()));
}

#[tokio::test]
async fn a_refused_change_leaves_memory_as_it_is() {
    let (directory, admin) = directory().await;
    let first = directory.find_client(admin.tenant, admin.client_id).await.unwrap().unwrap();
    let tenant = directory.tenants().await.unwrap().find(admin.tenant).unwrap().as_ref().clone();
    let nobody = ClientId(uuid::Uuid::nil());
    let refused = directory.update_application(&tenant, ObjectKey::Client(nobody), ApplicationChange::default()).await;
    assert!(matches!(refused, Err(Refusal::NotFound(_))));
    let second = directory.find_client(admin.tenant, admin.client_id).await.unwrap().unwrap();
    assert!(Arc::ptr_eq(&first, &second));
}

#[tokio::test]
async fn nobody_reads_old_facts_after_a_change_was_acknowledged() {
    let (directory, admin) = directory().await;
    let directory = Arc::new(directory);
    let key = ObjectKey::Client(admin.client_id);
    // Readers that run all the while try to leave old facts behind in memory.
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (directory, tenant, client) = (Arc::clone(&directory), admin.tenant, admin.client_id);
            tokio::spawn(async move {
                loop {
                    directory.find_client(tenant, client).await.unwrap().unwrap();
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for round in 0..100 {
        let enabled = round % 2 == 0;
        let change = ServicePrincipalChange { account_enabled: Some(enabled), ..ServicePrincipalChange::default() };
        directory.update_service_principal(admin.tenant, key, change).await.unwrap();
        let facts = directory.find_client(admin.tenant, admin.client_id).await.unwrap().unwrap();
        assert_eq!(facts.facts.enabled, enabled, "round {round}");
    }
    readers.iter().for_each(tokio::task::JoinHandle::abort);
}
