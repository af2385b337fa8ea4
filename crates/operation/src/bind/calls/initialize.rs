//! `InitializeFrom`: a row of one table, begun from a row of another.
//!
//! Follows the Web API reference's "InitializeFrom Function" and "Create a new record from another record".

use keyholder_dataverse::error::{self, DataverseError};
use keyholder_dataverse::{Value, Verb};

use crate::bind::{Binder, literal, missing_parameter, named_arguments};
use crate::call::{Function, TargetFieldType};
use crate::syntax::path::Named;

pub(super) const NAME: &str = "InitializeFrom";

/// What it does otherwise than usual, by flags that may be left out.
const FLAGS: [&str; 2] = ["RetrieveConsumableRecord", "SkipParentalRelationshipMapping"];

pub(super) const PARAMETERS: [&str; 5] = ["EntityMoniker", "TargetEntityName", "TargetFieldType", FLAGS[0], FLAGS[1]];

impl Binder<'_> {
    pub(super) fn initialize_from(self, call: &Named<'_>) -> Result<Function, DataverseError> {
        for flag in FLAGS {
            self.only_unset(call, flag)?;
        }
        let source = self.row_parameter(call, "EntityMoniker")?;
        let target = match self.parameter(call, "TargetEntityName")? {
            Value::Text(name) => self.table_named(&name)?,
            Value::Null => return Err(missing_parameter("TargetEntityName")),
            _ => return Err(error::bad_syntax()),
        };
        self.supports(&target, Verb::Create)?;
        let fields = self.member_parameter(call, "TargetFieldType", "TargetFieldType", &TargetFieldType::NAMED)?;
        Ok(Function::InitializeFrom { source, target, fields })
    }

    /// Refuses a flag that is set.
    fn only_unset(self, call: &Named<'_>, name: &str) -> Result<(), DataverseError> {
        let named = named_arguments(call.arguments.as_ref())?;
        let Some((_, given)) = named.iter().find(|(given, _)| *given == name) else { return Ok(()) };
        match literal::resolved(self, given)? {
            Value::Null | Value::Boolean(false) => Ok(()),
            Value::Boolean(true) => Err(error::not_supported(&format!("The parameter {name} of {NAME}"))),
            _ => Err(error::bad_syntax()),
        }
    }
}
