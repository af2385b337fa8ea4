//! The walk over the tree that all dialects share.

use std::marker::PhantomData;

use super::Dialect;
use crate::Error;
use crate::statement::{
    AddColumn, ColumnDefinition, Comparison, CreateIndex, Delete, DropColumn, DropIndex, DropTable, Expr, Insert,
    JoinKind, Nulls, OnConflict, Order, Select, Source, Statement, TableDefinition, Update,
};

/// SQLite refuses expressions nested 1,000 deep. We refuse earlier: walking the tree takes stack.
const DEEPEST: usize = 200;
/// The most parameters that both stores take (SQLite: 32,766; PostgreSQL: 65,535).
const MOST_PARAMETERS: usize = 32_766;
/// The longest name that both stores keep whole (PostgreSQL: 63 bytes).
const LONGEST_NAME: usize = 63;

pub(super) struct Printer<D> {
    out: String,
    depth: usize,
    dialect: PhantomData<D>,
}

impl<D: Dialect> Printer<D> {
    pub(super) fn print(statement: &Statement) -> Result<String, Error> {
        let mut printer = Self { out: String::with_capacity(256), depth: 0, dialect: PhantomData };
        match statement {
            Statement::Select(select) => printer.select(select),
            Statement::Insert(insert) => printer.insert(insert),
            Statement::Update(update) => printer.update(update),
            Statement::Delete(delete) => printer.delete(delete),
            Statement::CreateTable(table) => printer.create_table(table),
            Statement::CreateIndex(index) => printer.create_index(index),
            Statement::AddColumn(add) => printer.add_column(add),
            Statement::DropTable(drop) => printer.drop_table(drop),
            Statement::DropColumn(drop) => printer.drop_column(drop),
            Statement::DropIndex(drop) => printer.drop_index(drop),
            Statement::ListColumns(_) => {
                printer.text(D::COLUMNS);
                Ok(())
            }
        }?;
        // Counted last: the count walks the tree too, and by now its depth is known to be sound.
        let parameters = statement.parameters();
        if parameters > MOST_PARAMETERS {
            return Err(malformed(format!("{parameters} parameters, and {MOST_PARAMETERS} are the most")));
        }
        Ok(printer.out)
    }

    fn text(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn name(&mut self, name: &str) -> Result<(), Error> {
        let sound = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if name.is_empty() || name.len() > LONGEST_NAME || !sound {
            return Err(malformed(format!("`{name}` is no name of 1 to {LONGEST_NAME} letters, digits and `_`")));
        }
        self.out.push('"');
        self.out.push_str(name);
        self.out.push('"');
        Ok(())
    }

    fn list<T>(&mut self, items: &[T], mut each: impl FnMut(&mut Self, &T) -> Result<(), Error>) -> Result<(), Error> {
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.text(", ");
            }
            each(self, item)?;
        }
        Ok(())
    }

    fn select(&mut self, select: &Select) -> Result<(), Error> {
        if select.columns.is_empty() {
            return Err(malformed(format!("a select from `{}` without columns", select.from.table)));
        }
        let apart = match select.apart.as_slice() {
            [] => &[None][..],
            conditions => &conditions.iter().map(Some).collect::<Vec<_>>(),
        };
        let merged = apart.len() > 1;
        for (index, condition) in apart.iter().enumerate() {
            self.text(if index > 0 { " UNION ALL " } else { "" });
            if merged && D::ORDERS_EACH {
                self.text("(");
                self.rows(select, *condition)?;
                self.order(select, false)?;
                self.text(")");
            } else {
                self.rows(select, *condition)?;
            }
        }
        self.order(select, merged)
    }

    /// In which order, and how many.
    fn order(&mut self, select: &Select, merged: bool) -> Result<(), Error> {
        if !select.order.is_empty() {
            self.text(" ORDER BY ");
            // Over merged selects an order can name nothing but their columns.
            let place = |order: &Order| select.columns.iter().position(|column| column.expr == order.expr);
            self.list(&select.order, |printer, order| match (merged, place(order)) {
                (false, _) => printer.expr(&order.expr).map(|()| printer.direction(order)),
                (true, Some(place)) => {
                    printer.text(&(place + 1).to_string());
                    printer.direction(order);
                    Ok(())
                }
                (true, None) => Err(malformed("merged selects ordered by what they do not give".to_owned())),
            })?;
        }
        if let Some(limit) = &select.limit {
            self.text(" LIMIT ");
            self.expr(limit)?;
        }
        Ok(())
    }

    /// A select without its order, and with one more condition.
    fn rows(&mut self, select: &Select, more: Option<&Expr>) -> Result<(), Error> {
        self.text(if select.distinct { "SELECT DISTINCT " } else { "SELECT " });
        self.list(&select.columns, |printer, column| printer.expr(&column.expr))?;
        self.text(" FROM ");
        self.source(&select.from)?;
        for join in &select.joins {
            self.text(match join.kind {
                JoinKind::Inner => " JOIN ",
                JoinKind::Left => " LEFT JOIN ",
            });
            self.source(&join.source)?;
            self.text(" ON ");
            self.expr(&join.on)?;
        }
        match (&select.filter, more) {
            (Some(filter), Some(more)) => self.filter(Some(&filter.clone().and(more.clone()))),
            (filter, more) => self.filter(filter.as_ref().or(more)),
        }
    }

    fn source(&mut self, source: &Source) -> Result<(), Error> {
        self.name(&source.table)?;
        if let Some(alias) = &source.alias {
            self.text(" AS ");
            self.name(alias)?;
        }
        Ok(())
    }

    fn direction(&mut self, order: &Order) {
        self.text(if order.descending { " DESC" } else { " ASC" });
        self.text(match order.nulls {
            Nulls::First => " NULLS FIRST",
            Nulls::Last => " NULLS LAST",
            Nulls::Never => "",
        });
    }

    fn filter(&mut self, filter: Option<&Expr>) -> Result<(), Error> {
        if let Some(filter) = filter {
            self.text(" WHERE ");
            self.expr(filter)?;
        }
        Ok(())
    }

    fn insert(&mut self, insert: &Insert) -> Result<(), Error> {
        self.text("INSERT INTO ");
        self.name(&insert.table)?;
        if insert.columns.is_empty() || insert.columns.len() != insert.values.len() {
            let (columns, values) = (insert.columns.len(), insert.values.len());
            return Err(malformed(format!(
                "an insert into `{}` of {columns} columns and {values} values",
                insert.table
            )));
        }
        self.text(" (");
        self.list(&insert.columns, |printer, name| printer.name(name))?;
        self.text(") VALUES (");
        self.list(&insert.values, Self::expr)?;
        self.text(")");
        if insert.on_conflict == OnConflict::Nothing {
            self.text(" ON CONFLICT DO NOTHING");
        }
        Ok(())
    }

    fn update(&mut self, update: &Update) -> Result<(), Error> {
        if update.set.is_empty() {
            return Err(malformed(format!("an update of `{}` that sets nothing", update.table)));
        }
        self.text("UPDATE ");
        self.name(&update.table)?;
        self.text(" SET ");
        self.list(&update.set, |printer, (name, value)| {
            printer.name(name)?;
            printer.text(" = ");
            printer.expr(value)
        })?;
        self.filter(update.filter.as_ref())
    }

    fn delete(&mut self, delete: &Delete) -> Result<(), Error> {
        self.text("DELETE FROM ");
        self.name(&delete.table)?;
        self.filter(delete.filter.as_ref())
    }

    fn create_table(&mut self, table: &TableDefinition) -> Result<(), Error> {
        self.text(if table.if_missing { "CREATE TABLE IF NOT EXISTS " } else { "CREATE TABLE " });
        self.name(&table.name)?;
        if table.columns.is_empty() {
            return Err(malformed(format!("a table `{}` without columns", table.name)));
        }
        self.text(" (");
        self.list(&table.columns, Self::column_definition)?;
        if !table.primary_key.is_empty() {
            self.text(", PRIMARY KEY (");
            self.list(&table.primary_key, |printer, name| printer.name(name))?;
            self.text(")");
        }
        self.text(")");
        self.text(D::TABLE_SUFFIX);
        Ok(())
    }

    fn column_definition(&mut self, column: &ColumnDefinition) -> Result<(), Error> {
        self.name(&column.name)?;
        self.text(" ");
        self.text(D::column_type(column.kind));
        if column.required {
            self.text(" NOT NULL");
        }
        if let Some(default) = &column.default {
            self.text(" DEFAULT ");
            D::literal(&mut self.out, default);
        }
        Ok(())
    }

    fn create_index(&mut self, index: &CreateIndex) -> Result<(), Error> {
        self.text(if index.unique { "CREATE UNIQUE INDEX " } else { "CREATE INDEX " });
        if index.if_missing {
            self.text("IF NOT EXISTS ");
        }
        self.name(&index.name)?;
        self.text(" ON ");
        self.name(&index.table)?;
        if index.columns.is_empty() {
            return Err(malformed(format!("an index `{}` without columns", index.name)));
        }
        self.text(" (");
        self.list(&index.columns, |printer, name| {
            printer.name(name)?;
            printer.text(if index.never_null.contains(name) { "" } else { D::INDEX_NULLS });
            Ok(())
        })?;
        self.text(")");
        self.filter(index.filter.as_ref())
    }

    fn add_column(&mut self, add: &AddColumn) -> Result<(), Error> {
        self.text("ALTER TABLE ");
        self.name(&add.table)?;
        self.text(" ADD COLUMN ");
        self.column_definition(&add.column)
    }

    fn drop_table(&mut self, drop: &DropTable) -> Result<(), Error> {
        self.text("DROP TABLE IF EXISTS ");
        self.name(&drop.name)
    }

    fn drop_column(&mut self, drop: &DropColumn) -> Result<(), Error> {
        self.text("ALTER TABLE ");
        self.name(&drop.table)?;
        self.text(" DROP COLUMN ");
        self.name(&drop.column)
    }

    fn drop_index(&mut self, drop: &DropIndex) -> Result<(), Error> {
        self.text("DROP INDEX IF EXISTS ");
        self.name(&drop.name)
    }

    fn expr(&mut self, expr: &Expr) -> Result<(), Error> {
        self.deeper(|printer| match expr {
            Expr::Column { source, name } => {
                if let Some(source) = source {
                    printer.name(source)?;
                    printer.text(".");
                }
                printer.name(name)
            }
            Expr::Parameter(slot) => {
                D::parameter(&mut printer.out, *slot);
                Ok(())
            }
            Expr::Literal(literal) => {
                if matches!(literal, crate::statement::Literal::Text(text) if text.contains('\0')) {
                    return Err(malformed("a literal text with the character U+0000".to_owned()));
                }
                D::literal(&mut printer.out, literal);
                Ok(())
            }
            Expr::Compare(left, comparison, right) => {
                let operator = match comparison {
                    Comparison::Equal => "=",
                    Comparison::NotEqual => "<>",
                    Comparison::Less => "<",
                    Comparison::LessOrEqual => "<=",
                    Comparison::Greater => ">",
                    Comparison::GreaterOrEqual => ">=",
                    Comparison::Same => D::SAME,
                };
                printer.infix(left, operator, right)
            }
            Expr::Add(left, right) => printer.infix(left, "+", right),
            Expr::Subtract(left, right) => printer.infix(left, "-", right),
            Expr::All(conditions) => printer.balanced(conditions, " AND ", "TRUE"),
            Expr::Any(conditions) => printer.balanced(conditions, " OR ", "FALSE"),
            Expr::Not(inner) => match &**inner {
                Expr::IsNull(value) => printer.wrapped("(", value, " IS NOT NULL)"),
                _ => printer.wrapped("(NOT ", inner, ")"),
            },
            Expr::IsNull(value) => printer.wrapped("(", value, " IS NULL)"),
            Expr::InList(value, slot) => {
                printer.wrapped("(", value, "")?;
                D::in_list(&mut printer.out, *slot);
                printer.text(")");
                Ok(())
            }
            Expr::Matches(value, slot) => {
                printer.wrapped("(", value, "")?;
                D::matches(&mut printer.out, *slot);
                printer.text(")");
                Ok(())
            }
            Expr::InSelect(value, select) => {
                if select.columns.len() != 1 {
                    return Err(malformed("a select inside IN that does not give exactly one column".to_owned()));
                }
                printer.wrapped("(", value, " IN (")?;
                printer.select(select)?;
                printer.text("))");
                Ok(())
            }
            Expr::Exists(select) => {
                printer.text("EXISTS (");
                printer.select(select)?;
                printer.text(")");
                Ok(())
            }
            Expr::Coalesce(values) => {
                printer.text("COALESCE(");
                printer.list(values, Self::expr)?;
                printer.text(")");
                Ok(())
            }
            Expr::Count => {
                printer.text("COUNT(*)");
                Ok(())
            }
            Expr::Max(value) => printer.wrapped("MAX(", value, ")"),
            Expr::Rank(value, ranks) => printer.rank(value, ranks),
        })
    }

    fn rank(&mut self, value: &Expr, ranks: &[(i64, i64)]) -> Result<(), Error> {
        use std::fmt::Write as _;
        self.wrapped("(CASE ", value, "")?;
        for (number, rank) in ranks {
            // Writing to a String cannot fail.
            let _ = write!(self.out, " WHEN {number} THEN {rank}");
        }
        // Every value but NULL is the same as itself.
        self.wrapped(" WHEN ", value, "")?;
        let _ = write!(self.out, " THEN {} END)", ranks.len());
        Ok(())
    }

    fn infix(&mut self, left: &Expr, operator: &str, right: &Expr) -> Result<(), Error> {
        self.wrapped("(", left, " ")?;
        self.text(operator);
        self.wrapped(" ", right, ")")
    }

    fn wrapped(&mut self, before: &str, expr: &Expr, after: &str) -> Result<(), Error> {
        self.text(before);
        self.expr(expr)?;
        self.text(after);
        Ok(())
    }

    /// A chain of a thousand conditions printed from left to right would be a tree a thousand
    /// deep; halved again and again it is ten deep.
    fn balanced(&mut self, conditions: &[Expr], operator: &str, empty: &str) -> Result<(), Error> {
        match conditions {
            [] => {
                self.text(empty);
                Ok(())
            }
            [only] => self.expr(only),
            _ => self.deeper(|printer| {
                let (first, second) = conditions.split_at(conditions.len() / 2);
                printer.text("(");
                printer.balanced(first, operator, empty)?;
                printer.text(operator);
                printer.balanced(second, operator, empty)?;
                printer.text(")");
                Ok(())
            }),
        }
    }

    fn deeper(&mut self, print: impl FnOnce(&mut Self) -> Result<(), Error>) -> Result<(), Error> {
        if self.depth == DEEPEST {
            return Err(malformed(format!("a condition nested more than {DEEPEST} deep")));
        }
        self.depth += 1;
        print(self)?;
        self.depth -= 1;
        Ok(())
    }
}

fn malformed(reason: String) -> Error {
    Error::Statement { reason }
}
