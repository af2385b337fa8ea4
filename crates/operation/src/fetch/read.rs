//! From XML to the tree: every element, attribute and word is one that FetchXML has, or refused.

use keyholder_dataverse::error::{self, DataverseError, code};
use roxmltree::{Document, Node, NodeType, ParsingOptions};

use super::operator::{Arity, Operator};
use super::{
    Attribute, Body, Condition, DateGrouping, Entity, Fetch, Figure, Filter, Link, LinkKind, Order, OrderBy, Part,
    With, bounds,
};
use crate::syntax::quoted;

/// The most conditions of a document, as the service documents.
const MOST_CONDITIONS: usize = 500;
/// The most joined tables, as the service documents.
const MOST_LINKS: usize = 15;
/// The most values of one condition, as the service documents.
const MOST_VALUES: usize = 2_000;
/// The most columns and orders of one element.
const MOST_ATTRIBUTES: usize = 1_000;

pub(super) fn document(text: &str) -> Result<Fetch, DataverseError> {
    bounds::check(text)?;
    let options = ParsingOptions { allow_dtd: false, nodes_limit: bounds::MOST_NODES, ..ParsingOptions::default() };
    // A file may begin with a byte order mark and blanks, which are no part of the document.
    let text = text.trim_start_matches('\u{feff}').trim();
    let parsed = Document::parse_with_options(text, options).map_err(|reason| {
        refused(code::INVALID_FETCH_XML, format!("The FetchXML document is not well-formed XML: {reason}."))
    })?;
    Reader::default().fetch(parsed.root_element())
}

fn refused(code: u32, message: impl Into<String>) -> DataverseError {
    DataverseError::new(code, message)
}

/// Counts what a document may not have too much of.
#[derive(Debug, Default)]
struct Reader {
    aggregate: bool,
    conditions: usize,
    links: usize,
}

/// The attributes of an element: name and value. Those of other namespaces are notes of the tools
/// that wrote the document.
fn attributes<'a, 'input>(node: Node<'a, 'input>) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a, 'input> {
    node.attributes().filter(|attribute| attribute.namespace().is_none()).map(|one| (one.name(), one.value()))
}

/// The child elements. A text between them is refused, as by the service.
fn children<'a, 'input>(
    node: Node<'a, 'input>,
) -> impl Iterator<Item = Result<Node<'a, 'input>, DataverseError>> + use<'a, 'input> {
    node.children().filter_map(move |child| match child.node_type() {
        NodeType::Element => Some(Ok(child)),
        NodeType::Text if !child.text().unwrap_or_default().trim().is_empty() => Some(Err(refused(
            code::QUERY_INVALID_NODE,
            format!(
                "Invalid Child Node, the text '{}' stands inside the element '{}'.",
                quoted(child.text().unwrap_or_default().trim()),
                quoted(name_of(node))
            ),
        ))),
        _ => None,
    })
}

fn name_of<'a>(node: Node<'a, '_>) -> &'a str {
    node.tag_name().name()
}

fn unknown_child(parent: &str, valid: &str, child: Node<'_, '_>) -> DataverseError {
    refused(
        code::QUERY_INVALID_NODE,
        format!("Invalid Child Node, valid nodes in '{parent}' are {valid}. NodeName = {}.", quoted(name_of(child))),
    )
}

fn unknown_attribute(element: &str, name: &str) -> DataverseError {
    refused(
        code::INVALID_FETCH_XML,
        format!("The element '{element}' has the attribute '{}', which FetchXML does not have there.", quoted(name)),
    )
}

fn missing(element: &str, name: &str) -> DataverseError {
    refused(code::QUERY_ELEMENT_NOT_FOUND, format!("The element '{element}' lacks the attribute '{name}'."))
}

/// A name that must be there and not be empty.
fn required(element: &str, name: &str, value: Option<&str>) -> Result<String, DataverseError> {
    value.map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned).ok_or_else(|| missing(element, name))
}

/// A name that is left out or empty alike.
fn optional(value: &str) -> Option<String> {
    Some(value.trim()).filter(|value| !value.is_empty()).map(str::to_owned)
}

fn flag(code: u32, name: &str, value: &str) -> Result<bool, DataverseError> {
    match value.trim().to_ascii_lowercase().as_str() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(refused(
            code,
            format!("The attribute '{name}' has the value '{}'; it can be 'true' or 'false'.", quoted(value)),
        )),
    }
}

/// A whole number from 1.
fn number(name: &str, value: &str) -> Result<u32, DataverseError> {
    match value.trim().parse::<u32>() {
        Ok(0) => Err(refused(
            code::QUERY_VALUE_GREATER_THAN_ZERO,
            format!("The attribute '{name}' is 0; it must be greater than zero."),
        )),
        Ok(number) => Ok(number),
        Err(_) => Err(refused(
            code::QUERY_INVALID_ATTRIBUTE_VALUE,
            format!("The attribute '{name}' has the value '{}', which is no whole number above zero.", quoted(value)),
        )),
    }
}

/// A name for a part of the query: letters, digits and `_`, no digit first.
fn alias(value: &str) -> Result<String, DataverseError> {
    let fits = value.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
        && value.chars().next().is_some_and(|letter| !letter.is_ascii_digit());
    if fits {
        return Ok(value.to_owned());
    }
    Err(refused(
        code::QUERY_INVALID_ALIAS,
        format!(
            "Invalid alias '{}': only characters within the ranges [A-Z], [a-z] or [0-9] or _ are allowed. The first \
             character may only be in the ranges [A-Z], [a-z] or _.",
            quoted(value)
        ),
    ))
}

fn not_yet(element: &str, name: &str) -> DataverseError {
    error::not_supported(&format!("The attribute '{name}' of the element '{element}' in FetchXML"))
}

impl Reader {
    fn fetch(&mut self, node: Node<'_, '_>) -> Result<Fetch, DataverseError> {
        if name_of(node) != "fetch" {
            return Err(refused(
                code::QUERY_ELEMENT_NOT_FOUND,
                format!("A FetchXML document begins with the element 'fetch', not '{}'.", quoted(name_of(node))),
            ));
        }
        let mut fetch = Fetch {
            aggregate: false,
            distinct: false,
            top: None,
            count: None,
            page: None,
            paging_cookie: None,
            total_count: false,
            raw_order: false,
            entity: Entity { name: String::new(), body: Body::default() },
        };
        for (name, value) in attributes(node) {
            match name {
                "aggregate" => fetch.aggregate = flag(code::QUERY_INVALID_AGGREGATE, name, value)?,
                "distinct" => fetch.distinct = flag(code::QUERY_INVALID_DISTINCT, name, value)?,
                "top" => fetch.top = Some(number(name, value)?),
                "count" => fetch.count = Some(number(name, value)?),
                "page" => fetch.page = Some(number(name, value)?),
                "paging-cookie" => fetch.paging_cookie = optional(value),
                "returntotalrecordcount" => {
                    fetch.total_count = flag(code::QUERY_INVALID_ATTRIBUTE_VALUE, name, value)?;
                }
                "useraworderby" => fetch.raw_order = flag(code::QUERY_INVALID_ATTRIBUTE_VALUE, name, value)?,
                "mapping" => match value.trim() {
                    "logical" => {}
                    "internal" => return Err(error::not_supported("The mapping 'internal' in FetchXML")),
                    other => {
                        let message = format!("The attribute 'mapping' is '{}'; it can be 'logical'.", quoted(other));
                        return Err(refused(code::QUERY_INVALID_MAPPING, message));
                    }
                },
                "no-lock" => {
                    flag(code::QUERY_INVALID_NO_LOCK, name, value)?;
                }
                "latematerialize" => {
                    flag(code::QUERY_INVALID_ATTRIBUTE_VALUE, name, value)?;
                }
                // Notes for tools and hints for the service's store, which change no answer.
                "version" | "output-format" | "options" => {}
                "min-active-row-version" if !flag(code::QUERY_INVALID_ATTRIBUTE_VALUE, name, value)? => {}
                "datasource" | "utc-offset" | "min-active-row-version" | "aggregatelimit" => {
                    return Err(not_yet("fetch", name));
                }
                other => return Err(unknown_attribute("fetch", other)),
            }
        }
        if fetch.top.is_some() {
            let beside = [
                ("page", fetch.page.is_some()),
                ("count", fetch.count.is_some()),
                ("paging-cookie", fetch.paging_cookie.is_some()),
                ("returntotalrecordcount", fetch.total_count),
            ];
            if let Some((name, _)) = beside.into_iter().find(|(_, given)| *given) {
                return Err(refused(
                    code::INVALID_ARGUMENT,
                    format!("The top attribute can't be specified with paging attribute {name}"),
                ));
            }
        }
        self.aggregate = fetch.aggregate;
        let mut entity = None;
        for child in children(node) {
            let child = child?;
            match name_of(child) {
                "entity" if entity.is_none() => entity = Some(self.entity(child)?),
                "entity" => {
                    return Err(refused(code::QUERY_INVALID_NODE, "The element 'fetch' has more than one 'entity'."));
                }
                _ => return Err(unknown_child("fetch", "entity", child)),
            }
        }
        fetch.entity = entity
            .ok_or_else(|| refused(code::QUERY_ELEMENT_NOT_FOUND, "The element 'fetch' lacks the element 'entity'."))?;
        Ok(fetch)
    }

    fn entity(&mut self, node: Node<'_, '_>) -> Result<Entity, DataverseError> {
        let mut name = None;
        for (attribute, value) in attributes(node) {
            match attribute {
                "name" => name = Some(value),
                "enableprefiltering" | "prefilterparametername" => return Err(not_yet("entity", attribute)),
                other => return Err(unknown_attribute("entity", other)),
            }
        }
        let name = required("entity", "name", name)?;
        Ok(Entity { name, body: self.body("entity", node)? })
    }

    fn body(&mut self, element: &str, node: Node<'_, '_>) -> Result<Body, DataverseError> {
        let mut body = Body::default();
        for child in children(node) {
            let child = child?;
            match name_of(child) {
                "attribute" => body.attributes.push(self.attribute(child)?),
                "all-attributes" => {
                    without_attributes(child)?;
                    body.all_attributes = true;
                }
                "no-attrs" => without_attributes(child)?,
                "order" => body.orders.push(self.order(child)?),
                "filter" => body.filters.push(self.filter(child)?),
                "link-entity" => {
                    let link = self.link(child)?;
                    if link.kind.is_condition() {
                        return Err(refused(
                            code::QUERY_INVALID_LINK_TYPE,
                            format!(
                                "A link-entity of the link-type '{}' stands in a filter, not in '{element}'.",
                                link.kind.name()
                            ),
                        ));
                    }
                    body.links.push(link);
                }
                _ => {
                    let valid = "filter, order, link-entity, attribute, all-attributes, no-attrs";
                    return Err(unknown_child(element, valid, child));
                }
            }
            if body.attributes.len().max(body.orders.len()) > MOST_ATTRIBUTES {
                return Err(refused(
                    code::INVALID_FETCH_XML,
                    format!("The element '{element}' has more than {MOST_ATTRIBUTES} attributes or orders."),
                ));
            }
        }
        Ok(body)
    }

    fn attribute(&mut self, node: Node<'_, '_>) -> Result<Attribute, DataverseError> {
        let mut name = None;
        let mut read = Attribute {
            name: String::new(),
            alias: None,
            aggregate: None,
            group_by: false,
            date_grouping: None,
            distinct: false,
            user_time_zone: None,
        };
        for (attribute, value) in attributes(node) {
            match attribute {
                "name" => name = Some(value),
                "alias" => read.alias = Some(alias(value)?),
                "aggregate" => {
                    let figure = Figure::ALL.into_iter().find(|figure| figure.name() == value.trim());
                    read.aggregate = Some(figure.ok_or_else(|| {
                        let message = format!(
                            "The aggregate '{}' does not exist; there are sum, avg, min, max, count and countcolumn.",
                            quoted(value)
                        );
                        refused(code::QUERY_INVALID_AGGREGATE, message)
                    })?);
                }
                "groupby" => read.group_by = flag(code::QUERY_INVALID_GROUP_BY, attribute, value)?,
                "dategrouping" => {
                    let part = DateGrouping::ALL.into_iter().find(|part| part.name() == value.trim());
                    read.date_grouping = Some(part.ok_or_else(|| {
                        let message = format!("The dategrouping '{}' does not exist.", quoted(value));
                        refused(code::QUERY_INVALID_DATE_GROUPING, message)
                    })?);
                }
                "distinct" => read.distinct = flag(code::QUERY_INVALID_DISTINCT, attribute, value)?,
                "usertimezone" => {
                    read.user_time_zone = Some(flag(code::QUERY_INVALID_ATTRIBUTE_VALUE, attribute, value)?);
                }
                "rowaggregate" => return Err(not_yet("attribute", attribute)),
                // Written by the designer of reports.
                "addedby" | "build" => {}
                other => return Err(unknown_attribute("attribute", other)),
            }
        }
        without_children(node)?;
        read.name = required("attribute", "name", name)?;
        if self.aggregate && read.aggregate.is_some() && read.group_by {
            return Err(refused(
                code::QUERY_GROUP_BY_AND_AGGREGATE,
                format!("The attribute '{}' is both grouped by and aggregated.", quoted(&read.name)),
            ));
        }
        Ok(read)
    }

    fn order(&mut self, node: Node<'_, '_>) -> Result<Order, DataverseError> {
        let (mut attribute, mut alias, mut entity_name, mut descending) = (None, None, None, false);
        for (name, value) in attributes(node) {
            match name {
                "attribute" => attribute = optional(value),
                "alias" => alias = optional(value),
                "entityname" => entity_name = optional(value),
                "descending" => descending = flag(code::QUERY_INVALID_DESCENDING, name, value)?,
                other => return Err(unknown_attribute("order", other)),
            }
        }
        without_children(node)?;
        let by = match (self.aggregate, attribute, alias) {
            (true, None, Some(alias)) => OrderBy::Alias(alias),
            (false, Some(attribute), None) => OrderBy::Attribute(attribute),
            (true, Some(_), _) => {
                let message =
                    "An attribute cannot be specified for an order clause for an aggregate Query. Use an alias";
                return Err(refused(code::QUERY_ATTRIBUTE_IN_AGGREGATE_ORDER, message));
            }
            (true, None, None) => {
                let message = "An alias is required for an order clause for an aggregate Query.";
                return Err(refused(code::QUERY_AGGREGATE_ORDER_NEEDS_ALIAS, message));
            }
            (false, _, Some(_)) => {
                let message =
                    "An alias cannot be specified for an order clause for a non-aggregate Query. Use an attribute.";
                return Err(refused(code::QUERY_ALIAS_IN_ORDER, message));
            }
            (false, None, None) => {
                let message = "An attribute is required for an order clause for a non-aggregate Query.";
                return Err(refused(code::QUERY_ORDER_NEEDS_ATTRIBUTE, message));
            }
        };
        Ok(Order { by, entity_name, descending })
    }

    fn link(&mut self, node: Node<'_, '_>) -> Result<Link, DataverseError> {
        self.links += 1;
        if self.links > MOST_LINKS {
            return Err(refused(
                code::TOO_MANY_LINKS_IN_QUERY,
                format!("The number of link-entity elements in the query exceeds the maximum limit of {MOST_LINKS}."),
            ));
        }
        let (mut name, mut from, mut to, mut known_as, mut kind, mut intersect) =
            (None, None, None, None, LinkKind::Inner, false);
        for (attribute, value) in attributes(node) {
            match attribute {
                "name" => name = Some(value),
                "from" => from = optional(value),
                "to" => to = optional(value),
                "alias" => known_as = Some(alias(value)?),
                "link-type" => kind = link_kind(value)?,
                "intersect" => intersect = flag(code::QUERY_INVALID_ATTRIBUTE_VALUE, attribute, value)?,
                // Whether a designer shows it.
                "visible" => {
                    flag(code::QUERY_INVALID_ATTRIBUTE_VALUE, attribute, value)?;
                }
                // Left by designers of views, which repeat in it what the alias is for.
                "entityalias" => {}
                "enableprefiltering" | "prefilterparametername" => return Err(not_yet("link-entity", attribute)),
                other => return Err(unknown_attribute("link-entity", other)),
            }
        }
        let name = required("link-entity", "name", name)?;
        let body = self.body("link-entity", node)?;
        Ok(Link { name, from, to, alias: known_as, kind, intersect, body })
    }

    fn filter(&mut self, node: Node<'_, '_>) -> Result<Filter, DataverseError> {
        let mut read = Filter { any: false, quick_find: false, parts: Vec::new() };
        for (name, value) in attributes(node) {
            match name {
                "type" => {
                    read.any = match value.trim() {
                        "and" => false,
                        "or" => true,
                        other => {
                            let message = format!("The filter type '{}' is neither 'and' nor 'or'.", quoted(other));
                            return Err(refused(code::QUERY_INVALID_FILTER_TYPE, message));
                        }
                    };
                }
                "isquickfindfields" => read.quick_find = flag(code::QUERY_INVALID_QUICK_FIND, name, value)?,
                // How the service's store goes about it; the rows are the same.
                "hint"
                | "overridequickfindrecordlimitenabled"
                | "overridequickfindrecordlimitdisabled"
                | "bypassquickfind" => {}
                other => return Err(unknown_attribute("filter", other)),
            }
        }
        for child in children(node) {
            let child = child?;
            read.parts.push(match name_of(child) {
                "condition" => Part::Condition(self.condition(child)?),
                "filter" => Part::Filter(self.filter(child)?),
                "link-entity" => {
                    let link = self.link(child)?;
                    if !link.kind.is_condition() {
                        return Err(refused(
                            code::QUERY_INVALID_LINK_TYPE,
                            format!(
                                "A link-entity in a filter has the link-type any, not any, all or not all, not '{}'.",
                                link.kind.name()
                            ),
                        ));
                    }
                    Part::Link(link)
                }
                _ => return Err(unknown_child("filter", "filter, condition, link-entity", child)),
            });
        }
        Ok(read)
    }

    fn condition(&mut self, node: Node<'_, '_>) -> Result<Condition, DataverseError> {
        self.conditions += 1;
        if self.conditions > MOST_CONDITIONS {
            return Err(refused(
                code::TOO_MANY_CONDITIONS_IN_QUERY,
                format!("Number of conditions in query exceeded maximum limit of {MOST_CONDITIONS}."),
            ));
        }
        let (mut attribute, mut entity_name, mut operator, mut column) = (None, None, None, None);
        let mut values: Vec<String> = Vec::new();
        for (name, value) in attributes(node) {
            match name {
                "attribute" => attribute = Some(value),
                "entityname" => entity_name = optional(value),
                "operator" => operator = Some(value),
                "value" => values.push(value.to_owned()),
                "valueof" => column = optional(value),
                "aggregate" | "rowaggregate" | "column" => return Err(not_yet("condition", name)),
                // For designers; the alias belongs to `aggregate`.
                "uiname" | "uitype" | "uihidden" | "alias" => {}
                other => return Err(unknown_attribute("condition", other)),
            }
        }
        for child in children(node) {
            let child = child?;
            if name_of(child) != "value" {
                return Err(unknown_child("condition", "value", child));
            }
            values.push(value(child)?);
            if values.len() > MOST_VALUES {
                return Err(refused(
                    code::TOO_MANY_VALUES_IN_QUERY,
                    format!("Number of parameters in a condition exceeded maximum limit of {MOST_VALUES}."),
                ));
            }
        }
        let attribute = required("condition", "attribute", attribute)?;
        let written = operator.ok_or_else(|| missing("condition", "operator"))?.trim();
        let operator = Operator::from_name(written).ok_or_else(|| {
            let message = format!("The condition operator '{}' does not exist in FetchXML.", quoted(written));
            refused(code::QUERY_INVALID_OPERATOR, message)
        })?;
        let with = match column {
            Some(column) if operator.takes_column() && values.is_empty() => With::Column(column),
            Some(_) => {
                return Err(refused(
                    code::QUERY_BAD_CONDITION,
                    format!(
                        "The condition on '{}' has 'valueof', which stands alone and with eq, ne, gt, ge, lt or le.",
                        quoted(&attribute)
                    ),
                ));
            }
            None => With::Values(counted(&attribute, operator, values)?),
        };
        Ok(Condition { attribute, entity_name, operator, with })
    }
}

/// The values, as many as the operator takes.
fn counted(attribute: &str, operator: Operator, values: Vec<String>) -> Result<Vec<String>, DataverseError> {
    let takes = match operator.arity() {
        // Designers leave values behind that such an operator does not look at.
        Arity::None => return Ok(Vec::new()),
        Arity::One if values.len() == 1 => return Ok(values),
        Arity::Two if values.len() == 2 => return Ok(values),
        Arity::Many if !values.is_empty() => return Ok(values),
        Arity::One => "one",
        Arity::Two => "two",
        Arity::Many => "one or more",
    };
    Err(refused(
        code::QUERY_BAD_CONDITION,
        format!(
            "The condition '{}' on '{}' has {} values; it takes {takes}.",
            operator.name(),
            quoted(attribute),
            values.len()
        ),
    ))
}

/// The text of a `value` element.
fn value(node: Node<'_, '_>) -> Result<String, DataverseError> {
    for (name, _) in attributes(node) {
        if !matches!(name, "uiname" | "uitype") {
            return Err(unknown_attribute("value", name));
        }
    }
    let mut text = String::new();
    for child in node.children() {
        match child.node_type() {
            NodeType::Text => text.push_str(child.text().unwrap_or_default()),
            NodeType::Element => return Err(unknown_child("value", "only text", child)),
            _ => {}
        }
    }
    Ok(text)
}

fn link_kind(value: &str) -> Result<LinkKind, DataverseError> {
    let word = value.trim();
    if word == "natural" {
        return Err(error::not_supported("The link-type 'natural' in FetchXML"));
    }
    LinkKind::ALL.into_iter().find(|kind| kind.name() == word).ok_or_else(|| {
        refused(code::QUERY_INVALID_LINK_TYPE, format!("The link-type '{}' does not exist.", quoted(word)))
    })
}

fn without_attributes(node: Node<'_, '_>) -> Result<(), DataverseError> {
    if let Some((name, _)) = attributes(node).next() {
        return Err(unknown_attribute(name_of(node), name));
    }
    without_children(node)
}

fn without_children(node: Node<'_, '_>) -> Result<(), DataverseError> {
    children(node).next().map_or(Ok(()), |child| Err(unknown_child(name_of(node), "none", child?)))
}
