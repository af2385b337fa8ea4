//! Contents of file and image columns, as they lie in the store.
//!
//! They lie in pieces, so that nobody holds a large file whole to keep or to read it. A row holds the id of its file
//! (`v_…` of a file column); whose a file is stands beside the file, so that contents go with their row. A file whose
//! pieces are still arriving is not complete, and belongs to a transfer (`transfers`), which has a due time.
//!
//! The statements here know no reach: that the caller may read or change the row has been decided before.

pub(crate) mod image;
mod media;
mod transfers;

use keyholder_operation::{LARGEST_BLOCK, MOST_BLOCKS};
use keyholder_store::statement::{Delete, Expr, Insert, Select, Update, all, column, literal, parameter};
use keyholder_store::{Kind, Prepared, Row, Snapshot, Transaction, Value};
use uuid::Uuid;

use crate::error::Failure;

pub(crate) use media::media_type;
pub(crate) use transfers::Transfers;

const FILES: &str = "keyholder_file";
const PIECES: &str = "keyholder_file_piece";
/// What contents that come at once are cut into; blocks of the messages are pieces as they come.
const PIECE: usize = 1024 * 1024;

/// Whose contents they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The type code of the row's table.
    pub(crate) table: i32,
    /// The row.
    pub(crate) row: Uuid,
    /// The column's logical name.
    pub(crate) column: String,
}

/// A file, complete or not.
#[derive(Debug, Clone)]
pub(crate) struct File {
    pub(crate) id: Uuid,
    pub(crate) place: Place,
    pub(crate) name: Option<String>,
    pub(crate) media_type: Option<String>,
    /// How many bytes it has; of one that is not complete, how many it is said to get.
    pub(crate) size: Option<u64>,
    /// How many bytes its pieces have.
    pub(crate) received: u64,
    /// How many pieces there are.
    pub(crate) pieces: i64,
    pub(crate) complete: bool,
}

/// One piece of a file.
#[derive(Debug)]
pub(crate) struct Piece {
    /// What it is called: a block's id, or its position.
    pub(crate) name: String,
    /// Its first byte in the whole; none for a block before the blocks are put in order.
    pub(crate) position: Option<i64>,
    pub(crate) length: u64,
}

impl File {
    /// A file that is to be complete, or whose pieces are to come.
    pub(crate) fn new(id: Uuid, place: Place, name: Option<String>, media_type: Option<String>) -> Self {
        Self { id, place, name, media_type, size: None, received: 0, pieces: 0, complete: false }
    }

    /// Adds the file, still without contents.
    pub(crate) fn insert(&self, tx: &mut Transaction<'_>) -> Result<(), Failure> {
        let insert = Prepared::new(Insert::into(FILES).columns(COLUMNS.map(|(name, _)| name)))?;
        tx.execute(&insert, &self.values())?;
        Ok(())
    }

    /// Writes down what has changed in the file itself.
    pub(crate) fn update(&self, tx: &mut Transaction<'_>) -> Result<(), Failure> {
        let mut update = Update::of(FILES);
        for (slot, (name, _)) in COLUMNS.into_iter().enumerate() {
            update = update.set(name, parameter(slot));
        }
        tx.execute(&Prepared::new(update.filter(column("file").equals(parameter(0))))?, &self.values())?;
        Ok(())
    }

    fn values(&self) -> Vec<Value> {
        vec![
            self.id.into(),
            self.place.table.into(),
            self.place.row.into(),
            self.place.column.as_str().into(),
            self.name.as_deref().into(),
            self.media_type.as_deref().into(),
            self.size.map(whole).into(),
            whole(self.received).into(),
            self.pieces.into(),
            self.complete.into(),
        ]
    }

    fn read(row: &Row<'_>) -> Result<Self, keyholder_store::Error> {
        Ok(Self {
            id: row.get(0)?,
            place: Place { table: row.get(1)?, row: row.get(2)?, column: row.get(3)? },
            name: row.get(4)?,
            media_type: row.get(5)?,
            size: row.get::<Option<i64>>(6)?.map(i64::unsigned_abs),
            received: row.get::<i64>(7)?.unsigned_abs(),
            pieces: row.get(8)?,
            complete: row.get(9)?,
        })
    }

    /// Adds bytes that lie from `position` on, cut into pieces. What was there at the same places is replaced.
    pub(crate) fn write(&mut self, tx: &mut Transaction<'_>, position: u64, bytes: &[u8]) -> Result<(), Failure> {
        let mut position = position;
        for piece in bytes.chunks(PIECE) {
            self.write_piece(tx, &position.to_string(), Some(whole(position)), piece)?;
            position += piece.len() as u64;
        }
        Ok(())
    }

    /// Adds one piece. One of the same name is replaced.
    pub(crate) fn write_piece(
        &mut self,
        tx: &mut Transaction<'_>,
        name: &str,
        position: Option<i64>,
        bytes: &[u8],
    ) -> Result<(), Failure> {
        let it = || all([column("file").equals(parameter(0)), column("piece").equals(parameter(1))]);
        let key = [self.id.into(), name.into()];
        let find = Select::from(PIECES).column("length", Kind::Integer).filter(it());
        let before: Option<i64> = tx.first(&Prepared::new(find)?, &key, |row| row.get(0))?;
        if let Some(before) = before {
            tx.execute(&Prepared::new(Delete::from(PIECES).filter(it()))?, &key)?;
            self.received = self.received.saturating_sub(before.unsigned_abs());
            self.pieces -= 1;
        }
        let insert = Insert::into(PIECES).columns(["file", "piece", "position", "length", "bytes"]);
        let length = bytes.len() as u64;
        let values = [self.id.into(), name.into(), position.into(), whole(length).into(), bytes.into()];
        tx.execute(&Prepared::new(insert)?, &values)?;
        self.received += length;
        self.pieces += 1;
        Ok(())
    }

    /// Whether it has more pieces than one file can have, whichever way they come: 10 GB in pieces has room in that.
    pub(crate) fn has_too_many_pieces(&self) -> bool {
        self.pieces > i64::from(MOST_BLOCKS)
    }

    /// Its pieces without their bytes: those that have a position in their order, and the others behind them.
    pub(crate) fn pieces(&self, snapshot: &mut Snapshot<'_>) -> Result<Vec<Piece>, Failure> {
        let find = Select::from(PIECES)
            .column("piece", Kind::Text)
            .column("position", Kind::Integer)
            .column("length", Kind::Integer)
            .filter(column("file").equals(parameter(0)))
            .order_by(column("position").ascending());
        Ok(snapshot.list(&Prepared::new(find)?, &[self.id.into()], |row| {
            let length = row.get::<i64>(2)?.unsigned_abs();
            Ok(Piece { name: row.get(0)?, position: row.get(1)?, length })
        })?)
    }

    /// Gives pieces their positions, one behind the other, and removes all others; gives the number of bytes.
    pub(crate) fn arrange(&mut self, tx: &mut Transaction<'_>, pieces: &[&Piece]) -> Result<u64, Failure> {
        // A transfer may have sent parts with positions too: only these have one from here on.
        let unplaced = Update::of(PIECES).set("position", parameter(1)).filter(column("file").equals(parameter(0)));
        tx.execute(&Prepared::new(unplaced)?, &[self.id.into(), None::<i64>.into()])?;
        let place = Update::of(PIECES)
            .set("position", parameter(2))
            .filter(all([column("file").equals(parameter(0)), column("piece").equals(parameter(1))]));
        let mut position = 0;
        let mut values: Vec<[Value; 3]> = Vec::with_capacity(pieces.len());
        for piece in pieces {
            values.push([self.id.into(), piece.name.as_str().into(), whole(position).into()]);
            position += piece.length;
        }
        tx.execute_each(&Prepared::new(place)?, values)?;
        let others = all([column("file").equals(parameter(0)), column("position").is_null()]);
        tx.execute(&Prepared::new(Delete::from(PIECES).filter(others))?, &[self.id.into()])?;
        self.received = position;
        self.pieces = i64::try_from(pieces.len()).unwrap_or(i64::MAX);
        Ok(position)
    }

    /// The bytes from `start` up to `end`, which whoever asks has bounded.
    pub(crate) fn bytes(&self, snapshot: &mut Snapshot<'_>, start: u64, end: u64) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::with_capacity(usize::try_from(end.saturating_sub(start)).unwrap_or_default());
        // No piece that begins earlier reaches the first byte.
        let earliest = start.saturating_sub(LARGEST_BLOCK);
        let find = Select::from(PIECES)
            .column("position", Kind::Integer)
            .column("bytes", Kind::Bytes)
            .filter(all([
                column("file").equals(parameter(0)),
                column("position").at_least(parameter(1)),
                column("position").less_than(parameter(2)),
            ]))
            .order_by(column("position").ascending());
        let values = [self.id.into(), whole(earliest).into(), whole(end).into()];
        snapshot.for_each(&Prepared::new(find)?, &values, |row| {
            let position = row.get::<i64>(0)?.unsigned_abs();
            let piece: &[u8] = row.get(1)?;
            let from = usize::try_from(start.saturating_sub(position)).unwrap_or(usize::MAX).min(piece.len());
            let to = usize::try_from(end.saturating_sub(position)).unwrap_or(usize::MAX).min(piece.len());
            bytes.extend_from_slice(piece.get(from..to).unwrap_or_default());
            Ok::<(), keyholder_store::Error>(())
        })?;
        Ok(bytes)
    }
}

/// The columns of a file, in the order in which it is read and written.
const COLUMNS: [(&str, Kind); 10] = [
    ("file", Kind::Uuid),
    ("object_table", Kind::Integer),
    ("object", Kind::Uuid),
    ("column_name", Kind::Text),
    ("name", Kind::Text),
    ("media_type", Kind::Text),
    ("size", Kind::Integer),
    ("received", Kind::Integer),
    ("pieces", Kind::Integer),
    ("complete", Kind::Bool),
];

/// A number of bytes as the store keeps it; no file has more than it can tell.
fn whole(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// The file with this id, whoever's it is.
pub(crate) fn find(snapshot: &mut Snapshot<'_>, id: Uuid) -> Result<Option<File>, Failure> {
    let find = Select::from(FILES).columns(COLUMNS).filter(column("file").equals(parameter(0)));
    Ok(snapshot.first(&Prepared::new(find)?, &[id.into()], File::read)?)
}

/// What a column of a row holds.
pub(crate) fn held(snapshot: &mut Snapshot<'_>, place: &Place) -> Result<Option<File>, Failure> {
    let find = Select::from(FILES).columns(COLUMNS).filter(all([of_row(), of_column(2), is_complete()]));
    let values = [place.table.into(), place.row.into(), place.column.as_str().into()];
    Ok(snapshot.first(&Prepared::new(find)?, &values, File::read)?)
}

fn of_row() -> Expr {
    all([column("object_table").equals(parameter(0)), column("object").equals(parameter(1))])
}

fn of_column(slot: usize) -> Expr {
    column("column_name").equals(parameter(slot))
}

fn is_complete() -> Expr {
    column("complete").equals(literal(true))
}

/// Removes what a column of a row held before it came to hold `kept`.
pub(crate) fn replace(tx: &mut Transaction<'_>, place: &Place, kept: Option<Uuid>) -> Result<(), Failure> {
    let values = [place.table.into(), place.row.into(), place.column.as_str().into()];
    let found = ids(tx, all([of_row(), of_column(2), is_complete()]), &values)?;
    remove(tx, found.into_iter().filter(|id| Some(*id) != kept).collect())
}

/// Removes the contents of rows of a table that are deleted, and what was arriving for them.
pub(crate) fn forget_rows(tx: &mut Transaction<'_>, table: i32, rows: &[Uuid]) -> Result<(), Failure> {
    let of_them = all([column("object_table").equals(parameter(0)), column("object").in_list(1)]);
    let found = ids(tx, of_them, &[table.into(), Value::ids(rows.iter().copied())])?;
    remove(tx, found)
}

/// Removes the contents of a column that is deleted, or of all columns of a table.
pub(crate) fn forget_column(tx: &mut Transaction<'_>, table: i32, name: Option<&str>) -> Result<(), Failure> {
    let mut values = vec![table.into()];
    let mut condition = column("object_table").equals(parameter(0));
    if let Some(name) = name {
        condition = all([condition, of_column(1)]);
        values.push(name.into());
    }
    let found = ids(tx, condition, &values)?;
    remove(tx, found)
}

fn ids(tx: &mut Transaction<'_>, condition: Expr, values: &[Value]) -> Result<Vec<Uuid>, Failure> {
    let find = Select::from(FILES).column("file", Kind::Uuid).filter(condition);
    Ok(tx.list(&Prepared::new(find)?, values, |row| row.get(0))?)
}

/// Removes files with their pieces and transfers.
fn remove(tx: &mut Transaction<'_>, files: Vec<Uuid>) -> Result<(), Failure> {
    if files.is_empty() {
        return Ok(());
    }
    let list = [Value::ids(files)];
    for table in [PIECES, image::THUMBNAILS, transfers::TRANSFERS, FILES] {
        tx.execute(&Prepared::new(Delete::from(table).filter(column("file").in_list(0)))?, &list)?;
    }
    Ok(())
}
