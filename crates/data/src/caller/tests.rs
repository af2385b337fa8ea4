use keyholder_dataverse::Depth;
use keyholder_foundation::{Clocks, ManualClock, OrgClock, OrgId, SeededRandom, Timestamp};
use keyholder_store::{DatabaseOptions, Transaction};

use super::*;
use crate::{Administrator, ApplicationFacts, BoxFuture, Directory, DirectoryError, Organization, OrganizationConfig};

const TENANT: TenantId = TenantId(Uuid::from_u128(0x0b));

#[derive(Debug)]
struct Empty;

impl Directory for Empty {
    fn find_application(&self, _: ClientId) -> BoxFuture<'_, Result<Option<ApplicationFacts>, DirectoryError>> {
        Box::pin(async { Ok(None) })
    }
}

/// An organization with an administrator, and that administrator's token.
pub(crate) async fn organization(database: DatabaseOptions) -> (Organization, Calling) {
    let clock = Arc::new(ManualClock::at(Timestamp::parse("2026-11-22T09:07:46Z").unwrap()));
    let organization = Organization::open(OrganizationConfig {
        database,
        organization: OrgId(Uuid::from_u128(0x0a)),
        tenant: TENANT,
        name: "Contrast".to_owned(),
        url: "https://localhost:8443".to_owned(),
        login: "https://localhost:8443".to_owned(),
        clocks: Clocks { org: Arc::new(OrgClock::new(clock.clone(), 0)), monotonic: clock.clone(), system: clock },
        random: Arc::new(SeededRandom::new(7)),
        directory: Arc::new(Empty),
        non_interactive_limit: 7,
        role_policy: crate::RolePolicy::AnyRole,
        version: crate::VERSION,
        sample_rows: 0,
        trouble: None,
    })
    .await
    .unwrap();
    let facts = ApplicationFacts {
        client_id: ClientId(Uuid::from_u128(1)),
        display_name: "admin".to_owned(),
        identifier_uri: None,
        service_principal: ObjectId(Uuid::from_u128(2)),
    };
    let token = TokenFacts {
        tenant: TENANT,
        client: facts.client_id,
        object_id: facts.service_principal,
        app_only: true,
        delegated: false,
    };
    organization.ensure_administrator(Administrator::Application(facts)).await.unwrap();
    (organization, Calling { token, acting_for: None })
}

#[tokio::test]
async fn a_write_that_does_not_commit_leaves_no_caller_behind() {
    let (organization, token) = organization(DatabaseOptions::ephemeral()).await;
    let core = Arc::clone(&organization.core);
    let epoch = {
        let inside = Arc::clone(&core);
        core.database.read(move |snapshot| inside.epochs.read(snapshot)).await.unwrap().security
    };
    // What a savepoint of the same group sees when an earlier one has changed a role: the caller
    // under an epoch that is then rolled back.
    let inside = Arc::clone(&core);
    let undone = core.database.write(move |tx: &mut Transaction<'_>| {
        inside.epochs.bump_security(tx)?;
        let entered = inside.enter(tx, &inside.catalogue(), &token)?;
        assert_eq!(entered.epoch, epoch + 1);
        Err::<(), Failure>(Failure::Stale)
    });
    assert!(matches!(undone.await, Err(Failure::Stale)));
    assert!(core.callers.known(epoch + 1, &token).is_none(), "an epoch that never was is remembered");
    assert!(core.callers.known(epoch, &token).is_none());

    let inside = Arc::clone(&core);
    let read = core.database.read(move |snapshot| {
        let entered = inside.enter(snapshot, &inside.catalogue(), &token)?;
        inside.callers.remember(&token, &entered);
        Ok::<_, Failure>(entered.epoch)
    });
    assert_eq!(read.await.ok(), Some(epoch));
    assert!(core.callers.known(epoch, &token).is_some());
}

#[test]
fn what_an_older_snapshot_saw_is_not_brought_back() {
    let callers = Callers::default();
    let token = TokenFacts {
        tenant: TENANT,
        client: ClientId(Uuid::nil()),
        object_id: ObjectId(Uuid::nil()),
        app_only: true,
        delegated: false,
    };
    let token = Calling { token, acting_for: None };
    let facts = PrincipalFacts::new(Uuid::nil(), Uuid::nil(), AccessMode::ReadWrite, None);
    let caller = Arc::new(Caller {
        user: Uuid::nil(),
        really: None,
        business_unit: Uuid::nil(),
        grants: Grants::new(facts, Vec::new()),
    });
    let entered = |epoch| Entered { caller: Arc::clone(&caller), epoch };
    callers.remember(&token, &entered(5));
    callers.remember(&token, &entered(4));
    assert!(callers.known(5, &token).is_some());
    assert!(callers.known(4, &token).is_none());
    callers.remember(&token, &entered(6));
    assert!(callers.known(5, &token).is_none());
}

#[test]
fn callers_are_remembered_by_what_they_weigh_and_not_by_their_number() {
    let callers = Callers::default();
    let calling = |number: u128| {
        let (client, object_id) = (ClientId(Uuid::from_u128(number)), ObjectId(Uuid::nil()));
        Calling {
            token: TokenFacts { tenant: TENANT, client, object_id, app_only: true, delegated: false },
            acting_for: None,
        }
    };
    // Somebody whose privileges each reach many business units.
    let units: Arc<[Uuid]> = (0..400).map(Uuid::from_u128).collect();
    let facts = PrincipalFacts::new(Uuid::nil(), Uuid::nil(), AccessMode::ReadWrite, None);
    let mut grants = Grants::new(facts, Vec::new());
    let privileges = (0..500).map(|number| (Uuid::from_u128(number), Depth::Deep));
    grants.add_role(Holder::User, Uuid::from_u128(0), &units, privileges);
    assert!(grants.weight() > 500 * 400, "{}", grants.weight());
    let caller = Arc::new(Caller { user: Uuid::nil(), really: None, business_unit: Uuid::nil(), grants });
    for number in 0..5 {
        callers.remember(&calling(number), &Entered { caller: Arc::clone(&caller), epoch: 1 });
        // Once more changes nothing.
        callers.remember(&calling(number), &Entered { caller: Arc::clone(&caller), epoch: 1 });
    }
    let known = (0..5).filter(|number| callers.known(1, &calling(*number)).is_some()).count();
    assert!((1..5).contains(&known), "{known}");
    assert!(callers.known(1, &calling(4)).is_some(), "the last one is always remembered");
}
