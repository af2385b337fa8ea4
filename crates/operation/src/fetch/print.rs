//! A tree back as a document.
//!
//! What is printed reads as the same tree again. Attributes that say what would hold anyway are
//! left out.

use std::fmt::{self, Display, Formatter};

use super::operator::Arity;
use super::{Attribute, Body, Condition, Fetch, Filter, Link, LinkKind, Order, OrderBy, Part, With};

/// The document, on one line.
impl Display for Fetch {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("<fetch")?;
        flag(f, "aggregate", self.aggregate)?;
        flag(f, "distinct", self.distinct)?;
        for (name, number) in [("top", self.top), ("count", self.count), ("page", self.page)] {
            if let Some(number) = number {
                write!(f, " {name}=\"{number}\"")?;
            }
        }
        optional(f, "paging-cookie", self.paging_cookie.as_deref())?;
        flag(f, "returntotalrecordcount", self.total_count)?;
        flag(f, "useraworderby", self.raw_order)?;
        write!(f, "><entity name=\"{}\">", Text(&self.entity.name))?;
        body(f, &self.entity.body)?;
        f.write_str("</entity></fetch>")
    }
}

/// A text inside an attribute or element.
struct Text<'a>(&'a str);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for letter in self.0.chars() {
            match letter {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                // As they are, a reader would take them for blanks, or for the end of a line.
                '\n' | '\r' | '\t' => write!(f, "&#{};", u32::from(letter))?,
                other => fmt::Write::write_char(f, other)?,
            }
        }
        Ok(())
    }
}

fn attribute(f: &mut Formatter<'_>, name: &str, value: &str) -> fmt::Result {
    write!(f, " {name}=\"{}\"", Text(value))
}

fn optional(f: &mut Formatter<'_>, name: &str, value: Option<&str>) -> fmt::Result {
    value.map_or(Ok(()), |value| attribute(f, name, value))
}

fn flag(f: &mut Formatter<'_>, name: &str, set: bool) -> fmt::Result {
    optional(f, name, set.then_some("true"))
}

fn body(f: &mut Formatter<'_>, body: &Body) -> fmt::Result {
    if body.all_attributes {
        f.write_str("<all-attributes/>")?;
    }
    body.attributes.iter().try_for_each(|one| column(f, one))?;
    body.links.iter().try_for_each(|one| link(f, one))?;
    body.filters.iter().try_for_each(|one| filter(f, one))?;
    body.orders.iter().try_for_each(|one| order(f, one))
}

fn column(f: &mut Formatter<'_>, column: &Attribute) -> fmt::Result {
    f.write_str("<attribute")?;
    attribute(f, "name", &column.name)?;
    optional(f, "alias", column.alias.as_deref())?;
    optional(f, "aggregate", column.aggregate.map(super::Figure::name))?;
    flag(f, "groupby", column.group_by)?;
    optional(f, "dategrouping", column.date_grouping.map(super::DateGrouping::name))?;
    flag(f, "distinct", column.distinct)?;
    optional(f, "usertimezone", column.user_time_zone.map(|own| if own { "true" } else { "false" }))?;
    f.write_str("/>")
}

fn order(f: &mut Formatter<'_>, order: &Order) -> fmt::Result {
    f.write_str("<order")?;
    match &order.by {
        OrderBy::Attribute(name) => attribute(f, "attribute", name)?,
        OrderBy::Alias(alias) => attribute(f, "alias", alias)?,
    }
    optional(f, "entityname", order.entity_name.as_deref())?;
    flag(f, "descending", order.descending)?;
    f.write_str("/>")
}

fn link(f: &mut Formatter<'_>, link: &Link) -> fmt::Result {
    f.write_str("<link-entity")?;
    attribute(f, "name", &link.name)?;
    optional(f, "from", link.from.as_deref())?;
    optional(f, "to", link.to.as_deref())?;
    optional(f, "alias", link.alias.as_deref())?;
    optional(f, "link-type", (link.kind != LinkKind::Inner).then(|| link.kind.name()))?;
    flag(f, "intersect", link.intersect)?;
    f.write_str(">")?;
    body(f, &link.body)?;
    f.write_str("</link-entity>")
}

fn filter(f: &mut Formatter<'_>, of: &Filter) -> fmt::Result {
    f.write_str("<filter")?;
    optional(f, "type", of.any.then_some("or"))?;
    flag(f, "isquickfindfields", of.quick_find)?;
    f.write_str(">")?;
    for part in &of.parts {
        match part {
            Part::Condition(one) => condition(f, one)?,
            Part::Filter(one) => filter(f, one)?,
            Part::Link(one) => link(f, one)?,
        }
    }
    f.write_str("</filter>")
}

fn condition(f: &mut Formatter<'_>, condition: &Condition) -> fmt::Result {
    f.write_str("<condition")?;
    optional(f, "entityname", condition.entity_name.as_deref())?;
    attribute(f, "attribute", &condition.attribute)?;
    attribute(f, "operator", condition.operator.name())?;
    match (&condition.with, condition.operator.arity()) {
        (With::Column(name), _) => attribute(f, "valueof", name)?,
        (With::Values(values), Arity::None | Arity::One) => optional(f, "value", values.first().map(String::as_str))?,
        (With::Values(values), Arity::Two | Arity::Many) => {
            f.write_str(">")?;
            values.iter().try_for_each(|value| write!(f, "<value>{}</value>", Text(value)))?;
            return f.write_str("</condition>");
        }
    }
    f.write_str("/>")
}
