//! When an account is locked; and people for other tests, made without Graph.

use super::*;

impl Directory {
    /// A person with this password hash, as Graph makes them.
    pub(crate) async fn insert_person(&self, tenant: TenantId, name: &str, hash: &str) -> ObjectId {
        let (id, now) = (self.new_object_id(), self.clocks.now());
        let (name, hash) = (name.to_owned(), hash.to_owned());
        let inserted = self.change(move |_, transaction| {
            let columns = [
                "tenant_id",
                "object_id",
                "user_principal_name",
                "user_principal_name_folded",
                "display_name",
                "account_enabled",
                "password_hash",
                "created",
            ];
            let row = [
                tenant.into(),
                id.into(),
                name.as_str().into(),
                name.to_lowercase().into(),
                "Some Person".into(),
                true.into(),
                hash.as_str().into(),
                now.into(),
            ];
            transaction.execute(&Prepared::new(Insert::into(tables::USER).columns(columns))?, &row)?;
            Ok(())
        });
        inserted.await.unwrap();
        id
    }

    /// Switches a person's account on or off.
    pub(crate) async fn set_person_enabled(&self, tenant: TenantId, user: ObjectId, enabled: bool) {
        let changed = self.change(move |_, transaction| {
            let this = column("tenant_id").equals(parameter(0)).and(column("object_id").equals(parameter(1)));
            let update = Update::of(tables::USER).set("account_enabled", parameter(2)).filter(this);
            transaction.execute(&Prepared::new(update)?, &[tenant.into(), user.into(), enabled.into()])?;
            Ok(())
        });
        changed.await.unwrap();
    }
}

#[test]
fn the_tenth_wrong_password_locks_and_each_further_one_locks_longer() {
    let now = Timestamp::from_unix_seconds(1_000_000);
    let minutes = |failures| locked_until(failures, now).map(|until| until.since(now).as_secs() / 60);
    assert_eq!(minutes(9), None);
    assert_eq!(minutes(10), Some(1));
    assert_eq!(minutes(11), Some(2));
    assert_eq!(minutes(13), Some(8));
    assert_eq!(minutes(i64::MAX), Some(2048));
    assert_eq!(minutes(0), None);
}
