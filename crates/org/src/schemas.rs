//! Schemas from files: metadata documents of real orgs, and definitions of our own form.

use keyholder_data::Imported;
use keyholder_dataverse::csdl::{self, CsdlError, Provenance, SideFile};
use keyholder_dataverse::schema::SchemaDefinition;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use toml::de::{DeTable, DeValue};

/// The largest file, in bytes.
pub const LARGEST_FILE: usize = csdl::MOST_BYTES;

/// A file with a schema.
#[derive(Debug, Clone)]
pub struct SchemaFile {
    /// Its name, for errors and notes.
    pub name: String,
    /// What is in it.
    pub content: Vec<u8>,
}

/// Why files cannot be taken for a schema.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaFileError {
    /// A metadata document that cannot be used.
    #[error(transparent)]
    Document(#[from] CsdlError),
    /// A compressed file.
    #[error("`{name}` is compressed; unpack it first (`gunzip {name}`)")]
    Compressed {
        /// The file.
        name: String,
    },
    /// Neither a metadata document nor a definition of our own form.
    #[error("`{name}` is neither a metadata document (XML) nor a schema in Keyholder's own form (JSON): {reason}")]
    Unreadable {
        /// The file.
        name: String,
        /// What the reader met, and where.
        reason: String,
    },
    /// A side file that cannot be used.
    #[error("the side file `{name}` cannot be read: {reason}")]
    Side {
        /// The file.
        name: String,
        /// What the reader met, and where.
        reason: String,
    },
}

/// What files say together.
#[derive(Debug, Clone)]
pub struct Schemas {
    /// Their tables.
    pub definition: SchemaDefinition,
    /// Who says what of them.
    pub provenance: Provenance,
    /// What was assumed where documents are silent, and of which tables or parts of them.
    pub assumed: Vec<(String, Vec<String>)>,
    /// What was not taken over, each with its reason.
    pub left_out: Vec<String>,
}

impl Schemas {
    /// Reads files, each on its own, and the side file that tells of all their tables.
    ///
    /// # Errors
    /// [`SchemaFileError`] naming the file and the place in it.
    pub fn read(files: &[SchemaFile], side: Option<&SchemaFile>) -> Result<Self, SchemaFileError> {
        let mut all = Self {
            definition: SchemaDefinition::empty(),
            provenance: Provenance::default(),
            assumed: Vec::new(),
            left_out: Vec::new(),
        };
        for file in files {
            let definition = if csdl::looks_like_xml(&file.content) {
                let reading = csdl::read(&file.name, &file.content)?;
                for (what, places) in reading.assumed {
                    match all.assumed.iter_mut().find(|(known, _)| known == what) {
                        Some((_, known)) => known.extend(places),
                        None => all.assumed.push((what.to_owned(), places)),
                    }
                }
                all.left_out.extend(reading.left_out.into_iter().map(|line| format!("{}: {line}", file.name)));
                for (table, lengths) in reading.lengths {
                    all.provenance.documents.entry(table).or_default().extend(lengths);
                }
                reading.definition
            } else {
                own_form(file)?
            };
            let differences = all.definition.add(&definition);
            all.left_out.extend(differences.into_iter().map(|line| format!("{}: {line}", file.name)));
        }
        if let Some(file) = side {
            let told = side_file(file)?;
            csdl::tell(&file.name, &mut all.definition, &told)?;
            all.provenance.told = told;
        }
        all.assumed = all.counting()?;
        Ok(all)
    }

    /// What was assumed and counts: nobody tells it, and the table or column is none that ships.
    fn counting(&self) -> Result<Vec<(String, Vec<String>)>, SchemaFileError> {
        let ships = SchemaDefinition::core().map_err(|error| SchemaFileError::Unreadable {
            name: "what ships".to_owned(),
            reason: error.to_string(),
        })?;
        let is_open = |what: &str, place: &str| {
            let mut names = place.split('`').skip(1).step_by(2);
            let (Some(table), column) = (names.next(), names.next()) else { return true };
            let ships = ships.table(table).is_some_and(|table| column.is_none_or(|name| table.column(name).is_some()));
            !ships && !self.provenance.told.tells(table, column, what)
        };
        let mut assumed = self.assumed.clone();
        for (what, places) in &mut assumed {
            places.retain(|place| is_open(what, place));
        }
        assumed.retain(|(_, places)| !places.is_empty());
        Ok(assumed)
    }
}

fn own_form(file: &SchemaFile) -> Result<SchemaDefinition, SchemaFileError> {
    let name = || file.name.clone();
    if file.content.starts_with(&[0x1f, 0x8b]) {
        return Err(SchemaFileError::Compressed { name: name() });
    }
    let unreadable = |reason: String| SchemaFileError::Unreadable { name: name(), reason };
    if file.content.len() > LARGEST_FILE {
        return Err(unreadable(format!("it has {} bytes, and {LARGEST_FILE} are the most", file.content.len())));
    }
    let text = std::str::from_utf8(&file.content).map_err(|error| unreadable(error.to_string()))?;
    serde_json::from_str(text).map_err(|error| unreadable(error.to_string()))
}

fn side_file(file: &SchemaFile) -> Result<SideFile, SchemaFileError> {
    let wrong = |reason: String| SchemaFileError::Side { name: file.name.clone(), reason };
    let text = std::str::from_utf8(&file.content).map_err(|error| wrong(error.to_string()))?;
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).map_err(|error| wrong(error.to_string()));
    }
    let table = DeTable::parse(text).map_err(|error| wrong(error.to_string()))?;
    let value = as_json(DeValue::Table(table.into_inner())).map_err(&wrong)?;
    serde_json::from_value(value).map_err(|error| wrong(error.to_string()))
}

/// TOML as JSON, which a side file has the same form in.
fn as_json(value: DeValue<'_>) -> Result<Value, String> {
    Ok(match value {
        DeValue::String(text) => Value::String(text.into_owned()),
        DeValue::Boolean(flag) => Value::Bool(flag),
        DeValue::Integer(number) => {
            let plain = i64::from_str_radix(&number.as_str().replace('_', ""), number.radix());
            Value::from(plain.map_err(|_| format!("`{}` is no number of 64 bits", number.as_str()))?)
        }
        DeValue::Float(number) => {
            let plain: f64 = number.as_str().replace('_', "").parse().map_err(|_| "a number is none".to_owned())?;
            serde_json::Number::from_f64(plain).map(Value::Number).ok_or("a number has no end")?
        }
        DeValue::Datetime(moment) => return Err(format!("`{moment}` is a date, and nothing here is one")),
        DeValue::Array(items) => {
            Value::Array(items.into_iter().map(|item| as_json(item.into_inner())).collect::<Result<_, _>>()?)
        }
        DeValue::Table(members) => {
            let member = |(name, value): (toml::Spanned<_>, toml::Spanned<_>)| {
                let name: std::borrow::Cow<'_, str> = name.into_inner();
                as_json(value.into_inner()).map(|value| (name.into_owned(), value))
            };
            Value::Object(members.into_iter().map(member).collect::<Result<_, _>>()?)
        }
    })
}

/// The body of `POST /_keyholder/schema`, and what it did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SchemaRequest {
    /// The tables.
    pub schema: SchemaDefinition,
    /// Who says what of them; the schema says everything where it is left out.
    #[serde(default)]
    pub provenance: Provenance,
}

/// What an import did, as the control endpoint tells it.
#[must_use]
pub fn to_json(imported: &Imported) -> serde_json::Value {
    serde_json::to_value(imported).unwrap_or_default()
}
