//! Where credentials go in a rehearsal: what opens the local org has no business where the declaration
//! keeps the keys of real orgs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use keyholder_org::DataFolder;
use keyholder_platform::create_private_folder;
use keyholder_service_users::declaration::{Credential, Declaration, Sink};

use crate::failure::Failure;
use crate::printer::Printer;

/// The folder in the data folder that holds the credentials of rehearsals, one folder for each service user.
const FOLDER: &str = "rehearsal";

/// Lets every credential go into the data folder instead of its declared place; a program is not run, and
/// what it would be given goes into a file.
pub(super) fn keep_apart(declaration: &mut Declaration, folder: &DataFolder, printer: Printer) -> Result<(), Failure> {
    let mut apart = Apart { folder: folder.file(FOLDER), taken: BTreeSet::new(), printer };
    for (name, user) in &mut declaration.application_users {
        for credential in &mut user.credentials {
            if let Credential::Secret { sink, .. } | Credential::Certificate { sink, .. } = credential {
                apart.divert(name, sink)?;
            }
        }
    }
    for (name, user) in &mut declaration.non_interactive_users {
        apart.divert(name, &mut user.password)?;
    }
    Ok(())
}

struct Apart {
    folder: PathBuf,
    taken: BTreeSet<PathBuf>,
    printer: Printer,
}

impl Apart {
    fn divert(&mut self, user: &str, sink: &mut Sink) -> Result<(), Failure> {
        let (file, instead) = match sink {
            Sink::EnvFile(path) | Sink::File(path) | Sink::Manifest { file: path, .. } => {
                (path.as_path(), format!("`{}` is not touched: for the rehearsal, it", path.display()))
            }
            Sink::Command(words) | Sink::ManifestCommand { words, .. } => {
                let program = words.first().map_or("", String::as_str);
                (Path::new(program), format!("`{program}` is not run: for the rehearsal, what it would be given"))
            }
            Sink::GitHub(secret) => {
                let instead = format!("GitHub's `{secret}` is not touched: for the rehearsal, what it would be given");
                (Path::new(secret.name.as_str()), instead)
            }
            Sink::KeyVault(secret) => {
                let instead = format!("`{secret}` is not touched: for the rehearsal, what it would be given");
                (Path::new(secret.name()), instead)
            }
        };
        let path = self.free(user, &plain(&file.file_name().unwrap_or_default().to_string_lossy()));
        if let Some(parent) = path.parent() {
            create_private_folder(parent)?;
        }
        self.printer.note(&format!("{instead} is `{}`", path.display()));
        *sink = match sink {
            Sink::EnvFile(_) => Sink::EnvFile(path),
            Sink::Manifest { secret, .. } | Sink::ManifestCommand { secret, .. } => {
                Sink::Manifest { file: path, secret: secret.clone() }
            }
            Sink::File(_) | Sink::Command(_) | Sink::GitHub(_) | Sink::KeyVault(_) => Sink::File(path),
        };
        Ok(())
    }

    /// A path for a user's file that no other credential of the declaration has.
    fn free(&mut self, user: &str, file: &str) -> PathBuf {
        let folder = self.folder.join(plain(user));
        let mut path = folder.join(file);
        let mut number = 2;
        while !self.taken.insert(path.clone()) {
            path = folder.join(format!("{number}-{file}"));
            number += 1;
        }
        path
    }
}

/// A name as one part of a path: letters, digits, `_`, `-` and inner dots.
fn plain(name: &str) -> String {
    let fits = |c: char| c.is_alphanumeric() || "._-".contains(c);
    let name: String = name.chars().map(|c| if fits(c) { c } else { '-' }).collect();
    match name.trim_start_matches('.') {
        "" => "credential".to_owned(),
        name => name.to_owned(),
    }
}
