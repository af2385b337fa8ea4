//! What to try after the quickstart, as commands that work as printed in the same folder.

use std::path::Path;

use keyholder_org::DataFolder;

use super::NAME;
use crate::args::{DEFAULT_DATA, ListenFlags, Quickstart};
use crate::progress::{quoted, shown};

/// One thing to try.
pub(super) struct Next {
    /// Why, in a few words.
    pub(super) why: &'static str,
    /// The command, quoted for a shell.
    pub(super) command: String,
}

/// The commands for an org at `url`; none when the org is gone with this run.
pub(super) fn commands(folder: &DataFolder, url: &str, arguments: &Quickstart, stays: bool) -> Vec<Next> {
    if !stays {
        return Vec::new();
    }
    let me = quoted(&executable());
    let env = quoted(&shown(&folder.file(&format!("{NAME}.env"))));
    let ca = quoted(&shown(&folder.ca_file()));
    let data = match shown(folder.path()).as_str() {
        DEFAULT_DATA => String::new(),
        other => format!(" --data {}", quoted(other)),
    };
    let url = url.trim_end_matches('/');
    let query = "contacts?$top=3";
    let mut next = Vec::new();
    if !arguments.serve
        && folder.running().is_ok_and(|running| running.is_none_or(|note| note.pid == std::process::id()))
    {
        let listen = listen(&arguments.listen, url);
        next.push(Next { why: "in one terminal: run the org", command: format!("{me} org start{data}{listen}") });
    }
    let alone = next.is_empty();
    next.push(Next {
        why: if alone { "read as the application" } else { "in another: read as the application" },
        command: format!("{me} query '{query}' --env-file {env}"),
    });
    next.push(Next {
        why: "the same with curl",
        command: format!(
            "{me} token --as-header --env-file {env} | curl --cacert {ca} -H @- '{url}/api/data/v9.2/{query}'"
        ),
    });
    if !arguments.data.ephemeral {
        let listen = listen(&arguments.listen, url);
        next.push(Next {
            why: "take all of it away again",
            command: format!("{me} quickstart --remove{data}{listen}"),
        });
    }
    next
}

/// The flags that make the org answer at the same address again. A port that was free once is
/// named, or the env file would point nowhere.
fn listen(flags: &ListenFlags, url: &str) -> String {
    let mut text = String::new();
    if let Some(mut address) = flags.listen {
        let port = url.rsplit(':').next().and_then(|port| port.parse().ok());
        address.set_port(port.unwrap_or(address.port()));
        text.push_str(&format!(" --listen {address}"));
    }
    for address in &flags.also_listen {
        text.push_str(&format!(" --also-listen {address}"));
    }
    if let Some(address) = flags.http {
        text.push_str(&format!(" --http {address}"));
    }
    if let Some(host) = &flags.host {
        text.push_str(&format!(" --host {}", quoted(host)));
    }
    text
}

/// This program as it can be called again: relative where it is below the current folder.
fn executable() -> String {
    let Ok(path) = std::env::current_exe() else { return "keyholder".to_owned() };
    let text = shown(&path);
    if Path::new(&text).is_relative() { format!("./{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_was_free_is_named_the_next_time() {
        let flags =
            ListenFlags { listen: Some("127.0.0.1:0".parse().unwrap()), also_listen: vec![], http: None, host: None };
        assert_eq!(listen(&flags, "https://localhost:40123"), " --listen 127.0.0.1:40123");
    }
}
