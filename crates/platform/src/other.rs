//! Systems without Unix permission bits: a file in the user's own profile inherits an access
//! list that admits that user and the administrators, which is what 0600 means there.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::windows::fs::FileExt;
use std::path::Path;
use std::process::{Child, Command};

/// What the file of a program may end in: `az` is a script there.
pub(crate) const PROGRAM_ENDINGS: &[&str] = &[".exe", ".cmd", ".bat"];

pub(crate) fn is_program(path: &Path) -> bool {
    path.is_file()
}

/// The variable that has the user's folder, and where in it programs keep their state.
pub(crate) const STATE_HOME: (&str, &str) = ("LOCALAPPDATA", "");

/// There always is a screen.
pub(crate) const SCREENS: &[&str] = &[];

/// What opens an address in the user's browser.
pub(crate) const OPENER: [&str; 2] = ["rundll32", "url.dll,FileProtocolHandler"];

pub(crate) fn create_private_folder(path: &Path) -> io::Result<()> {
    std::fs::create_dir_all(path)
}

pub(crate) fn create_private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).open(path)
}

pub(crate) fn open_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)
}

pub(crate) fn open_private_file(path: &Path) -> io::Result<File> {
    match refuse_link(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => open_file(path),
    }
}

pub(crate) fn open_itself(path: &Path, write: bool) -> io::Result<File> {
    refuse_link(path)?;
    OpenOptions::new().read(true).write(write).open(path)
}

/// A link is looked for by its name: making one takes an administrator's right there.
fn refuse_link(path: &Path) -> io::Result<()> {
    if std::fs::symlink_metadata(path)?.is_symlink() { Err(io::Error::other("it is a link")) } else { Ok(()) }
}

/// Whoever may write into the folder is told by its access list.
pub(crate) fn is_own(_: &File) -> io::Result<bool> {
    Ok(true)
}

pub(crate) fn narrow(_: &File) -> io::Result<()> {
    Ok(())
}

/// An open file keeps its name there.
pub(crate) fn is_file_at(_: &File, _: &Path) -> io::Result<bool> {
    Ok(true)
}

/// Two whole paths that differ are taken for two files there.
pub(crate) fn is_same_file(_: &Path, _: &Path) -> io::Result<bool> {
    Ok(false)
}

pub(crate) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    file.seek_read(buffer, offset)
}

pub(crate) fn is_private(path: &Path) -> io::Result<bool> {
    std::fs::metadata(path).map(|_| true)
}

/// Whoever may write into the folder is told by its access list.
pub(crate) fn is_anothers(_: &Path) -> io::Result<bool> {
    Ok(false)
}

pub(crate) fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

pub(crate) fn lead_group(_: &mut Command) {}

pub(crate) fn stop_group(child: &mut Child) {
    let _ = child.kill();
}

/// A lock is the process's own there, and no program's that it starts.
pub(crate) fn hand_down(_: &File) -> io::Result<()> {
    Ok(())
}

pub(crate) fn open_files() -> Option<usize> {
    None
}

#[derive(Debug)]
pub(crate) struct Interruption(tokio::signal::windows::CtrlC);

impl Interruption {
    pub(crate) fn listen() -> io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Self)
    }

    pub(crate) async fn wait(&mut self) -> io::Result<()> {
        self.0.recv().await;
        Ok(())
    }
}
