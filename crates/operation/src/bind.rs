//! What a request means in this org: names become tables and columns, literals become values.
//!
//! - this file: method and address decide which operation it is;
//! - `rows`: which row a key or a reference names;
//! - `reading`: `$select`, `$orderby` and the rest;
//! - `condition`: `$filter`;
//! - `function`: Dataverse's own functions in it;
//! - `expand`: `$expand`;
//! - `apply`: `$apply`;
//! - `scope`: which column of which table a path means;
//! - `fetch`: FetchXML documents, and what the `sql` option is read as;
//! - `stored`: which of the ways to ask for rows an address takes;
//! - `literal`: literals against the kind of their column;
//! - `body`: the members of a JSON body as assignments;
//! - `nested`: rows inside the body of a new row;
//! - `contents`: files and images as resources of their own;
//! - `calls`: functions and actions;
//! - `multiple`: the messages for several rows.
//!
//! A refusal here is the service's own, in its order: the address first, then the options, then
//! the body.

mod apply;
mod body;
mod calls;
mod chosen;
mod condition;
mod contents;
mod expand;
pub(crate) mod fetch;
mod function;
mod literal;
mod multiple;
mod nested;
mod reading;
mod rows;
mod scope;
mod stored;

pub use calls::operations;

use std::sync::Arc;

use http::Method;
use keyholder_dataverse::Schema;
use keyholder_dataverse::error::{self, DataverseError, code};
use keyholder_dataverse::schema::{ColumnKind, LookupTarget, Navigation, SchemaError, Table};
use keyholder_dataverse::{Value, Verb};

use crate::metadata::{MetadataWrite, Root};
use crate::query::{Follow, PropertyOf, Query, Retrieve, RowKey, Selection, Within};
use crate::request::{Preferences, Request, version_of};
use crate::syntax::options::Options;
use crate::syntax::path::{self, Arguments, Named, Segment};
use crate::syntax::quoted;
use crate::write::{Assigned, Assignment, Create, Delete, Pairing, Update};
use crate::{ApiVersion, Bound, Operation};

/// Parts of the service that have addresses of their own and are not built yet.
const NOT_YET: [&str; 5] = ["ManagedPropertyDefinitions", "CustomApi", "$all", "$crossjoin", "$entity"];

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
    let acting_for = request.acting_for()?;
    let preferences = Preferences::read(request.headers)?;
    if let Some(operation) = metadata(request, segments)? {
        return Ok(Bound { operation, preferences, version, acting_for });
    }
    let options = Options::read(request.options()?)?;
    let binder = Binder { schema, request, options: &options };
    let operation = binder.operation(segments)?;
    if preferences.track_changes && matches!(operation, Operation::Query(_) | Operation::Saved(_)) {
        return Err(error::not_supported("The preference odata.track-changes"));
    }
    Ok(Bound { operation, preferences, version, acting_for })
}

/// Questions about the schema itself, which have options of their own.
fn metadata(request: &Request<'_>, segments: &[Segment<'_>]) -> Result<Option<Operation>, DataverseError> {
    let Some((first, rest)) = segments.split_first() else { return Ok(None) };
    let reads = matches!(*request.method, Method::GET | Method::HEAD);
    if first.text() == "$metadata" {
        if !reads {
            return Err(error::method_not_allowed(&quoted(request.method.as_str())));
        }
        if let Some(other) = rest.first() {
            return Err(error::unknown_segment(&quoted(other.text())));
        }
        if let Some((name, _)) = request.options()?.first() {
            return Err(error::not_supported(&format!("The query parameter {} of $metadata", quoted(name))));
        }
        return Ok(Some(Operation::MetadataDocument));
    }
    if *request.method == Method::POST && rest.is_empty() && crate::metadata::OPERATIONS.contains(&first.text()) {
        let change = match first.text() {
            "CreateEntities" => Some(crate::metadata::create_entities(request.body)?),
            "PublishAllXml" | "PublishXml" => Some(MetadataWrite::Publish),
            name => crate::metadata::option_action(name, request.body)?,
        };
        if let Some(change) = change {
            return Ok(Some(Operation::MetadataChange(Box::new(change))));
        }
    }
    let name = first.text().split_once('(').map_or(first.text(), |(name, _)| name);
    if name == "RetrieveMetadataChanges" && reads && rest.is_empty() {
        let named = first.named()?;
        let query = crate::metadata::read_changes(named.arguments.as_ref(), &request.options()?)?;
        return Ok(Some(Operation::MetadataChanges(Box::new(query))));
    }
    let Some(root) =
        [Root::Entities, Root::Relationships, Root::OptionSets].into_iter().find(|root| root.name() == name)
    else {
        return Ok(None);
    };
    let named = first.named()?;
    if !reads {
        let (arguments, options) = (named.arguments.as_ref(), request.options()?);
        let change = crate::metadata::read_change(root, arguments, rest, &options, request)?;
        return Ok(Some(Operation::MetadataChange(Box::new(change))));
    }
    let query = crate::metadata::read(root, named.arguments.as_ref(), rest, &request.options()?)?;
    Ok(Some(Operation::Metadata(Box::new(query))))
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
        if first.name == "$batch" {
            // A batch is read before anything is bound, so this is one inside another, or no POST.
            return match self.method()? {
                Verbs::Post => Err(error::odata("A batch cannot hold another batch.")),
                _ => Err(self.refused_method()),
            };
        }
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
                Verbs::Get => self.read_rows(table, None),
                Verbs::Post => self.create(table, None),
                _ => Err(self.refused_method()),
            },
            [count] if count.text() == "$count" => {
                self.only_get()?;
                self.count(table, None).map(Operation::Count)
            }
            [call] if call.text().starts_with(calls::NAMESPACE) => self.set_call(table, &call.named()?),
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
            if matches!(column.kind, ColumnKind::File | ColumnKind::Image) {
                return self.contents(table, key, column, raw);
            }
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
                        body::can_name_rows(column)?;
                        let text = body::reference(self, table)?;
                        let names: Vec<&str> = targets.iter().map(|target| target.table.as_str()).collect();
                        let (target, target_key) = rows::reference(self, &names, &text)?;
                        Assigned::Row { table: target, key: target_key }
                    }
                    Verbs::Delete => Assigned::Value(Value::Null),
                    Verbs::Get => return self.follow(table, key, column, targets, named, true),
                    _ => return Err(self.refused_method()),
                };
                self.one_column(table, key, Assignment { column: Arc::clone(column), value })
            }
            (Navigation::Lookup { column, targets }, []) => {
                self.only_get()?;
                self.follow(table, key, column, targets, named, false)
            }
            (Navigation::Lookup { .. }, _) => {
                Err(error::not_supported(&format!("An address that goes on after {}", named.name)))
            }
            (Navigation::OneToMany(relationship), _) => {
                let target = self.related_table(&relationship.table, named.name)?;
                let lookup =
                    target.column(&relationship.column).ok_or_else(|| error::unknown_segment(&quoted(named.name)))?;
                if self.method()? != Verbs::Get {
                    body::can_name_rows(lookup)?;
                }
                let within = Within::OneToMany { source: Arc::clone(table), key, lookup: Arc::clone(lookup) };
                match (after, target_key(&target)?) {
                    ([], None) if self.method()? == Verbs::Post => {
                        // The same as a new row with its lookup set to this one.
                        let (source, key) = within.source();
                        let value = Assigned::Row { table: Arc::clone(source), key: key.clone() };
                        self.create(&target, Some(Assignment { column: Arc::clone(lookup), value }))
                    }
                    ([], None) => self.related(&target, within, false),
                    ([last], None) if last.text() == "$count" => self.related(&target, within, true),
                    ([last], None) if last.text() == "$ref" && self.method()? == Verbs::Get => {
                        self.references(&target, within)
                    }
                    ([last], None) if last.text() == "$ref" && self.method()? == Verbs::Post => {
                        // The same as setting the lookup of the other row to this one.
                        let text = body::reference(self, table)?;
                        let (_, other) = rows::reference(self, &[target.logical_name()], &text)?;
                        let (source, key) = within.source();
                        let value = Assigned::Row { table: Arc::clone(source), key: key.clone() };
                        self.one_column(&target, other, Assignment { column: Arc::clone(lookup), value })
                    }
                    ([last], other) if last.text() == "$ref" && self.method()? == Verbs::Delete => {
                        let other = match other {
                            None => self.named_by_id(&target)?,
                            Some(other) => {
                                self.options.only(&[])?;
                                other
                            }
                        };
                        let (source, key) = within.source();
                        let value = Assigned::Unlinked { table: Arc::clone(source), key: key.clone() };
                        self.column_of(&target, other, Assignment { column: Arc::clone(lookup), value })
                    }
                    ([last], _) if last.text() == "$ref" => Err(self.refused_method()),
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
                let within = || Within::ManyToMany {
                    source: Arc::clone(table),
                    key: key.clone(),
                    relationship: Arc::clone(relationship),
                    side: *side,
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
                        (Verbs::Delete, None) => Ok(Operation::Disassociate(pair(self.named_by_id(&target)?))),
                        (Verbs::Get, None) => self.references(&target, within()),
                        _ => Err(self.refused_method()),
                    };
                }
                match (after, other_key) {
                    ([], None) => self.related(&target, within(), false),
                    ([last], None) if last.text() == "$count" => self.related(&target, within(), true),
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
            self.read_rows(target, Some(within))
        }
    }

    /// `accounts(…)/Account_Tasks/$ref`: the addresses of related rows.
    fn references(self, target: &Arc<Table>, within: Within) -> Result<Operation, DataverseError> {
        self.options.only(&["$filter", "$orderby", "$top", "$count", "$skiptoken"])?;
        let query = self.query(target, Some(within))?;
        let select = Selection::of(target, vec![Arc::clone(target.primary_id())]);
        Ok(Operation::Query(Query { references: true, select, ..query }))
    }

    /// `accounts(…)/primarycontactid`, `…/$ref`.
    fn follow(
        self,
        source: &Arc<Table>,
        key: RowKey,
        lookup: &Arc<keyholder_dataverse::Column>,
        targets: &[LookupTarget],
        named: &Named<'_>,
        references: bool,
    ) -> Result<Operation, DataverseError> {
        let [target] = targets else {
            return Err(error::not_supported(&format!(
                "Following '{}', which leads to rows of several tables,",
                quoted(named.name)
            )));
        };
        if named.arguments.is_some() {
            return Err(error::bad_syntax());
        }
        self.options.only(if references { &[] } else { &["$select", "$expand"] })?;
        let table = self.related_table(&target.table, named.name)?;
        let (select, expand) = (self.selection(&table)?, self.expands(&table)?);
        let (source, lookup) = (Arc::clone(source), Arc::clone(lookup));
        Ok(Operation::Follow(Follow { source, key, lookup, table, select, expand, references }))
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
        self.options.only(if property.is_some() { &[] } else { &["$select", "$expand"] })?;
        let select = match &property {
            Some(property) => Selection::of(table, vec![Arc::clone(&property.column)]),
            None => self.selection(table)?,
        };
        // The word `null`, which Microsoft's samples send to defeat caches, is no tag.
        let unless_version = self.request.header("If-None-Match").and_then(version_of);
        let expand = self.expands(table)?;
        Ok(Operation::Retrieve(Retrieve { table: Arc::clone(table), key, select, expand, property, unless_version }))
    }

    /// A new row, with the lookup to the row in whose collection it is made.
    fn create(self, table: &Arc<Table>, within: Option<Assignment>) -> Result<Operation, DataverseError> {
        self.options.only(&["$select", "$expand"])?;
        self.supports(table, Verb::Create)?;
        let (select, expand) = (self.selection(table)?, self.expands(table)?);
        let members = body::members(self, table.entity_set())?;
        let create = nested::root(self, table, members, within, select)?;
        Ok(Operation::Create(Create { expand, ..create }))
    }

    fn update(self, table: &Arc<Table>, key: RowKey) -> Result<Operation, DataverseError> {
        // The service documents that it shows no related rows after a change: `$expand` is not followed.
        self.options.only(&["$select", "$expand"])?;
        self.supports(table, Verb::Write)?;
        let if_match = self.request.header("If-Match").map(str::trim);
        let if_none_match = self.request.header("If-None-Match").map(str::trim);
        if if_match.is_some() && if_none_match == Some("*") {
            return Err(error::odata("If-Match and If-None-Match: * exclude each other; send one of them."));
        }
        let if_version = self.version(if_match)?;
        let creates = table.privilege_name(Verb::Create).is_some();
        let given = body::assignments(self, table)?;
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
        self.one_column(table, key, Assignment { column: Arc::clone(column), value })
    }

    /// An update of one column of a row that is there.
    /// The row that `$id` names: `accounts(…)/contact_customer_accounts/$ref?$id=…`.
    fn named_by_id(self, table: &Arc<Table>) -> Result<RowKey, DataverseError> {
        self.options.only(&["$id"])?;
        let text = self.options.id.as_deref().ok_or_else(|| missing_parameter("$id"))?;
        Ok(rows::reference(self, &[table.logical_name()], text)?.1)
    }

    fn one_column(self, table: &Arc<Table>, key: RowKey, given: Assignment) -> Result<Operation, DataverseError> {
        self.options.only(&[])?;
        self.column_of(table, key, given)
    }

    fn column_of(self, table: &Arc<Table>, key: RowKey, given: Assignment) -> Result<Operation, DataverseError> {
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
