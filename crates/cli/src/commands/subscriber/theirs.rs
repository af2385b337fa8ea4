//! What a subscriber's administrator does: one command, or a declaration.

use std::path::Path;

use keyholder_client::OrgUrl;
use keyholder_platform::create_new;
use keyholder_service_users::declaration::{ApplicationUser, Declaration, RoleSource, print_declaration, print_rights};
use keyholder_service_users::subscribers::{Published, declaration_for};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::progress::{quoted, shown};

/// What their org is called in what is written for them.
const THEIR_ORG: &str = "ours";

/// Above what is written for a subscriber.
const HEADING: &str = "\
# What lets a published application into one org of yours: its application user and its role. The app registration
# and its credentials stay its publisher's. A System Administrator of the org, who may also make service principals in
# the tenant, runs `keyholder plan --file FILE` and then `keyholder apply --file FILE`.

";

/// What their administrator does.
pub(super) struct Theirs {
    declaration: Declaration,
    /// The command line that does it.
    pub(super) command: String,
}

impl Theirs {
    /// For one org of theirs; the roles are those that `declared` gives the application.
    pub(super) fn new(
        found: &Published,
        declared: Option<(&str, &ApplicationUser)>,
        ours: &Declaration,
        url: &OrgUrl,
    ) -> Self {
        let bare = ApplicationUser {
            name: found.name.clone(),
            client_id: Some(found.client_id),
            orgs: Vec::new(),
            business_unit: None,
            roles: Vec::new(),
            credentials: Vec::new(),
            user_impersonation: false,
            multi_tenant: true,
        };
        let application = declared.unwrap_or((found.name.as_str(), &bare));
        let declaration = declaration_for((THEIR_ORG, url), application, found.client_id, &ours.roles);
        let mut command =
            format!("keyholder app-user create {} --adopt {} --multi-tenant", quoted(application.0), found.client_id);
        for role in declaration.roles.values() {
            match &role.source {
                RoleSource::Existing => command.push_str(&format!(" --role {}", quoted(&role.name))),
                RoleSource::Rights(rights) => {
                    for (table, right) in print_rights(rights) {
                        command.push_str(&format!(" --grant {}", quoted(&format!("{table}={right}"))));
                    }
                }
            }
        }
        if declaration.roles.is_empty() {
            command.push_str(" --role ROLE");
        }
        command.push_str(&format!(" --url {url}"));
        Self { declaration, command }
    }

    /// Whether nothing says what the application is to be given.
    pub(super) fn lacks_rights(&self) -> bool {
        self.declaration.roles.is_empty()
    }

    /// Writes the same as a declaration, to a file that is not there yet, or is this one already.
    pub(super) fn write(&self, path: &Path) -> Result<(), Failure> {
        let text = format!("{HEADING}{}", print_declaration(&self.declaration, |_, _| String::new()));
        match create_new(path, text.as_bytes()) {
            Err(error) if error.is_there_already() => {
                if std::fs::read_to_string(path).is_ok_and(|there| there == text) {
                    return Ok(());
                }
                let message = format!("`{}` is there already, and is not written over", shown(path));
                Err(Failure::new(Exit::CannotCreate, message).hint("give another name with `--write-declaration`"))
            }
            written => Ok(written?),
        }
    }
}
