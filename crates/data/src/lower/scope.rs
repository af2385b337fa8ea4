//! The tables of one scope of a query, as they stand in a statement.

use std::sync::Arc;

use keyholder_dataverse::error;
use keyholder_dataverse::schema::Column;
use keyholder_operation::{ColumnOf, SourceId};
use keyholder_store::Kind;
use keyholder_store::statement::{Expr, Name, column, qualified};

use crate::catalogue::Layout;
use crate::catalogue::layout::Place;
use crate::error::Failure;

/// A table under the name that it has in a statement; none where it is the only one.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) alias: Option<Name>,
    pub(super) layout: Arc<Layout>,
}

impl Placed {
    /// A physical column.
    pub(super) fn physical(&self, name: Name) -> Expr {
        match &self.alias {
            None => column(name),
            Some(alias) => qualified(alias.clone(), name),
        }
    }

    pub(super) fn id(&self) -> Expr {
        self.physical(self.layout.id())
    }

    /// A column as it is compared and ordered, and what it is compared as.
    pub(super) fn compared(&self, of: &Column) -> Result<(Expr, Kind), Failure> {
        let (name, kind) = self.place(of)?.compared().ok_or_else(|| not_kept(of))?;
        Ok((self.physical(name.clone()), kind))
    }

    /// A column as it is kept.
    pub(super) fn kept(&self, of: &Column) -> Result<Expr, Failure> {
        let (name, _) = self.place(of)?.value.as_ref().ok_or_else(|| not_kept(of))?;
        Ok(self.physical(name.clone()))
    }

    pub(super) fn place(&self, of: &Column) -> Result<&Place, Failure> {
        self.layout.place(of).ok_or_else(|| not_kept(of))
    }
}

/// A scope's own table and what is joined to it.
#[derive(Debug)]
pub(super) struct Scope {
    pub(super) root: Placed,
    pub(super) links: Vec<Placed>,
}

impl Scope {
    pub(super) fn source(&self, source: SourceId) -> Result<&Placed, Failure> {
        match source.0.checked_sub(1) {
            None => Ok(&self.root),
            // A query names no source that it does not have.
            Some(index) => self.links.get(index).ok_or_else(|| error::unexpected().into()),
        }
    }

    pub(super) fn compared(&self, of: &ColumnOf) -> Result<(Expr, Kind), Failure> {
        self.source(of.source)?.compared(&of.column)
    }

    pub(super) fn kept(&self, of: &ColumnOf) -> Result<Expr, Failure> {
        self.source(of.source)?.kept(&of.column)
    }
}

fn not_kept(column: &Column) -> Failure {
    error::not_supported(&format!("Asking for the column '{}'", column.name)).into()
}
