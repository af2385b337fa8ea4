//! Everybody's settings: a row of `usersettings` for each user but SYSTEM, which has none. Its id is the user's.

use keyholder_store::statement::Select;
use keyholder_store::{Kind, Prepared, Transaction};
use uuid::Uuid;

use super::Seed;
use crate::catalogue::{Record, made};
use crate::error::Failure;
use crate::platform::{table, value};

const SETTINGS: &str = "usersettings";

/// What an org in English (United States) starts people with; the time zone is UTC, as everybody's is here.
const NUMBERS: [(&str, i64); 8] = [
    ("calendartype", 0),
    ("defaultcalendarview", 0),
    ("helplanguageid", 1033),
    ("localeid", 1033),
    ("paginglimit", 50),
    ("timezonebias", 0),
    ("timezonecode", 92),
    ("uilanguageid", 1033),
];
const TEXTS: [(&str, &str); 11] = [
    ("amdesignator", "AM"),
    ("currencysymbol", "$"),
    ("dateformatstring", "M/d/yyyy"),
    ("dateseparator", "/"),
    ("decimalsymbol", "."),
    ("numberseparator", ","),
    ("pmdesignator", "PM"),
    ("timeformatstring", "h:mm tt"),
    ("timeseparator", ":"),
    ("workdaystarttime", "08:00"),
    ("workdaystoptime", "17:00"),
];

impl Seed<'_> {
    /// The settings of every user that there is.
    pub(super) fn all_settings(&self, tx: &mut Transaction<'_>) -> Result<(), Failure> {
        let find = Select::from(table("systemuser"))
            .column(value("systemuserid"), Kind::Uuid)
            .column(value("businessunitid"), Kind::Uuid);
        let users: Vec<(Uuid, Uuid)> = tx.list(&Prepared::new(find)?, &[], |row| Ok((row.get(0)?, row.get(1)?)))?;
        users.into_iter().try_for_each(|(user, unit)| self.make_settings(tx, user, unit))
    }

    /// Lets the settings follow a user who came, or went to another business unit. Before anybody has asked for settings there
    /// are none to follow.
    pub(crate) fn settings_follow(&self, tx: &mut Transaction<'_>, user: &Record) -> Result<(), Failure> {
        if !made::list(tx)?.contains(SETTINGS) {
            return Ok(());
        }
        let unit = user.business_unit().unwrap_or_default();
        let layout = self.catalogue.layout_of(SETTINGS)?;
        match Record::load(tx, self.catalogue, &layout, user.id())? {
            None => self.make_settings(tx, user.id(), unit),
            Some(before) => {
                let mut settings = before.clone();
                settings.set_guid("businessunitid", unit);
                if settings.differs_from(&before) { settings.update(tx, self.catalogue, &before) } else { Ok(()) }
            }
        }
    }

    fn make_settings(&self, tx: &mut Transaction<'_>, user: Uuid, unit: Uuid) -> Result<(), Failure> {
        if user == self.core.seed_id("SYSTEM") {
            return Ok(());
        }
        let mut row = self.row(SETTINGS)?;
        row.set_id(user);
        row.set_guid("businessunitid", unit);
        for (column, number) in NUMBERS {
            row.set(column, keyholder_dataverse::Value::Integer(number));
        }
        for (column, text) in TEXTS {
            row.set_text(column, text);
        }
        self.insert(tx, row)
    }
}
