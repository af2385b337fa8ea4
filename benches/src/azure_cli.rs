//! The Azure CLI, signed in to a local org.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Failure;
use crate::org_process::Org;

/// The Azure CLI with a folder of its own for what it keeps.
pub(crate) struct AzureCli {
    az: PathBuf,
    environment: Vec<(&'static str, String)>,
}

impl AzureCli {
    /// Signed in as the administering application; nothing where it is not installed. What scripts write goes to
    /// `folder`.
    pub(crate) fn sign_in(az: &Path, org: &Org, folder: &Path) -> Result<Option<Self>, Failure> {
        let Ok(az) = az.canonicalize() else { return Ok(None) };
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let mut environment = vec![
            ("AZ", text(&az)),
            ("AZURE_CONFIG_DIR", text(&folder.join("azure"))),
            ("FOLDER", text(folder)),
            ("ORG", org.url().to_owned()),
            ("REQUESTS_CA_BUNDLE", org.ca_file().to_owned()),
        ];
        let off = [
            "AZURE_CORE_COLLECT_TELEMETRY",
            "AZURE_CORE_INSTANCE_DISCOVERY",
            "AZURE_CORE_USE_MSAL_HTTP_CACHE",
            "AZURE_CORE_ENCRYPT_TOKEN_CACHE",
        ];
        environment.extend(off.map(|setting| (setting, "false".to_owned())));
        let cli = Self { az, environment };
        let (client, secret, tenant) = org.administrator_login();
        let login = ["login", "--service-principal", "-u", client, "-p", secret, "--tenant", tenant];
        let setup: [&[&str]; 3] = [
            &["cloud", "register", "--name", "Keyholder", "--endpoint-resource-manager", org.origin()],
            &["cloud", "set", "--name", "Keyholder"],
            &[&login[..], &["--allow-no-subscriptions"]].concat(),
        ];
        for arguments in setup {
            let ran = cli.command(&cli.az, arguments).status()?;
            if !ran.success() {
                return Err(format!("az {} failed: {ran}", arguments[0]).into());
            }
        }
        Ok(Some(cli))
    }

    /// A script of `benches/azure-cli`.
    pub(crate) fn script(&self, name: &str, arguments: &[&str]) -> Result<Command, Failure> {
        Ok(self.command(&Path::new("benches/azure-cli").join(name).canonicalize()?, arguments))
    }

    fn command(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).stdout(Stdio::null());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}
