//! Unix: permission bits, signals and the usual places.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What the file of a program may end in.
pub(crate) const PROGRAM_ENDINGS: &[&str] = &[""];

pub(crate) fn is_program(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// The variable that has the user's folder, and where in it programs keep their state.
#[cfg(not(target_os = "macos"))]
pub(crate) const STATE_HOME: (&str, &str) = ("HOME", ".local/state");
#[cfg(target_os = "macos")]
pub(crate) const STATE_HOME: (&str, &str) = ("HOME", "Library/Application Support");

/// The variables of which one is set where there is a screen; none where there always is one.
#[cfg(not(target_os = "macos"))]
pub(crate) const SCREENS: &[&str] = &["DISPLAY", "WAYLAND_DISPLAY"];
#[cfg(target_os = "macos")]
pub(crate) const SCREENS: &[&str] = &[];

/// What opens an address in the user's browser.
#[cfg(not(target_os = "macos"))]
pub(crate) const OPENER: [&str; 1] = ["xdg-open"];
#[cfg(target_os = "macos")]
pub(crate) const OPENER: [&str; 1] = ["open"];

pub(crate) fn create_private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    // An existing folder may have been made by hand, with the umask's rights.
    let mode = std::fs::metadata(path)?.permissions().mode();
    if mode & 0o077 != 0 {
        std::fs::set_permissions(path, Permissions::from_mode(0o700))?;
    }
    Ok(())
}

pub(crate) fn create_private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)
}

/// Without touching what is in it, and an existing one's rights.
pub(crate) fn open_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(false).read(true).write(true).mode(0o600).open(path)
}

/// The same, not through a link, and without waiting for whoever is at the other end of a pipe.
pub(crate) fn open_private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).read(true).write(true).mode(0o600).custom_flags(itself()).open(path)
}

/// An existing file may have been made with the umask's rights.
pub(crate) fn narrow(file: &File) -> io::Result<()> {
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(0o600))?;
    }
    Ok(())
}

/// Not through a link, and without waiting for whoever is at the other end of a pipe.
pub(crate) fn open_itself(path: &Path, write: bool) -> io::Result<File> {
    OpenOptions::new().read(true).write(write).custom_flags(itself()).open(path)
}

fn itself() -> i32 {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    flags.bits().cast_signed()
}

/// Whether this process's user is the owner of an open file.
pub(crate) fn is_own(file: &File) -> io::Result<bool> {
    Ok(file.metadata()?.uid() == rustix::process::geteuid().as_raw())
}

/// Whether an open file is the one that has this name now.
pub(crate) fn is_file_at(file: &File, path: &Path) -> io::Result<bool> {
    let (open, there) = (file.metadata()?, std::fs::metadata(path)?);
    Ok((open.dev(), open.ino()) == (there.dev(), there.ino()))
}

/// Whether two names are one file's.
pub(crate) fn is_same_file(one: &Path, other: &Path) -> io::Result<bool> {
    let (one, other) = (std::fs::metadata(one)?, std::fs::metadata(other)?);
    Ok((one.dev(), one.ino()) == (other.dev(), other.ino()))
}

pub(crate) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    file.read_at(buffer, offset)
}

pub(crate) fn is_private(path: &Path) -> io::Result<bool> {
    Ok(std::fs::metadata(path)?.permissions().mode() & 0o077 == 0)
}

/// A rename is durable only when the folder that holds the name is. Of one in which names may be made but not listed, and
/// on file systems that know nothing of it (CIFS, 9p), nobody can ask for that.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    match File::open(path).and_then(|folder| folder.sync_all()) {
        Err(error) if NOT_FOR_FOLDERS.contains(&error.kind()) => Ok(()),
        synced => synced,
    }
}

const NOT_FOR_FOLDERS: [io::ErrorKind; 3] =
    [io::ErrorKind::PermissionDenied, io::ErrorKind::InvalidInput, io::ErrorKind::Unsupported];

/// Whether a file is another user's.
pub(crate) fn is_anothers(path: &Path) -> io::Result<bool> {
    Ok(std::fs::metadata(path)?.uid() != rustix::process::geteuid().as_raw())
}

/// Lets a program lead a process group, so that what it starts can be stopped with it.
pub(crate) fn lead_group(command: &mut Command) {
    command.process_group(0);
}

pub(crate) fn stop_group(child: &mut Child) {
    let group = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
    if let Some(group) = group {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = child.kill();
}

/// Lets the programs that are started from now on hold an open file, and so its lock, beyond the end of this process.
pub(crate) fn hand_down(file: &File) -> io::Result<()> {
    Ok(rustix::io::fcntl_setfd(file, rustix::io::FdFlags::empty())?)
}

pub(crate) fn open_files() -> Option<usize> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    // No limit is as good as a very high one.
    Some(limit.current.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX)))
}

#[derive(Debug)]
pub(crate) struct Interruption {
    interrupt: Signal,
    terminate: Signal,
}

impl Interruption {
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    pub(crate) async fn wait(&mut self) -> io::Result<()> {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
        Ok(())
    }
}
