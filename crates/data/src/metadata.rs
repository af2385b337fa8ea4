//! What the org says about its own tables, columns and relationships.
//!
//! A question ([`MetadataQuery`]) is answered from the schema in memory; no row is read. The answer has
//! every property that the published types have. Of what the schema does not know (icons, help, who may
//! customise) it says what is usual for a table of the platform.
//!
//! - `item`: what there is a definition of, and the way from one to another;
//! - `table`, `column`, `relationship`, `options`: the properties of each;
//! - `values`: labels, managed properties and the like;
//! - `document`: `$metadata`;
//! - `change`: making and deleting.

pub(crate) mod change;
mod column;
pub(crate) mod document;
mod item;
mod options;
mod relationship;
mod table;
mod values;

use http::StatusCode;
use keyholder_dataverse::error::{self, DataverseError};
use keyholder_operation::metadata::{
    ChangesQuery, Constant, Deleted, Kind, MetadataFilter, MetadataKey, MetadataQuery, Part, Root, View, kinds,
};
use keyholder_operation::{Comparison, TextFunction};
use keyholder_store::Snapshot;
use serde_json::{Map, Value, json};

use crate::answer::Answer;
use crate::catalogue::history::{self, Since, Sort};
use crate::error::Failure;
use crate::execute::Session;
use item::{Item, Schemas};

/// An answer's JSON is at most this long; whoever wants more asks for less at a time.
const LONGEST_ANSWER: usize = 64 << 20;

/// Answers a question about the schema.
pub(crate) fn answer(session: &Session<'_>, query: &MetadataQuery) -> Result<Answer, Failure> {
    let schemas = Schemas::of(session.catalogue);
    let context = format!("{}/$metadata#{}", session.base(), fragment(query));
    let (key, property) = match query.path.last() {
        Some(Part::Property(property)) => (query.path.split_last().map_or(&[][..], |(_, way)| way), Some(*property)),
        _ => (&query.path[..], None),
    };
    if let Some(property) = property {
        let item = one(&schemas, query.root, key)?;
        let mut body = Map::new();
        body.insert("@odata.context".into(), context.into());
        body.insert("value".into(), item.property(&schemas, property)?);
        return Ok(Answer::json(StatusCode::OK, Value::Object(body).to_string()));
    }
    if query.many {
        let shape = Shape { kind: query.kind, complex: false };
        let (items, count) = listed(&schemas, query.root, &query.path, shape, &query.view)?;
        let counted = if query.view.count { format!("\"@odata.count\":{count},") } else { String::new() };
        let body = format!("{{\"@odata.context\":{},{counted}\"value\":[{items}]}}", Value::from(context));
        return Ok(Answer::json(StatusCode::OK, body));
    }
    let item = one(&schemas, query.root, key)?;
    let mut body = Map::new();
    body.insert("@odata.context".into(), context.into());
    shown(&schemas, &item, Shape { kind: query.kind, complex: false }, &query.view, &mut body)?;
    Ok(Answer::json(StatusCode::OK, Value::Object(body).to_string()))
}

/// Answers `RetrieveMetadataChanges`. The stamp is the schema's epoch. Whoever has one from before what is remembered of changes is told
/// to ask for everything again, as the service tells those whose stamp is too old.
pub(crate) fn changes(
    session: &Session<'_>,
    snapshot: &mut Snapshot<'_>,
    query: &ChangesQuery,
) -> Result<Answer, Failure> {
    let now = session.catalogue.epoch;
    let org = session.core.organization.0.simple();
    let stamp = format!("{now}!{org}");
    let since = match &query.since {
        None => None,
        Some(since) => {
            let epoch = since.split_once('!').filter(|(_, of)| *of == org.to_string());
            let epoch = epoch.and_then(|(epoch, _)| epoch.parse().ok());
            let found = epoch.map(|epoch| history::since(snapshot, epoch, now)).transpose()?.flatten();
            Some(found.ok_or_else(error::expired_version_stamp)?)
        }
    };
    let schemas = Schemas::of(session.catalogue);
    let shape = Shape { kind: &kinds::ENTITY, complex: true };
    let mut items = String::new();
    match &since {
        None => items = listed(&schemas, Root::Entities, &[], shape, &query.view)?.0,
        Some(since) if since.tables.is_empty() => {}
        Some(since) => {
            let changed = since.tables.iter().map(|table| MetadataFilter::Compare {
                path: vec!["LogicalName".to_owned()],
                comparison: Comparison::Equal,
                with: Constant::Text(table.clone()),
            });
            let also = query.view.filter.clone();
            let filter =
                MetadataFilter::And(std::iter::once(MetadataFilter::Or(changed.collect())).chain(also).collect());
            let view = View { filter: Some(filter), ..query.view.clone() };
            items = listed(&schemas, Root::Entities, &[], shape, &view)?.0;
        }
    }
    let deleted = since.map_or(Value::Null, |since| deleted(&since, query.deleted));
    let context = format!("{}/$metadata#Microsoft.Dynamics.CRM.RetrieveMetadataChangesResponse", session.base());
    let body = format!(
        "{{\"@odata.context\":{},\"ServerVersionStamp\":{},\"DeletedMetadata\":{deleted},\"EntityMetadata\":[{items}]}}",
        Value::from(context),
        Value::from(stamp),
    );
    Ok(Answer::json(StatusCode::OK, body))
}

/// The ids of what was deleted, by its sort.
fn deleted(since: &Since, wanted: Deleted) -> Value {
    let (mut keys, mut values) = (Vec::new(), Vec::new());
    for (is_wanted, sort, key, what) in [
        (wanted.entities, Sort::Entity, "Entity", "entity"),
        (wanted.attributes, Sort::Attribute, "Attribute", "attribute"),
        (wanted.relationships, Sort::Relationship, "Relationship", "relationship"),
        (wanted.option_sets, Sort::OptionSet, "OptionSet", "optionset"),
    ] {
        let gone = since.gone.iter().filter(|(known, _)| *known == sort).map(|(_, name)| values::id(what, name));
        let items: Vec<_> = gone.collect();
        if is_wanted && !items.is_empty() {
            keys.push(key);
            values.push(json!({ "Items": items }));
        }
    }
    json!({ "Count": keys.len(), "IsReadOnly": false, "Keys": keys, "Values": values })
}

/// In which type definitions are shown.
#[derive(Clone, Copy)]
struct Shape {
    /// The type that an address leads to.
    kind: &'static Kind,
    /// Whether by the names that types have as values of a function.
    complex: bool,
}

/// Several definitions, and how many: each is written before the next is looked at.
fn listed(
    schemas: &Schemas<'_>,
    root: Root,
    path: &[Part],
    shape: Shape,
    view: &View,
) -> Result<(String, u64), Failure> {
    let (mut items, mut count) = (String::new(), 0_u64);
    each(schemas, root, path, &mut |item| {
        if !holds(schemas, &item, view.filter.as_ref())? {
            return Ok(());
        }
        let mut object = Map::new();
        shown(schemas, &item, shape, view, &mut object)?;
        if count > 0 {
            items.push(',');
        }
        items.push_str(&Value::Object(object).to_string());
        count += 1;
        if items.len() > LONGEST_ANSWER {
            return Err(error::odata(format!(
                "The definitions asked for are longer than {} MiB; ask for fewer tables or properties at a time.",
                LONGEST_ANSWER >> 20
            ))
            .into());
        }
        Ok(())
    })?;
    Ok((items, count))
}

type Visit<'v> = &'v mut dyn FnMut(Item) -> Result<(), Failure>;

/// Visits what an address leads to.
fn each(schemas: &Schemas<'_>, root: Root, path: &[Part], visit: Visit<'_>) -> Result<(), Failure> {
    let start = path.iter().rposition(|part| matches!(part, Part::Key(_)));
    match start {
        Some(position) => {
            let (way, rest) = path.split_at(position + 1);
            let item = one(schemas, root, way)?;
            follow(schemas, item, rest, visit)
        }
        None => schemas.all(root, &mut |item| follow(schemas, item, path, visit)),
    }
}

/// Visits what is behind a definition.
fn follow(schemas: &Schemas<'_>, item: Item, way: &[Part], visit: Visit<'_>) -> Result<(), Failure> {
    let Some((first, rest)) = way.split_first() else { return visit(item) };
    match first {
        Part::Cast(kind) if item.kind().is(kind) => follow(schemas, item, rest, visit),
        Part::Cast(_) => Ok(()),
        Part::Member(member) => {
            for found in item.member(schemas, member.name)? {
                follow(schemas, found, rest, visit)?;
            }
            Ok(())
        }
        Part::Key(_) | Part::Property(_) => Err(error::bad_syntax().into()),
    }
}

/// The one definition that an address names.
fn one(schemas: &Schemas<'_>, root: Root, path: &[Part]) -> Result<Item, Failure> {
    let mut found: Option<Item> = None;
    let mut step = 0;
    while let Some(part) = path.get(step) {
        // Up to the next key, several are looked at.
        let until = path.iter().skip(step).position(|part| matches!(part, Part::Key(_))).map(|next| step + next);
        let end = until.unwrap_or(path.len());
        let way = path.get(step..end).unwrap_or_default();
        let key = path.get(end).and_then(|part| if let Part::Key(key) = part { Some(key) } else { None });
        let mut matching = None;
        let mut visit = |item: Item| {
            if matching.is_none() && key.is_none_or(|key| item.is_named(key)) {
                matching = Some(item);
            }
            Ok(())
        };
        match (&found, way, key) {
            (None, [], Some(key)) => {
                if let Some(item) = schemas.named(root, key)? {
                    visit(item)?;
                }
            }
            (None, ..) => schemas.all(root, &mut |item| follow(schemas, item, way, &mut visit))?,
            (Some(item), ..) => follow(schemas, item.clone(), way, &mut visit)?,
        }
        found = Some(matching.ok_or_else(|| match key {
            Some(key) => not_found(root.name(), key),
            None => nothing_at(root, part),
        })?);
        step = end + 1;
    }
    found.ok_or_else(|| error::bad_syntax().into())
}

/// The refusal of a key that names nothing in a set or collection.
fn not_found(place: &str, key: &MetadataKey) -> DataverseError {
    let what = match key {
        MetadataKey::Id(id) => format!("MetadataId '{id}'"),
        MetadataKey::Name(property, name) => format!("{property} '{name}'"),
    };
    error::odata(format!("Could not find a definition with {what} in {place}.")).with_status(404)
}

/// The refusal of a part of an address behind which there is nothing.
fn nothing_at(root: Root, part: &Part) -> DataverseError {
    let what = match part {
        Part::Cast(kind) => format!("of the type '{}'", kind.qualified_name()),
        Part::Member(member) => format!("behind '{}'", member.name),
        Part::Key(_) | Part::Property(_) => "there".to_owned(),
    };
    error::odata(format!("Could not find a definition {what} in {}.", root.name())).with_status(404)
}

/// Writes a definition into an object.
fn shown(
    schemas: &Schemas<'_>,
    item: &Item,
    shape: Shape,
    view: &View,
    object: &mut Map<String, Value>,
) -> Result<(), Failure> {
    let (kind, declared) = (item.kind(), shape.kind);
    if kind.name != declared.name || declared.base.is_some_and(|base| base.name != "MetadataBase") {
        let name = match shape.complex {
            true => format!("#Microsoft.Dynamics.CRM.Complex{}", kind.name),
            false => format!("#{}", kind.qualified_name()),
        };
        object.insert("@odata.type".into(), name.into());
    }
    match &view.select {
        Some(names) => {
            for name in names.iter().copied().chain(["MetadataId"]) {
                // What only some types have is shown where there is one.
                if !object.contains_key(name) && kind.property(name).is_some() {
                    object.insert(name.into(), item.property(schemas, name)?);
                }
            }
        }
        None => {
            for name in kind.properties() {
                object.insert(name.into(), item.property(schemas, name)?);
            }
        }
    }
    // What only some types have is shown where there is one.
    for (member, view) in view.expand.iter().filter(|(member, _)| kind.member(member.name).is_some()) {
        let mut inside = Vec::new();
        for found in item.member(schemas, member.name)? {
            if holds(schemas, &found, view.filter.as_ref())? {
                let mut object = Map::new();
                shown(schemas, &found, Shape { kind: member.kind, ..shape }, view, &mut object)?;
                inside.push(Value::Object(object));
            }
        }
        if member.many {
            if view.count {
                object.insert(format!("{}@odata.count", member.name), inside.len().into());
            }
            object.insert(member.name.into(), Value::Array(inside));
        } else {
            object.insert(member.name.into(), inside.into_iter().next().unwrap_or(Value::Null));
        }
    }
    Ok(())
}

/// Whether a condition holds for a definition.
fn holds(schemas: &Schemas<'_>, item: &Item, filter: Option<&MetadataFilter>) -> Result<bool, Failure> {
    let Some(filter) = filter else { return Ok(true) };
    Ok(match filter {
        MetadataFilter::And(parts) => {
            for part in parts {
                if !holds(schemas, item, Some(part))? {
                    return Ok(false);
                }
            }
            true
        }
        MetadataFilter::Or(parts) => {
            for part in parts {
                if holds(schemas, item, Some(part))? {
                    return Ok(true);
                }
            }
            false
        }
        MetadataFilter::Not(part) => !holds(schemas, item, Some(part))?,
        MetadataFilter::Compare { path, comparison, with } => {
            let mut value = valued(schemas, item, path)?;
            // A managed property stands for its value where nobody says which part is meant.
            if let Some(inner) = value.get_mut("Value") {
                value = inner.take();
            }
            compares(&value, *comparison, with)?
        }
        MetadataFilter::Text { path, function, text } => {
            let value = valued(schemas, item, path)?;
            let value = value.as_str().unwrap_or_default();
            match function {
                TextFunction::Contains => value.contains(text.as_str()),
                TextFunction::StartsWith => value.starts_with(text.as_str()),
                TextFunction::EndsWith => value.ends_with(text.as_str()),
                TextFunction::Whole => value == text.as_str(),
            }
        }
    })
}

/// The value of a property, or of a part of it.
fn valued(schemas: &Schemas<'_>, item: &Item, path: &[String]) -> Result<Value, Failure> {
    let Some((first, rest)) = path.split_first() else { return Ok(Value::Null) };
    let mut value = item.property(schemas, first)?;
    for part in rest {
        value = value.get_mut(part.as_str()).map(Value::take).unwrap_or_default();
    }
    Ok(value)
}

fn compares(value: &Value, comparison: Comparison, with: &Constant) -> Result<bool, DataverseError> {
    let order = match (value, with) {
        (Value::Null, Constant::Null) => Some(std::cmp::Ordering::Equal),
        (Value::Bool(left), Constant::Boolean(right)) => Some(left.cmp(right)),
        (Value::Number(left), Constant::Number(right)) => left.as_f64().and_then(|left| left.partial_cmp(right)),
        (Value::String(left), Constant::Text(right)) => Some(left.as_str().cmp(right)),
        // Nothing is like nothing but itself.
        (Value::Null, _) | (_, Constant::Null) => None,
        _ => return Err(error::odata("The $filter compares a property with a value of another type.")),
    };
    Ok(match comparison {
        Comparison::Equal => order.is_some_and(std::cmp::Ordering::is_eq),
        Comparison::NotEqual => !order.is_some_and(std::cmp::Ordering::is_eq),
        Comparison::Greater => order.is_some_and(std::cmp::Ordering::is_gt),
        Comparison::GreaterOrEqual => order.is_some_and(std::cmp::Ordering::is_ge),
        Comparison::Less => order.is_some_and(std::cmp::Ordering::is_lt),
        Comparison::LessOrEqual => order.is_some_and(std::cmp::Ordering::is_le),
    })
}

/// What follows `#` in the answer's context.
fn fragment(query: &MetadataQuery) -> String {
    let mut fragment = query.root.name().to_owned();
    let last = query.path.len();
    for (index, part) in query.path.iter().enumerate() {
        match part {
            // A key at the end is told by `$entity`.
            Part::Key(_) if index + 1 == last => {}
            Part::Key(MetadataKey::Id(id)) => fragment.push_str(&format!("({id})")),
            Part::Key(MetadataKey::Name(_, name)) => fragment.push_str(&format!("('{}')", name.replace('\'', "''"))),
            Part::Cast(kind) => fragment.push_str(&format!("/{}", kind.qualified_name())),
            Part::Member(member) => fragment.push_str(&format!("/{}", member.name)),
            Part::Property(property) => return format!("{fragment}/{property}"),
        }
    }
    let names = view_names(&query.view);
    if !names.is_empty() {
        fragment.push_str(&format!("({names})"));
    }
    if !query.many {
        fragment.push_str("/$entity");
    }
    fragment
}

/// The properties that a view names, as a context lists them.
fn view_names(view: &View) -> String {
    let mut names: Vec<String> = view.select.iter().flatten().map(|name| (*name).to_owned()).collect();
    names.extend(view.expand.iter().map(|(member, view)| format!("{}({})", member.name, view_names(view))));
    names.join(",")
}
