//! How PostgreSQL goes about the statements of pages.

use bytes::Bytes;
use http::{Method, Request};
use keyholder_cluster::Cluster;
use keyholder_store::DatabaseOptions;
use serde_json::{Value as Json, json};

use crate::TokenFacts;
use crate::caller::tests::organization;
use crate::organization::Organization;

async fn ask(organization: &Organization, token: &TokenFacts, method: Method, path: &str, body: &Json) -> Json {
    let request = Request::builder()
        .method(method)
        .uri(format!("/api/data/v9.2/{path}"))
        .header("content-type", "application/json")
        .header("prefer", "odata.maxpagesize=2")
        .body(Bytes::from(body.to_string()));
    let answer = organization.respond(token, request.unwrap()).await;
    assert!(answer.status().is_success(), "{path}: {answer:?}");
    serde_json::from_slice(answer.body()).unwrap_or_default()
}

/// What the server would do with a statement, whatever its values, if reading a whole table and sorting its rows
/// were the last things to do: then it matters neither how many rows there are nor what is known of them.
fn steps(cluster: &Cluster, database: &str, schema: &str, statement: &str, values: usize) -> String {
    let values = vec!["NULL"; values].join(", ");
    let values = if values.is_empty() { String::new() } else { format!("({values})") };
    let asked = format!(
        "SET search_path TO \"{schema}\"; SET plan_cache_mode TO force_generic_plan; SET enable_seqscan TO off; \
         SET enable_sort TO off; SET enable_bitmapscan TO off; PREPARE it AS {statement}; EXPLAIN EXECUTE it {values}"
    );
    cluster.run(database, &asked).unwrap()
}

#[tokio::test]
async fn on_postgresql_an_index_leads_to_every_page() {
    let Some(cluster) = keyholder_cluster::server() else { return };
    let (url, schema) = (cluster.fresh_database(), cluster.fresh_schema());
    let name = url.rsplit('/').next().unwrap();
    let database = DatabaseOptions::postgresql(&keyholder_cluster::connect(&url), &schema).readers(1);
    let (organization, caller) = organization(database).await;
    let (token, catalogue) = (&caller.token, organization.core().catalogue());
    let id = "00000000-0000-4000-8000-000000000001";
    ask(&organization, token, Method::POST, "contacts", &json!({ "contactid": id, "lastname": "Smith" })).await;
    for last in ["Smith", "Smithers", "Jones", "Miller"] {
        ask(&organization, token, Method::POST, "contacts", &json!({ "lastname": last })).await;
    }
    catalogue.take_plans();
    for (path, index, led_to) in [
        (format!("contacts({id})"), "d_contact_pkey", true),
        ("contacts?$top=3".to_owned(), "d_contact_pkey", false),
        ("contacts".to_owned(), "d_contact_pkey", false),
        ("contacts?$orderby=contactid desc".to_owned(), "d_contact_pkey", false),
        ("contacts?$orderby=fullname".to_owned(), "i_contact_n_fullname", false),
        ("contacts?$orderby=fullname desc".to_owned(), "i_contact_n_fullname", false),
        ("contacts?$filter=startswith(fullname,'smi')&$orderby=fullname".to_owned(), "i_contact_n_fullname", true),
        ("contacts?$filter=not startswith(fullname,'smi')&$orderby=fullname".to_owned(), "i_contact_n_fullname", false),
    ] {
        let answer = ask(&organization, token, Method::GET, &path.replace(' ', "%20"), &Json::Null).await;
        let next = answer["@odata.nextLink"].as_str().map(|link| link.split_once("/v9.2/").unwrap().1.to_owned());
        // From the largest, those without a value come last: what follows lies in two places.
        let further = next.filter(|_| !path.contains("fullname desc"));
        let pages = [(Some(path), led_to), (further, true)].into_iter().filter_map(|(page, led)| Some((page?, led)));
        for (page, led_to) in pages {
            ask(&organization, token, Method::GET, &page.replace(' ', "%20"), &Json::Null).await;
            for plan in catalogue.take_plans() {
                let statement = plan.statement.postgresql();
                let steps = steps(cluster, name, &schema, statement, plan.statement.parameters());
                let sorts = steps.lines().any(|line| line.trim_start_matches([' ', '-', '>']).starts_with("Sort  ("));
                let found = !sorts && !steps.contains("Seq Scan") && steps.contains(index);
                assert!(found && (!led_to || steps.contains("Index Cond")), "{page}\n{statement}\n{steps}");
            }
        }
    }
}
