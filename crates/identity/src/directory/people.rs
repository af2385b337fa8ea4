//! People as the token service knows them: their password's hash, whether they may sign in, and
//! how they stand (locked out, must change the password, need a second factor).
//!
//! How often a wrong password came is counted beside the directory's epoch: a guess must not make
//! everybody's facts be read again.

use std::time::Duration;

use keyholder_foundation::{ObjectId, TenantId, Timestamp};
use keyholder_store::statement::{Delete, Insert, Select, Update, column, literal, parameter, qualified};
use keyholder_store::{Error, Kind, Prepared, Row, Transaction};

use super::sign_in_tables::{PERSON, TENANT_POLICY};
use super::{Directory, Refusal, sessions, tables};

/// How many wrong passwords in a row lock an account.
const FAILURES_ALLOWED: i64 = 10;
/// For how long the first time; each further wrong password doubles it.
const FIRST_LOCK: Duration = Duration::from_secs(60);
/// How often it is doubled at most: to a little more than a day.
const DOUBLINGS: u32 = 11;

/// A person, as far as signing in goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) tenant: TenantId,
    pub(crate) id: ObjectId,
    pub(crate) user_principal_name: String,
    pub(crate) display_name: String,
    pub(crate) enabled: bool,
    /// Argon2id, PHC string form; empty when there is no password.
    pub(crate) password_hash: String,
    pub(crate) standing: Standing,
}

/// How a person stands with the token service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Standing {
    pub(crate) must_change_password: bool,
    pub(crate) requires_multi_factor: bool,
    pub(crate) password_expires: Option<Timestamp>,
    /// What was signed in before this is over.
    pub(crate) sessions_valid_from: Option<Timestamp>,
    pub(crate) failures: i64,
    pub(crate) locked_until: Option<Timestamp>,
}

/// What a tenant demands of every sign-in of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SignInRule {
    /// Nothing.
    #[default]
    None,
    /// A second factor: a Conditional Access policy that demands it of everyone.
    MultiFactor,
    /// Nobody signs in: a Conditional Access policy that blocks everyone.
    Block,
}

impl SignInRule {
    const fn word(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::MultiFactor => Some("multi_factor"),
            Self::Block => Some("block"),
        }
    }

    fn find(word: Option<&str>) -> Self {
        match word {
            Some("multi_factor") => Self::MultiFactor,
            Some("block") => Self::Block,
            _ => Self::None,
        }
    }
}

#[derive(Debug)]
pub(super) struct Statements {
    find_by_id: Prepared,
    find_by_name: Prepared,
    ensure: Prepared,
    standing: Prepared,
    set_password_state: Prepared,
    set_multi_factor: Prepared,
    revoke: Prepared,
    count: Prepared,
    delete: Prepared,
    set_password_hash: Prepared,
    rule: Prepared,
    insert_rule: Prepared,
    delete_rule: Prepared,
}

const STANDING: [(&str, Kind); 6] = [
    ("must_change_password", Kind::Bool),
    ("requires_multi_factor", Kind::Bool),
    ("password_expires", Kind::Time),
    ("sessions_valid_from", Kind::Time),
    ("failures", Kind::Integer),
    ("locked_until", Kind::Time),
];

fn select() -> Select {
    let same = qualified("standing", "tenant_id")
        .equals(qualified(tables::USER, "tenant_id"))
        .and(qualified("standing", "object_id").equals(qualified(tables::USER, "object_id")));
    let user = |select: Select, name: &'static str, kind| select.project(qualified(tables::USER, name), kind);
    let mut select = Select::from(tables::USER);
    for (name, kind) in [
        ("object_id", Kind::Uuid),
        ("user_principal_name", Kind::Text),
        ("display_name", Kind::Text),
        ("account_enabled", Kind::Bool),
        ("password_hash", Kind::Text),
    ] {
        select = user(select, name, kind);
    }
    for (name, kind) in STANDING {
        select = select.project(qualified("standing", name), kind);
    }
    select
        .left_join(PERSON, "standing", same)
        .filter(qualified(tables::USER, "deleted").is_null())
        .filter(qualified(tables::USER, "tenant_id").equals(parameter(0)))
}

impl Statements {
    pub(super) fn prepare() -> Result<Self, Error> {
        let this = || column("tenant_id").equals(parameter(0)).and(column("object_id").equals(parameter(1)));
        let of_tenant = || column("tenant_id").equals(parameter(0));
        Ok(Self {
            find_by_id: Prepared::new(select().filter(qualified(tables::USER, "object_id").equals(parameter(1))))?,
            find_by_name: Prepared::new(
                select().filter(qualified(tables::USER, "user_principal_name_folded").equals(parameter(1))),
            )?,
            ensure: Prepared::new(
                Insert::into(PERSON)
                    .columns(["tenant_id", "object_id"])
                    .value("must_change_password", literal(false))
                    .value("requires_multi_factor", literal(false))
                    .value("failures", literal(0))
                    .or_nothing(),
            )?,
            standing: Prepared::new(Select::from(PERSON).columns(STANDING).filter(this()))?,
            set_password_state: Prepared::new(
                Update::of(PERSON)
                    .set("must_change_password", parameter(2))
                    .set("password_expires", parameter(3))
                    .set("sessions_valid_from", parameter(4))
                    .set("failures", literal(0))
                    .set("locked_until", literal(keyholder_store::statement::Literal::Null))
                    .filter(this()),
            )?,
            set_multi_factor: Prepared::new(
                Update::of(PERSON).set("requires_multi_factor", parameter(2)).filter(this()),
            )?,
            revoke: Prepared::new(Update::of(PERSON).set("sessions_valid_from", parameter(2)).filter(this()))?,
            count: Prepared::new(
                Update::of(PERSON).set("failures", parameter(2)).set("locked_until", parameter(3)).filter(this()),
            )?,
            delete: Prepared::new(Delete::from(PERSON).filter(this()))?,
            set_password_hash: Prepared::new(
                Update::of(tables::USER).set("password_hash", parameter(2)).filter(this()),
            )?,
            rule: Prepared::new(Select::from(TENANT_POLICY).column("sign_in_rule", Kind::Text).filter(of_tenant()))?,
            insert_rule: Prepared::new(Insert::into(TENANT_POLICY).columns(["tenant_id", "sign_in_rule"]))?,
            delete_rule: Prepared::new(Delete::from(TENANT_POLICY).filter(of_tenant()))?,
        })
    }
}

fn read_standing(row: &Row<'_>, first: usize) -> Result<Standing, Error> {
    Ok(Standing {
        must_change_password: row.get::<Option<bool>>(first)?.unwrap_or(false),
        requires_multi_factor: row.get::<Option<bool>>(first + 1)?.unwrap_or(false),
        password_expires: row.get(first + 2)?,
        sessions_valid_from: row.get(first + 3)?,
        failures: row.get::<Option<i64>>(first + 4)?.unwrap_or(0),
        locked_until: row.get(first + 5)?,
    })
}

fn read(row: &Row<'_>, tenant: TenantId) -> Result<Person, Error> {
    Ok(Person {
        tenant,
        id: row.get(0)?,
        user_principal_name: row.get(1)?,
        display_name: row.get(2)?,
        enabled: row.get(3)?,
        password_hash: row.get(4)?,
        standing: read_standing(row, 5)?,
    })
}

/// What is known of a person's password besides its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PasswordState {
    /// Whether it must be changed before anything else (`forceChangePasswordNextSignIn`).
    pub(crate) must_change: bool,
    /// When it expires of itself.
    pub(crate) expires: Option<Timestamp>,
    /// When it was set: sessions of before are over.
    pub(crate) changed: Timestamp,
}

/// Notes that a person's password was set. The hash itself is the user row's.
pub(super) fn password_was_set(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    user: ObjectId,
    state: PasswordState,
) -> Result<(), Refusal> {
    let (all, statements) = (statements, &statements.people);
    transaction.execute(&statements.ensure, &[tenant.into(), user.into()])?;
    let row = [tenant.into(), user.into(), state.must_change.into(), state.expires.into(), state.changed.into()];
    transaction.execute(&statements.set_password_state, &row)?;
    sessions::revoke_of_user(all, transaction, tenant, user, state.changed)
}

/// Ends every session of a person's that began before `now` (Graph's `revokeSignInSessions`).
pub(super) fn revoke_sessions(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    user: ObjectId,
    now: Timestamp,
) -> Result<(), Refusal> {
    let (all, statements) = (statements, &statements.people);
    transaction.execute(&statements.ensure, &[tenant.into(), user.into()])?;
    transaction.execute(&statements.revoke, &[tenant.into(), user.into(), now.into()])?;
    sessions::revoke_of_user(all, transaction, tenant, user, now)
}

/// Forgets how a person stood, when the person is gone for good.
pub(super) fn forget(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    user: ObjectId,
) -> Result<(), Refusal> {
    transaction.execute(&statements.people.delete, &[tenant.into(), user.into()])?;
    Ok(())
}

/// Until when an account is locked after so many wrong passwords in a row; none when it is not.
fn locked_until(failures: i64, now: Timestamp) -> Option<Timestamp> {
    let over = failures.checked_sub(FAILURES_ALLOWED).filter(|over| *over >= 0)?;
    let doublings = u32::try_from(over).unwrap_or(DOUBLINGS).min(DOUBLINGS);
    Some(now.plus(FIRST_LOCK * 2_u32.pow(doublings)))
}

impl Directory {
    /// The person with this id.
    pub(crate) async fn find_person(&self, tenant: TenantId, user: ObjectId) -> Result<Option<Person>, Refusal> {
        self.read(move |statements, snapshot| {
            let values = [tenant.into(), user.into()];
            Ok(snapshot.first(&statements.people.find_by_id, &values, |row| read(row, tenant))?)
        })
        .await
    }

    /// The person with this sign-in name, in any letter case.
    pub(crate) async fn find_person_by_name(&self, tenant: TenantId, name: &str) -> Result<Option<Person>, Refusal> {
        let name = super::listing::folded(name);
        self.read(move |statements, snapshot| {
            let values = [tenant.into(), name.as_str().into()];
            Ok(snapshot.first(&statements.people.find_by_name, &values, |row| read(row, tenant))?)
        })
        .await
    }

    /// Counts one more wrong password, and locks the account when there were too many in a row.
    pub(crate) async fn count_failure(&self, tenant: TenantId, user: ObjectId) -> Result<(), Refusal> {
        let now = self.clocks.now();
        self.observe(move |statements, transaction| {
            let people = &statements.people;
            let this = [tenant.into(), user.into()];
            transaction.execute(&people.ensure, &this)?;
            let before = transaction.first(&people.standing, &this, |row| read_standing(row, 0))?.unwrap_or_default();
            let failures = before.failures.saturating_add(1);
            let row = [tenant.into(), user.into(), failures.into(), locked_until(failures, now).into()];
            transaction.execute(&people.count, &row)?;
            Ok(())
        })
        .await
    }

    /// Forgets the wrong passwords: the right one came.
    pub(crate) async fn forget_failures(&self, tenant: TenantId, user: ObjectId) -> Result<(), Refusal> {
        self.observe(move |statements, transaction| {
            let none: Option<Timestamp> = None;
            transaction.execute(&statements.people.count, &[tenant.into(), user.into(), 0.into(), none.into()])?;
            Ok(())
        })
        .await
    }

    /// Sets a person's password (its Argon2id hash) and ends the sessions of before; false when
    /// there is no such person.
    pub(crate) async fn set_password(
        &self,
        tenant: TenantId,
        user: ObjectId,
        hash: String,
        state: PasswordState,
    ) -> Result<bool, Refusal> {
        self.change(move |statements, transaction| {
            let row = [tenant.into(), user.into(), hash.as_str().into()];
            let found = transaction.execute(&statements.people.set_password_hash, &row)? > 0;
            if found {
                password_was_set(statements, transaction, tenant, user, state)?;
            }
            Ok(found)
        })
        .await
    }

    /// Ends every session of a person's that began before now.
    pub(crate) async fn revoke_sessions(&self, tenant: TenantId, user: ObjectId) -> Result<(), Refusal> {
        let now = self.clocks.now();
        self.change(move |statements, transaction| revoke_sessions(statements, transaction, tenant, user, now)).await
    }

    /// Sets whether a person needs a second factor.
    pub(crate) async fn require_multi_factor(
        &self,
        tenant: TenantId,
        user: ObjectId,
        required: bool,
    ) -> Result<(), Refusal> {
        self.change(move |statements, transaction| {
            transaction.execute(&statements.people.ensure, &[tenant.into(), user.into()])?;
            let row = [tenant.into(), user.into(), required.into()];
            transaction.execute(&statements.people.set_multi_factor, &row)?;
            Ok(())
        })
        .await
    }

    /// What a tenant demands of every sign-in of a person.
    pub(crate) async fn sign_in_rule(&self, tenant: TenantId) -> Result<SignInRule, Refusal> {
        self.read(move |statements, snapshot| {
            let word: Option<String> = snapshot.first(&statements.people.rule, &[tenant.into()], |row| row.get(0))?;
            Ok(SignInRule::find(word.as_deref()))
        })
        .await
    }

    /// Sets what a tenant demands of every sign-in of a person.
    pub(crate) async fn set_sign_in_rule(&self, tenant: TenantId, rule: SignInRule) -> Result<(), Refusal> {
        self.change(move |statements, transaction| {
            transaction.execute(&statements.people.delete_rule, &[tenant.into()])?;
            if let Some(word) = rule.word() {
                transaction.execute(&statements.people.insert_rule, &[tenant.into(), word.into()])?;
            }
            Ok(())
        })
        .await
    }
}

#[cfg(test)]
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
