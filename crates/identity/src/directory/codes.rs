//! Authorization codes: good once, for ten minutes. Only their hashes are kept, and for a day beyond
//! their end, so that a late or second use can be told from nonsense.

use std::time::Duration;

use keyholder_foundation::{ClientId, ObjectId, TenantId, Timestamp};
use keyholder_store::statement::{Delete, Insert, Select, Update, column, literal, parameter};
use keyholder_store::{Error, Kind, Prepared, Row};

use super::sign_in_tables::AUTHORIZATION_CODE;
use super::{Directory, Refusal};

/// How long a code is good.
const GOOD: Duration = Duration::from_secs(600);
/// How long an old code is remembered.
const REMEMBERED: Duration = Duration::from_secs(86_400);

/// What a code stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AuthorizationCode {
    pub(crate) user: ObjectId,
    pub(crate) client: ClientId,
    pub(crate) redirect_uri: String,
    /// In the form of v2's `scope`.
    pub(crate) scope: String,
    /// RFC 7636's challenge with its method, `S256` or `plain`.
    pub(crate) challenge: Option<(String, String)>,
    pub(crate) nonce: Option<String>,
    /// How the person signed in, separated by blanks.
    pub(crate) methods: String,
    pub(crate) signed_in: Timestamp,
}

/// What became of a code that was presented.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Presented {
    /// It is good.
    Good(Box<AuthorizationCode>),
    /// Its time is over.
    Expired,
    /// It was redeemed before.
    Redeemed,
    /// There is no such code.
    Unknown,
}

const COLUMNS: [(&str, Kind); 11] = [
    ("user_id", Kind::Uuid),
    ("client_id", Kind::Uuid),
    ("redirect_uri", Kind::Text),
    ("scope", Kind::Text),
    ("code_challenge", Kind::Text),
    ("code_challenge_method", Kind::Text),
    ("nonce", Kind::Text),
    ("methods", Kind::Text),
    ("signed_in", Kind::Time),
    ("expires", Kind::Time),
    ("redeemed", Kind::Bool),
];

#[derive(Debug)]
pub(super) struct Statements {
    find: Prepared,
    insert: Prepared,
    redeem: Prepared,
    forget: Prepared,
}

impl Statements {
    pub(super) fn prepare() -> Result<Self, Error> {
        let this = || column("tenant_id").equals(parameter(0)).and(column("code_hash").equals(parameter(1)));
        Ok(Self {
            find: Prepared::new(Select::from(AUTHORIZATION_CODE).columns(COLUMNS).filter(this()))?,
            insert: Prepared::new(
                Insert::into(AUTHORIZATION_CODE)
                    .columns(["tenant_id", "code_hash"])
                    .columns(COLUMNS.map(|(name, _)| name)),
            )?,
            redeem: Prepared::new(
                Update::of(AUTHORIZATION_CODE)
                    .set("redeemed", literal(true))
                    .filter(this().and(column("redeemed").equals(literal(false)))),
            )?,
            forget: Prepared::new(Delete::from(AUTHORIZATION_CODE).filter(column("expires").less_than(parameter(0))))?,
        })
    }
}

fn read(row: &Row<'_>) -> Result<(AuthorizationCode, Timestamp, bool), Error> {
    let (challenge, method): (Option<String>, Option<String>) = (row.get(4)?, row.get(5)?);
    let code = AuthorizationCode {
        user: row.get(0)?,
        client: row.get(1)?,
        redirect_uri: row.get(2)?,
        scope: row.get(3)?,
        challenge: challenge.zip(method),
        nonce: row.get(6)?,
        methods: row.get(7)?,
        signed_in: row.get(8)?,
    };
    Ok((code, row.get(9)?, row.get(10)?))
}

impl Directory {
    /// Keeps a code by its hash.
    pub(crate) async fn insert_code(
        &self,
        tenant: TenantId,
        hash: Vec<u8>,
        code: AuthorizationCode,
    ) -> Result<(), Refusal> {
        let now = self.clocks.now();
        self.observe(move |statements, transaction| {
            let statements = &statements.codes;
            transaction.execute(&statements.forget, &[now.minus(REMEMBERED).into()])?;
            let (challenge, method) = code.challenge.clone().unzip();
            let row = [
                tenant.into(),
                hash.as_slice().into(),
                code.user.into(),
                code.client.into(),
                code.redirect_uri.as_str().into(),
                code.scope.as_str().into(),
                challenge.into(),
                method.into(),
                code.nonce.clone().into(),
                code.methods.as_str().into(),
                code.signed_in.into(),
                now.plus(GOOD).into(),
                false.into(),
            ];
            transaction.execute(&statements.insert, &row)?;
            Ok(())
        })
        .await
    }

    /// What a code stands for, without using it up.
    pub(crate) async fn find_code(&self, tenant: TenantId, hash: Vec<u8>) -> Result<Presented, Refusal> {
        let now = self.clocks.now();
        self.read(move |statements, snapshot| {
            let values = [tenant.into(), hash.as_slice().into()];
            Ok(match snapshot.first(&statements.codes.find, &values, read)? {
                None => Presented::Unknown,
                Some((_, _, true)) => Presented::Redeemed,
                Some((_, expires, false)) if now >= expires => Presented::Expired,
                Some((code, ..)) => Presented::Good(Box::new(code)),
            })
        })
        .await
    }

    /// Uses a code up; false when somebody else did first.
    pub(crate) async fn redeem_code(&self, tenant: TenantId, hash: Vec<u8>) -> Result<bool, Refusal> {
        self.observe(move |statements, transaction| {
            Ok(transaction.execute(&statements.codes.redeem, &[tenant.into(), hash.as_slice().into()])? > 0)
        })
        .await
    }
}
