//! Sessions of people: what a refresh token, or a browser's cookie, goes back to.
//!
//! The tokens themselves are not kept: each names its session and the moment when it was made, and is
//! authenticated by the session's own secret. So a new refresh token costs no write, an old one stays
//! good beside it, and ending the session ends them all.

use std::time::Duration;

use keyholder_foundation::{ClientId, ObjectId, TenantId, Timestamp};
use keyholder_store::statement::{Delete, Insert, Select, Update, column, parameter};
use keyholder_store::{Error, Kind, Prepared, Row, Transaction};
use uuid::Uuid;

use super::sign_in_tables::{AUTHORIZATION_CODE, DEVICE_CODE, SESSION};
use super::{Directory, Refusal};

/// How long a refresh token is good when nobody uses it.
pub(crate) const INACTIVE: Duration = Duration::from_secs(90 * 86_400);
/// After how long without use a session is forgotten: none of its tokens can be good any more.
const FORGOTTEN: Duration = Duration::from_secs(92 * 86_400);
/// How exactly it is known when a session was used last.
const USE_NOTED: Duration = Duration::from_secs(86_400);

/// A session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) id: Uuid,
    pub(crate) user: ObjectId,
    /// The application; none for a browser's own session.
    pub(crate) client: Option<ClientId>,
    /// What was asked for at first, in the form of v2's `scope`.
    pub(crate) scope: String,
    pub(crate) started: Timestamp,
    used: Timestamp,
    /// When it was ended before its time.
    pub(crate) revoked: Option<Timestamp>,
    /// How the person signed in, separated by blanks.
    pub(crate) methods: String,
    pub(crate) secret: Vec<u8>,
}

/// What a new session is made of.
#[derive(Debug, Clone)]
pub(crate) struct NewSession {
    pub(crate) user: ObjectId,
    pub(crate) client: Option<ClientId>,
    pub(crate) scope: String,
    pub(crate) methods: String,
    /// When the person signed in.
    pub(crate) started: Timestamp,
}

const COLUMNS: [(&str, Kind); 9] = [
    ("session_id", Kind::Uuid),
    ("user_id", Kind::Uuid),
    ("client_id", Kind::Uuid),
    ("scope", Kind::Text),
    ("started", Kind::Time),
    ("used", Kind::Time),
    ("revoked", Kind::Time),
    ("methods", Kind::Text),
    ("secret", Kind::Bytes),
];

#[derive(Debug)]
pub(super) struct Statements {
    find: Prepared,
    insert: Prepared,
    touch: Prepared,
    set_methods: Prepared,
    revoke: Prepared,
    revoke_of_user: Prepared,
    forget: Prepared,
    delete_codes_of_user: Prepared,
    delete_device_codes_of_user: Prepared,
}

impl Statements {
    pub(super) fn prepare() -> Result<Self, Error> {
        let in_tenant = || column("tenant_id").equals(parameter(0));
        let this = || in_tenant().and(column("session_id").equals(parameter(1)));
        let of_user = || in_tenant().and(column("user_id").equals(parameter(1)));
        Ok(Self {
            find: Prepared::new(Select::from(SESSION).columns(COLUMNS).filter(this()))?,
            insert: Prepared::new(Insert::into(SESSION).columns(["tenant_id"]).columns(COLUMNS.map(|(name, _)| name)))?,
            touch: Prepared::new(Update::of(SESSION).set("used", parameter(2)).filter(this()))?,
            set_methods: Prepared::new(Update::of(SESSION).set("methods", parameter(2)).filter(this()))?,
            revoke: Prepared::new(Update::of(SESSION).set("revoked", parameter(2)).filter(this()))?,
            revoke_of_user: Prepared::new(
                Update::of(SESSION).set("revoked", parameter(2)).filter(of_user().and(column("revoked").is_null())),
            )?,
            forget: Prepared::new(
                Delete::from(SESSION).filter(in_tenant().and(column("used").less_than(parameter(1)))),
            )?,
            delete_codes_of_user: Prepared::new(Delete::from(AUTHORIZATION_CODE).filter(of_user()))?,
            delete_device_codes_of_user: Prepared::new(
                Delete::from(DEVICE_CODE)
                    .filter(column("user_tenant").equals(parameter(0)))
                    .filter(column("user_id").equals(parameter(1))),
            )?,
        })
    }
}

fn read(row: &Row<'_>) -> Result<Session, Error> {
    Ok(Session {
        id: row.get(0)?,
        user: row.get(1)?,
        client: row.get(2)?,
        scope: row.get(3)?,
        started: row.get(4)?,
        used: row.get(5)?,
        revoked: row.get(6)?,
        methods: row.get(7)?,
        secret: row.get(8)?,
    })
}

/// Ends every session of a person's, and what is on its way to become one.
pub(super) fn revoke_of_user(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    user: ObjectId,
    now: Timestamp,
) -> Result<(), Refusal> {
    let statements = &statements.sessions;
    let this = [tenant.into(), user.into()];
    transaction.execute(&statements.revoke_of_user, &[tenant.into(), user.into(), now.into()])?;
    transaction.execute(&statements.delete_codes_of_user, &this)?;
    transaction.execute(&statements.delete_device_codes_of_user, &this)?;
    Ok(())
}

impl Directory {
    /// Starts a session.
    pub(crate) async fn start_session(&self, tenant: TenantId, new: NewSession) -> Result<Session, Refusal> {
        let mut secret = vec![0; 32];
        self.random.fill(&mut secret);
        let now = self.clocks.now();
        let session = Session {
            id: self.new_id(),
            user: new.user,
            client: new.client,
            scope: new.scope,
            started: new.started,
            used: now,
            revoked: None,
            methods: new.methods,
            secret,
        };
        let row = session.clone();
        self.observe(move |statements, transaction| {
            let statements = &statements.sessions;
            transaction.execute(&statements.forget, &[tenant.into(), now.minus(FORGOTTEN).into()])?;
            let values = [
                tenant.into(),
                row.id.into(),
                row.user.into(),
                row.client.into(),
                row.scope.as_str().into(),
                row.started.into(),
                row.used.into(),
                row.revoked.into(),
                row.methods.as_str().into(),
                row.secret.as_slice().into(),
            ];
            transaction.execute(&statements.insert, &values)?;
            Ok(())
        })
        .await?;
        Ok(session)
    }

    /// The session with this id, ended or not.
    pub(crate) async fn find_session(&self, tenant: TenantId, id: Uuid) -> Result<Option<Session>, Refusal> {
        self.read(move |statements, snapshot| {
            Ok(snapshot.first(&statements.sessions.find, &[tenant.into(), id.into()], read)?)
        })
        .await
    }

    /// Notes that a session is in use, to within a day.
    pub(crate) async fn use_session(&self, tenant: TenantId, session: &Session) -> Result<(), Refusal> {
        let (id, now) = (session.id, self.clocks.now());
        if now < session.used.plus(USE_NOTED) {
            return Ok(());
        }
        self.observe(move |statements, transaction| {
            transaction.execute(&statements.sessions.touch, &[tenant.into(), id.into(), now.into()])?;
            Ok(())
        })
        .await
    }

    /// Notes that the person of a session proved more: with which methods now.
    pub(crate) async fn strengthen_session(
        &self,
        tenant: TenantId,
        id: Uuid,
        methods: &'static str,
    ) -> Result<(), Refusal> {
        self.observe(move |statements, transaction| {
            transaction.execute(&statements.sessions.set_methods, &[tenant.into(), id.into(), methods.into()])?;
            Ok(())
        })
        .await
    }

    /// Ends one session.
    pub(crate) async fn end_session(&self, tenant: TenantId, id: Uuid) -> Result<(), Refusal> {
        let now = self.clocks.now();
        self.observe(move |statements, transaction| {
            transaction.execute(&statements.sessions.revoke, &[tenant.into(), id.into(), now.into()])?;
            Ok(())
        })
        .await
    }
}
