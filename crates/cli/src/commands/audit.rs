//! `keyholder audit`: which service users there are, what they may do, and what is wrong with it.

mod files;
mod orgs;
mod words;

use std::path::Path;

use keyholder_foundation::{SystemClock, WallClock};
use keyholder_platform::create_new;
use keyholder_service_users::audit::{
    Baseline, Finding, Limits, Reading, Report, Severity, TABLES, gather, judge, rules,
};
use keyholder_service_users::declaration::Declaration;
use serde_json::{Value, json};

use crate::args::{self, JudgingFlags};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::Printer;
use files::Files;
use orgs::Audited;

pub(crate) async fn run(arguments: &args::Audit, printer: Printer) -> Result<Exit, Failure> {
    if arguments.rules {
        show_rules(printer);
        return Ok(Exit::Done);
    }
    // What is wrong with the baseline is told before minutes of reading.
    let baseline = arguments.judging.baseline.as_deref().map(Baseline::read).transpose().map_err(of_baseline)?;
    let files = Files::find(&arguments.reports)?;
    let audited = Audited::find(arguments, printer).await?;
    let report = report(&audited, arguments, baseline).await;
    let requests = if files.show_requests() { audited.requests(printer).await } else { None };
    let written = files.write(&report, &audited, requests.as_ref(), arguments.judging.fail_on.map(Severity::from));
    audited.end().await;
    written?.iter().for_each(|path| printer.note(&format!("wrote `{}`", path.display())));
    if let Some(path) = &arguments.judging.write_baseline {
        write_baseline(path, &report, printer)?;
    }
    words::of(&report, arguments.who).iter().for_each(|line| printer.line(line));
    printer.json(&to_json(&report));
    let fails = arguments.judging.fail_on.is_some_and(|weight| report.has(Severity::from(weight)));
    Ok(if fails { Exit::Findings } else { Exit::Done })
}

async fn report(audited: &Audited, arguments: &args::Audit, baseline: Option<Baseline>) -> Report {
    let flags = &arguments.judging;
    let declaration = audited.declaration();
    let limits = limits(flags, declaration);
    let slots_limit = flags.limit.unwrap_or(declaration.policies.non_interactive_limit);
    let reading =
        Reading { slots_limit, activity: tables(arguments.activity.as_deref()), activity_span: limits.activity };
    let facts = gather(audited.estate(), declaration, &reading, SystemClock::new().now()).await;
    let mut switches = declaration.audit.rules.clone();
    flags.switches.iter().for_each(|switch| switches.set(switch.rule, switch.severity));
    let mut findings = judge(&facts, audited.declared(), &limits, &switches);
    let unused_acceptances = baseline.map(|baseline| baseline.apply(&mut findings, &facts)).unwrap_or_default();
    Report { facts, findings, unused_acceptances }
}

/// The tables of which it is read who did what: those that are named, or the usual ones.
fn tables(asked: Option<&[String]>) -> Vec<String> {
    let Some(asked) = asked else { return Vec::new() };
    let named: Vec<String> = asked.iter().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect();
    if named.is_empty() { TABLES.map(str::to_owned).to_vec() } else { named }
}

fn limits(flags: &JudgingFlags, declaration: &Declaration) -> Limits {
    let (usual, lines) = (Limits::default(), &declaration.audit);
    let longest = declaration.policies.longest_lifetime;
    Limits {
        expiring: flags.expiring.or(lines.expiring).unwrap_or(usual.expiring),
        longest_lifetime: flags.longest_lifetime.or(longest).unwrap_or(usual.longest_lifetime),
        unused: flags.unused.or(lines.unused).unwrap_or(usual.unused),
        password_age: flags.password_age.or(lines.password_age).unwrap_or(usual.password_age),
        ..usual
    }
}

fn write_baseline(path: &Path, report: &Report, printer: Printer) -> Result<(), Failure> {
    let found: Vec<&Finding> = report.counted().collect();
    create_new(path, Baseline::print(found.iter().copied(), report.facts.now).as_bytes()).map_err(|error| {
        let is_there = error.is_there_already();
        let failure = Failure::from(error);
        if !is_there {
            return failure;
        }
        failure.hint(
            "a baseline is not written over, as its reasons would be lost: name another file, or move that one away",
        )
    })?;
    let path = path.display();
    printer.note(&format!(
        "wrote {} findings to `{path}`: fill in the reasons, then give it with `--baseline`",
        found.len()
    ));
    Ok(())
}

/// The report with what a program would otherwise have to count.
fn to_json(report: &Report) -> Value {
    let mut value = serde_json::to_value(report).unwrap_or_default();
    if let Some(object) = value.as_object_mut() {
        object.insert("summary".to_owned(), json!(report.counts()));
    }
    value
}

fn show_rules(printer: Printer) {
    for rule in rules::all() {
        printer.line(&format!("{}  {:<7}  {:<30}  {}", rule.id, rule.severity.name(), rule.name, rule.title));
    }
    let all: Vec<Value> = rules::all()
        .map(|rule| {
            json!({
                "id": rule.id, "name": rule.name, "severity": rule.severity, "title": rule.title,
                "explanation": rule.explanation, "mend": rule.mend,
            })
        })
        .collect();
    printer.json(&json!({ "rules": all }));
}

/// A baseline that cannot be read is told as any other file of settings is.
fn of_baseline(error: keyholder_service_users::declaration::ReadError) -> Failure {
    use keyholder_service_users::declaration::ReadError;
    match error {
        ReadError::File(file) if file.is_missing() => Failure::new(Exit::BadConfiguration, file.to_string())
            .hint("`keyholder audit --write-baseline FILE` writes one"),
        other => other.into(),
    }
}
