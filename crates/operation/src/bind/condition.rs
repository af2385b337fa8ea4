//! `$filter`: expressions become conditions.

use std::borrow::Cow;
use std::sync::Arc;

use keyholder_dataverse::Value;
use keyholder_dataverse::error::{self, DataverseError};
use keyholder_dataverse::schema::{Column, ColumnKind, Navigation, Table};

use super::scope::Scope;
use super::{Binder, literal};
use crate::query::{ColumnOf, Comparand, Comparison, Exists, Filter, JoinOn, Pattern, SourceId};
use crate::syntax::filter::{self, Expression};
use crate::syntax::{Literal, quoted};

impl Binder<'_> {
    /// One expression as a condition; `negated` when an odd number of `not` stand before it.
    pub(super) fn condition(
        self,
        scope: &mut Scope<'_>,
        expression: &Expression<'_>,
        negated: bool,
    ) -> Result<Filter, DataverseError> {
        match expression {
            Expression::Not(inside) => self.condition(scope, inside, !negated),
            Expression::And(parts) => self.combined(scope, parts, negated, !negated),
            Expression::Or(parts) => self.combined(scope, parts, negated, negated),
            Expression::Compare { comparison, left, right } => {
                self.comparison(scope, *comparison, left, right, negated)
            }
            Expression::Text { function, arguments } => {
                let [subject, pattern] = &**arguments;
                let subject = self.unaliased(subject);
                let Expression::Path(path) = subject.as_ref() else {
                    return Err(error::not_supported(&format!(
                        "The function '{}' over anything but a column",
                        function.name()
                    )));
                };
                let column = scope.column(self, path)?;
                if !column.kind.is_text() {
                    return Err(error::odata(format!(
                        "No function signature for the function with name '{}' matches the specified arguments.",
                        function.name()
                    )));
                }
                let Expression::Literal(pattern) = pattern else {
                    return Err(error::not_supported(&format!(
                        "The function '{}' with anything but a text",
                        function.name()
                    )));
                };
                match literal::of_column(self, &column, pattern, "")? {
                    Value::Text(text) => {
                        Ok(Filter::Text { column, function: *function, pattern: Pattern::new(text), negated })
                    }
                    _ => Err(error::not_supported(&format!("The function '{}' with null", function.name()))),
                }
            }
            Expression::In { left, values } => {
                let Expression::Path(path) = &**left else {
                    return Err(error::not_supported("The operator 'in' behind anything but a column"));
                };
                let column = scope.column(self, path)?;
                self.one_of(column, values, negated)
            }
            Expression::Lambda { path, all, condition } => {
                let condition = condition.as_ref().map(|(variable, condition)| (*variable, &**condition));
                self.lambda(scope, path, *all, condition, negated)
            }
            Expression::Call { path, arguments } => self.function(scope, path, arguments, negated),
            // A yes/no column by itself is a condition.
            Expression::Path(path) => {
                let column = scope.column(self, path)?;
                match column.kind {
                    ColumnKind::Boolean(_) => Ok(Filter::Compare {
                        column,
                        comparison: if negated { Comparison::NotEqual } else { Comparison::Equal },
                        with: Comparand::Value(Value::Boolean(true)),
                    }),
                    _ => {
                        Err(error::odata("The $filter expression must evaluate to a single boolean value.".to_owned()))
                    }
                }
            }
            Expression::Literal(Literal::Boolean(_)) => Err(error::not_supported("A constant as a $filter")),
            Expression::Literal(_) => {
                Err(error::odata("The $filter expression must evaluate to a single boolean value."))
            }
        }
    }

    fn one_of(self, column: ColumnOf, literals: &[Literal<'_>], negated: bool) -> Result<Filter, DataverseError> {
        if matches!(column.kind, ColumnKind::ManagedBoolean(_) | ColumnKind::Image | ColumnKind::File) {
            return Err(error::not_supported(&format!("The property '{}' in $filter", column.name)));
        }
        let mut values = Vec::with_capacity(literals.len());
        for literal in literals {
            match literal::of_column(self, &column, literal, "eq")? {
                Value::Null => return Err(error::not_supported("A null in the list behind 'in'")),
                value => values.push(value),
            }
        }
        Ok(Filter::In { column, values, negated })
    }

    /// `any` and `all`. That all rows meet a condition means that there is none that does not.
    fn lambda(
        self,
        scope: &mut Scope<'_>,
        path: &[&str],
        all: bool,
        condition: Option<(&str, &Expression<'_>)>,
        negated: bool,
    ) -> Result<Filter, DataverseError> {
        let (from, name) = scope.end(self, path)?;
        if from != SourceId::ROOT {
            return Err(error::odata(format!(
                "The collection '{}' stands below a lookup, where the service takes no '{}'.",
                quoted(&path.join("/")),
                if all { "all" } else { "any" }
            )));
        }
        let (on, other) = match scope.table(from).navigation(name) {
            Some(Navigation::Lookup { .. }) => {
                return Err(error::odata("Any/All may only be used following a collection."));
            }
            Some(navigation) => self.collection(navigation, name)?,
            None => return Err(error::unknown_property(&quoted(name), &scope.table(from).qualified_name())),
        };
        let (mut links, mut filter) = (Vec::new(), None);
        if let Some((variable, condition)) = condition {
            let mut inner = scope.inside(&other, variable)?;
            filter = Some(self.condition(&mut inner, condition, all)?);
            links = inner.links;
        }
        Ok(Filter::Exists(Box::new(Exists { from, on, table: other, links, filter, negated: negated != all })))
    }

    /// The table behind a collection-valued navigation property, and how its rows belong to a row.
    pub(super) fn collection(
        self,
        navigation: &Navigation,
        name: &str,
    ) -> Result<(JoinOn, Arc<Table>), DataverseError> {
        match navigation {
            Navigation::OneToMany(back) => {
                let other = self.related_table(&back.table, name)?;
                let lookup = other.column(&back.column).ok_or_else(|| error::unknown_segment(&quoted(name)))?;
                Ok((JoinOn::Referencing { lookup: Arc::clone(lookup) }, other))
            }
            Navigation::ManyToMany { relationship, side } => {
                let (_, other) = relationship.ends(*side);
                let other = self.related_table(&other.table, name)?;
                Ok((JoinOn::Pairs { relationship: Arc::clone(relationship), side: *side }, other))
            }
            _ => Err(error::not_supported(&format!("The navigation property '{}' here", quoted(name)))),
        }
    }

    fn combined(
        self,
        scope: &mut Scope<'_>,
        parts: &[Expression<'_>],
        negated: bool,
        conjunction: bool,
    ) -> Result<Filter, DataverseError> {
        let mut bound = Vec::with_capacity(parts.len());
        for part in parts {
            match (self.condition(scope, part, negated)?, conjunction) {
                (Filter::And(inner), true) | (Filter::Or(inner), false) => bound.extend(inner),
                (other, _) => bound.push(other),
            }
        }
        Ok(if conjunction { Filter::And(bound) } else { Filter::Or(bound) })
    }

    fn comparison(
        self,
        scope: &mut Scope<'_>,
        comparison: Comparison,
        left: &Expression<'_>,
        right: &Expression<'_>,
        negated: bool,
    ) -> Result<Filter, DataverseError> {
        let comparison = if negated { comparison.negated() } else { comparison };
        let (left, right) = (self.unaliased(left), self.unaliased(right));
        if let (Expression::Path(path), Expression::Literal(literal))
        | (Expression::Literal(literal), Expression::Path(path)) = (left.as_ref(), right.as_ref())
            && let Some(column) = self.managed(scope, path)?
        {
            return match literal::resolved(self, literal) {
                Ok(Value::Boolean(flag)) => {
                    let with = Comparand::Value(Value::Boolean(flag));
                    ordered(&column, comparison)?;
                    Ok(Filter::Compare { column, comparison, with })
                }
                _ => Err(error::odata(format!("'{}' is compared with true or false.", quoted(&path.join("/"))))),
            };
        }
        match (left.as_ref(), right.as_ref()) {
            (Expression::Path(path), Expression::Literal(literal)) => {
                self.against_literal(self.compared(scope, path, literal)?, comparison, literal)
            }
            (Expression::Literal(literal), Expression::Path(path)) => {
                self.against_literal(self.compared(scope, path, literal)?, comparison.flipped(), literal)
            }
            (Expression::Path(path), Expression::Path(other)) => {
                let (column, other) = (scope.column(self, path)?, scope.column(self, other)?);
                if !comparable(&column.kind, &other.kind) {
                    return Err(error::not_supported(&format!(
                        "Comparing the columns '{}' and '{}', which are of different kinds,",
                        column.name, other.name
                    )));
                }
                ordered(&column, comparison)?;
                Ok(Filter::Compare { column, comparison, with: Comparand::Column(other) })
            }
            (Expression::Literal(_), Expression::Literal(_)) => {
                Err(error::not_supported("Comparing two constants in $filter"))
            }
            _ => Err(error::not_supported("Comparing the result of a condition or function in $filter")),
        }
    }

    /// The column that an alias stands for, where it stands for one: `@p1 ne null&@p1=revenue`.
    fn unaliased<'e>(&'e self, expression: &'e Expression<'e>) -> Cow<'e, Expression<'e>> {
        let named = match expression {
            Expression::Literal(Literal::Alias(name)) => self.options.alias(name),
            _ => None,
        };
        match named.map(filter::parse) {
            Some(Ok(path @ Expression::Path(_))) => Cow::Owned(path),
            _ => Cow::Borrowed(expression),
        }
    }

    /// The yes or no inside a column that also says whether it may be changed:
    /// `iscustomizable/Value`.
    fn managed(self, scope: &mut Scope<'_>, path: &[&str]) -> Result<Option<ColumnOf>, DataverseError> {
        let [.., _, last] = path else { return Ok(None) };
        if *last != "Value" {
            return Ok(None);
        }
        let (source, name) = scope.end(self, path.get(..path.len() - 1).unwrap_or_default())?;
        let column = scope.table(source).property(name).filter(|column| column.access.read);
        let managed = column.filter(|column| matches!(column.kind, ColumnKind::ManagedBoolean(_)));
        Ok(managed.map(|column| ColumnOf { source, column: Arc::clone(column) }))
    }

    /// The column that a path means beside a literal. A lookup may go by the name of its navigation
    /// property there, but only to ask whether it is null: `parentbusinessunitid eq null`.
    fn compared(self, scope: &mut Scope<'_>, path: &[&str], literal: &Literal<'_>) -> Result<ColumnOf, DataverseError> {
        let (source, name) = scope.end(self, path)?;
        let table = scope.table(source);
        if table.property(name).is_none()
            && let Some(Navigation::Lookup { column, targets }) = table.navigation(name)
        {
            if !literal::resolved(self, literal).is_ok_and(|value| value.is_null()) {
                return Err(error::odata(format!(
                    "The navigation property '{}' can only be compared with null; compare '{}' instead.",
                    quoted(name),
                    column.property_name()
                )));
            }
            if column.targets().iter().all(|all| targets.iter().any(|own| own.table == all.table)) {
                return Ok(ColumnOf { source, column: Arc::clone(column) });
            }
            // Of several properties of one lookup, each asks for a row of one table.
            let source = scope.follow(self, source, name)?;
            return Ok(ColumnOf { source, column: Arc::clone(scope.table(source).primary_id()) });
        }
        scope.property(source, name)
    }

    fn against_literal(
        self,
        column: ColumnOf,
        comparison: Comparison,
        literal: &Literal<'_>,
    ) -> Result<Filter, DataverseError> {
        let refused = match column.kind {
            ColumnKind::ManagedBoolean(_) | ColumnKind::Image => true,
            // Whether there is a file.
            ColumnKind::File => *literal != Literal::Null,
            _ => false,
        };
        if refused {
            return Err(error::not_supported(&format!("The property '{}' in $filter", column.name)));
        }
        match (literal::of_column(self, &column, literal, comparison.name())?, comparison) {
            (Value::Null, Comparison::Equal) => Ok(Filter::Null { column, negated: false }),
            (Value::Null, Comparison::NotEqual) => Ok(Filter::Null { column, negated: true }),
            (Value::Null, other) => Err(error::not_supported(&format!("Comparing with null by '{}'", other.name()))),
            (value, _) => {
                ordered(&column, comparison)?;
                Ok(Filter::Compare { column, comparison, with: Comparand::Value(value) })
            }
        }
    }
}

/// The service has no order of yes and no, nor of ids that people could rely on.
fn ordered(column: &Column, comparison: Comparison) -> Result<(), DataverseError> {
    let equality = matches!(comparison, Comparison::Equal | Comparison::NotEqual);
    let unordered = matches!(
        column.kind,
        ColumnKind::Boolean(_) | ColumnKind::ManagedBoolean(_) | ColumnKind::Guid | ColumnKind::MultiSelect { .. }
    ) || column.kind.is_lookup();
    if unordered && !equality {
        return Err(error::not_supported(&format!("The operator '{}' on '{}'", comparison.name(), column.name)));
    }
    Ok(())
}

/// Whether values of two columns can be compared with each other.
pub(super) fn comparable(left: &ColumnKind, right: &ColumnKind) -> bool {
    let class = |kind: &ColumnKind| match kind {
        ColumnKind::Text { .. } | ColumnKind::Memo { .. } => 1,
        ColumnKind::Integer(_) | ColumnKind::BigInteger => 2,
        ColumnKind::Choice { .. } | ColumnKind::State { .. } | ColumnKind::Status { .. } => 2,
        ColumnKind::MultiSelect { .. } => 9,
        ColumnKind::Decimal { .. } => 3,
        ColumnKind::Double { .. } => 4,
        ColumnKind::Money { .. } => 5,
        ColumnKind::Boolean(_) => 6,
        ColumnKind::DateTime { .. } => 7,
        ColumnKind::Guid | ColumnKind::Lookup { .. } | ColumnKind::Customer { .. } | ColumnKind::Owner { .. } => 8,
        _ => 0,
    };
    class(left) != 0 && class(left) == class(right)
}
