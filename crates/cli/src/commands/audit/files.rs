//! The report in further forms, each in a file.

use std::path::{Path, PathBuf};

use keyholder_platform::{regular_file, write_whole};
use keyholder_service_users::audit::report::{self, Declared, Requests};
use keyholder_service_users::audit::{Report, Severity};
use keyholder_service_users::declaration::Places;

use super::orgs::Audited;
use crate::args::ReportFlags;
use crate::exit::Exit;
use crate::failure::Failure;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Sarif,
    Junit,
    Calendar,
    Prometheus,
    Html,
}

/// What is to be written where.
pub(super) struct Files(Vec<(Form, PathBuf)>);

impl Files {
    /// The files that the flags name; what cannot be written to is told before minutes of reading.
    pub(super) fn find(flags: &ReportFlags) -> Result<Self, Failure> {
        let all = [
            ("--sarif", Form::Sarif, &flags.sarif),
            ("--junit", Form::Junit, &flags.junit),
            ("--ics", Form::Calendar, &flags.ics),
            ("--prometheus", Form::Prometheus, &flags.prometheus),
            ("--html", Form::Html, &flags.html),
        ];
        let mut files: Vec<(Form, PathBuf)> = Vec::new();
        for (flag, form, path) in all {
            let Some(path) = path else { continue };
            let path = target(flag, path)?;
            if files.iter().any(|(_, other)| *other == path) {
                let said = format!("`{}` is named by {flag} and by another flag", path.display());
                return Err(Failure::new(Exit::Usage, said).hint("give each report a file of its own"));
            }
            files.push((form, path));
        }
        Ok(Self(files))
    }

    /// Whether some form shows what users asked for.
    pub(super) fn show_requests(&self) -> bool {
        self.0.iter().any(|(form, _)| matches!(form, Form::Prometheus | Form::Html))
    }

    /// Writes each, whole or not at all; says which.
    pub(super) fn write(
        &self,
        report: &Report,
        audited: &Audited,
        requests: Option<&Requests>,
        least: Option<Severity>,
    ) -> Result<Vec<&Path>, Failure> {
        let mut written = Vec::new();
        for (form, path) in &self.0 {
            let text = match form {
                Form::Sarif => sarif(report, audited)?,
                Form::Junit => report::junit(report, least.unwrap_or(Severity::Warning)),
                Form::Calendar => report::calendar(report),
                Form::Prometheus => report::prometheus(report, requests),
                Form::Html => report::html(report, requests),
            };
            write_whole(path, text.as_bytes())?;
            written.push(path.as_path());
        }
        Ok(written)
    }
}

/// Where a report really goes: past links, in a folder that is there.
fn target(flag: &str, path: &Path) -> Result<PathBuf, Failure> {
    let refused = |what: String| Failure::new(Exit::CannotCreate, what);
    if path == Path::new("-") {
        let said = format!("{flag} writes a file, and `-` is none");
        return Err(Failure::new(Exit::Usage, said).hint("standard output has what --output asks for"));
    }
    let file = regular_file(path).map_err(|error| refused(format!("{flag}: {error}")))?;
    let folder = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if file.file_name().is_none() || !folder.is_dir() {
        return Err(refused(format!("{flag}: there is no folder `{}`", folder.display())).hint("make it first"));
    }
    Ok(file)
}

fn sarif(report: &Report, audited: &Audited) -> Result<String, Failure> {
    let (Some(declaration), Some(file)) = (audited.declared(), audited.file()) else {
        return Ok(report::sarif(report, None));
    };
    let places = Places::read(file)?;
    // Pages know files by where they are in the repository, which is where pipelines run.
    let shown = std::env::current_dir().ok().and_then(|here| file.strip_prefix(here).ok()).unwrap_or(file);
    let shown = shown.strip_prefix(".").unwrap_or(shown).display().to_string();
    Ok(report::sarif(report, Some(&Declared { declaration, places: &places, file: &shown })))
}
