//! What a request to the Web API needs. Nothing is sent that changes anything.
//!
//! The request is bound as the local org binds it, against the tables that ship or, where those do not have it, against
//! the org's own metadata document; the privileges follow from the bound operation. What the local org does not do says
//! nothing of a real org, and is told as not known.

use std::collections::HashMap;

use http::{HeaderMap, Method};
use keyholder_client::dataverse::encode;
use keyholder_client::{Dataverse, Error};
use keyholder_dataverse::csdl;
use keyholder_dataverse::error::{DataverseError, code};
use keyholder_dataverse::schema::{Schema, SchemaDefinition};
use keyholder_operation::{Action, Operation, Request, bind};
use keyholder_security::required;

use super::needs::{ANY_ROW, Asked, Needed, Needs};

/// What the shipped tables, or those of the org, say that this needs.
pub(super) async fn needs(asked: &Asked, org: Option<&Dataverse>) -> Result<Needs, Error> {
    let sent = match asked {
        Asked::Privilege(name) => {
            return Ok(match org {
                Some(org) if !has_privilege(org, name).await => Needs::NoPrivilege,
                _ => Needs::Privileges(vec![Needed { privilege: name.clone(), of: None }]),
            });
        }
        Asked::Request { method, path, query, body, .. } => {
            Sent { method, path, query: query.as_deref(), body: body.as_deref() }
        }
    };
    if sent.path.eq_ignore_ascii_case("$batch") {
        let why = "what a batch needs is what each of its requests needs: ask for them one by one, with a `--can` each";
        return Ok(Needs::Unknown(why.to_owned()));
    }
    let broken = |error: &dyn std::fmt::Display| Error::Protocol {
        origin: "the org's metadata document".to_owned(),
        found: error.to_string(),
    };
    let core = Schema::core().map_err(|error| broken(&error))?;
    let refused = match sent.needs(&core) {
        Ok(needs) => return Ok(needs),
        Err(refused) => refused,
    };
    if !is_of_names(&refused) {
        return Ok(Needs::Refused(refused));
    }
    // A table, a column or an action of the org's own.
    let Some(org) = org else {
        let why = format!(
            "the org's own tables could not be read, and those that come with every org say: {}",
            refused.message
        );
        return Ok(Needs::Unknown(why));
    };
    let answer = org.send(Method::GET, "$metadata", None).await?;
    let read = csdl::read("$metadata", answer.body()).map_err(|error| broken(&error))?;
    let mut definition = SchemaDefinition::core().map_err(|error| broken(&error))?;
    definition.add(&read.definition);
    definition.number(&HashMap::new());
    let own = Schema::new(definition).map_err(|error| broken(&error))?;
    Ok(match sent.needs(&own) {
        Ok(needs) => needs,
        Err(_) if has_message(answer.body(), sent.message()) => Needs::Unknown(format!(
            "which privileges `{}` takes is not known here: its metadata does not say so, of a custom API its row does \
             (`customapis`, executeprivilegename)",
            sent.message()
        )),
        Err(refused) => Needs::Refused(refused),
    })
}

/// Whether the org has a privilege of that name; where it does not say, the name is taken as it is. A name that was asked
/// for is of letters, digits and `_`.
async fn has_privilege(org: &Dataverse, name: &str) -> bool {
    let filter = encode(&format!("name eq '{name}'"));
    let found = org.get(&format!("privileges?$select=name&$filter={filter}")).await;
    !found.is_ok_and(|found| found.get("value").and_then(|rows| rows.as_array()).is_some_and(Vec::is_empty))
}

/// Whether a refusal is of a name that an org's own tables may have.
fn is_of_names(refused: &DataverseError) -> bool {
    refused.status == 404 || refused.message.contains("property named") || refused.message.contains("undeclared")
}

/// Whether a metadata document has an action or a function of that name.
fn has_message(document: &[u8], name: &str) -> bool {
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name
        && ["Action", "Function"].iter().any(|kind| {
            let element = format!("<{kind} Name=\"{name}\"");
            document.windows(element.len()).any(|window| window == element.as_bytes())
        })
}

/// A request as it was typed.
struct Sent<'a> {
    method: &'a Method,
    path: &'a str,
    query: Option<&'a str>,
    body: Option<&'a str>,
}

impl Sent<'_> {
    /// What its last segment is called, without the namespace and what stands in brackets.
    fn message(&self) -> &str {
        let last = self.path.rsplit('/').next().unwrap_or_default();
        let name = last.split('(').next().unwrap_or_default();
        name.strip_prefix("Microsoft.Dynamics.CRM.").unwrap_or(name)
    }

    /// What it needs by these tables; an error where they do not have what it names, or it is wrong.
    fn needs(&self, schema: &Schema) -> Result<Needs, DataverseError> {
        let refused = match self.bound(schema, self.body.unwrap_or("{}")) {
            Ok(needs) => return Ok(needs),
            Err(refused) => refused,
        };
        if refused.code == code::NOT_SUPPORTED_HERE {
            let why = "which privileges it takes is not known here";
            return Ok(Needs::Unknown(format!("{why}: the org alone knows all that `{}` takes", self.message())));
        }
        if self.body.is_some() || *self.method == Method::GET || !matches!(refused.status, 400 | 415) {
            return Err(refused);
        }
        // Whatever row is pointed at, it is of the table that the relationship leads to.
        if let Some(set) = self.path.strip_suffix("/$ref").and_then(|path| pointed_at(schema, path)) {
            return self.bound(schema, &format!(r#"{{"@odata.id": "{set}({ANY_ROW})"}}"#));
        }
        let is_of_tables = ["EntityDefinitions", "RelationshipDefinitions", "GlobalOptionSetDefinitions", "PublishXml"];
        if is_of_tables.iter().any(|start| self.path.starts_with(start)) {
            return Ok(Needs::Unknown(CUSTOMIZES.to_owned()));
        }
        let why = "what it needs follows from what it sends: ask for it with its body";
        Ok(Needs::Unknown(format!("{why}, such as `{} {} {{...}}`", self.method, self.path)))
    }

    fn bound(&self, schema: &Schema, body: &str) -> Result<Needs, DataverseError> {
        let path = format!("v9.2/{}", self.path);
        let mut headers = HeaderMap::new();
        if *self.method == Method::PATCH {
            // A change to a row that is there; without this it could be a new row as well.
            headers.insert(http::header::IF_MATCH, http::HeaderValue::from_static("*"));
        }
        let request = Request {
            method: self.method,
            path: &path,
            query: self.query,
            headers: &headers,
            body: body.as_bytes(),
            references: None,
        };
        let bound = bind(schema, &request)?;
        if matches!(bound.operation, Operation::MetadataChange(_)) {
            return Ok(Needs::Unknown(CUSTOMIZES.to_owned()));
        }
        let mut needed: Vec<Needed> = Vec::new();
        for need in required(&bound) {
            let Some(privilege) = need.table.privilege_name(need.verb) else { continue };
            if !needed.iter().any(|known| known.privilege == privilege) {
                needed.push(Needed { privilege, of: Some((need.table.logical_name().to_owned(), need.verb)) });
            }
        }
        Ok(match &bound.operation {
            Operation::Action(action) => {
                if let Action::BulkDelete(_) = action {
                    needed.push(Needed { privilege: "prvBulkDelete".to_owned(), of: None });
                }
                Needs::AtLeast(needed)
            }
            _ => Needs::Privileges(needed),
        })
    }
}

/// What is told of changes to tables.
const CUSTOMIZES: &str = "which privileges it takes is not known here: whoever may customize the org may do it, as the \
    roles System Customizer and System Administrator let their holders";

/// The entity set that a relationship leads to.
fn pointed_at(schema: &Schema, path: &str) -> Option<String> {
    let path = format!("v9.2/{path}");
    let (headers, method) = (HeaderMap::new(), Method::GET);
    let request = Request { method: &method, path: &path, query: None, headers: &headers, body: b"", references: None };
    let table = match bind(schema, &request).ok()?.operation {
        Operation::Query(query) => query.table,
        Operation::Follow(follow) => follow.table,
        _ => return None,
    };
    Some(table.entity_set().to_owned())
}
