//! Systems without Unix permission bits: a file in the user's own profile inherits an access
//! list that admits that user and the administrators, which is what 0600 means there.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

pub(crate) fn create_private_folder(path: &Path) -> io::Result<()> {
    std::fs::create_dir_all(path)
}

pub(crate) fn create_private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

pub(crate) fn open_private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)
}

pub(crate) fn is_private(path: &Path) -> io::Result<bool> {
    std::fs::metadata(path).map(|_| true)
}

pub(crate) fn sync_folder(_: &Path) -> io::Result<()> {
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
