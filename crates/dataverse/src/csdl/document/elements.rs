//! The elements of a document that a schema needs, each where it may stand.

use std::collections::HashSet;

use quick_xml::events::{BytesStart, BytesText};

use super::{
    Attributes, CsdlError, DEEPEST, Document, EntityType, MOST_PROPERTIES, MOST_TYPES, NavigationProperty, Place,
    Property,
};

/// The longest text of permissions that is looked at, in bytes.
const LONGEST_PERMISSIONS: usize = 1_000;

/// What is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    /// What stands around schemas.
    Around,
    Schema,
    EntityType,
    Key,
    Property,
    Navigation,
    Container,
    /// The annotation with the alternate keys of a type, or something in it.
    Keys,
    /// The annotation that says who may do what with a property, or something in it.
    Permissions,
    /// Nothing in it matters.
    Other,
}

/// The document so far, and what is open.
pub(super) struct Elements {
    document: Document,
    open: Vec<Open>,
    /// The type that is being read.
    entity: EntityType,
    /// The names of its properties and navigation properties so far.
    names: HashSet<String>,
    counted: usize,
    /// What the permissions of the property that is being read allow.
    permissions: String,
}

impl Elements {
    pub(super) fn new(name: &str) -> Self {
        Self {
            document: Document { name: name.to_owned(), ..Document::default() },
            open: Vec::new(),
            entity: EntityType::default(),
            names: HashSet::new(),
            counted: 0,
            permissions: String::new(),
        }
    }

    /// What to call the place in an error.
    pub(super) fn current(&self) -> String {
        match self.open.last() {
            None | Some(Open::Around) => "the document".to_owned(),
            Some(_) if self.entity.name.is_empty() => "the schema".to_owned(),
            Some(_) => format!("EntityType `{}`", self.entity.name),
        }
    }

    /// An element begins.
    pub(super) fn open(&mut self, place: &Place<'_>, start: &BytesStart<'_>) -> Result<(), CsdlError> {
        if self.open.len() >= DEEPEST {
            return Err(place.refuse(&self.current(), format!("elements nest deeper than {DEEPEST}")));
        }
        let local = start.local_name();
        let opened = match (self.open.last().copied(), local.as_ref()) {
            (None, "Edmx") | (Some(Open::Around), "DataServices") => Open::Around,
            (None, other) => {
                let shown: String = other.chars().take(60).collect();
                let reason = format!(
                    "it begins with `{shown}` and not with `Edmx`, so it is no metadata document; get one from \
                     ORG/api/data/v9.2/$metadata"
                );
                return Err(place.refuse("the document", reason));
            }
            (Some(Open::Around), "Schema") => Open::Schema,
            (Some(Open::Schema), "EntityType") => self.entity_type(place, start)?,
            (Some(Open::Schema), "EntityContainer") => Open::Container,
            (Some(Open::Container), "EntitySet") => self.entity_set(place, start)?,
            (Some(Open::EntityType), "Key") => Open::Key,
            (Some(Open::Key), "PropertyRef") => {
                let name = Attributes::read(place, "PropertyRef", start, ["Name"])?.name("Name")?;
                self.count(place)?;
                self.entity.key.push(name);
                Open::Other
            }
            (Some(Open::EntityType), "Property") => self.property(place, start)?,
            (Some(Open::EntityType), "NavigationProperty") => self.navigation(place, start)?,
            (Some(Open::Navigation), "ReferentialConstraint") => {
                let name = Attributes::read(place, "ReferentialConstraint", start, ["Property"])?.name("Property")?;
                if let Some(navigation) = self.entity.navigations.last_mut() {
                    navigation.property = Some(name);
                }
                Open::Other
            }
            (Some(Open::EntityType | Open::Property), "Annotation") => self.annotation(place, start)?,
            (Some(Open::Keys), element) => self.alternate_key(place, element, start)?,
            (Some(Open::Permissions), _) => Open::Permissions,
            _ => Open::Other,
        };
        self.open.push(opened);
        Ok(())
    }

    /// The element that was opened last ends.
    pub(super) fn close(&mut self) {
        let closed = self.open.pop();
        if closed == Some(Open::EntityType) {
            let entity = std::mem::take(&mut self.entity);
            self.names.clear();
            self.document.types.push(entity);
        }
        // The annotation as a whole, and not something in it.
        if closed == Some(Open::Permissions) && self.open.last() == Some(&Open::Property) {
            let writes = ["Write", "All"].iter().any(|word| self.permissions.contains(word));
            if let Some(property) = self.entity.properties.last_mut() {
                property.read_only |= !self.permissions.trim().is_empty() && !writes;
            }
            self.permissions.clear();
        }
    }

    /// Text between elements.
    pub(super) fn text(&mut self, text: &BytesText<'_>) {
        if self.open.last() == Some(&Open::Permissions) && self.permissions.len() + text.len() <= LONGEST_PERMISSIONS {
            self.permissions.push_str(text);
        }
    }

    /// The document, when it has ended.
    pub(super) fn finish(self, place: &Place<'_>) -> Result<Document, CsdlError> {
        match self.open.last() {
            None => Ok(self.document),
            Some(_) => Err(place.refuse(&self.current(), "the document ends before it does; get it again".to_owned())),
        }
    }

    fn count(&mut self, place: &Place<'_>) -> Result<(), CsdlError> {
        self.counted += 1;
        if self.counted > MOST_PROPERTIES {
            return Err(place.refuse(&self.current(), format!("there are more than {MOST_PROPERTIES} properties")));
        }
        Ok(())
    }

    fn entity_type(&mut self, place: &Place<'_>, start: &BytesStart<'_>) -> Result<Open, CsdlError> {
        let mut given = Attributes::read(place, "EntityType", start, ["Name", "BaseType", "Abstract"])?;
        let name = given.name("Name")?;
        let base = given.take("BaseType").map(|base| given.type_name(&base)).transpose()?;
        let is_abstract = given.take("Abstract").as_deref() == Some("true");
        let position = self.document.types.len();
        if position >= MOST_TYPES {
            return Err(place.refuse("EntityType", format!("there are more than {MOST_TYPES}")));
        }
        if self.document.positions.insert(name.clone(), position).is_some() {
            return Err(place.refuse("EntityType", format!("there are two of the name `{name}`")));
        }
        self.entity = EntityType { name, base, is_abstract, line: place.line(), ..EntityType::default() };
        Ok(Open::EntityType)
    }

    fn entity_set(&mut self, place: &Place<'_>, start: &BytesStart<'_>) -> Result<Open, CsdlError> {
        let mut given = Attributes::read(place, "EntitySet", start, ["Name", "EntityType"])?;
        let name = given.name("Name")?;
        let kind = given.required("EntityType")?;
        let kind = given.type_name(&kind)?;
        if self.document.sets.len() >= MOST_TYPES {
            return Err(place.refuse("EntitySet", format!("there are more than {MOST_TYPES}")));
        }
        if let Some(other) = self.document.sets.insert(kind.clone(), name.clone()) {
            return Err(place.refuse("EntitySet", format!("`{name}` and `{other}` are both of `{kind}`")));
        }
        Ok(Open::Other)
    }

    fn fresh(&mut self, place: &Place<'_>, element: &'static str, name: &str) -> Result<(), CsdlError> {
        self.count(place)?;
        if self.names.insert(name.to_owned()) {
            return Ok(());
        }
        let reason = format!("`{name}` stands twice in the entity type `{}`", self.entity.name);
        Err(place.refuse(element, reason))
    }

    fn property(&mut self, place: &Place<'_>, start: &BytesStart<'_>) -> Result<Open, CsdlError> {
        let mut given = Attributes::read(place, "Property", start, ["Name", "Type", "MaxLength", "Scale"])?;
        let (name, kind) = (given.name("Name")?, given.required("Type")?);
        self.fresh(place, "Property", &name)?;
        let wrong = |what: &str, value: &str| {
            let shown: String = value.chars().take(60).collect();
            place.refuse("Property", format!("the {what} of `{name}` is `{shown}`, which is no number that it can be"))
        };
        let max_length = match given.take("MaxLength").as_deref() {
            None | Some("max" | "Max") => None,
            Some(text) => {
                let number = text.parse().ok().filter(|number: &u32| *number > 0);
                Some(number.ok_or_else(|| wrong("MaxLength", text))?)
            }
        };
        let scale = match given.take("Scale").as_deref() {
            None | Some("Variable" | "variable" | "floating") => None,
            Some(text) => Some(text.parse().map_err(|_| wrong("Scale", text))?),
        };
        self.entity.properties.push(Property { name, kind, max_length, scale, read_only: false });
        Ok(Open::Property)
    }

    fn navigation(&mut self, place: &Place<'_>, start: &BytesStart<'_>) -> Result<Open, CsdlError> {
        let mut given = Attributes::read(place, "NavigationProperty", start, ["Name", "Type", "Partner"])?;
        let (name, kind) = (given.name("Name")?, given.required("Type")?);
        self.fresh(place, "NavigationProperty", &name)?;
        let inner = kind.strip_prefix("Collection(").and_then(|rest| rest.strip_suffix(')'));
        let target = given.type_name(inner.unwrap_or(&kind))?;
        let partner = given.take("Partner");
        if let Some(partner) = &partner {
            given.plain(partner)?;
        }
        let line = place.line();
        let is_collection = inner.is_some();
        self.entity.navigations.push(NavigationProperty { name, target, is_collection, partner, property: None, line });
        Ok(Open::Navigation)
    }

    fn annotation(&mut self, place: &Place<'_>, start: &BytesStart<'_>) -> Result<Open, CsdlError> {
        let mut given = Attributes::read(place, "Annotation", start, ["Term", "Bool", "EnumMember"])?;
        let (term, flag, member) =
            (given.take("Term").unwrap_or_default(), given.take("Bool"), given.take("EnumMember"));
        let of_property = self.open.last() == Some(&Open::Property);
        Ok(match term.as_str() {
            "Org.OData.Core.V1.Computed" if of_property => {
                if let Some(property) = self.entity.properties.last_mut() {
                    property.read_only |= flag.as_deref() != Some("false");
                }
                Open::Other
            }
            "Org.OData.Core.V1.Permissions" if of_property => {
                self.permissions = member.unwrap_or_default();
                Open::Permissions
            }
            "OData.Community.Keys.V1.AlternateKeys" if !of_property => Open::Keys,
            _ => Open::Other,
        })
    }

    /// Inside the annotation with the alternate keys: a record begins a key, a path names a column.
    fn alternate_key(&mut self, place: &Place<'_>, element: &str, start: &BytesStart<'_>) -> Result<Open, CsdlError> {
        match element {
            "Record" => {
                let kind = Attributes::read(place, "Record", start, ["Type"])?.take("Type").unwrap_or_default();
                if kind.ends_with(".AlternateKey") {
                    self.count(place)?;
                    self.entity.alternate_keys.push(Vec::new());
                }
            }
            "PropertyValue" => {
                let path = Attributes::read(place, "PropertyValue", start, ["PropertyPath"])?.take("PropertyPath");
                if let (Some(path), Some(key)) = (path, self.entity.alternate_keys.last_mut()) {
                    key.push(path);
                    self.count(place)?;
                }
            }
            _ => {}
        }
        Ok(Open::Keys)
    }
}
