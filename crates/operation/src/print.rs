//! A bound query back as OData text: `contacts?$select=fullname&$filter=statecode eq 0`.
//!
//! Printing, reading and binding gives the same query again, which a property test holds. The
//! client prints its own queries with it, too.

use std::fmt::Write as _;
use std::sync::Arc;

use keyholder_dataverse::Value;
use keyholder_dataverse::schema::{Column, ColumnKind, DateBehavior, LookupTarget, Navigation, Table};
use keyholder_foundation::Timestamp;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::query::{
    Aggregate, CallerSet, ColumnOf, Comparand, Direction, Exists, Expand, FigureFunction, Filter, FiscalReach, JoinOn,
    Link, Order, Query, RowKey, SourceId, Span, TimeUnit, Within,
};

/// What must not stand as itself in the value of a query option (RFC 3986), with `+`, which
/// services read as a blank, and `'`, which some proxies touch.
const OPTION: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'%').add(b'&').add(b'+').add(b'<').add(b'>').add(b'\'');

/// The address of a query relative to `…/v9.2/`, percent-encoded.
#[must_use]
pub fn query(query: &Query) -> String {
    let mut address = String::new();
    match &query.within {
        None => address.push_str(query.table.entity_set()),
        Some(within) => {
            let (source, key) = within.source();
            let id = key_text(key);
            let references = if query.references { "/$ref" } else { "" };
            let _ = write!(address, "{}({id})/{}{references}", source.entity_set(), navigation(within, query));
        }
    }
    let options = query_string(query);
    if !options.is_empty() {
        let _ = write!(address, "?{options}");
    }
    address
}

/// The options of a query as they stand behind the `?` of an address; empty where there are none.
#[must_use]
pub fn query_string(query: &Query) -> String {
    let mut text = String::new();
    for (name, value) in options(query) {
        let separator = if text.is_empty() { "" } else { "&" };
        let _ = write!(text, "{separator}{name}={}", utf8_percent_encode(&value, OPTION));
    }
    text
}

fn key_text(key: &RowKey) -> String {
    match key {
        RowKey::Id(id) => id.to_string(),
        RowKey::Alternate { key, values } => {
            let mut text = String::new();
            for (column, value) in key.columns.iter().zip(values) {
                let comma = if text.is_empty() { "" } else { "," };
                let _ = write!(text, "{comma}{}=", column.property_name());
                literal(&mut text, column, value);
            }
            text
        }
    }
}

/// The name of the source table's property that leads to the queried table.
fn navigation(within: &Within, query: &Query) -> String {
    let (source, _) = within.source();
    let on = match within {
        Within::OneToMany { lookup, .. } => JoinOn::Referencing { lookup: Arc::clone(lookup) },
        Within::ManyToMany { relationship, side, .. } => {
            JoinOn::Pairs { relationship: Arc::clone(relationship), side: *side }
        }
    };
    collection(source, &on, &query.table)
}

/// The options of a query, not percent-encoded.
#[must_use]
pub fn options(query: &Query) -> Vec<(&'static str, String)> {
    let mut options = Vec::new();
    if let Some(aggregate) = &query.aggregate {
        options.push(("$apply", apply(query, aggregate)));
        options.extend(query.page.as_ref().map(|page| ("$skiptoken", page.print())));
        return options;
    }
    if let Some(named) = query.select.named().filter(|_| !query.references) {
        let names: Vec<String> = named.iter().map(|column| column.property_name()).collect();
        options.push(("$select", names.join(",")));
    }
    if let Some(condition) = &query.filter {
        options.push(("$filter", filter(query, condition)));
    }
    if !query.order.is_empty() {
        let scope = Scope { root: &query.table, links: &query.links, depth: 0 };
        let items: Vec<String> = query.order.iter().map(|by| scope.order(by)).collect();
        options.push(("$orderby", items.join(",")));
    }
    if !query.expand.is_empty() {
        options.push(("$expand", expands(&query.expand)));
    }
    if let Some(top) = query.top {
        options.push(("$top", top.to_string()));
    }
    if query.count {
        options.push(("$count", "true".to_owned()));
    }
    if let Some(page) = &query.page {
        options.push(("$skiptoken", page.print()));
    }
    options
}

/// Groups and figures as `$apply` has them. What only FetchXML can ask (parts of dates, the number of
/// values, an order) does not stand in it.
fn apply(query: &Query, aggregate: &Aggregate) -> String {
    let scope = Scope { root: &query.table, links: &query.links, depth: 0 };
    let figures: Vec<String> = aggregate
        .figures
        .iter()
        .map(|figure| {
            let method = match figure.function {
                FigureFunction::Sum => "sum",
                FigureFunction::Average => "average",
                FigureFunction::Minimum => "min",
                FigureFunction::Maximum => "max",
                FigureFunction::Rows | FigureFunction::Count => return format!("$count as {}", figure.name),
            };
            let column = figure.column.as_ref().map(|column| scope.column(column)).unwrap_or_default();
            format!("{column} with {method} as {}", figure.name)
        })
        .collect();
    let figures = if figures.is_empty() { String::new() } else { format!("aggregate({})", figures.join(",")) };
    let mut parts: Vec<String> =
        query.filter.iter().map(|condition| format!("filter({})", filter(query, condition))).collect();
    if aggregate.groups.is_empty() {
        parts.push(figures);
    } else {
        let keys: Vec<String> = aggregate.groups.iter().map(|group| scope.column(&group.column)).collect();
        let comma = if figures.is_empty() { "" } else { "," };
        parts.push(format!("groupby(({}){comma}{figures})", keys.join(",")));
    }
    parts.join("/")
}

fn expands(expands: &[Expand]) -> String {
    // Several tables behind one lookup are one item, which names the columns of all of them.
    let items = expands.chunk_by(|one, other| one.navigation == other.navigation).filter_map(|same| {
        let (expand, others) = same.split_first()?;
        Some((expand, others))
    });
    let items = items.map(|(expand, others)| {
        let mut inner: Vec<String> =
            options(&expand.query).into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        if let (false, Some(named)) = (others.is_empty() || expand.references, expand.query.select.named()) {
            let further = others.iter().flat_map(|other| other.query.select.named().unwrap_or_default());
            let mut names: Vec<String> = Vec::new();
            for name in named.iter().chain(further).map(|column| column.property_name()) {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            let names = if names.is_empty() { "ownerid".to_owned() } else { names.join(",") };
            inner = vec![format!("$select={names}")];
        }
        let references = if expand.references { "/$ref" } else { "" };
        match inner.as_slice() {
            [] => format!("{}{references}", expand.navigation),
            inner => format!("{}{references}({})", expand.navigation, inner.join(";")),
        }
    });
    items.collect::<Vec<_>>().join(",")
}

/// A condition of a query as `$filter` text.
#[must_use]
pub fn filter(query: &Query, condition: &Filter) -> String {
    let mut text = String::new();
    Scope { root: &query.table, links: &query.links, depth: 0 }.filter(&mut text, condition, false);
    text
}

/// What names mean at one place.
struct Scope<'a> {
    root: &'a Table,
    links: &'a [Link],
    /// How many lambdas are around it; a row of the innermost is called by this number.
    depth: usize,
}

impl<'a> Scope<'a> {
    fn link(&self, source: SourceId) -> Option<&'a Link> {
        source.0.checked_sub(1).and_then(|index| self.links.get(index))
    }

    fn table(&self, source: SourceId) -> &'a Table {
        self.link(source).map_or(self.root, |link| &link.table)
    }

    /// The path to a source, with the `/` behind it.
    fn path(&self, source: SourceId) -> String {
        match self.link(source) {
            None if self.depth > 0 => format!("r{}/", self.depth),
            None => String::new(),
            Some(link) => {
                let lookup = |target: &&LookupTarget| target.table == link.table.logical_name();
                let name = match &link.on {
                    JoinOn::Lookup { lookup: column } => column.targets().iter().find(lookup),
                    _ => None,
                };
                format!("{}{}/", self.path(link.from), name.map_or("", |target| &target.navigation))
            }
        }
    }

    fn column(&self, column: &ColumnOf) -> String {
        let inside = if matches!(column.kind, ColumnKind::ManagedBoolean(_)) { "/Value" } else { "" };
        format!("{}{}{inside}", self.path(column.source), column.property_name())
    }

    fn order(&self, by: &Order) -> String {
        // A lookup, which is sorted by the names in each of its tables.
        let lookup = match self.link(by.column.source).map(|link| (&link.on, link.from)) {
            Some((JoinOn::Lookup { lookup }, source)) if !by.otherwise.is_empty() => {
                Some(ColumnOf { source, column: Arc::clone(lookup) })
            }
            _ => None,
        };
        let column = self.column(lookup.as_ref().unwrap_or(&by.column));
        format!("{column}{}", if by.descending { " desc" } else { "" })
    }

    fn filter(&self, text: &mut String, condition: &Filter, inside: bool) {
        match condition {
            Filter::And(parts) => self.chain(text, parts, " and ", inside),
            Filter::Or(parts) => self.chain(text, parts, " or ", inside),
            Filter::Null { column, negated } => {
                let _ = write!(text, "{} {} null", self.column(column), if *negated { "ne" } else { "eq" });
            }
            Filter::Compare { column, comparison, with } => {
                let _ = write!(text, "{} {} ", self.column(column), comparison.name());
                match with {
                    Comparand::Value(value) => literal(text, column, value),
                    Comparand::Column(other) => text.push_str(&self.column(other)),
                }
            }
            Filter::Text { column, function, pattern, negated } => {
                let not = if *negated { "not " } else { "" };
                let _ = write!(text, "{not}{}({},", function.name(), self.column(column));
                quote(text, pattern.written());
                text.push(')');
            }
            Filter::In { column, values, negated } => {
                let _ = write!(text, "{}{} in (", if *negated { "not (" } else { "" }, self.column(column));
                for (index, value) in values.iter().enumerate() {
                    text.push_str(if index > 0 { "," } else { "" });
                    literal(text, column, value);
                }
                text.push_str(if *negated { "))" } else { ")" });
            }
            Filter::Caller { column, who, negated } => {
                let name = match (who, negated) {
                    (CallerSet::User, false) => "EqualUserId",
                    (CallerSet::User, true) => "NotEqualUserId",
                    (CallerSet::BusinessUnit, false) => "EqualBusinessId",
                    (CallerSet::BusinessUnit, true) => "NotEqualBusinessId",
                    (CallerSet::Teams, _) => "EqualUserTeams",
                    (CallerSet::UserOrTeams, _) => "EqualUserOrUserTeams",
                    (CallerSet::UserAndReports, _) => "EqualUserOrUserHierarchy",
                    (CallerSet::UserAndReportsAndTeams, _) => "EqualUserOrUserHierarchyAndTeams",
                };
                self.function(text, name, column, "");
            }
            Filter::When { column, span } => {
                let (name, value) = when(*span);
                self.function(text, &name, column, &value);
            }
            Filter::Hierarchy { column, hierarchy, negated } => {
                let name = match (hierarchy.direction, hierarchy.inclusive, negated) {
                    (_, _, true) => "NotUnder",
                    (Direction::Above, false, false) => "Above",
                    (Direction::Above, true, false) => "AboveOrEqual",
                    (Direction::Under, false, false) => "Under",
                    (Direction::Under, true, false) => "UnderOrEqual",
                };
                self.function(text, name, column, &format!(",PropertyValue='{}'", hierarchy.of));
            }
            Filter::Exists(exists) => self.exists(text, exists),
        }
    }

    /// One of Dataverse's own functions: `Microsoft.Dynamics.CRM.Today(PropertyName='createdon')`.
    fn function(&self, text: &mut String, name: &str, column: &ColumnOf, value: &str) {
        let path = self.path(column.source);
        let _ = write!(text, "{path}Microsoft.Dynamics.CRM.{name}(PropertyName='{}'{value})", column.name);
    }

    fn exists(&self, text: &mut String, exists: &Exists) {
        let not = if exists.negated { "not " } else { "" };
        let path = self.path(exists.from);
        let name = collection(self.table(exists.from), &exists.on, &exists.table);
        let _ = write!(text, "{not}{path}{name}/any(");
        if let Some(condition) = &exists.filter {
            let inner = Scope { root: &exists.table, links: &exists.links, depth: self.depth + 1 };
            let _ = write!(text, "r{}:", inner.depth);
            inner.filter(text, condition, false);
        }
        text.push(')');
    }

    fn chain(&self, text: &mut String, parts: &[Filter], word: &str, inside: bool) {
        if inside {
            text.push('(');
        }
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                text.push_str(word);
            }
            self.filter(text, part, true);
        }
        if inside {
            text.push(')');
        }
    }
}

/// The function that means a stretch of time, and its further argument.
fn when(span: Span) -> (String, String) {
    let count = |count: u32| format!(",PropertyValue={count}");
    let date = |moment: Timestamp| format!(",PropertyValue='{moment}'");
    let units = |unit: TimeUnit| match unit {
        TimeUnit::Minute => "Minute",
        TimeUnit::Hour => "Hour",
        TimeUnit::Day => "Day",
        TimeUnit::Week => "Week",
        TimeUnit::Month => "Month",
        TimeUnit::Year => "Year",
        TimeUnit::FiscalPeriod => "FiscalPeriod",
        TimeUnit::FiscalYear => "FiscalYear",
    };
    let near = |after: i32, unit: &str| match after {
        0 => format!("This{unit}"),
        1.. => format!("Next{unit}"),
        _ => format!("Last{unit}"),
    };
    match span {
        Span::Day(0) => ("Today".to_owned(), String::new()),
        Span::Day(after) => (if after < 0 { "Yesterday" } else { "Tomorrow" }.to_owned(), String::new()),
        Span::SevenDays { next } => (if next { "Next7Days" } else { "Last7Days" }.to_owned(), String::new()),
        Span::Whole(unit, after) => (near(after, units(unit)), String::new()),
        Span::Last(unit, times) => (format!("LastX{}s", units(unit)), count(times)),
        Span::Next(unit, times) => (format!("NextX{}s", units(unit)), count(times)),
        Span::OlderThan(unit, times) => (format!("OlderThanX{}s", units(unit)), count(times)),
        Span::On(moment) => ("On".to_owned(), date(moment)),
        Span::OnOrBefore(moment) => ("OnOrBefore".to_owned(), date(moment)),
        Span::OnOrAfter(moment) => ("OnOrAfter".to_owned(), date(moment)),
        Span::Fiscal { year, period: None, .. } => ("InFiscalYear".to_owned(), format!(",PropertyValue={year}")),
        Span::Fiscal { year, period: Some(period), reach } => {
            let reach = match reach {
                FiscalReach::In => "In",
                FiscalReach::InOrBefore => "InOrBefore",
                FiscalReach::InOrAfter => "InOrAfter",
            };
            let arguments = format!(",PropertyValue1={period},PropertyValue2={year}");
            (format!("{reach}FiscalPeriodAndYear"), arguments)
        }
    }
}

/// The name of the property of a table that leads to the rows that are joined so.
fn collection(near: &Table, on: &JoinOn, far: &Table) -> String {
    let leads_there = |navigation: &Navigation| match (navigation, on) {
        (Navigation::OneToMany(relationship), JoinOn::Referencing { lookup }) => {
            relationship.table == far.logical_name() && relationship.column == *lookup.name
        }
        (Navigation::ManyToMany { relationship, side }, JoinOn::Pairs { relationship: wanted, side: wanted_side }) => {
            relationship == wanted && side == wanted_side
        }
        _ => false,
    };
    near.navigations()
        .find(|(_, navigation)| leads_there(navigation))
        .map(|(name, _)| name.to_owned())
        .unwrap_or_default()
}

fn literal(text: &mut String, column: &Column, value: &Value) {
    let _ = match value {
        Value::Boolean(flag) => write!(text, "{flag}"),
        Value::Integer(whole) => write!(text, "{whole}"),
        Value::Decimal(exact) => write!(text, "{exact}"),
        Value::Money(exact) => write!(text, "{exact}"),
        Value::Double(float) => write!(text, "{float:?}"),
        Value::Guid(id) => write!(text, "{id}"),
        Value::Lookup(reference) => write!(text, "{}", reference.id),
        Value::DateTime(moment) => match column.kind {
            // A moment within the day of a date-only column has to be shown as it is.
            ColumnKind::DateTime { behavior: DateBehavior::DateOnly }
                if moment.as_millis().rem_euclid(86_400_000) == 0 =>
            {
                write!(text, "{}", moment.date())
            }
            _ => write!(text, "{moment}"),
        },
        Value::Text(given) => {
            quote(text, given);
            Ok(())
        }
        _ => write!(text, "null"),
    };
}

fn quote(text: &mut String, given: &str) {
    text.push('\'');
    text.push_str(&given.replace('\'', "''"));
    text.push('\'');
}
