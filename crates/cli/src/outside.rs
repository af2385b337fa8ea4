//! Tokens of outside issuers that are at hand here: in a file that was named, or from the pipeline that
//! this runs in. With one, the way in of an application without a secret is proved from here too.

use std::path::Path;
use std::sync::Arc;

use keyholder_client::Http;
use keyholder_client::connection::names;
use keyholder_client::credential::federated::{AzureDevOps, GitHubActions, TokenFile, TokenSource};
use keyholder_foundation::Secret;
use keyholder_service_users::OutsideToken;

use crate::failure::Failure;
use crate::printer::Printer;

/// All that are at hand. One whose file was named has to be good; a pipeline's that cannot be had is
/// said, and the work goes on.
pub(crate) async fn at_hand(
    file: Option<&Path>,
    audience: &str,
    http: &Http,
    printer: Printer,
) -> Result<Vec<OutsideToken>, Failure> {
    let mut all = Vec::new();
    if let Some(file) = file {
        let source = Arc::new(TokenFile::new(file));
        all.push(OutsideToken::read(source, file.display().to_string(), audience, http).await?);
    }
    for (place, source) in pipelines(|name| std::env::var(name).ok().filter(|value| !value.is_empty())) {
        match OutsideToken::read(source, place, audience, http).await {
            Ok(token) => all.push(token),
            Err(error) => printer.note(&format!("{place} gives no token: {error}")),
        }
    }
    Ok(all)
}

/// The pipelines and clusters that this process is a part of, by what they set in its environment.
fn pipelines(set: impl Fn(&str) -> Option<String>) -> Vec<(&'static str, Arc<dyn TokenSource>)> {
    let mut all: Vec<(&'static str, Arc<dyn TokenSource>)> = Vec::new();
    if let (Some(url), Some(token)) = (set(GitHubActions::URL), set(GitHubActions::TOKEN)) {
        all.push(("GitHub Actions", Arc::new(GitHubActions::new(&url, Secret::new(token)))));
    }
    let connection = set(names::SERVICE_CONNECTION_ID).or_else(|| set(AzureDevOps::CONNECTION));
    if let (Some(uri), Some(token), Some(connection)) = (set(AzureDevOps::URI), set(AzureDevOps::TOKEN), connection) {
        all.push(("Azure Pipelines", Arc::new(AzureDevOps::new(&uri, Secret::new(token), &connection))));
    }
    if let Some(file) = set(names::azure::FEDERATED_TOKEN_FILE) {
        all.push(("the cluster", Arc::new(TokenFile::new(file))));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipeline_is_known_by_all_that_it_sets() {
        let places = |names: &[&str]| -> Vec<&str> {
            let set = |name: &str| names.contains(&name).then(|| "x".to_owned());
            pipelines(set).into_iter().map(|(place, _)| place).collect()
        };
        assert!(places(&[GitHubActions::URL, AzureDevOps::URI, AzureDevOps::TOKEN]).is_empty());
        let all = [
            GitHubActions::URL,
            GitHubActions::TOKEN,
            AzureDevOps::URI,
            AzureDevOps::TOKEN,
            AzureDevOps::CONNECTION,
            names::azure::FEDERATED_TOKEN_FILE,
        ];
        assert_eq!(places(&all), ["GitHub Actions", "Azure Pipelines", "the cluster"]);
    }
}
