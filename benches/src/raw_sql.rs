//! The store's file read by its own library, without anything of ours in between: what a query costs
//! at least.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, Statement};

use crate::{Failure, process};

/// The columns that the compared requests show, as they lie in the store.
const SHOWN: &str = "v_contactid, v_fullname, v_emailaddress1, v_telephone1, v_statecode";

/// The statements that the compared requests come down to.
pub(crate) struct RawSql(Connection);

impl RawSql {
    /// Opens an org's file for reading.
    pub(crate) fn open(database: &Path) -> Result<Self, Failure> {
        Ok(Self(Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?))
    }

    /// CPU of a filter with an order and a page of 50, in microseconds, over so many turns.
    pub(crate) fn filtered(&self, turns: u32) -> Result<f64, Failure> {
        let select = format!(
            "SELECT {SHOWN} FROM d_contact WHERE v_statecode = 0 AND f_lastname GLOB 'last1*' \
             ORDER BY f_lastname, f_firstname, v_contactid LIMIT 51"
        );
        let mut statement = self.0.prepare(&select)?;
        timed(turns, || read(&mut statement, None))
    }

    /// CPU of the first 5,000 rows by id, each written as JSON, in microseconds, over so many turns.
    pub(crate) fn page(&self, turns: u32) -> Result<f64, Failure> {
        let mut statement =
            self.0.prepare(&format!("SELECT {SHOWN} FROM d_contact ORDER BY v_contactid LIMIT 5001"))?;
        timed(turns, || {
            let mut body = String::new();
            read(&mut statement, Some(&mut body))?;
            std::hint::black_box(body);
            Ok(())
        })
    }
}

fn timed(turns: u32, mut run: impl FnMut() -> Result<(), Failure>) -> Result<f64, Failure> {
    run()?;
    let before = process::thread_cpu_micros()?;
    for _ in 0..turns {
        run()?;
    }
    Ok((process::thread_cpu_micros()? - before) / f64::from(turns))
}

/// Reads every row to its last column, and writes it where that is wanted.
fn read(statement: &mut Statement<'_>, mut body: Option<&mut String>) -> Result<(), Failure> {
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let id = uuid::Uuid::from_slice(row.get_ref(0)?.as_blob()?)?;
        let texts =
            [row.get_ref(1)?.as_str_or_null()?, row.get_ref(2)?.as_str_or_null()?, row.get_ref(3)?.as_str_or_null()?];
        let state = row.get_ref(4)?.as_i64_or_null()?;
        match &mut body {
            None => {
                std::hint::black_box((id, texts, state));
            }
            Some(body) => {
                let row = serde_json::json!({
                    "contactid": id, "fullname": texts[0], "emailaddress1": texts[1], "telephone1": texts[2],
                    "statecode": state,
                });
                body.push_str(&serde_json::to_string(&row)?);
                body.push(',');
            }
        }
    }
    Ok(())
}
