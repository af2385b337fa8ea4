//! Why a command failed: one message, hints on what to do, an exit code.

use keyholder_client::{ConfigurationError, Error, ErrorKind};
use keyholder_org::certificates::CertificateError;
use keyholder_org::folder::FolderError;
use keyholder_org::listen::{ListenError, Wanted};
use keyholder_org::{Fault, Refused, StartError};
use keyholder_platform::FileError;
use keyholder_service_users::declaration::ReadError;
use serde_json::{Value, json};

use crate::exit::Exit;

/// A failed command, ready to be told to a person or a program.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    message: String,
    hints: Vec<String>,
    /// Whether the command's own JSON document has it already.
    in_document: bool,
    /// Whether something else may have answered in the service's place, or the service may answer later.
    may_pass: bool,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hints: Vec::new(), in_document: false, may_pass: false }
    }

    /// Adds what the reader can do about it.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Puts it into the document that the command prints, so that a program reads one and no more.
    #[must_use]
    pub(crate) fn within(mut self, document: &mut Value) -> Self {
        if let (Some(document), Value::Object(own)) = (document.as_object_mut(), self.to_json()) {
            document.extend(own);
            self.in_document = true;
        }
        self
    }

    /// Whether a document that was printed has it.
    pub(crate) fn is_in_document(&self) -> bool {
        self.in_document
    }

    /// Whether the reason may pass by itself, such as a gateway's page in the place of the org's answer.
    pub(crate) fn may_pass(&self) -> bool {
        self.may_pass
    }

    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn hints(&self) -> &[String] {
        &self.hints
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({"error": {"message": self.message, "hints": self.hints, "exitCode": self.exit as u8}})
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        // What answers in an org's place is taken for no org when that is asked where to sign in.
        let may_pass = error.may_pass() || matches!(error, Error::NotAnOrg { .. });
        Self { hints: error.hints(), may_pass, ..Self::new(exit_of_kind(error.kind()), error.to_string()) }
    }
}

impl From<ConfigurationError> for Failure {
    fn from(error: ConfigurationError) -> Self {
        Error::from(error).into()
    }
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        let exit = match error {
            FileError::Io { .. } | FileError::NotOwn { .. } | FileError::Link { .. } | FileError::Unsettled { .. } => {
                Exit::CannotCreate
            }
            FileError::TooLarge { .. } | FileError::NotText { .. } | FileError::NotRegular { .. } => Exit::BadData,
        };
        Self::new(exit, error.to_string())
    }
}

impl From<FolderError> for Failure {
    fn from(error: FolderError) -> Self {
        let message = error.to_string();
        match error {
            FolderError::InUse { .. } => Self::new(Exit::CannotCreate, message)
                .hint("stop that org with Ctrl-C, or give another folder with `--data`"),
            FolderError::NotOurs { .. } => {
                Self::new(Exit::CannotCreate, message).hint("give an empty or new folder with `--data`")
            }
            FolderError::Damaged { .. } => Self::new(Exit::BadData, message)
                .hint("put the file back from a backup, or move the folder away and start anew"),
            FolderError::Newer { .. } => {
                Self::new(Exit::BadData, message).hint("use that version, or another folder with `--data`")
            }
            FolderError::InDatabase { .. }
            | FolderError::InOtherDatabase { .. }
            | FolderError::NotInDatabase { .. } => Self::new(Exit::BadConfiguration, message),
            FolderError::File(file) if file.is_denied() => Self::from(file).hint(
                "give a folder of your own with `--data`, or keep nothing with `--ephemeral`, where the command has it",
            ),
            FolderError::File(file) => file.into(),
        }
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::File(file) if file.is_missing() => Self::new(Exit::BadConfiguration, file.to_string()).hint(
                "name the declaration with `--file`, or begin one with `keyholder init`: docs/keyholder-toml.md says \
                     what stands in it",
            ),
            ReadError::File(file) => file.into(),
            ReadError::Mistakes(mistakes) => Self::new(Exit::BadConfiguration, mistakes.to_string()),
        }
    }
}

impl From<keyholder_service_users::Error> for Failure {
    fn from(error: keyholder_service_users::Error) -> Self {
        Self::from(&error)
    }
}

impl From<&keyholder_service_users::Error> for Failure {
    fn from(error: &keyholder_service_users::Error) -> Self {
        let exit = exit_of_kind(error.kind());
        let message = keyholder_foundation::causes(error).join("\n  caused by: ");
        Self { hints: error.hints(), ..Self::new(exit, message) }
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        let failure = Self::new(exit_of(error.fault()), error.to_string());
        match error {
            StartError::Folder(folder) => folder.into(),
            StartError::Listen(ListenError::Taken { wanted, .. }) => failure.hint(match wanted {
                Wanted::LastTime => "stop that program, or start the org on another port, like `keyholder org start --listen 127.0.0.1:8444`, and let it run meanwhile".to_owned(),
                Wanted::Flag(flag @ ("--http" | "--also-listen")) => {
                    format!("stop that program, or give another port with `{flag}` (0 for a free one)")
                }
                _ => "stop that program (another local org, perhaps), or take another port, like `--listen 8444` (0 for a free one)".to_owned(),
            }),
            StartError::Certificate(CertificateError::Damaged(_)) => failure.hint(
                "delete `ca.pem` and `ca.key` in the data folder: new ones are made, and clients need the new `ca.pem`",
            ),
            StartError::Refused(refused) => refused.into(),
            _ => failure,
        }
    }
}

/// The exit code of a local org's fault.
pub(crate) fn exit_of(fault: Fault) -> Exit {
    match fault {
        Fault::Request => Exit::Usage,
        Fault::System => Exit::CannotCreate,
        Fault::Data => Exit::BadData,
        _ => Exit::Failed,
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        let failure = Self::new(Exit::Usage, refused.to_string());
        match refused {
            Refused::NoSnapshot { .. } => failure.hint("take one with `keyholder org snapshot NAME`"),
            Refused::NoTenant { .. } => failure.hint("make it with `keyholder org tenant add DOMAIN`"),
            _ => failure,
        }
    }
}

/// The exit code of an error's kind.
pub(crate) fn exit_of_kind(kind: ErrorKind) -> Exit {
    match kind {
        ErrorKind::OutOfReach => Exit::OutOfReach,
        ErrorKind::NotAllowed => Exit::NotAllowed,
        ErrorKind::Configuration => Exit::BadConfiguration,
        ErrorKind::BadData => Exit::BadData,
        _ => Exit::Failed,
    }
}
