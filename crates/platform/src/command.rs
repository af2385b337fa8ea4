//! Running another program with something on its standard input, within bounds.

use std::io::{self, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use keyholder_foundation::{MonotonicClock as _, Secret, SystemClock};

use crate::system;

/// How much of what a program prints is kept, in bytes: the end, where the reason stands.
const KEPT: usize = 4096;

/// How long it takes to write what there is room for.
const SOON: Duration = Duration::from_secs(1);

/// A program that has ended.
#[derive(Debug)]
pub struct Ended {
    /// How.
    pub status: ExitStatus,
    /// The end of what it wrote to standard error.
    pub complaint: String,
}

/// Why a program could not be run to its end.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// There is no such program, or it may not be run.
    #[error("cannot run `{program}`: {source}")]
    Start {
        /// The program.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// It took too long and was ended.
    #[error("`{program}` did not end within {} seconds and was stopped", patience.as_secs_f64())]
    TooSlow {
        /// The program.
        program: String,
        /// How long it was waited for.
        patience: Duration,
    },
    /// It was ended by its [`Leash`], or not started.
    #[error("`{program}` was stopped")]
    Stopped {
        /// The program.
        program: String,
    },
    /// It ended without reading its input to the end.
    #[error("`{program}` did not read its standard input{}{}", if *nothing { "" } else { " to the end" }, said(complaint))]
    Unread {
        /// The program.
        program: String,
        /// The end of what it wrote to standard error.
        complaint: String,
        /// Whether it read nothing at all.
        nothing: bool,
    },
    /// The system lost it.
    #[error("cannot wait for `{program}`: {source}")]
    Lost {
        /// The program.
        program: String,
        /// What the system said.
        source: io::Error,
    },
}

/// Ends a program from another thread than the one that waits for it.
#[derive(Debug, Clone, Default)]
pub struct Leash(Arc<Mutex<Led>>);

/// The program at the end of a leash.
#[derive(Debug, Default)]
enum Led {
    /// It was not started yet.
    #[default]
    Waits,
    /// It runs, or has ended and nobody has asked how.
    Runs(Child),
    /// It has ended: its number may be another's now.
    Ended,
    /// It was stopped, or must not be started any more.
    Stopped,
}

impl Leash {
    /// Ends the program with everything that it started, and waits for its end. One that was not started yet never is.
    pub fn stop(&self) {
        let mut led = self.led();
        if let Led::Runs(child) = &mut *led {
            system::stop_group(child);
            let _ = child.wait();
        }
        if !matches!(*led, Led::Ended) {
            *led = Led::Stopped;
        }
    }

    fn led(&self) -> MutexGuard<'_, Led> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn said(complaint: &str) -> String {
    if complaint.is_empty() { String::new() } else { format!(": {complaint}") }
}

/// Runs `words` (a program and its arguments) with `input` on its standard input and waits for its
/// end, at most for `patience`; then it is stopped with everything that it started. What it prints
/// to standard output is dropped. Variables whose names `hidden` picks are not passed on; `shown`
/// are added. Whoever else has its `leash` may stop it before.
///
/// The calling thread waits.
///
/// # Errors
/// [`CommandError`]. A program that ends with an error is none: see [`Ended::status`].
pub fn run_with_input(
    words: &[String],
    input: &Secret,
    shown: &[(&str, String)],
    hidden: impl Fn(&str) -> bool,
    patience: Duration,
    leash: &Leash,
) -> Result<Ended, CommandError> {
    let (program, arguments) = words.split_first().map_or(("", words), |(program, rest)| (program.as_str(), rest));
    let name = || program.to_owned();
    let mut command = Command::new(program);
    let started = |source| CommandError::Start { program: name(), source };
    // Its other end stays here too: what is still in it when the program has ended was not read.
    let (unread, mut pipe) = io::pipe().map_err(started)?;
    command.args(arguments).stdin(unread.try_clone().map_err(started)?);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    for (variable, _) in std::env::vars_os() {
        if variable.to_str().is_some_and(&hidden) {
            command.env_remove(variable);
        }
    }
    command.envs(shown.iter().map(|(name, value)| (*name, value)));
    system::lead_group(&mut command);
    let (stdout, stderr) = {
        let mut led = leash.led();
        if !matches!(*led, Led::Waits) {
            return Err(CommandError::Stopped { program: name() });
        }
        let mut child = command.spawn().map_err(started)?;
        // It holds the program's end of the input.
        drop(command);
        let pipes = (child.stdout.take(), child.stderr.take());
        *led = Led::Runs(child);
        pipes
    };

    // Each pipe is served at once, so that neither side waits for the other.
    let fed = {
        let input = input.clone();
        answer(move || pipe.write_all(input.expose().as_bytes()))
    };
    let out = stdout.map(|pipe| answer(move || end_of(pipe)));
    let err = stderr.map(|pipe| answer(move || end_of(pipe)));

    // Standard output and error close when the program and all that hold them end, or earlier: one that has
    // closed them may still stay. Whatever is waited for, one deadline holds for all of it.
    let started = SystemClock::new();
    let left = || patience.saturating_sub(started.elapsed());
    let too_slow = || {
        leash.stop();
        Err(CommandError::TooSlow { program: name(), patience })
    };
    if out.as_ref().is_some_and(|out| is_late(out, left())) {
        return too_slow();
    }
    let Some(complaint) = err.map_or(Some(String::new()), |err| err.recv_timeout(left()).ok()) else {
        return too_slow();
    };
    let status = match ended_within(leash, left) {
        Ok(Some(status)) => status,
        Ok(None) if matches!(*leash.led(), Led::Stopped) => return Err(CommandError::Stopped { program: name() }),
        Ok(None) => return too_slow(),
        Err(source) => return Err(CommandError::Lost { program: name(), source }),
    };
    // What a pipe holds is written at once. A write that still waits has nobody left to read it but what the program
    // started and kept its input.
    let unread = match fed.recv_timeout(left().min(SOON)) {
        // What is taken out here nobody reads any more, whoever has kept the other end.
        Ok(Ok(())) => io::copy(&mut unread.take(input.expose().len() as u64), &mut io::sink()).unwrap_or(0),
        Ok(Err(_)) => 1,
        Err(_) => {
            drop(unread);
            u64::from(!fed.recv_timeout(left()).is_ok_and(|written| written.is_ok()))
        }
    };
    if status.success() && unread > 0 {
        let nothing = unread == input.expose().len() as u64;
        return Err(CommandError::Unread { program: name(), complaint, nothing });
    }
    Ok(Ended { status, complaint })
}

/// How a program ended; nothing when no time is left, or when it was stopped. The system tells nobody of an end who does
/// not ask.
fn ended_within(leash: &Leash, left: impl Fn() -> Duration) -> io::Result<Option<ExitStatus>> {
    let mut pause = Duration::from_millis(1);
    loop {
        // Held while it is asked alone, or nobody could stop it.
        {
            let mut led = leash.led();
            let Led::Runs(child) = &mut *led else { return Ok(None) };
            if let Some(status) = child.try_wait()? {
                *led = Led::Ended;
                return Ok(Some(status));
            }
        }
        let left = left();
        if left.is_zero() {
            return Ok(None);
        }
        std::thread::sleep(pause.min(left));
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

/// What a thread of its own finds.
fn answer<T: Send + 'static>(find: impl FnOnce() -> T + Send + 'static) -> Receiver<T> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(find()));
    receiver
}

fn is_late<T>(answer: &Receiver<T>, patience: Duration) -> bool {
    matches!(answer.recv_timeout(patience), Err(RecvTimeoutError::Timeout))
}

/// Reads to the end and keeps the last of it, as a text.
fn end_of(mut pipe: impl Read) -> String {
    let mut kept: Vec<u8> = Vec::new();
    let mut piece = [0; KEPT];
    while let Ok(count) = pipe.read(&mut piece) {
        let Some(read) = piece.get(..count).filter(|read| !read.is_empty()) else { break };
        kept.extend_from_slice(read);
        kept.drain(..kept.len().saturating_sub(KEPT));
    }
    String::from_utf8_lossy(&kept).trim().to_owned()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn run(script: &str, patience: Duration) -> Result<Ended, CommandError> {
        let words = ["sh".to_owned(), "-c".to_owned(), script.to_owned()];
        let shown = [("SHOWN", "yes".to_owned())];
        run_with_input(&words, &Secret::new("hunter2"), &shown, |name| name == "HOME", patience, &Leash::default())
    }

    #[test]
    fn a_program_reads_its_input_and_tells_how_it_ended() {
        let ended = run("test \"$(cat)\" = hunter2 && test \"$SHOWN\" = yes && test -z \"$HOME\"", LONG).unwrap();
        assert!(ended.status.success() && ended.complaint.is_empty(), "{ended:?}");
        let ended = run("cat >/dev/null; echo no room >&2; exit 3", LONG).unwrap();
        assert_eq!((ended.status.code(), ended.complaint.as_str()), (Some(3), "no room"));
    }

    #[test]
    fn much_output_is_read_and_little_kept() {
        let ended = run("cat >/dev/null; yes error | head -c 600000 >&2; yes | head -c 1000000", LONG).unwrap();
        assert!(ended.status.success() && ended.complaint.len() <= KEPT && ended.complaint.ends_with("error"));
    }

    #[test]
    fn one_that_does_not_end_is_stopped_with_all_that_it_started() {
        let error = run("sleep 600 & sleep 600", Duration::from_millis(50)).unwrap_err();
        assert!(matches!(error, CommandError::TooSlow { .. }), "{error}");
        // The pipes are held by a child of the program alone.
        let error = run("sleep 600 & exit 0", Duration::from_millis(50)).unwrap_err();
        assert!(matches!(error, CommandError::TooSlow { .. }), "{error}");
        // It has closed its pipes and stays.
        let error = run("exec >&- 2>&-; sleep 600", Duration::from_millis(50)).unwrap_err();
        assert!(matches!(error, CommandError::TooSlow { .. }), "{error}");
    }

    #[test]
    fn one_that_is_stopped_from_elsewhere_ends_at_once_and_is_not_started_again() {
        let folder = tempfile::tempdir().unwrap();
        let (fifo, leash) = (folder.path().join("fifo"), Leash::default());
        assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        let script = format!("exec 3>'{}'; echo here >&3; sleep 600 & wait", fifo.display());
        let words = ["sh".to_owned(), "-c".to_owned(), script];
        let run = |leash: &Leash| run_with_input(&words, &Secret::new("x"), &[], |_| false, LONG, leash);
        let stopped = std::thread::scope(|scope| {
            let waits = scope.spawn(|| run(&leash));
            let mut pipe = io::BufReader::new(std::fs::File::open(&fifo).unwrap());
            let mut line = String::new();
            io::BufRead::read_line(&mut pipe, &mut line).unwrap();
            leash.stop();
            // The end of the pipe: nobody who holds it is left, neither the program nor what it started.
            pipe.read_to_string(&mut line).unwrap();
            assert_eq!(line, "here\n");
            waits.join().unwrap()
        });
        assert!(matches!(stopped, Err(CommandError::Stopped { .. })), "{stopped:?}");
        assert!(matches!(run(&leash), Err(CommandError::Stopped { .. })));
    }

    #[test]
    fn one_that_cannot_be_run_is_named() {
        let words = ["/no/such/program".to_owned()];
        let error = run_with_input(&words, &Secret::new("x"), &[], |_| false, LONG, &Leash::default()).unwrap_err();
        assert!(error.to_string().starts_with("cannot run `/no/such/program`: "), "{error}");
        assert!(run_with_input(&[], &Secret::new("x"), &[], |_| false, LONG, &Leash::default()).is_err());
    }

    #[test]
    fn one_that_reads_nothing_has_nothing() {
        let unread = |script: &str, input: &str| {
            let words = ["sh".to_owned(), "-c".to_owned(), script.to_owned()];
            match run_with_input(&words, &Secret::new(input), &[], |_| false, LONG, &Leash::default()) {
                Err(CommandError::Unread { nothing, .. }) => Some(nothing),
                ended => {
                    ended.unwrap();
                    None
                }
            }
        };
        for script in ["true", "cat file >/dev/null 2>&1 || true", "exec <&-"] {
            assert_eq!(unread(script, "hunter2"), Some(true), "{script}");
        }
        // A shell reads a line letter by letter.
        assert_eq!(unread("read line", "hunter2\nhunter3\n"), Some(false));
        assert_eq!(unread("read line; read line", "hunter2\nhunter3\n"), None);
        // More than a pipe holds.
        assert_eq!(unread("true", &"x".repeat(1 << 20)), Some(false));
    }
}
