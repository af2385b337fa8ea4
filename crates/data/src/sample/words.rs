//! Words that sample rows are made of. Company, family and town names are put together from parts
//! that were made up for this.

use keyholder_foundation::Random;

/// One of these.
pub(super) fn pick<T: Copy + Default>(random: &dyn Random, from: &[T]) -> T {
    let count = u64::try_from(from.len()).unwrap_or(0);
    let index = usize::try_from(random.below(count)).unwrap_or(0);
    from.get(index).copied().unwrap_or_default()
}

pub(super) const FIRST_NAMES: [&str; 24] = [
    "Alma", "Bruno", "Carla", "Dario", "Edda", "Finn", "Greta", "Hugo", "Ines", "Jonas", "Kira", "Leon", "Maja",
    "Nils", "Oda", "Paul", "Rosa", "Sven", "Tilda", "Ute", "Vera", "Willem", "Yara", "Zoé",
];

const FAMILY_BEGINNINGS: [&str; 16] = [
    "Alder", "Birken", "Cramber", "Dussel", "Elvers", "Fenn", "Gelder", "Hasel", "Ipps", "Kessel", "Linde", "Morn",
    "Nebel", "Oster", "Quill", "Tarn",
];

const FAMILY_ENDINGS: [&str; 10] = ["brook", "dahl", "feld", "garth", "holm", "loh", "mark", "quist", "ström", "wick"];

const COMPANY_BEGINNINGS: [&str; 24] = [
    "Amberlight",
    "Bluefen",
    "Cobblestone",
    "Driftmark",
    "Elmbridge",
    "Farrowdale",
    "Glimmerhof",
    "Harthaven",
    "Ironbeck",
    "Juniper Row",
    "Kestrelworth",
    "Larkmoor",
    "Mossbank",
    "Northquay",
    "Oakenshade",
    "Pinewick",
    "Quarrydene",
    "Ravelston Hill",
    "Silverfjord",
    "Tallowgate",
    "Umberfield",
    "Vintnerhall",
    "Wexmere",
    "Yarrowbay",
];

const COMPANY_TRADES: [&str; 12] = [
    "Bakeries",
    "Bicycles",
    "Cartography",
    "Ceramics",
    "Ferries",
    "Instruments",
    "Lanterns",
    "Logistics",
    "Orchards",
    "Textiles",
    "Timber",
    "Waterworks",
];

const COMPANY_FORMS: [&str; 6] = ["Ltd", "GmbH", "Inc.", "AB", "B.V.", "Co-operative"];

pub(super) const JOB_TITLES: [&str; 10] = [
    "Accountant",
    "Buyer",
    "Dispatcher",
    "Foreman",
    "Head of Sales",
    "Managing Director",
    "Office Manager",
    "Planner",
    "Quality Engineer",
    "Workshop Lead",
];

pub(super) const STREETS: [&str; 10] = [
    "Bellows Lane",
    "Canal Walk",
    "Dyers Row",
    "Granary Street",
    "Harbour Steps",
    "Lamplighter Road",
    "Millrace",
    "Orchard Close",
    "Station Square",
    "Weavers Yard",
];

pub(super) const TOWNS: [&str; 12] = [
    "Aldersund",
    "Brackwater",
    "Castelmoor",
    "Dunharrow Vale",
    "Eskilby",
    "Fernholt",
    "Grünwinkel",
    "Haverbrück",
    "Kettlesea",
    "Lindhaven",
    "Mirefold",
    "Osterlohn",
];

pub(super) const COUNTRIES: [&str; 6] = ["Belgium", "Denmark", "Germany", "Netherlands", "Sweden", "United Kingdom"];

/// `Mossbank Ceramics Ltd`.
pub(super) fn company(random: &dyn Random) -> String {
    let (beginning, trade) = (pick(random, &COMPANY_BEGINNINGS), pick(random, &COMPANY_TRADES));
    format!("{beginning} {trade} {}", pick(random, &COMPANY_FORMS))
}

/// `Birkenholm`.
pub(super) fn last_name(random: &dyn Random) -> String {
    format!("{}{}", pick(random, &FAMILY_BEGINNINGS), pick(random, &FAMILY_ENDINGS))
}

/// A name as part of a host name or mailbox: `mossbank-ceramics-ltd`.
pub(super) fn host(name: &str) -> String {
    let plain = keyholder_dataverse::fold::fold(name);
    let words = plain.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-")
}
