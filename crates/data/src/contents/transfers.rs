//! Transfers in several requests: an upload whose pieces are arriving, a download in blocks.
//!
//! A transfer is named by a token of 256 random bits, of which the store has the hash alone. It is its caller's, and
//! about one column of one row: the file's. Nothing ends it but its last request or its due time, which is compared
//! with the organization's clock when somebody looks.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyholder_foundation::Timestamp;
use keyholder_operation::SessionToken;
use keyholder_store::statement::{Delete, Insert, Select, all, column, literal, parameter};
use keyholder_store::{Kind, Prepared, Snapshot, Transaction};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{File, find, remove};
use crate::error::Failure;
use crate::organization::Core;

pub(super) const TRANSFERS: &str = "keyholder_transfer";
/// How long a transfer may take.
const LONGEST: Duration = Duration::from_hours(24);
/// A caller has at most this many uploads at once, and this many downloads.
const MOST: usize = 200;

/// A transfer that is under way.
#[derive(Debug)]
pub(crate) struct Transfer {
    pub(crate) file: File,
    token: Vec<u8>,
}

/// The transfers of one caller, at one moment.
pub(crate) struct Transfers<'a> {
    pub(crate) core: &'a Core,
    pub(crate) now: Timestamp,
    /// In whose name it is.
    pub(crate) user: Uuid,
    /// Who really calls, where that is somebody else.
    pub(crate) really: Option<Uuid>,
}

impl Transfers<'_> {
    /// Begins an upload of a file's contents; nothing when the caller has too many.
    pub(crate) fn begin_upload(&self, tx: &mut Transaction<'_>, file: &File) -> Result<Option<SessionToken>, Failure> {
        self.expire(tx)?;
        if self.under_way(tx, true)?.len() >= MOST {
            return Ok(None);
        }
        self.begin(tx, file, true).map(Some)
    }

    /// Begins a download of a file's contents. No request ends one, so the caller's oldest make room for it.
    pub(crate) fn begin_download(&self, tx: &mut Transaction<'_>, file: &File) -> Result<SessionToken, Failure> {
        self.expire(tx)?;
        let own = self.under_way(tx, false)?;
        let over = (own.len() + 1).saturating_sub(MOST);
        for token in own.into_iter().take(over) {
            end(tx, token)?;
        }
        self.begin(tx, file, false)
    }

    /// The caller's transfers in one direction, the oldest first.
    fn under_way(&self, tx: &mut Transaction<'_>, uploads: bool) -> Result<Vec<Vec<u8>>, Failure> {
        let own = Select::from(TRANSFERS)
            .column("token", Kind::Bytes)
            .filter(all([column("caller").equals(parameter(0)), column("uploads").equals(parameter(1))]))
            .order_by(column("due").ascending());
        let values = [self.user.into(), uploads.into()];
        Ok(tx.list(&Prepared::new(own)?, &values, |row| row.get::<Vec<u8>>(0))?)
    }

    fn begin(&self, tx: &mut Transaction<'_>, file: &File, uploads: bool) -> Result<SessionToken, Failure> {
        let mut bytes = [0; 32];
        self.core.random.fill(&mut bytes);
        let token = SessionToken::new(URL_SAFE_NO_PAD.encode(bytes));
        let insert = Insert::into(TRANSFERS).columns(["token", "file", "caller", "really", "uploads", "due"]);
        let values = [
            hash(&token).into(),
            file.id.into(),
            self.user.into(),
            self.really.into(),
            uploads.into(),
            self.now.plus(LONGEST).into(),
        ];
        tx.execute(&Prepared::new(insert)?, &values)?;
        Ok(token)
    }

    /// The caller's transfer of this name; nothing when there is none, when it is another's, or when it is overdue.
    pub(crate) fn find(
        &self,
        snapshot: &mut Snapshot<'_>,
        token: &SessionToken,
        uploads: bool,
    ) -> Result<Option<Transfer>, Failure> {
        let token = hash(token);
        let asked = all([
            column("token").equals(parameter(0)),
            column("caller").equals(parameter(1)),
            column("really").same_as(parameter(2)),
            column("uploads").equals(parameter(3)),
            column("due").greater_than(parameter(4)),
        ]);
        let select = Select::from(TRANSFERS).column("file", Kind::Uuid).filter(asked);
        let values = [token.clone().into(), self.user.into(), self.really.into(), uploads.into(), self.now.into()];
        let Some(id) = snapshot.first(&Prepared::new(select)?, &values, |row| row.get(0))? else { return Ok(None) };
        // An upload is of a file that is not complete, a download of one that is.
        let file = find(snapshot, id)?.filter(|file| file.complete != uploads);
        Ok(file.map(|file| Transfer { file, token }))
    }

    /// Forgets transfers that are overdue, whoever's they are, with the files whose pieces were arriving.
    fn expire(&self, tx: &mut Transaction<'_>) -> Result<(), Failure> {
        let overdue = || column("due").at_most(parameter(0));
        let lost = Select::from(TRANSFERS)
            .column("file", Kind::Uuid)
            .filter(all([overdue(), column("uploads").equals(literal(true))]));
        let lost: Vec<Uuid> = tx.list(&Prepared::new(lost)?, &[self.now.into()], |row| row.get(0))?;
        remove(tx, lost)?;
        tx.execute(&Prepared::new(Delete::from(TRANSFERS).filter(overdue()))?, &[self.now.into()])?;
        Ok(())
    }
}

impl Transfer {
    /// Ends the transfer; its file stays.
    pub(crate) fn end(&self, tx: &mut Transaction<'_>) -> Result<(), Failure> {
        end(tx, self.token.clone())
    }
}

fn end(tx: &mut Transaction<'_>, token: Vec<u8>) -> Result<(), Failure> {
    let end = Delete::from(TRANSFERS).filter(column("token").equals(parameter(0)));
    tx.execute(&Prepared::new(end)?, &[token.into()])?;
    Ok(())
}

fn hash(token: &SessionToken) -> Vec<u8> {
    Sha256::digest(token.expose().as_bytes()).to_vec()
}
