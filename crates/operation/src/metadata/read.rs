//! From an address and its options to a [`MetadataQuery`].

use keyholder_dataverse::error::{self, DataverseError};

use super::{Constant, Kind, MetadataFilter, MetadataKey, MetadataQuery, Part, Root, View};
use crate::request::NameAndValue;
use crate::syntax::filter::{self, Expression};
use crate::syntax::options::list;
use crate::syntax::path::{Arguments, Segment};
use crate::syntax::{LONGEST_TEXT, Literal, quoted};

/// `$expand` goes at most this deep.
const DEEPEST: usize = 4;
/// What stands before the name of a type in an address.
pub(super) const NAMESPACE: &str = "Microsoft.Dynamics.CRM.";

/// Reads a question about the schema. `first` names the set; `rest` follows it.
pub(crate) fn read(
    root: Root,
    first: Option<&Arguments<'_>>,
    rest: &[Segment<'_>],
    options: &[NameAndValue<'_>],
) -> Result<MetadataQuery, DataverseError> {
    let mut way = Way { kind: root.kind(), many: true, path: Vec::new(), ended: false };
    if let Some(arguments) = first {
        way.key(arguments)?;
    }
    for segment in rest {
        way.follow(segment)?;
    }
    let view = if way.ended {
        if let Some((name, _)) = options.iter().find(|(name, _)| !is_harmless(name)) {
            return Err(error::unsupported_option(&quoted(name)));
        }
        View::default()
    } else {
        let mut view = View::default();
        for (name, value) in options {
            take(&mut view, way.kind, way.many, name, value, DEEPEST)?;
        }
        view
    };
    Ok(MetadataQuery { root, path: way.path, kind: way.kind, many: way.many, view })
}

/// Where the address has led so far.
struct Way {
    kind: &'static Kind,
    many: bool,
    path: Vec<Part>,
    /// Whether it ended at a property: nothing can follow.
    ended: bool,
}

impl Way {
    fn follow(&mut self, segment: &Segment<'_>) -> Result<(), DataverseError> {
        let unknown = || error::unknown_segment(&quoted(segment.text()));
        if self.ended {
            return Err(unknown());
        }
        let named = segment.named()?;
        if let Some(name) = named.name.strip_prefix(NAMESPACE) {
            self.kind = self.kind.derived(name).ok_or_else(unknown)?;
            self.path.push(Part::Cast(self.kind));
        } else if named.name == "$count" || named.name == "$ref" || named.name == "$value" {
            return Err(error::not_supported(&format!("'{}' of definitions", named.name)));
        } else if self.many {
            return Err(unknown());
        } else if let Some(member) = self.kind.member(named.name) {
            self.kind = member.kind;
            self.many = member.many;
            self.path.push(Part::Member(member));
        } else if let Some(property) = self.kind.property(named.name) {
            self.ended = true;
            self.path.push(Part::Property(property));
        } else {
            return Err(unknown());
        }
        match &named.arguments {
            Some(arguments) => self.key(arguments),
            None => Ok(()),
        }
    }

    fn key(&mut self, arguments: &Arguments<'_>) -> Result<(), DataverseError> {
        if !self.many || self.ended {
            return Err(error::bad_syntax());
        }
        let key = key_of(self.kind, arguments)?;
        self.many = false;
        self.path.push(Part::Key(key));
        Ok(())
    }
}

/// What names one definition of this type.
pub(super) fn key_of(kind: &'static Kind, arguments: &Arguments<'_>) -> Result<MetadataKey, DataverseError> {
    match arguments {
        Arguments::Single(Literal::Guid(id)) => return Ok(MetadataKey::Id(*id)),
        Arguments::Named(named) => match named.as_slice() {
            [("MetadataId", Literal::Guid(id))] => return Ok(MetadataKey::Id(*id)),
            [(name, Literal::Text(value))] => {
                if let Some(property @ ("LogicalName" | "SchemaName" | "Name")) = kind.property(name) {
                    return Ok(MetadataKey::Name(property, value.to_string()));
                }
            }
            _ => {}
        },
        Arguments::Single(_) => {}
    }
    Err(error::odata(format!(
        "A definition of the type '{}' is named by its MetadataId or by a name, as in \
         EntityDefinitions(LogicalName='account').",
        kind.qualified_name()
    )))
}

/// Whether an option changes nothing, wherever it stands.
fn is_harmless(name: &str) -> bool {
    matches!(name, "api-version" | "tag")
}

/// Takes one option into a view.
fn take(
    view: &mut View,
    kind: &'static Kind,
    many: bool,
    name: &str,
    value: &str,
    depth: usize,
) -> Result<(), DataverseError> {
    if value.len() > LONGEST_TEXT {
        return Err(error::odata(format!("The {} is longer than {LONGEST_TEXT} characters.", quoted(name))));
    }
    match name {
        "$select" if view.select.is_none() => {
            let names = list(value)?;
            if names != ["*"] {
                let known = |name: &str| {
                    kind.property(name).ok_or_else(|| error::unknown_property(&quoted(name), &kind.qualified_name()))
                };
                view.select = Some(names.into_iter().map(known).collect::<Result<_, _>>()?);
            }
        }
        "$filter" if view.filter.is_none() && many => {
            let expression = filter::parse(value)?;
            view.filter = Some(condition(&expression, kind)?);
        }
        "$expand" if view.expand.is_empty() => {
            if depth == 0 {
                return Err(error::odata(format!("The $expand goes deeper than {DEEPEST} levels.")));
            }
            for item in split(value, ',')? {
                let (name, inside) = match item.split_once('(') {
                    Some((name, inside)) => {
                        (name.trim(), inside.trim_end().strip_suffix(')').ok_or_else(error::bad_syntax)?)
                    }
                    None => (item.trim(), ""),
                };
                let member =
                    kind.member(name).ok_or_else(|| error::unknown_property(&quoted(name), &kind.qualified_name()))?;
                if view.expand.iter().any(|(known, _)| known.name == member.name) {
                    return Err(error::odata(format!("The $expand names '{name}' more than once.")));
                }
                let mut nested = View::default();
                for option in split(inside, ';')? {
                    let (name, value) = option.split_once('=').ok_or_else(error::bad_syntax)?;
                    take(&mut nested, member.kind, member.many, name.trim(), value.trim(), depth - 1)?;
                }
                view.expand.push((member, nested));
            }
        }
        "$count" if many && !view.count => match value.trim() {
            "true" => view.count = true,
            "false" => {}
            _ => return Err(error::bad_syntax()),
        },
        _ if is_harmless(name) => {}
        "LabelLanguages" => return Err(error::not_supported("The query parameter LabelLanguages")),
        "$select" | "$filter" | "$expand" | "$count" if many => {
            return Err(error::odata(format!(
                "Query option '{name}' was specified more than once, but it must be specified at most once."
            )));
        }
        // `$orderby`, `$top` and the like the service does not have for definitions.
        other => return Err(error::unsupported_option(&quoted(other))),
    }
    Ok(())
}

/// The items between separators that stand outside quotes and brackets; an empty text has none.
fn split(text: &str, separator: char) -> Result<Vec<&str>, DataverseError> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let (mut items, mut start, mut depth, mut in_quotes) = (Vec::new(), 0, 0_i32, false);
    for (position, letter) in text.char_indices() {
        match letter {
            '\'' => in_quotes = !in_quotes,
            '(' if !in_quotes => depth += 1,
            ')' if !in_quotes => depth -= 1,
            _ if letter == separator && !in_quotes && depth == 0 => {
                items.push(text.get(start..position).unwrap_or_default());
                start = position + letter.len_utf8();
            }
            _ => {}
        }
        if depth < 0 {
            return Err(error::bad_syntax());
        }
    }
    if depth != 0 || in_quotes {
        return Err(error::bad_syntax());
    }
    items.push(text.get(start..).unwrap_or_default());
    Ok(items)
}

/// A condition as written, with its names checked.
fn condition(expression: &Expression<'_>, kind: &'static Kind) -> Result<MetadataFilter, DataverseError> {
    let all = |parts: &[Expression<'_>]| parts.iter().map(|part| condition(part, kind)).collect::<Result<Vec<_>, _>>();
    Ok(match expression {
        Expression::And(parts) => MetadataFilter::And(all(parts)?),
        Expression::Or(parts) => MetadataFilter::Or(all(parts)?),
        Expression::Not(part) => MetadataFilter::Not(Box::new(condition(part, kind)?)),
        Expression::Compare { comparison, left, right } => {
            let (Expression::Path(path), Expression::Literal(literal)) = (&**left, &**right) else {
                return Err(error::not_supported(
                    "A $filter of definitions that compares anything but a property with a value",
                ));
            };
            MetadataFilter::Compare { path: known(path, kind)?, comparison: *comparison, with: constant(literal)? }
        }
        Expression::In { left, values } => {
            let Expression::Path(path) = &**left else {
                return Err(error::not_supported(
                    "A $filter of definitions that compares anything but a property with a value",
                ));
            };
            let path = known(path, kind)?;
            let one = |literal| {
                Ok(MetadataFilter::Compare {
                    path: path.clone(),
                    comparison: crate::query::Comparison::Equal,
                    with: constant(literal)?,
                })
            };
            MetadataFilter::Or(values.iter().map(one).collect::<Result<_, DataverseError>>()?)
        }
        Expression::Text { function, arguments } => match &**arguments {
            [Expression::Path(path), Expression::Literal(Literal::Text(text))] => {
                MetadataFilter::Text { path: known(path, kind)?, function: *function, text: text.to_string() }
            }
            _ => {
                return Err(error::not_supported(
                    "A text function of definitions that asks about anything but a property",
                ));
            }
        },
        Expression::Path(path) => MetadataFilter::Compare {
            path: known(path, kind)?,
            comparison: crate::query::Comparison::Equal,
            with: Constant::Boolean(true),
        },
        _ => return Err(error::not_supported("This $filter of definitions")),
    })
}

/// A property and a part of its value: `RequiredLevel/Value`.
fn known(path: &[&str], kind: &'static Kind) -> Result<Vec<String>, DataverseError> {
    let unknown = |name: &str| error::unknown_property(&quoted(name), &kind.qualified_name());
    let (first, rest) = path.split_first().ok_or_else(error::bad_syntax)?;
    let property = kind.property(first).ok_or_else(|| unknown(first))?;
    match rest {
        [] => {}
        // Managed properties and the names of types have these parts.
        ["Value" | "CanBeChanged" | "ManagedPropertyLogicalName"] => {}
        [other, ..] => return Err(unknown(other)),
    }
    Ok(std::iter::once(property).chain(rest.iter().copied()).map(str::to_owned).collect())
}

fn constant(literal: &Literal<'_>) -> Result<Constant, DataverseError> {
    Ok(match literal {
        Literal::Null => Constant::Null,
        Literal::Boolean(yes) => Constant::Boolean(*yes),
        Literal::Text(text) | Literal::Typed { text, .. } => Constant::Text(text.to_string()),
        Literal::Number(number) => Constant::Number(number.parse().map_err(|_| error::bad_syntax())?),
        Literal::Guid(id) => Constant::Text(id.to_string()),
        Literal::List(_) => return Err(error::bad_syntax()),
        Literal::DateTime(_) | Literal::Alias(_) => {
            return Err(error::not_supported("A date or a parameter alias in a $filter of definitions"));
        }
    })
}
