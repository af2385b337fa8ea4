//! Device codes (RFC 8628): a client without a browser asks with one, while a person types the other
//! into a browser elsewhere.

use std::time::Duration;

use keyholder_foundation::{ClientId, ObjectId, TenantId, Timestamp};
use keyholder_store::statement::{Delete, Insert, Select, Update, column, literal, parameter};
use keyholder_store::{Error, Kind, Prepared, Row};

use super::sign_in_tables::DEVICE_CODE;
use super::{Directory, Refusal};

/// How long both codes are good.
pub(crate) const GOOD: Duration = Duration::from_secs(900);
/// How long a client shall wait between two questions.
pub(crate) const INTERVAL: Duration = Duration::from_secs(5);
/// A question that comes a little early is not held against a client.
const TOLERATED: Duration = Duration::from_secs(4);
/// How long old codes are remembered.
const REMEMBERED: Duration = Duration::from_secs(86_400);

/// What a device code stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeviceCode {
    /// The nil id when no particular tenant was asked.
    pub(crate) tenant: TenantId,
    pub(crate) hash: Vec<u8>,
    pub(crate) user_code: String,
    pub(crate) client: ClientId,
    /// In the form of v2's `scope`.
    pub(crate) scope: String,
    pub(crate) expires: Timestamp,
    pub(crate) state: DeviceState,
}

/// How far the person has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DeviceState {
    Pending,
    Declined,
    Redeemed,
    Approved(Approval),
}

/// Who approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Approval {
    pub(crate) tenant: TenantId,
    pub(crate) user: ObjectId,
    /// How the person signed in, separated by blanks.
    pub(crate) methods: String,
    pub(crate) signed_in: Timestamp,
}

const COLUMNS: [(&str, Kind); 13] = [
    ("tenant_id", Kind::Uuid),
    ("device_hash", Kind::Bytes),
    ("user_code", Kind::Text),
    ("client_id", Kind::Uuid),
    ("scope", Kind::Text),
    ("expires", Kind::Time),
    ("state", Kind::Text),
    ("user_tenant", Kind::Uuid),
    ("user_id", Kind::Uuid),
    ("methods", Kind::Text),
    ("signed_in", Kind::Time),
    ("polled", Kind::Time),
    ("hasty", Kind::Integer),
];

#[derive(Debug)]
pub(super) struct Statements {
    find: Prepared,
    find_by_user_code: Prepared,
    insert: Prepared,
    poll: Prepared,
    settle: Prepared,
    redeem: Prepared,
    forget: Prepared,
}

impl Statements {
    pub(super) fn prepare() -> Result<Self, Error> {
        let this = || column("tenant_id").equals(parameter(0)).and(column("device_hash").equals(parameter(1)));
        let select = || Select::from(DEVICE_CODE).columns(COLUMNS);
        Ok(Self {
            find: Prepared::new(select().filter(this()))?,
            // People type it in without saying which tenant is meant.
            find_by_user_code: Prepared::new(select().filter(column("user_code").equals(parameter(0))))?,
            insert: Prepared::new(
                Insert::into(DEVICE_CODE)
                    .columns(["tenant_id", "device_hash", "user_code", "client_id", "scope", "expires"])
                    .value("state", literal("pending"))
                    .value("hasty", literal(0))
                    .or_nothing(),
            )?,
            poll: Prepared::new(
                Update::of(DEVICE_CODE).set("polled", parameter(2)).set("hasty", parameter(3)).filter(this()),
            )?,
            settle: Prepared::new(
                Update::of(DEVICE_CODE)
                    .set("state", parameter(2))
                    .set("user_tenant", parameter(3))
                    .set("user_id", parameter(4))
                    .set("methods", parameter(5))
                    .set("signed_in", parameter(6))
                    .filter(this().and(column("state").equals(literal("pending")))),
            )?,
            redeem: Prepared::new(
                Update::of(DEVICE_CODE)
                    .set("state", literal("redeemed"))
                    .filter(this().and(column("state").equals(literal("approved")))),
            )?,
            forget: Prepared::new(Delete::from(DEVICE_CODE).filter(column("expires").less_than(parameter(0))))?,
        })
    }
}

fn read(row: &Row<'_>) -> Result<DeviceCode, Error> {
    let approval = || -> Result<Option<Approval>, Error> {
        let (tenant, user): (Option<TenantId>, Option<ObjectId>) = (row.get(7)?, row.get(8)?);
        let (methods, signed_in): (Option<String>, Option<Timestamp>) = (row.get(9)?, row.get(10)?);
        let whole = tenant.zip(user).zip(methods.zip(signed_in));
        Ok(whole.map(|((tenant, user), (methods, signed_in))| Approval { tenant, user, methods, signed_in }))
    };
    let state = match row.get::<&str>(6)? {
        "approved" => approval()?.map_or(DeviceState::Redeemed, DeviceState::Approved),
        "declined" => DeviceState::Declined,
        "pending" => DeviceState::Pending,
        _ => DeviceState::Redeemed,
    };
    Ok(DeviceCode {
        tenant: row.get(0)?,
        hash: row.get(1)?,
        user_code: row.get(2)?,
        client: row.get(3)?,
        scope: row.get(4)?,
        expires: row.get(5)?,
        state,
    })
}

impl Directory {
    /// Keeps a device code; false when its user code is taken already.
    pub(crate) async fn insert_device_code(&self, code: DeviceCode) -> Result<bool, Refusal> {
        let now = self.clocks.now();
        self.observe(move |statements, transaction| {
            let statements = &statements.device_codes;
            transaction.execute(&statements.forget, &[now.minus(REMEMBERED).into()])?;
            let row = [
                code.tenant.into(),
                code.hash.as_slice().into(),
                code.user_code.as_str().into(),
                code.client.into(),
                code.scope.as_str().into(),
                code.expires.into(),
            ];
            Ok(transaction.execute(&statements.insert, &row)? > 0)
        })
        .await
    }

    /// The code that a person typed in.
    pub(crate) async fn find_user_code(&self, user_code: String) -> Result<Option<DeviceCode>, Refusal> {
        self.read(move |statements, snapshot| {
            let statement = &statements.device_codes.find_by_user_code;
            Ok(snapshot.first(statement, &[user_code.as_str().into()], read)?)
        })
        .await
    }

    /// The code that `client` asks with, if it is its own; true when it asks too often. Once too early
    /// is forgiven.
    pub(crate) async fn poll_device_code(
        &self,
        tenant: TenantId,
        hash: Vec<u8>,
        client: ClientId,
    ) -> Result<Option<(DeviceCode, bool)>, Refusal> {
        let now = self.clocks.now();
        self.observe(move |statements, transaction| {
            let statements = &statements.device_codes;
            let this = [tenant.into(), hash.as_slice().into()];
            let found = transaction.first(&statements.find, &this, |row| {
                Ok((read(row)?, row.get::<Option<Timestamp>>(11)?, row.get::<i64>(12)?))
            })?;
            let Some((code, polled, hasty)) = found.filter(|(code, ..)| code.client == client) else {
                return Ok(None);
            };
            let early = polled.is_some_and(|polled| polled <= now && now < polled.plus(TOLERATED));
            let hasty = hasty.saturating_add(i64::from(early));
            let row = [tenant.into(), hash.as_slice().into(), now.into(), hasty.into()];
            transaction.execute(&statements.poll, &row)?;
            Ok(Some((code, early && hasty > 1)))
        })
        .await
    }

    /// Notes what the person decided; false when it was decided before.
    pub(crate) async fn settle_device_code(
        &self,
        code: &DeviceCode,
        approval: Option<Approval>,
    ) -> Result<bool, Refusal> {
        let (tenant, hash) = (code.tenant, code.hash.clone());
        self.observe(move |statements, transaction| {
            let approval = approval.clone();
            let state = if approval.is_some() { "approved" } else { "declined" };
            let row = [
                tenant.into(),
                hash.as_slice().into(),
                state.into(),
                approval.as_ref().map(|approval| approval.tenant).into(),
                approval.as_ref().map(|approval| approval.user).into(),
                approval.as_ref().map(|approval| approval.methods.as_str()).into(),
                approval.as_ref().map(|approval| approval.signed_in).into(),
            ];
            Ok(transaction.execute(&statements.device_codes.settle, &row)? > 0)
        })
        .await
    }

    /// Uses an approved code up; false when somebody else did first.
    pub(crate) async fn redeem_device_code(&self, code: &DeviceCode) -> Result<bool, Refusal> {
        let (tenant, hash) = (code.tenant, code.hash.clone());
        self.observe(move |statements, transaction| {
            let this = [tenant.into(), hash.as_slice().into()];
            Ok(transaction.execute(&statements.device_codes.redeem, &this)? > 0)
        })
        .await
    }
}
