//! A metadata document as it is written: entity types, their properties, and entity sets.
//!
//! Read element by element, so that nothing of the document stays in memory but what a schema needs. Attributes are looked at in
//! their order and at most [`MOST_ATTRIBUTES`] of an element.

mod elements;

use std::cell::Cell;
use std::collections::HashMap;
use std::str;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::{CsdlError, MOST_BYTES};
use elements::Elements;

/// Elements nest this deep at most; a real document's go to 9.
const DEEPEST: usize = 32;
/// An element has this many attributes at most.
const MOST_ATTRIBUTES: usize = 32;
/// The longest name, in characters: Dataverse's own are shorter than 100.
const LONGEST_NAME: usize = 128;
/// The most entity types.
const MOST_TYPES: usize = 10_000;
/// The most properties, navigation properties and key columns in all.
const MOST_PROPERTIES: usize = 1_000_000;

/// A document.
#[derive(Debug, Default)]
pub(super) struct Document {
    /// Its name, for errors.
    pub(super) name: String,
    pub(super) types: Vec<EntityType>,
    /// Where each entity type stands in `types`.
    pub(super) positions: HashMap<String, usize>,
    /// Entity sets by the names of their types.
    pub(super) sets: HashMap<String, String>,
}

/// An entity type.
#[derive(Debug, Default)]
pub(super) struct EntityType {
    pub(super) name: String,
    /// The type that it takes over the properties of.
    pub(super) base: Option<String>,
    pub(super) is_abstract: bool,
    /// The properties of its key.
    pub(super) key: Vec<String>,
    pub(super) properties: Vec<Property>,
    pub(super) navigations: Vec<NavigationProperty>,
    /// Its alternate keys, each with its properties.
    pub(super) alternate_keys: Vec<Vec<String>>,
    pub(super) line: usize,
}

/// A property.
#[derive(Debug, Default)]
pub(super) struct Property {
    pub(super) name: String,
    /// `Edm.String`, `mscrm.BooleanManagedProperty`.
    pub(super) kind: String,
    pub(super) max_length: Option<u32>,
    pub(super) scale: Option<u8>,
    /// Whether an annotation says that nobody sets it.
    pub(super) read_only: bool,
}

/// A navigation property.
#[derive(Debug, Default)]
pub(super) struct NavigationProperty {
    pub(super) name: String,
    /// The type that it leads to, without its namespace.
    pub(super) target: String,
    pub(super) is_collection: bool,
    pub(super) partner: Option<String>,
    /// The property here that holds the other row's id.
    pub(super) property: Option<String>,
    pub(super) line: usize,
}

impl Document {
    /// Reads a document.
    pub(super) fn read(name: &str, text: &[u8]) -> Result<Self, CsdlError> {
        let mut place = Place { document: name, text: "", at: 0, counted: Cell::new((0, 1)) };
        if text.len() > MOST_BYTES {
            let reason = format!("it has {} bytes, and {MOST_BYTES} are the most", text.len());
            return Err(place.refuse("the document", reason));
        }
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        place.text = str::from_utf8(text).map_err(|error| {
            let known =
                text.get(..error.valid_up_to()).and_then(|known| str::from_utf8(known).ok()).unwrap_or_default();
            let place = Place { document: name, text: known, at: known.len(), counted: Cell::new((0, 1)) };
            place.refuse("the document", "it is no UTF-8 text here; save it as UTF-8 and import it again".to_owned())
        })?;
        let mut reader = Reader::from_str(place.text);
        reader.config_mut().check_end_names = true;
        let mut elements = Elements::new(name);
        loop {
            let event = reader.read_event().map_err(|error| {
                place.at = usize::try_from(reader.error_position()).unwrap_or(usize::MAX);
                place.refuse(&elements.current(), format!("it is no well-formed XML: {error}"))
            })?;
            match event {
                Event::Start(start) => elements.open(&place, &start)?,
                Event::Empty(start) => {
                    elements.open(&place, &start)?;
                    elements.close();
                }
                Event::End(_) => elements.close(),
                Event::Text(text) => elements.text(&text),
                Event::DocType(_) => {
                    let reason = "document types are not read, for what they can do to a reader; remove it".to_owned();
                    return Err(place.refuse("<!DOCTYPE>", reason));
                }
                Event::Eof => break,
                Event::CData(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::GeneralRef(_) => {}
            }
            place.at = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        }
        let document = elements.finish(&place)?;
        if document.types.is_empty() {
            let reason = "it has no entity types, so it is no metadata document of an org; get one from \
                          ORG/api/data/v9.2/$metadata"
                .to_owned();
            return Err(place.refuse("the document", reason));
        }
        Ok(document)
    }

    /// The type with this name.
    pub(super) fn find(&self, name: &str) -> Option<&EntityType> {
        self.positions.get(name).and_then(|&position| self.types.get(position))
    }

    /// A type and those that it takes over the properties of, the nearest first.
    pub(super) fn lineage<'a>(&'a self, of: &'a EntityType) -> Result<Vec<&'a EntityType>, CsdlError> {
        let mut line = vec![of];
        while let Some(base) = line.last().and_then(|last| last.base.as_deref()) {
            let refuse = |reason: String| CsdlError {
                document: self.name.clone(),
                line: of.line,
                element: format!("EntityType `{}`", of.name),
                reason,
            };
            let next =
                self.find(base).ok_or_else(|| refuse(format!("its base type `{base}` is not in the document")))?;
            if line.len() > DEEPEST || line.iter().any(|known| known.name == next.name) {
                return Err(refuse("its base types lead in a circle, or through too many".to_owned()));
            }
            line.push(next);
        }
        Ok(line)
    }
}

/// Where the reader is.
struct Place<'a> {
    document: &'a str,
    text: &'a str,
    at: usize,
    /// Up to where lines have been counted, and how many.
    counted: Cell<(usize, usize)>,
}

impl Place<'_> {
    /// The line, from 1.
    fn line(&self) -> usize {
        let (from, line) = self.counted.get();
        let to = self.at.min(self.text.len());
        // Nothing goes back, so every byte is looked at once.
        let between = self.text.as_bytes().get(from..to).unwrap_or_default();
        let line = line + between.iter().filter(|byte| **byte == b'\n').count();
        self.counted.set((from.max(to), line));
        line
    }

    fn refuse(&self, element: &str, reason: String) -> CsdlError {
        CsdlError { document: self.document.to_owned(), line: self.line(), element: element.to_owned(), reason }
    }
}

/// The attributes of an element that are asked for.
struct Attributes<'a, const N: usize> {
    names: [&'static str; N],
    values: [Option<String>; N],
    place: &'a Place<'a>,
    element: &'static str,
}

impl<'a, const N: usize> Attributes<'a, N> {
    fn read(
        place: &'a Place<'a>,
        element: &'static str,
        start: &BytesStart<'_>,
        names: [&'static str; N],
    ) -> Result<Self, CsdlError> {
        let mut values: [Option<String>; N] = std::array::from_fn(|_| None);
        let broken = |reason: String| place.refuse(element, format!("its attributes cannot be read: {reason}"));
        // Quick-xml compares each attribute with all before it; the bound does instead.
        for (count, attribute) in start.attributes().with_checks(false).enumerate() {
            if count >= MOST_ATTRIBUTES {
                return Err(broken(format!("there are more than {MOST_ATTRIBUTES}")));
            }
            let attribute = attribute.map_err(|error| broken(error.to_string()))?;
            let Some(value) = names
                .iter()
                .position(|name| *name == attribute.key.as_ref())
                .and_then(|position| values.get_mut(position))
            else {
                continue;
            };
            if value.is_some() {
                return Err(broken(format!("`{}` stands there twice", attribute.key.as_ref())));
            }
            let text = attribute.normalized_value(quick_xml::XmlVersion::Explicit1_0);
            *value = Some(text.map_err(|error| broken(error.to_string()))?.into_owned());
        }
        Ok(Self { names, values, place, element })
    }

    fn take(&mut self, name: &str) -> Option<String> {
        let position = self.names.iter().position(|known| *known == name)?;
        self.values.get_mut(position)?.take()
    }

    /// The value of an attribute that must be there.
    fn required(&mut self, name: &str) -> Result<String, CsdlError> {
        self.take(name).ok_or_else(|| self.place.refuse(self.element, format!("it has no attribute `{name}`")))
    }

    /// A value that must be a plain name.
    fn name(&mut self, name: &str) -> Result<String, CsdlError> {
        let found = self.required(name)?;
        self.plain(&found)?;
        Ok(found)
    }

    fn plain(&self, found: &str) -> Result<(), CsdlError> {
        let starts = found.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
        let goes_on = found.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if starts && goes_on && found.len() <= LONGEST_NAME {
            return Ok(());
        }
        let shown: String = found.chars().take(60).collect();
        let reason = format!("`{shown}` is no name of at most {LONGEST_NAME} letters, digits and `_`");
        Err(self.place.refuse(self.element, reason))
    }

    /// The last part of a type's name, which may stand behind a namespace or its alias.
    fn type_name(&self, qualified: &str) -> Result<String, CsdlError> {
        let name = qualified.rsplit_once('.').map_or(qualified, |(_, name)| name);
        self.plain(name)?;
        Ok(name.to_owned())
    }
}
