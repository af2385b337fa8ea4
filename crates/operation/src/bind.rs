//! What a request means in this org: names become tables and columns, literals become values.
//!
//! - this file: method and address decide which operation it is;
//! - `rows`: which row a key or a reference names;
//! - `reading`: `$select`, `$filter`, `$orderby` and the rest;
//! - `literal`: literals against the kind of their column;
//! - `body`: the members of a JSON body as assignments;
//! - `calls`: functions and actions.
//!
//! A refusal here is the service's own, in its order: the address first, then the options, then
//! the body.

mod body;
mod calls;
mod literal;
mod reading;
mod rows;

use std::sync::Arc;

use http::Method;
use keyholder_dataverse::Schema;
use keyholder_dataverse::error::{self, DataverseError, code};
use keyholder_dataverse::schema::{Navigation, SchemaError, Table};
use keyholder_dataverse::{Value, Verb};

use crate::query::{PropertyOf, Retrieve, RowKey, Selection, Within};
use crate::request::{Preferences, Request, version_of};
use crate::syntax::options::Options;
use crate::syntax::path::{self, Arguments, Named, Segment};
use crate::syntax::quoted;
use crate::write::{Assigned, Assignment, Create, Delete, Pairing, Update};
use crate::{ApiVersion, Bound, Operation};

/// Parts of the service that have addresses of their own and are not built yet.
const NOT_YET: [&str; 10] = [
    "$metadata",
    "$batch",
    "EntityDefinitions",
    "RelationshipDefinitions",
    "GlobalOptionSetDefinitions",
    "ManagedPropertyDefinitions",
    "CustomApi",
    "$all",
    "$crossjoin",
    "$entity",
];

/// Binds a request against the org's tables.
///
/// # Errors
/// The service's own refusal of whatever it would refuse; [`error::not_supported`], with the name
/// of the thing, of what the local org does not do yet.
pub fn bind(schema: &Schema, request: &Request<'_>) -> Result<Bound, DataverseError> {
    request.check()?;
    let segments = path::split(request.path)?;
    let Some((version, segments)) = segments.split_first() else {
        return Err(error::unknown_segment(""));
    };
    let version =
        ApiVersion::from_name(version.text()).ok_or_else(|| error::unknown_segment(&quoted(version.text())))?;
    let preferences = Preferences::read(request.headers)?;
    let options = Options::read(request.options()?)?;
    let binder = Binder { schema, request, options: &options };
    let operation = binder.operation(segments)?;
    Ok(Bound { operation, preferences, version })
}

/// What binding looks at all the time.
#[derive(Clone, Copy)]
struct Binder<'a> {
    schema: &'a Schema,
    request: &'a Request<'a>,
    options: &'a Options<'a>,
}

/// The method, as far as the Web API knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verbs {
    Get,
    Post,
    Patch,
    Put,
    Delete,
}

impl Binder<'_> {
    fn method(self) -> Result<Verbs, DataverseError> {
        match *self.request.method {
            Method::GET | Method::HEAD => Ok(Verbs::Get),
            Method::POST => Ok(Verbs::Post),
            Method::PATCH => Ok(Verbs::Patch),
            Method::PUT => Ok(Verbs::Put),
            Method::DELETE => Ok(Verbs::Delete),
            _ => Err(self.refused_method()),
        }
    }

    fn refused_method(self) -> DataverseError {
        error::method_not_allowed(&quoted(self.request.method.as_str()))
    }

    fn only_get(self) -> Result<(), DataverseError> {
        if self.method()? == Verbs::Get { Ok(()) } else { Err(self.refused_method()) }
    }

    fn operation(self, segments: &[Segment<'_>]) -> Result<Operation, DataverseError> {
        let Some((first, rest)) = segments.split_first() else {
            self.only_get()?;
            self.options.only(&[])?;
            return Ok(Operation::ServiceDocument);
        };
        let first = first.named()?;
        if NOT_YET.contains(&first.name) {
            return Err(error::not_supported(&format!("The resource {}", first.name)));
        }
        let Some(table) = self.schema.table_of_set(first.name).map_err(broken)? else {
            return self.unbound_call(&first, rest);
        };
        match first.arguments {
            None => self.on_set(&table, rest),
            Some(arguments) => {
                let key = rows::key(self, &table, &arguments)?;
                self.on_row(&table, key, rest)
            }
        }
    }

    /// `contacts`, `contacts/$count`.
    fn on_set(self, table: &Arc<Table>, rest: &[Segment<'_>]) -> Result<Operation, DataverseError> {
        match rest {
            [] => match self.method()? {
                Verbs::Get => self.query(table, None).map(Operation::Query),
                Verbs::Post => self.create(table),
                _ => Err(self.refused_method()),
            },
            [count] if count.text() == "$count" => {
                self.only_get()?;
                self.count(table, None).map(Operation::Count)
            }
            [call] if call.text().starts_with(calls::NAMESPACE) => {
                Err(error::not_supported(&format!("The operation {}", quoted(call.text()))))
            }
            [other, ..] => Err(error::unknown_segment(&quoted(other.text()))),
        }
    }

    /// `contacts(…)` and what follows.
    fn on_row(self, table: &Arc<Table>, key: RowKey, rest: &[Segment<'_>]) -> Result<Operation, DataverseError> {
        let Some((next, after)) = rest.split_first() else {
            return match self.method()? {
                Verbs::Get => self.retrieve(table, key, None),
                Verbs::Patch => self.update(table, key),
                Verbs::Delete => self.delete(table, key),
                Verbs::Post | Verbs::Put => Err(self.refused_method()),
            };
        };
        let named = next.named()?;
        if named.name.starts_with(calls::NAMESPACE) {
            return self.bound_call(table, &key, &named, after);
        }
        if let Some(column) = table.property(named.name)
            && named.arguments.is_none()
        {
            let raw = match after {
                [] => false,
                [value] if value.text() == "$value" => true,
                [other, ..] => return Err(error::unknown_segment(&quoted(other.text()))),
            };
            return match self.method()? {
                Verbs::Get if column.access.read => {
                    self.retrieve(table, key, Some(PropertyOf { column: Arc::clone(column), raw }))
                }
                Verbs::Put if !raw => self.put_property(table, key, column),
                Verbs::Delete if !raw && !column.kind.is_lookup() => {
                    let cleared = Assignment { column: Arc::clone(column), value: Assigned::Value(Value::Null) };
                    self.one_column(table, key, cleared)
                }
                _ => Err(self.refused_method()),
            };
        }
        match table.navigation(named.name) {
            Some(navigation) => self.on_navigation(table, key, navigation, &named, after),
            None if calls::lacks_namespace(named.name) => {
                Err(error::odata("Request message has unresolved parameters."))
            }
            None => Err(error::unknown_segment(&quoted(named.name))),
        }
    }

    /// `accounts(…)/contact_customer_accounts`, `…/$ref`, `…/$count`.
    fn on_navigation(
        self,
        table: &Arc<Table>,
        key: RowKey,
        navigation: &Navigation,
        named: &Named<'_>,
        after: &[Segment<'_>],
    ) -> Result<Operation, DataverseError> {
        let target_key = |target: &Arc<Table>| {
            named.arguments.as_ref().map(|arguments| rows::key(self, target, arguments)).transpose()
        };
        match (navigation, after) {
            (Navigation::Lookup { column, targets }, [last]) if last.text() == "$ref" => {
                let value = match self.method()? {
                    Verbs::Put => {
                        let text = body::reference(self, table)?;
                        let names: Vec<&str> = targets.iter().map(|target| target.table.as_str()).collect();
                        let (target, target_key) = rows::reference(self, &names, &text)?;
                        Assigned::Row { table: target, key: target_key }
                    }
                    Verbs::Delete => Assigned::Value(Value::Null),
                    Verbs::Get => return Err(error::not_supported("Reading a reference ($ref)")),
                    _ => return Err(self.refused_method()),
                };
                self.one_column(table, key, Assignment { column: Arc::clone(column), value })
            }
            (Navigation::Lookup { .. }, _) => {
                Err(error::not_supported(&format!("Following the lookup {} in an address", named.name)))
            }
            (Navigation::OneToMany(relationship), _) => {
                let target = self.related_table(&relationship.table, named.name)?;
                let lookup =
                    target.column(&relationship.column).ok_or_else(|| error::unknown_segment(&quoted(named.name)))?;
                let within = Within::OneToMany { source: Arc::clone(table), key, lookup: Arc::clone(lookup) };
                match (after, target_key(&target)?) {
                    ([], None) => self.related(&target, within, false),
                    ([last], None) if last.text() == "$count" => self.related(&target, within, true),
                    ([last], None) if last.text() == "$ref" && self.method()? == Verbs::Post => {
                        // The same as setting the lookup of the other row to this one.
                        let text = body::reference(self, table)?;
                        let (_, other) = rows::reference(self, &[target.logical_name()], &text)?;
                        let (source, key) = within.source();
                        let value = Assigned::Row { table: Arc::clone(source), key: key.clone() };
                        self.one_column(&target, other, Assignment { column: Arc::clone(lookup), value })
                    }
                    ([last], _) if last.text() == "$ref" => {
                        Err(error::not_supported("Reading or removing a reference of a one-to-many relationship"))
                    }
                    _ => Err(error::not_supported(&format!("An address that goes on after {}", named.name))),
                }
            }
            (Navigation::ManyToMany { relationship, side }, _) => {
                let (_, other) = relationship.ends(*side);
                let target = self.related_table(&other.table, named.name)?;
                let other_key = target_key(&target)?;
                let pair = |other_key| Pairing {
                    relationship: Arc::clone(relationship),
                    side: *side,
                    table: Arc::clone(table),
                    key: key.clone(),
                    other_table: Arc::clone(&target),
                    other_key,
                };
                let reference = matches!(after, [last] if last.text() == "$ref");
                if reference {
                    return match (self.method()?, other_key) {
                        (Verbs::Post, None) => {
                            let text = body::reference(self, table)?;
                            let (_, other) = rows::reference(self, &[target.logical_name()], &text)?;
                            Ok(Operation::Associate(pair(other)))
                        }
                        (Verbs::Delete, Some(other)) => {
                            self.options.only(&[])?;
                            Ok(Operation::Disassociate(pair(other)))
                        }
                        (Verbs::Delete, None) => {
                            self.options.only(&["$id"])?;
                            let text = self.options.id.as_deref().ok_or_else(|| missing_parameter("$id"))?;
                            let (_, other) = rows::reference(self, &[target.logical_name()], text)?;
                            Ok(Operation::Disassociate(pair(other)))
                        }
                        (Verbs::Get, _) => Err(error::not_supported("Reading a reference ($ref)")),
                        _ => Err(self.refused_method()),
                    };
                }
                let within = Within::ManyToMany {
                    source: Arc::clone(table),
                    key: key.clone(),
                    relationship: Arc::clone(relationship),
                    side: *side,
                };
                match (after, other_key) {
                    ([], None) => self.related(&target, within, false),
                    ([last], None) if last.text() == "$count" => self.related(&target, within, true),
                    _ => Err(error::not_supported(&format!("An address that goes on after {}", named.name))),
                }
            }
            _ => Err(error::not_supported(&format!("The navigation property {}", named.name))),
        }
    }

    fn related(self, target: &Arc<Table>, within: Within, count: bool) -> Result<Operation, DataverseError> {
        self.only_get()?;
        if count {
            self.count(target, Some(within)).map(Operation::Count)
        } else {
            self.query(target, Some(within)).map(Operation::Query)
        }
    }

    fn related_table(self, logical_name: &str, navigation: &str) -> Result<Arc<Table>, DataverseError> {
        let table = self.schema.table(logical_name).map_err(broken)?;
        table.ok_or_else(|| error::not_supported(&format!("The navigation property {navigation}")))
    }

    fn retrieve(
        self,
        table: &Arc<Table>,
        key: RowKey,
        property: Option<PropertyOf>,
    ) -> Result<Operation, DataverseError> {
        self.options.only(if property.is_some() { &[] } else { &["$select"] })?;
        let select = match &property {
            Some(property) => Selection::of(table, vec![Arc::clone(&property.column)]),
            None => self.selection(table)?,
        };
        // The word `null`, which Microsoft's samples send to defeat caches, is no tag.
        let unless_version = self.request.header("If-None-Match").and_then(version_of);
        Ok(Operation::Retrieve(Retrieve { table: Arc::clone(table), key, select, property, unless_version }))
    }

    fn create(self, table: &Arc<Table>) -> Result<Operation, DataverseError> {
        self.options.only(&["$select"])?;
        self.supports(table, Verb::Create)?;
        let given = body::assignments(self, table, body::Purpose::Create)?;
        Ok(Operation::Create(Create {
            table: Arc::clone(table),
            values: given.values,
            ignored: given.ignored,
            select: self.selection(table)?,
        }))
    }

    fn update(self, table: &Arc<Table>, key: RowKey) -> Result<Operation, DataverseError> {
        self.options.only(&["$select"])?;
        self.supports(table, Verb::Write)?;
        let if_match = self.request.header("If-Match").map(str::trim);
        let if_none_match = self.request.header("If-None-Match").map(str::trim);
        if if_match.is_some() && if_none_match == Some("*") {
            return Err(error::odata("If-Match and If-None-Match: * exclude each other; send one of them."));
        }
        let if_version = self.version(if_match)?;
        let creates = table.privilege_name(Verb::Create).is_some();
        let given = body::assignments(self, table, body::Purpose::Upsert)?;
        Ok(Operation::Update(Update {
            table: Arc::clone(table),
            key,
            values: given.values,
            ignored: given.ignored,
            select: self.selection(table)?,
            may_create: creates && if_match.is_none(),
            may_update: if_none_match != Some("*"),
            if_version,
        }))
    }

    fn put_property(
        self,
        table: &Arc<Table>,
        key: RowKey,
        column: &Arc<keyholder_dataverse::Column>,
    ) -> Result<Operation, DataverseError> {
        let value = body::single_value(self, table, column)?;
        self.one_column(table, key, Assignment { column: Arc::clone(column), value: Assigned::Value(value) })
    }

    /// An update of one column of a row that is there.
    fn one_column(self, table: &Arc<Table>, key: RowKey, given: Assignment) -> Result<Operation, DataverseError> {
        self.options.only(&[])?;
        self.supports(table, Verb::Write)?;
        if !given.column.access.update {
            return Err(error::payload(
                table.entity_set(),
                &format!("The property '{}' cannot be changed.", given.column.property_name()),
            ));
        }
        Ok(Operation::Update(Update {
            table: Arc::clone(table),
            key,
            values: vec![given],
            ignored: Vec::new(),
            select: Selection::all(table),
            may_create: false,
            may_update: true,
            if_version: self.version(self.request.header("If-Match"))?,
        }))
    }

    fn delete(self, table: &Arc<Table>, key: RowKey) -> Result<Operation, DataverseError> {
        self.options.only(&[])?;
        self.supports(table, Verb::Delete)?;
        let if_version = self.version(self.request.header("If-Match"))?;
        Ok(Operation::Delete(Delete { table: Arc::clone(table), key, if_version }))
    }

    /// The version in `If-Match`; `*` names none. Anything else would be a condition that is not
    /// checked, so it is refused.
    fn version(self, if_match: Option<&str>) -> Result<Option<i64>, DataverseError> {
        match if_match.map(str::trim) {
            None | Some("*") => Ok(None),
            Some(tag) => version_of(tag).map(Some).ok_or_else(|| {
                error::odata(format!("The If-Match value '{}' is no ETag of this service.", quoted(tag)))
            }),
        }
    }

    /// Rows of tables without a privilege for it cannot be written through the Web API.
    fn supports(self, table: &Table, verb: Verb) -> Result<(), DataverseError> {
        if table.privilege_name(verb).is_some() {
            return Ok(());
        }
        let message = match verb {
            Verb::Write => "Update",
            other => other.name(),
        };
        Err(DataverseError::new(
            code::MESSAGE_NOT_SUPPORTED,
            format!(
                "The '{message}' method does not support entities of type '{}'. MessageProcessorCache returned \
                 MessageProcessor.Empty.",
                table.logical_name()
            ),
        ))
    }
}

/// A parameter that the request should have and has not.
fn missing_parameter(name: &str) -> DataverseError {
    DataverseError::new(code::MISSING_PARAMETER, format!("The parameter {name} is missing."))
}

/// The catalogue is damaged: nothing that a caller did.
#[expect(clippy::needless_pass_by_value, reason = "used as a function in map_err")]
fn broken(error: SchemaError) -> DataverseError {
    DataverseError { message: format!("An unexpected error occurred: {error}."), ..error::unexpected() }
}

/// Arguments of an operation by their names; one without a name cannot be meant.
fn named_arguments<'a>(
    arguments: Option<&'a Arguments<'a>>,
) -> Result<&'a [(&'a str, crate::syntax::Literal<'a>)], DataverseError> {
    match arguments {
        None => Ok(&[]),
        Some(Arguments::Named(named)) => Ok(named),
        Some(Arguments::Single(_)) => Err(error::bad_syntax()),
    }
}
