//! Sample rows: accounts and contacts of our own making.
//!
//! The same seed gives the same rows with the same ids, and a longer sample begins with the
//! shorter one, so that a test can name a row. No company and no person here exists; addresses end
//! in `example.com` (RFC 2606) and telephone numbers are of the block that is kept for fiction.

mod words;

use std::ops::Range;
use std::sync::Arc;

use keyholder_dataverse::Value;
use keyholder_dataverse::value::{Decimal, Money, Reference};
use keyholder_foundation::{Random, RowIds, SeededRandom, Timestamp};
use keyholder_store::Transaction;
use uuid::Uuid;

use crate::catalogue::{Catalogue, Layout, Record, made};
use crate::error::{Error, Failure};
use crate::organization::Core;
use crate::rules;
use words::pick;

/// The seed of the rows that a new organization starts with.
pub(crate) const FIRST_SEED: u64 = 1;
/// The tables that have sample rows.
pub(crate) const TABLES: [&str; 2] = ["account", "contact"];
/// Sample rows were made from this day on: 2024-01-01.
const FIRST_DAY_MILLIS: i64 = 1_704_067_200_000;
/// One account and one contact an hour.
const STEP_MILLIS: i64 = 3_600_000;
/// Accounts (and contacts) in one transaction: others get their turn in between.
const BATCH: u32 = 500;

/// How many sample rows were new.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sampled {
    /// Accounts.
    pub accounts: u32,
    /// Contacts.
    pub contacts: u32,
}

/// Adds sample rows; those that are there already are left alone.
pub(crate) async fn sample(core: &Arc<Core>, rows: u32, seed: u64) -> Result<Sampled, Error> {
    let catalogue = core.catalogue();
    let mut maker = Maker::new(core, &catalogue, seed)?;
    let inside = Arc::clone(&catalogue);
    let make = move |tx: &mut Transaction<'_>| {
        for name in TABLES {
            made::make(tx, &inside.table(name)?)?;
        }
        Ok::<_, Failure>(())
    };
    core.database.write(make).await?;
    let mut sampled = Sampled::default();
    let mut start = 0;
    while start < rows {
        let end = rows.min(start.saturating_add(BATCH));
        let batch = maker.rows(start..end)?;
        let inside = Arc::clone(core);
        let added = core.database.write::<_, Failure, _>(move |tx| insert(&inside, tx, &batch)).await?;
        sampled.accounts += added.accounts;
        sampled.contacts += added.contacts;
        start = end;
    }
    Ok(sampled)
}

/// The sample rows of a range of numbers, accounts and contacts in turn.
pub(crate) fn generate(
    core: &Core,
    catalogue: &Catalogue,
    rows: Range<u32>,
    seed: u64,
) -> Result<Vec<Record>, Failure> {
    Maker::new(core, catalogue, seed)?.rows(rows)
}

/// Adds what `generate` made.
pub(crate) fn insert(core: &Core, tx: &mut Transaction<'_>, rows: &[Record]) -> Result<Sampled, Failure> {
    let count = u32::try_from(rows.len()).unwrap_or(u32::MAX);
    let first = core.epochs.versions(tx, count)?;
    let mut sampled = Sampled::default();
    for (row, version) in rows.iter().zip(first..) {
        let mut row = row.clone();
        row.set("versionnumber", Value::Integer(version));
        let added = u32::from(row.insert_if_missing(tx)?);
        match row.layout().table.logical_name() {
            "account" => sampled.accounts += added,
            _ => sampled.contacts += added,
        }
    }
    Ok(sampled)
}

/// Makes sample rows, one after the other.
struct Maker<'a> {
    core: &'a Core,
    catalogue: &'a Catalogue,
    accounts: Arc<Layout>,
    contacts: Arc<Layout>,
    random: SeededRandom,
    ids: RowIds,
}

impl<'a> Maker<'a> {
    fn new(core: &'a Core, catalogue: &'a Catalogue, seed: u64) -> Result<Self, Failure> {
        Ok(Self {
            core,
            catalogue,
            accounts: catalogue.layout_of("account")?,
            contacts: catalogue.layout_of("contact")?,
            random: SeededRandom::new(seed),
            ids: RowIds::default(),
        })
    }

    fn rows(&mut self, numbers: Range<u32>) -> Result<Vec<Record>, Failure> {
        let mut rows = Vec::with_capacity(numbers.len() * 2);
        for number in numbers {
            let made = Timestamp::from_millis(FIRST_DAY_MILLIS + i64::from(number) * STEP_MILLIS);
            let account_id = self.ids.next(made, &self.random);
            let contact_id = self.ids.next(made, &self.random);
            let place = Place::random(&self.random);
            let company = words::company(&self.random);
            rows.push(self.account(number, made, (account_id, contact_id), &company, &place)?);
            rows.push(self.contact(made, (account_id, contact_id), &company, &place)?);
        }
        Ok(rows)
    }

    fn reference(&self, table: &str, id: Uuid) -> Value {
        let type_code = self.catalogue.type_code(table).unwrap_or_default();
        Value::Lookup(Reference { type_code, id })
    }

    fn row(&self, layout: &Arc<Layout>, made: Timestamp, id: Uuid, place: &Place) -> Result<Record, Failure> {
        let mut row = Record::empty(layout);
        row.set_id(id);
        rules::defaults::complete(&mut row)?;
        let system = self.reference("systemuser", self.core.seed_id("SYSTEM"));
        for column in ["ownerid", "owninguser", "createdby", "modifiedby"] {
            row.set(column, system.clone());
        }
        row.set("owningbusinessunit", self.reference("businessunit", self.core.seed_id("businessunit")));
        for column in ["createdon", "modifiedon"] {
            row.set_time(column, made);
        }
        row.set_text("telephone1", telephone(&self.random));
        row.set_text("address1_line1", place.street.as_str());
        row.set_text("address1_city", place.town);
        row.set_text("address1_postalcode", place.postal_code.as_str());
        row.set_text("address1_country", place.country);
        rules::computed::addresses(&mut row);
        Ok(row)
    }

    fn account(
        &self,
        number: u32,
        made: Timestamp,
        (id, contact): (Uuid, Uuid),
        company: &str,
        place: &Place,
    ) -> Result<Record, Failure> {
        let mut row = self.row(&self.accounts, made, id, place)?;
        row.set_text("name", company);
        row.set_text("accountnumber", format!("KH-{:06}", number + 1));
        row.set_text("emailaddress1", format!("office@{}.example.com", words::host(company)));
        row.set_text("websiteurl", format!("https://{}.example.com", words::host(company)));
        row.set("primarycontactid", self.reference("contact", contact));
        let people = 1 + self.random.below(4_000);
        row.set("numberofemployees", Value::Integer(i64::try_from(people).unwrap_or(1)));
        let thousands = i64::try_from(people * (40 + self.random.below(160))).unwrap_or(1);
        let revenue = Value::Money(Money(thousands * 1_000 * Money::ONE));
        row.set("revenue", revenue.clone());
        row.set("revenue_base", revenue);
        row.set(
            "transactioncurrencyid",
            self.reference("transactioncurrency", self.core.seed_id("transactioncurrency")),
        );
        row.set("exchangerate", Value::Decimal(Decimal(Decimal::ONE)));
        Ok(row)
    }

    fn contact(
        &self,
        made: Timestamp,
        (account, id): (Uuid, Uuid),
        company: &str,
        place: &Place,
    ) -> Result<Record, Failure> {
        let (first, last) = (pick(&self.random, &words::FIRST_NAMES), words::last_name(&self.random));
        let mut row = self.row(&self.contacts, made, id, place)?;
        row.set_text("firstname", first);
        row.set_text("lastname", last.as_str());
        rules::computed::full_name(&mut row);
        row.set_text("jobtitle", pick(&self.random, &words::JOB_TITLES));
        let mailbox = format!("{}.{}", words::host(first), words::host(&last));
        row.set_text("emailaddress1", format!("{mailbox}@{}.example.com", words::host(company)));
        row.set_text("mobilephone", telephone(&self.random));
        row.set("parentcustomerid", self.reference("account", account));
        Ok(row)
    }
}

/// Where a company is.
struct Place {
    street: String,
    town: &'static str,
    postal_code: String,
    country: &'static str,
}

impl Place {
    fn random(random: &dyn Random) -> Self {
        Self {
            street: format!("{} {}", 1 + random.below(180), pick(random, &words::STREETS)),
            town: pick(random, &words::TOWNS),
            postal_code: format!("{:05}", random.below(100_000)),
            country: pick(random, &words::COUNTRIES),
        }
    }
}

/// A number that nobody has: 555-0100 to 555-0199 are kept for fiction.
fn telephone(random: &dyn Random) -> String {
    format!("+1-{}-555-01{:02}", 201 + random.below(780), random.below(100))
}
