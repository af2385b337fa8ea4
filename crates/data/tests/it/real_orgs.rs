//! Queries found in public code, asked of an org with the tables that ship, those of real orgs, and tables that nobody at hand
//! has: each is answered or refused by name, alike on both stores, and as the oracle says. The counts stand in `docs/queries.md`.
//!
//! The queries do not ship with the project. Where they are not at hand the test says so and does nothing.

use std::collections::{BTreeMap, HashMap};

use http::{HeaderMap, Method};
use keyholder_dataverse::Schema;
use keyholder_dataverse::error::DataverseError;
use keyholder_dataverse::schema::SchemaDefinition;
use keyholder_operation::{Operation, Request, bind};
use roxmltree::Document;
use serde_json::Value;

use crate::agreeing::agrees;
use crate::documents::{self, Found};
use crate::known::Known;
use crate::report::{self, Outcome};
use crate::seeding::{Wanted, seed};
use crate::twins::Twins;
use crate::world::Reply;
use crate::{fetching, imports, made_up, real_queries};

const ALL: [(&str, &str); 1] = [("Prefer", "odata.include-annotations=\"*\"")];
const NO_TABLE: u32 = 0x8004_1102;
const NO_COLUMN: u32 = 0x8004_1103;
const ANOTHER_TYPE: u32 = 0x8004_1108;

/// What is asked.
enum Question {
    OData(Value),
    Fetch(Found),
}

/// What came of a question: how it fared, and whether the oracle had a say.
type Fared = (Outcome, bool);

impl Question {
    fn address(&self, schema: &Schema) -> Result<String, Outcome> {
        let found = match self {
            Self::OData(row) => return real_queries::address(schema, row),
            Self::Fetch(found) => found,
        };
        let mut address = String::new();
        for document in found.filled() {
            let entity = Document::parse(&document).ok().and_then(|read| {
                let entity = read.descendants().find(|node| node.has_tag_name("entity"))?;
                entity.attribute("name").map(str::to_owned)
            });
            let name = schema.names().find(|name| Some(&*name.logical_name) == entity.as_deref());
            let set = name.and_then(|name| name.entity_set.as_deref()).unwrap_or("accounts");
            address = fetching::address(set, &document);
            // A hole holds what its column takes.
            if !operation(schema, &address).is_err_and(|refusal| refusal.code == ANOTHER_TYPE) {
                break;
            }
        }
        Ok(address)
    }

    fn outcome(&self, reply: &Reply) -> Outcome {
        match self {
            Self::OData(_) => real_queries::outcome(reply),
            Self::Fetch(_) => outcome_of_document(reply),
        }
    }

    fn told(&self) -> String {
        match self {
            Self::OData(row) => format!("{} {}", row["entity_set"], row["query"]),
            Self::Fetch(found) => format!("{} {}", found.id, found.text()),
        }
    }
}

fn operation(schema: &Schema, address: &str) -> Result<Operation, DataverseError> {
    let (place, query) = address.split_once('?').unwrap();
    let (place, headers) = (format!("v9.2/{place}"), HeaderMap::new());
    let request = Request {
        method: &Method::GET,
        path: &place,
        query: Some(query),
        headers: &headers,
        body: b"",
        references: None,
    };
    bind(schema, &request).map(|bound| bound.operation)
}

/// What kind of answer this is.
fn outcome_of_document(reply: &Reply) -> Outcome {
    if reply.status.is_success() {
        return Outcome::Answered;
    }
    let message = reply.json["error"]["message"].as_str().unwrap_or_default();
    let code = reply.json["error"]["code"].as_str().unwrap_or_default();
    assert!(!message.is_empty() && !code.is_empty(), "{} {}", reply.status, reply.text);
    let names: Vec<&str> = message.split('\'').step_by(2).collect();
    let kind = match code {
        "0x80041102" => "a table that the schema lacks".to_owned(),
        "0x80041103" => "a column that the schema lacks".to_owned(),
        "0x80041108" => "a value of another type than its column's".to_owned(),
        "0x8004111c" => "an element or text where FetchXML has none".to_owned(),
        _ => names.join("…").trim_end_matches(" is not supported by the local org yet.").to_owned(),
    };
    if reply.status == 501 { Outcome::Refused(kind) } else { Outcome::Invalid(kind) }
}

/// Asks an org everything; what came of each question, and what was wrong.
async fn ask(twins: &Twins, schema: &Schema, questions: &[Question]) -> (Vec<Fared>, Vec<String>) {
    let mut wanted = Wanted::default();
    let asked: Vec<_> = questions
        .iter()
        .map(|question| {
            let address = question.address(schema);
            let operation = address.as_ref().ok().and_then(|address| operation(schema, address).ok());
            operation.iter().for_each(|operation| wanted.note(operation));
            (question, address, operation)
        })
        .collect();
    seed(twins, schema, &wanted).await;
    let (mut known, mut fared, mut wrong) = (Known::new(twins).await, Vec::new(), Vec::new());
    for (question, address, operation) in asked {
        let address = match address {
            Ok(address) => address,
            Err(outcome) => {
                fared.push((outcome, false));
                continue;
            }
        };
        let reply = twins.send(Method::GET, &address, &ALL, None).await;
        let outcome = question.outcome(&reply);
        let mut agreed = false;
        if let (Outcome::Answered, Some(operation)) = (&outcome, &operation) {
            match agrees(twins, schema, &mut known, operation, &reply, &question.told()).await {
                Ok(said) => agreed = said,
                Err(difference) => wrong.push(difference),
            }
        }
        fared.push((outcome, agreed));
    }
    (fared, wrong)
}

/// The text of a document that names a table or column which a schema lacks.
fn lacking<'q>(schema: &Schema, question: &'q Question) -> Option<&'q str> {
    let Question::Fetch(found) = question else { return None };
    let refusal = operation(schema, &question.address(schema).ok()?).err()?;
    matches!(refusal.code, NO_TABLE | NO_COLUMN).then(|| found.text())
}

/// The tables that ship, and these.
fn with(definitions: &[&SchemaDefinition]) -> Schema {
    let mut all = SchemaDefinition::core().unwrap();
    for definition in definitions {
        all.add(definition);
    }
    all.number(&HashMap::new());
    Schema::new(all).unwrap()
}

#[tokio::test]
async fn each_real_query_is_answered_or_refused_by_name_alike_on_both_stores_and_as_the_oracle_says() {
    // Both stores are there already.
    if keyholder_cluster::is_second_run() {
        return;
    }
    let (Some(queries), Some(documents)) = (real_queries::found(), documents::found()) else {
        println!("skipped: the queries or gzip are not at hand");
        return;
    };
    let questions: Vec<Question> =
        queries.into_iter().map(Question::OData).chain(documents.into_iter().map(Question::Fetch)).collect();
    let real: Vec<SchemaDefinition> = imports::real_documents().into_iter().map(|(_, definition)| definition).collect();
    // The counts are of an org that has these tables.
    if real.is_empty() {
        return;
    }
    let mut definitions: Vec<&SchemaDefinition> = real.iter().collect();

    // What nobody at hand has is made up.
    let at_hand = with(&definitions);
    let texts: Vec<Option<&str>> = questions.iter().map(|question| lacking(&at_hand, question)).collect();
    let made_up = made_up::tables(&at_hand, &texts.iter().copied().flatten().collect::<Vec<_>>());
    definitions.push(&made_up);
    let schema = with(&definitions);

    let twins = Twins::new(10).await;
    for definition in definitions {
        twins.import(definition).await;
    }
    let (fared, wrong) = ask(&twins, &schema, &questions).await;
    assert!(wrong.is_empty(), "{} answers are wrong:\n{}", wrong.len(), wrong.join("\n"));
    // What ships and lacks a column that nobody makes stays where it was.
    let made: Vec<bool> =
        texts.iter().zip(&fared).map(|(text, (outcome, _))| text.is_some() && !outcome.is_lacking()).collect();

    for (question, (outcome, agreed)) in questions.iter().zip(&fared) {
        if *outcome != Outcome::Answered || !agreed {
            println!("{outcome:?} {agreed}  {}", question.told());
        }
    }
    let keep = |heading: &str, about: &str, is_in: &dyn Fn(&Question, bool) -> bool| {
        let mut counted: BTreeMap<Outcome, usize> = BTreeMap::new();
        let mut agreed = 0;
        for ((question, made), (outcome, said)) in questions.iter().zip(&made).zip(&fared) {
            if is_in(question, *made) {
                *counted.entry(outcome.clone()).or_default() += 1;
                agreed += usize::from(*said);
            }
        }
        println!("{}", report::keep(heading, about, &counted, agreed));
    };
    keep(
        "OData",
        "OData queries found in public code and documents, asked of an org with the tables that ship and those of four real orgs as \
         their\nmetadata documents have them. Those without a table are asked of the first that has what they name; holes of templates \
         are filled\nwith a value.",
        &|question, _| matches!(question, Question::OData(_)),
    );
    keep(
        "FetchXML",
        "FetchXML documents found in public code, asked of the same org. Holes of templates are filled with a value or a name, and \
         what is\nleft of the program around a document is taken out.",
        &|question, made| matches!(question, Question::Fetch(_)) && !made,
    );
    keep(
        "Custom tables in FetchXML",
        "further documents are about tables or columns of other people's solutions, which no org at hand has. They are made up: a \
         table has\nthe columns that the documents name, of the types that operators, values and links imply. So these cannot name a \
         column that is\nnot there.",
        &|question, made| matches!(question, Question::Fetch(_)) && made,
    );
}
