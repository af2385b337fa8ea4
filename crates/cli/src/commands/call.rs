//! `keyholder call`: an action or a function.

use keyholder_client::Dataverse;
use keyholder_client::dataverse::{Change, Literal, Query, Row};
use serde_json::{Value, json};

use super::rows::{self, Body};
use crate::args::Call;
use crate::failure::Failure;
use crate::here::Asked;
use crate::printer::Printer;

/// What of the two it is.
enum Called {
    Function(Query),
    Action(Change),
}

pub(crate) async fn run(arguments: &Call, printer: Printer) -> Result<(), Failure> {
    let called = if arguments.action || arguments.data.is_some() {
        let body: Body = rows::object(arguments.data.as_deref(), &arguments.param, &arguments.place).await?;
        Called::Action(Change::call(&arguments.operation, &body))
    } else {
        Called::Function(function(arguments))
    };
    let asked = Asked::find_as(&arguments.place, arguments.name.impersonate, printer).await?;
    let outcome = call(&asked.org, &arguments.operation.to_string(), called)
        .await
        .map(|result| tell(result.as_ref(), arguments, printer));
    asked.end().await;
    outcome
}

fn function(arguments: &Call) -> Query {
    arguments.param.iter().fold(Query::call(&arguments.operation), |query, member| {
        query.parameter(member.name.as_str(), literal(&member.value))
    })
}

/// A JSON text in OData's quotes; all else stands in a URL as it is written.
fn literal(value: &str) -> Literal {
    serde_json::from_str::<String>(value).map_or_else(|_| Literal::raw(value), Literal::from)
}

/// Whoever leaves the namespace out of a bound operation asks for a column or row of that name.
fn with_namespace(failure: Failure, operation: &str, is_unknown: bool) -> Failure {
    match operation.rsplit_once('/') {
        Some((bound_to, name)) if is_unknown && !name.contains('.') => {
            failure.hint(format!("did you mean `{bound_to}/Microsoft.Dynamics.CRM.{name}`?"))
        }
        _ => failure,
    }
}

async fn call(org: &Dataverse, operation: &str, called: Called) -> Result<Option<Row>, Failure> {
    match called {
        Called::Function(query) => match org.get(query).await {
            Ok(row) => Ok(Some(row)),
            Err(error) => {
                let is_unknown = error.dataverse().is_some_and(|refusal| matches!(refusal.status, 404 | 405));
                let failure = with_namespace(rows::refused(error, org).await, operation, is_unknown);
                Err(if is_unknown {
                    failure.hint("it was called as a function: if it is an action, say `--action`")
                } else {
                    failure
                })
            }
        },
        Called::Action(change) => match org.execute(&change).await {
            Ok(done) => Ok(done.row),
            Err(error) => {
                let is_unknown = error.dataverse().is_some_and(|refusal| matches!(refusal.status, 404 | 405));
                let failure = with_namespace(rows::refused_change(error, org).await, operation, is_unknown);
                Err(if is_unknown {
                    failure.hint("it was called as an action: a function takes neither `--action` nor `--data`")
                } else {
                    failure
                })
            }
        },
    }
}

fn tell(result: Option<&Row>, arguments: &Call, printer: Printer) {
    match result {
        Some(row) => rows::show(row, printer),
        None => {
            printer.sentence("called ", &arguments.operation.to_string());
            printer
                .json(&json!({ "done": "called", "operation": arguments.operation.to_string(), "value": Value::Null }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::literal;

    #[test]
    fn a_functions_parameters_are_json_or_literals() {
        for (typed, expected) in [
            (r#""O'Brien""#, "'O''Brien'"),
            ("'O''Brien'", "'O''Brien'"),
            (r#"["account"]"#, r#"["account"]"#),
            ("17", "17"),
            ("5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c11", "5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c11"),
            ("Microsoft.Dynamics.CRM.EntityFilters'Entity'", "Microsoft.Dynamics.CRM.EntityFilters'Entity'"),
        ] {
            assert_eq!(literal(typed).to_string(), expected);
        }
    }
}
