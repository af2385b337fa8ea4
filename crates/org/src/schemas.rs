//! Schemas from files: metadata documents of real orgs, and definitions of our own form.

use std::io::{BufReader, Cursor, Read};

use flate2::bufread::MultiGzDecoder;
use keyholder_data::Imported;
use keyholder_dataverse::csdl::{self, CsdlError, Provenance, SideFile};
use keyholder_dataverse::schema::SchemaDefinition;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use toml::de::{DeTable, DeValue};

/// The largest file, in bytes; of a packed one, what it unpacks to.
pub const LARGEST_FILE: usize = csdl::MOST_BYTES;
/// What a file begins with that is packed with gzip.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// A file with a schema.
#[derive(Debug, Clone)]
pub struct SchemaFile {
    /// Its name, for errors and notes.
    pub name: String,
    /// What is in it.
    pub content: Vec<u8>,
}

impl SchemaFile {
    /// Reads a file, and unpacks it where it is packed with gzip (RFC 1952), whatever it is called. Of a file, or of what it
    /// unpacks to, no more than [`LARGEST_FILE`] and a byte is ever read.
    ///
    /// # Errors
    /// [`SchemaFileError::NotRead`], [`SchemaFileError::Packed`] and [`SchemaFileError::TooLarge`].
    pub fn read(name: String, mut file: impl Read) -> Result<Self, SchemaFileError> {
        let most = u64::try_from(LARGEST_FILE).unwrap_or(u64::MAX).saturating_add(1);
        let mut beginning = Vec::new();
        if let Err(error) = file.by_ref().take(2).read_to_end(&mut beginning) {
            return Err(SchemaFileError::NotRead { name, reason: error.to_string() });
        }
        let (packed, mut content) = (beginning == GZIP, Vec::new());
        let whole = Cursor::new(beginning).chain(file);
        let read = match packed {
            true => MultiGzDecoder::new(BufReader::new(whole)).take(most).read_to_end(&mut content),
            false => whole.take(most).read_to_end(&mut content),
        };
        match read {
            Ok(_) if content.len() > LARGEST_FILE => Err(SchemaFileError::TooLarge { name, packed }),
            Ok(_) => Ok(Self { name, content }),
            Err(error) if packed => Err(SchemaFileError::Packed { name, reason: error.to_string() }),
            Err(error) => Err(SchemaFileError::NotRead { name, reason: error.to_string() }),
        }
    }
}

/// Why files cannot be taken for a schema.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaFileError {
    /// A metadata document that cannot be used.
    #[error(transparent)]
    Document(#[from] CsdlError),
    /// A file that is not there, or that the system does not hand out.
    #[error("cannot read `{name}`: {reason}")]
    NotRead {
        /// The file.
        name: String,
        /// What the system says.
        reason: String,
    },
    /// A file that is packed with gzip, and not soundly.
    #[error("`{name}` cannot be unpacked: {reason}; unpack it (`gunzip`) to see whether it is whole")]
    Packed {
        /// The file.
        name: String,
        /// What the reader met.
        reason: String,
    },
    /// A file that is larger than [`LARGEST_FILE`].
    #[error("`{name}` is larger than {} MiB{}", LARGEST_FILE >> 20, if *packed { " when it is unpacked" } else { "" })]
    TooLarge {
        /// The file.
        name: String,
        /// Whether that is what it unpacks to.
        packed: bool,
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

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(content: &[u8]) -> Vec<u8> {
        let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(content).unwrap();
        packer.finish().unwrap()
    }

    fn read(content: &[u8]) -> Result<Vec<u8>, SchemaFileError> {
        SchemaFile::read("metadata.xml.gz".to_owned(), content).map(|file| file.content)
    }

    #[test]
    fn a_packed_file_is_read_as_what_was_packed() {
        for content in [&b""[..], b"{", b"<edmx:Edmx/>"] {
            assert_eq!(read(content).unwrap(), content);
            assert_eq!(read(&packed(content)).unwrap(), content);
        }
        // What `cat` makes of two packed files.
        let both = [packed(b"<edmx:Edmx"), packed(b"/>")].concat();
        assert_eq!(read(&both).unwrap(), b"<edmx:Edmx/>");
    }

    #[test]
    fn what_unpacks_to_too_much_or_is_damaged_is_refused_by_name() {
        let many = packed(&vec![b' '; LARGEST_FILE + 1]);
        assert!(many.len() < 1 << 20, "{}", many.len());
        let refused = read(&many).unwrap_err();
        assert_eq!(refused.to_string(), "`metadata.xml.gz` is larger than 64 MiB when it is unpacked");
        let refused = read(&vec![b' '; LARGEST_FILE + 1]).unwrap_err();
        assert_eq!(refused.to_string(), "`metadata.xml.gz` is larger than 64 MiB");
        let whole = packed(b"<edmx:Edmx/>");
        let mut other = whole.clone();
        let at = other.len() - 8;
        other[at] ^= 1;
        for damaged in [&whole[..whole.len() - 1], &whole[..2], &other, &[&whole[..], b"more"].concat()] {
            let refused = read(damaged).unwrap_err();
            assert!(matches!(refused, SchemaFileError::Packed { .. }), "{refused}");
        }
    }
}
