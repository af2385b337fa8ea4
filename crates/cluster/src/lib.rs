//! A private PostgreSQL server for tests: in a temporary folder, on a free port of the loopback
//! address, gone with the process that started it.
//!
//! The programs are those that Debian's package `postgresql` installs (`/usr/lib/postgresql/*/bin`),
//! or those on the `PATH`. Where there are none the tests that want them are skipped and say so, unless
//! `KEYHOLDER_REQUIRE_POSTGRESQL` is set, as it is in CI. No service of the system is touched.
//!
//! A whole suite runs on both stores when its worlds take their databases from [`database`] and one of
//! its tests calls [`again_on_postgresql`].
//!
//! The server is held by a small shell script whose input is a pipe from this process. However this
//! process ends, the pipe ends with it, and then the script stops the server and removes the folder.

use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use keyholder_foundation::{OsRandom, Secret};
use keyholder_platform::RuntimeSleep;
use keyholder_store::{DatabaseOptions, Server};

/// Its superuser.
const USER: &str = "keyholder";
/// Keeps others on the machine out of a server that has nothing worth keeping; no secret.
const PASSWORD: &str = "only-for-tests";

/// Sets the server up, says when it takes commands, and holds it until its own input ends. The server has a minute to
/// start, since it shares two cores with a whole test run.
const HOLD: &str = r#"
set -eu
bin=$1 folder=$2 port=$3
umask 077
cd "$folder"
printf '%s' "$4" > password
"$bin/initdb" --pgdata=data --username=keyholder --pwfile=password --auth=md5 --encoding=UTF8 --no-locale \
  --no-sync --no-instructions > log 2>&1
settings="-c listen_addresses=127.0.0.1 -c port=$port -c unix_socket_directories= \
  -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=300 \
  -c shared_buffers=64MB -c autovacuum=off -c max_wal_size=4GB"
"$bin/pg_ctl" start -D data -l log -o "$settings" --wait --timeout=60 > started 2>&1 < /dev/null
echo ready
cat > /dev/null
"$bin/pg_ctl" stop -D data --mode=fast > /dev/null 2>&1 || true
cd /
rm -rf "$folder"
"#;

/// A running server.
#[derive(Debug)]
pub struct Cluster {
    bin: PathBuf,
    port: u16,
    databases: AtomicU32,
    /// Holds the pipe whose end ends the server.
    /// Holds the server as long as this stands.
    _holder: Child,
}

/// The server of this process, started when it is first asked for; nothing where PostgreSQL is not
/// installed and need not be.
///
/// # Panics
/// When it is installed and does not start, or is missing and `KEYHOLDER_REQUIRE_POSTGRESQL` is set.
pub fn server() -> Option<&'static Cluster> {
    static SERVER: OnceLock<Option<Cluster>> = OnceLock::new();
    SERVER
        .get_or_init(|| {
            let Some(bin) = programs() else {
                assert!(
                    env::var_os("KEYHOLDER_REQUIRE_POSTGRESQL").is_none(),
                    "PostgreSQL must be there: install the package `postgresql`"
                );
                #[expect(clippy::print_stderr, reason = "tests that are skipped say so")]
                {
                    eprintln!("skipped what runs on PostgreSQL: it is not installed (Debian's package `postgresql`)");
                }
                return None;
            };
            // A port that was free a moment ago may be somebody else's now: then another.
            let started = (0..3).find_map(|_| Cluster::start(&bin).ok());
            Some(started.unwrap_or_else(|| panic!("the PostgreSQL of {} did not start", bin.display())))
        })
        .as_ref()
}

/// The address of the database that a suite's second run is on; its presence makes it that.
const SECOND_RUN: &str = "KEYHOLDER_TEST_DATABASE_URL";

/// An empty database for a test: a temporary one of SQLite, or in a second run a schema of PostgreSQL.
#[must_use]
pub fn database() -> DatabaseOptions {
    static SCHEMAS: AtomicU32 = AtomicU32::new(0);
    match env::var(SECOND_RUN) {
        Ok(url) => {
            let number = SCHEMAS.fetch_add(1, Ordering::Relaxed);
            // The server is one for all tests of this run: each has few connections.
            DatabaseOptions::postgresql(&connect(&url), format!("test_{}_{number}", std::process::id())).readers(2)
        }
        Err(_) => DatabaseOptions::ephemeral(),
    }
}

/// The server at this address.
///
/// # Panics
/// When the address is none.
#[must_use]
pub fn connect(url: &str) -> Server {
    Server::parse(&Secret::new(url), Arc::new(OsRandom), Arc::new(RuntimeSleep))
        .unwrap_or_else(|error| panic!("{error}"))
}

/// Whether this is a suite's second run, on PostgreSQL.
#[must_use]
pub fn is_second_run() -> bool {
    env::var_os(SECOND_RUN).is_some()
}

/// Runs the suite that this process is once more, on PostgreSQL, without the test of this name (which
/// calls this).
///
/// # Panics
/// When a test fails there; its output is shown.
pub fn again_on_postgresql(but: &str) {
    let Some(server) = server().filter(|_| !is_second_run()) else { return };
    let program = env::current_exe().unwrap_or_else(|error| panic!("{error}"));
    let run = Command::new(program)
        .args(["--skip", but])
        .env(SECOND_RUN, server.url("postgres"))
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{error}"));
    let output = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "on PostgreSQL:\n{output}\n{}", String::from_utf8_lossy(&run.stderr));
    // A filter that lets nothing through would be green too.
    assert!(!output.contains("running 0 tests") && output.contains("test result: ok."), "{output}");
}

/// The folder of the newest server's programs.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path());
    let mut folders: Vec<PathBuf> = versions.map(|version| version.join("bin")).collect();
    folders.sort_by_key(|bin| {
        let version = bin.parent().and_then(Path::file_name).and_then(|name| name.to_str());
        std::cmp::Reverse(version.and_then(|version| version.parse::<u32>().ok()))
    });
    folders.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    folders.into_iter().find(|bin| ["initdb", "pg_ctl", "psql"].iter().all(|name| bin.join(name).is_file()))
}

impl Cluster {
    fn start(bin: &Path) -> io::Result<Self> {
        // The script removes it, also after this process was killed.
        let folder = tempfile::Builder::new().prefix("keyholder-postgresql-").tempdir()?.keep();
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let mut hold = Command::new("sh");
        hold.args(["-c", HOLD, "sh"]).arg(bin).arg(&folder).args([&port.to_string(), PASSWORD]);
        as_somebody_else(&mut hold, &folder)?;
        let mut holder = hold.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut said = String::new();
        if let Some(out) = holder.stdout.take() {
            BufReader::new(out).read_line(&mut said)?;
        }
        if said != "ready\n" {
            return Err(io::Error::other("the server did not start"));
        }
        Ok(Self { bin: bin.to_owned(), port, databases: AtomicU32::new(0), _holder: holder })
    }

    /// The address of a database on it, with the superuser's name and password.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{USER}:{PASSWORD}@127.0.0.1:{}/{database}", self.port)
    }

    /// Makes an empty database; gives its address.
    ///
    /// # Panics
    /// When the server refuses.
    pub fn fresh_database(&self) -> String {
        let name = format!("world_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.run("postgres", &format!("CREATE DATABASE {name}")).unwrap_or_else(|error| panic!("{error}"));
        self.url(&name)
    }

    /// A schema's name that nobody else in this process has been given.
    #[must_use]
    pub fn fresh_schema(&self) -> String {
        format!("schema_{}", self.databases.fetch_add(1, Ordering::Relaxed))
    }

    /// Runs SQL in a database, and gives what `psql` prints of its rows.
    ///
    /// # Errors
    /// What `psql` said.
    pub fn run(&self, database: &str, sql: &str) -> io::Result<String> {
        let output = Command::new(self.bin.join("psql"))
            .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", "--command", sql])
            .arg(self.url(database))
            .stdin(Stdio::null())
            .output()?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
        } else {
            Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()))
        }
    }
}

/// The server refuses to be run by root: then the package's own user runs it, or nobody.
#[cfg(unix)]
fn as_somebody_else(command: &mut Command, folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, chown};
    use std::os::unix::process::CommandExt;

    // Whose a new folder is tells who we are.
    if fs::metadata(folder)?.uid() != 0 {
        return Ok(());
    }
    let users = fs::read_to_string("/etc/passwd")?;
    let of = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2).map(|field| field.parse::<u32>().ok());
        Some((fields.next()??, fields.next()??))
    };
    let (user, group) = of("postgres").or_else(|| of("nobody")).ok_or_else(|| io::Error::other("no user to be"))?;
    chown(folder, Some(user), Some(group))?;
    command.uid(user).gid(group);
    Ok(())
}

#[cfg(not(unix))]
fn as_somebody_else(_: &mut Command, _: &Path) -> io::Result<()> {
    Ok(())
}
