//! What was typed: the command line as types and the texts of `--help`, and nothing else.
//!
//! Turning this into settings (which file, which connection) is `settings`; doing it is
//! `commands`. No flag takes a secret's value: an argument list is shown to every user of the
//! machine.

mod app_user;
mod audit;
mod batch;
mod connection;
mod credential;
mod credentials;
mod declared;
mod doctor;
mod explain;
mod export;
mod fault;
mod init;
mod load;
mod non_interactive;
mod org;
pub(crate) mod people;
mod profile;
mod roles;
mod rotate;
mod rows;
mod subscriber;
mod usage;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use keyholder_foundation::ClientId;

pub(crate) use app_user::{AppUser, AppUserCreate, AppUserList, AppUserOne, AppUserRemove, RightsFlags};
pub(crate) use audit::{Audit, JudgingFlags, ReportFlags};
pub(crate) use batch::Batch;
pub(crate) use connection::{
    CONNECTION, CallerFlags, ConnectionFlags, FederatedSource, Login, Logout, OrgPlace, PlaceFlags,
};
pub(crate) use credential::{SinkFlags, TrustFlags, Trusted};
pub(crate) use credentials::{Credential, CredentialAdd, CredentialList, CredentialRevoke};
pub(crate) use declared::{Apply, Declared, LeaveFlags, Plan};
pub(crate) use doctor::{AdministratorFlags, Doctor};
pub(crate) use explain::Explain;
pub(crate) use export::{Export, Format};
pub(crate) use fault::{Fault, FaultAdd, FaultKind};
pub(crate) use init::Init;
pub(crate) use load::{Load, LoadMode, RowForm};
pub(crate) use non_interactive::{
    NonInteractive, NonInteractiveConvert, NonInteractiveCreate, NonInteractiveList, NonInteractiveMigrate,
    NonInteractiveRelease, NonInteractiveWish, PasswordPlace, Slot,
};
pub(crate) use org::{
    Behaviour, Clock, Credentials, Folder, ImportSchema, IssuerKeys, Org, OrgAdd, Policy, Pretence, Protection, Reset,
    Sample, SecurityGroup, Snapshot, Snapshots, Start, Tenant,
};
pub(crate) use profile::{Profile, ProfileAdd, ProfileRemove, ProfileUse, SourceFlags};
pub(crate) use roles::{Role, RoleCreate, RoleDiff, RoleExport};
pub(crate) use rotate::{Rotate, To};
pub(crate) use rows::{BodyFlags, Call, Create, Delete, Get, Member, NameFlags, Write};
pub(crate) use subscriber::{KnownFlags, Subscriber, SubscriberAdd, SubscriberList};
pub(crate) use usage::{Entitlement, Usage};

/// Gives an application its own way into Dynamics 365: no licensed person, no clicking.
#[derive(Debug, Parser)]
#[command(
    name = "keyholder",
    version,
    about,
    long_about = "Gives an application its own way into Dynamics 365 (Dataverse): an app registration, a credential, \
        an application user with the least role, and the proof that it works.\n\n\
        It brings a local org (token service, directory and Dataverse in one process), on which `quickstart` does \
        the whole job without a tenant. The same works on real orgs: `app-user create` for one application, `plan` and \
        `apply` for all that a file declares.",
    after_help = "Start here:  keyholder quickstart",
    after_long_help = EXIT_CODES,
    arg_required_else_help = true,
    max_term_width = 100
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// How to print the result: for people, as one JSON document, or as lines of JSON as it happens
    #[arg(long, global = true, value_enum, default_value_t = Output::Text, value_name = "FORM")]
    pub(crate) output: Output,

    /// Say nothing but the result, and why a command failed
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
}

const EXIT_CODES: &str = "Start here:  keyholder quickstart\n\n\
Exit codes:\n  \
  0  done\n  \
  1  failed for a reason that none of the others names\n  \
  2  `plan`, and `--dry-run` of what makes a plan: there are changes\n  \
  3  `audit --fail-on`: there are findings of that weight or more\n  \
 64  the command line is wrong\n  \
 65  data that was given or received is wrong\n  \
 69  a service is out of reach\n  \
 73  a file, folder or port cannot be made or opened\n  \
 77  not allowed: wrong credentials or a missing right\n  \
 78  a setting is missing or wrong\n\
130  interrupted (Ctrl-C, SIGTERM) before it was done; `org start` and `quickstart --serve` serve\n     \
     until then, and end with 0";

/// The forms of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// Lines and tables for people
    Text,
    /// One JSON document
    Json,
    /// JSON, one line for each thing that happens and one for the result, or for each row of it
    Jsonl,
    /// Rows with commas between their values (`query` and `usage`)
    Csv,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Do the main job on the local org: an application gets its own way in, proved by reading contacts
    #[command(long_about = "Does the whole job on the local org, one line for each step: an app registration \
        `orders-sync`, its API permission, service principal and client secret, a security role that may read \
        contacts and nothing else, the application user, and the proof: sign-in, WhoAmI, three contacts.\n\n\
        It is safe to run again: what is in place is found and left alone. The secret is written to \
        DIR/orders-sync.env (readable by you alone) and never printed.")]
    Quickstart(Quickstart),
    /// Write a first keyholder.toml: from nothing, or from what an org has
    #[command(
        long_about = "Writes a first declaration of service users, with comments. It never writes over a file.\n\n\
        With `--from-org` it writes down what an org has: application users with their registrations, business units \
        and roles, and what the roles grant. `plan` then says that there is nothing to do. System Administrators, \
        other tenants' applications and disabled users are left out, and said.\n\n\
        Examples:\n  \
        keyholder init --url https://contoso.crm4.dynamics.com\n  \
        keyholder init --from-org --url https://contoso.crm4.dynamics.com\n  \
        keyholder init --local && keyholder apply --local"
    )]
    Init(Init),
    /// Print the JSON Schema of keyholder.toml, for editors
    Schema,
    /// Say what `apply` would do about the declared service users, and why
    #[command(long_about = "Compares what keyholder.toml declares with what there is, in the directories and the \
        orgs, and says what `apply` would do about it: `+` make, `~` change, `-` remove, `=` in place, each with its \
        reason and what it really grants. It changes nothing.\n\n\
        Ends with 0 when there is nothing to do, with 2 when there is.")]
    Plan(Plan),
    /// Bring the declared service users about, and prove each way in
    #[command(long_about = "Does what `plan` says: the directories beside the orgs, and each org beside the others. \
        Then each application signs in with nothing but its own credential, and tries the rights that it was given. \
        A run that was stopped is simply run again.")]
    Apply(Apply),
    /// Run and look after the local org
    #[command(subcommand, arg_required_else_help = true)]
    Org(Org),
    /// Sign in as a person, once, for all later commands
    #[command(long_about = "Signs a person in, by a browser on this machine, by a code that is typed into a browser \
        anywhere, or by the Azure CLI. What the sign-in leaves is kept for this user of the machine (a file of mode \
        0600, see docs/sign-in.md) and used by every later command that is given no credential of an application; \
        `keyholder logout` forgets it.\n\nThe person is proved against the org and the directory at once, so that a \
        missing right shows here and not in the middle of a later command.\n\nExamples:\n  \
        keyholder login --url https://contoso.crm4.dynamics.com\n  \
        keyholder login --device-code --tenant contoso.com\n  \
        keyholder login --list")]
    Login(Login),
    /// Forget a person's sign-in
    #[command(
        long_about = "Forgets the sign-in that `keyholder login` kept on this machine. Given no flag it forgets \
        the only one; with several, say which. It forgets, it does not revoke: whoever copied the file could still \
        use it until an administrator revokes the person's sessions in the Entra admin center."
    )]
    Logout(Logout),
    /// Keep orgs and callers under names of your own, without their secrets
    #[command(subcommand, arg_required_else_help = true)]
    Profile(Profile),
    /// Give applications their own way into an org, and look after it
    #[command(subcommand, arg_required_else_help = true)]
    AppUser(AppUser),
    /// List, add and revoke what an application signs in with
    #[command(subcommand, arg_required_else_help = true)]
    Credential(Credential),
    /// Replace credentials that work: one, or all that are due
    #[command(long_about = rotate::ROTATE, after_long_help = rotate::EXAMPLES)]
    Rotate(Box<Rotate>),
    /// Serve customers' tenants with one application: consent, their administrator's command, proof
    #[command(subcommand, arg_required_else_help = true)]
    Subscriber(Subscriber),
    /// Show, make and compare the security roles of an org
    #[command(subcommand, arg_required_else_help = true)]
    Role(Role),
    /// Look after non-interactive users: people who reach an org's data by programs alone
    #[command(subcommand, arg_required_else_help = true)]
    NonInteractive(NonInteractive),
    /// Sign in and print the access token
    #[command(long_about = "Signs in, as an application or as the person who has signed in, and prints the access \
        token, for other programs. The token service is found from the org's URL alone.\n\nA token opens the org until it expires (about an hour): \
        pipe it, do not paste it. With `--decode` it is explained instead, claim by claim, and not shown.")]
    Token(Token),
    /// Ask the org who it takes the caller for
    Whoami(Whoami),
    /// Read rows with a Web API query
    #[command(long_about = "Reads rows with a Web API query and prints them as a table, or with \
        `--output` as JSON, lines of JSON (`jsonl`) or CSV, page by page as they arrive. The query is what follows \
        /api/data/v9.2/ in a URL; quote it for the shell.\n\nExamples:\n  \
        keyholder query 'contacts?$select=fullname,emailaddress1&$top=3' --local\n  \
        keyholder query 'accounts?$select=name,statecode' --annotations --output csv --local\n  \
        keyholder query --fetch contacts.xml --local")]
    Query(Query),
    /// Read one row
    #[command(long_about = rows::GET)]
    Get(Get),
    /// Make a row
    #[command(long_about = rows::CREATE)]
    Create(Create),
    /// Change a row that is there
    #[command(long_about = rows::UPDATE)]
    Update(Write),
    /// Change the row with this id or key, or make it
    #[command(long_about = rows::UPSERT)]
    Upsert(Write),
    /// Delete a row
    #[command(long_about = rows::DELETE)]
    Delete(Delete),
    /// Call a function or an action
    #[command(long_about = rows::CALL)]
    Call(Call),
    /// Send the operations of a file, up to 1,000 in a request
    #[command(long_about = batch::BATCH)]
    Batch(Batch),
    /// Write the rows of a table or a query to a file, and go on where that was stopped
    #[command(long_about = export::EXPORT)]
    Export(Export),
    /// Load rows of a CSV or JSON lines file into a table
    #[command(long_about = load::LOAD)]
    Load(Load),
    /// Tell how much each user asks for, against the limits and what they are entitled to in a day
    #[command(long_about = usage::USAGE)]
    Usage(Usage),
    /// Find out why an application does not get in, or what it may not do, and what mends that
    #[command(long_about = doctor::DOCTOR)]
    Doctor(Box<Doctor>),
    /// Say what an error code means, what mends it, and who may
    #[command(long_about = explain::EXPLAIN)]
    Explain(Explain),
    /// Say which service users there are, what they may do, and what is wrong with it
    #[command(long_about = audit::AUDIT, after_long_help = audit::EXAMPLES)]
    Audit(Box<Audit>),
    /// Print a script that completes this command line in a shell
    #[command(long_about = "Prints a script by which a shell completes the commands and flags of keyholder.\n\n\
        Examples:\n  \
        keyholder completions bash > ~/.local/share/bash-completion/completions/keyholder\n  \
        keyholder completions zsh > ~/.zfunc/_keyholder\n  \
        keyholder completions powershell >> $PROFILE")]
    Completions(Completions),
    /// Write the manual pages, one for each command, to a folder
    #[command(long_about = "Writes the manual pages, one for each command, to a folder, which is made when it is not \
        there. Each says what `--help` says.\n\nExample:\n  keyholder man ~/.local/share/man/man1")]
    Man(Man),
}

/// `completions`.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

/// `man`.
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// The folder
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
}

/// `quickstart`.
#[derive(Debug, Args)]
pub(crate) struct Quickstart {
    #[command(flatten)]
    pub(crate) data: Data,
    #[command(flatten)]
    pub(crate) listen: ListenFlags,
    /// The service protection API limits of each user: real, off, or as `org start --help` says [default: real]
    #[arg(long, value_name = "LIMITS", value_parser = org::protection)]
    pub(crate) limits: Option<Protection>,
    /// Leave the org running at the end instead of stopping it
    #[arg(long, conflicts_with = "remove")]
    pub(crate) serve: bool,
    /// Take away everything that quickstart made: user, role, registration and env file
    #[arg(long, conflicts_with = "ephemeral")]
    pub(crate) remove: bool,
    /// Which registration to use when several are called `orders-sync`, or one is that Keyholder did not make
    #[arg(long, value_name = "CLIENT-ID", alias = "client-id")]
    pub(crate) adopt: Option<ClientId>,
}

/// Where a local org keeps its data when nothing else is said.
pub(crate) const DEFAULT_DATA: &str = ".keyholder";

/// The data of a local org.
#[derive(Debug, Args)]
pub(crate) struct Data {
    /// The folder that keeps the org between runs
    #[arg(long, value_name = "DIR", default_value = DEFAULT_DATA, conflicts_with = "ephemeral")]
    pub(crate) data: PathBuf,
    /// Keep nothing: everything is gone when the org stops
    #[arg(long)]
    pub(crate) ephemeral: bool,
    /// A file with the URL of the PostgreSQL database that the org is in, for many nodes [env, the URL itself:
    /// KEYHOLDER_DATABASE_URL]
    #[arg(long, value_name = "FILE", conflicts_with = "ephemeral")]
    pub(crate) database_url_file: Option<PathBuf>,
    /// What an acknowledged write survives: the process being killed, or power loss too
    #[arg(long, value_enum, default_value_t = Durability::Normal, value_name = "LEVEL")]
    pub(crate) durability: Durability,
}

/// The levels of durability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Durability {
    /// Survives the process being killed
    Normal,
    /// Survives power loss too; each write waits for the disk
    Full,
}

/// Where a local org listens.
#[derive(Debug, Args)]
pub(crate) struct ListenFlags {
    /// The https address of the origin [default: 127.0.0.1 and ::1, on the port where it was last, or 8443]; port 0 takes a free one
    #[arg(long, value_name = "ADDR:PORT", value_parser = address)]
    pub(crate) listen: Option<SocketAddr>,
    /// A further https address, for clients that drop the port and ask 443; may be repeated
    #[arg(long, value_name = "ADDR:PORT", value_parser = address)]
    pub(crate) also_listen: Vec<SocketAddr>,
    /// A plain http address beside it; loopback only
    #[arg(long, value_name = "ADDR:PORT", value_parser = address)]
    pub(crate) http: Option<SocketAddr>,
    /// The name that others call this machine by; needed to listen beyond loopback
    #[arg(long, value_name = "NAME")]
    pub(crate) host: Option<String>,
}

/// Reads an address to listen on as people write it: whole, or with `localhost`, or a port alone.
fn address(text: &str) -> Result<SocketAddr, String> {
    let port = text.strip_prefix("localhost:").or_else(|| text.strip_prefix(':')).unwrap_or(text);
    match (text.parse(), port.parse::<u16>()) {
        (Ok(address), _) => Ok(address),
        (Err(_), Ok(port)) => Ok(SocketAddr::from(([127, 0, 0, 1], port))),
        (Err(_), Err(_)) => {
            Err("give an address and a port, like 127.0.0.1:8444 or [::1]:8444, or a port alone".to_owned())
        }
    }
}

/// `token`.
#[derive(Debug, Args)]
pub(crate) struct Token {
    /// Print `Authorization: Bearer ...`, as `curl -H @-` reads it
    #[arg(long)]
    pub(crate) as_header: bool,
    /// Explain what the token says, claim by claim, instead of printing it
    #[arg(long, conflicts_with = "as_header")]
    pub(crate) decode: bool,
    #[command(flatten)]
    pub(crate) place: OrgPlace,
}

/// `whoami`.
#[derive(Debug, Args)]
pub(crate) struct Whoami {
    #[command(flatten)]
    pub(crate) place: OrgPlace,
}

/// `query`.
#[derive(Debug, Args)]
pub(crate) struct Query {
    /// Such as 'contacts?$select=fullname&$top=3'
    #[arg(value_name = "QUERY", required_unless_present = "fetch")]
    pub(crate) query: Option<String>,
    /// A FetchXML document instead: a file, or `-` for standard input; QUERY may then name its entity set
    #[arg(long, value_name = "FILE")]
    pub(crate) fetch: Option<PathBuf>,
    /// With what people read beside the values: labels of options, names behind lookups
    #[arg(long)]
    pub(crate) annotations: bool,
    #[command(flatten)]
    pub(crate) name: NameFlags,
    #[command(flatten)]
    pub(crate) place: OrgPlace,
}
