//! `keyholder explain`.

use std::io::{IsTerminal, Read};

use keyholder_service_users::codes::{self, Code, Explained};
use serde_json::json;

use crate::args::Explain;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::table::width;
use crate::wrap::wrapped;

/// No message is longer, in bytes.
const LONGEST_TEXT: u64 = 1 << 20;

pub(crate) async fn run(arguments: &Explain, printer: Printer) -> Result<Exit, Failure> {
    if arguments.list {
        list(printer);
        return Ok(Exit::Done);
    }
    let text = match arguments.text.as_slice() {
        [] => standard_input().await?,
        texts => texts.join("\n"),
    };
    // Each argument may be a code by itself; standard input is one text.
    let mut found: Vec<Code> = Vec::new();
    let parts = arguments.text.iter().map(String::as_str);
    for code in parts.chain([text.as_str()]).flat_map(Code::find) {
        if !found.contains(&code) {
            found.push(code);
        }
    }
    if found.is_empty() {
        return Err(Failure::new(Exit::BadData, "there is no code of the token service or of Dataverse in this text")
            .hint("codes look like AADSTS7000222, 0x80040220 or -2147220960; `keyholder explain --list` has all"));
    }
    let told: Vec<Explained> = found.into_iter().map(Code::explained).collect();
    let details = codes::details(&text);
    for (at, one) in told.iter().enumerate() {
        if at > 0 {
            printer.line("");
        }
        tell(one, printer);
    }
    if let Some(details) = &details {
        printer.line("");
        part("here", details, printer);
    }
    printer.json(&json!({ "codes": told, "details": details }));
    Ok(if told.iter().any(|one| one.is_known) { Exit::Done } else { Exit::Failed })
}

fn tell(one: &Explained, printer: Printer) {
    let status = one.status.map(|status| format!(", HTTP {status}")).unwrap_or_default();
    let name = one.name.map(|name| format!("  {name}{status}")).unwrap_or_default();
    printer.line(&format!("{}{name}", one.code));
    part("means", &one.meaning, printer);
    let rest = [("mend", one.mend), ("such as", one.command), ("who", one.who), ("see", Some(one.documented.as_str()))];
    for (what, words) in rest {
        if let Some(words) = words {
            part(what, words, printer);
        }
    }
}

fn part(what: &str, words: &str, printer: Printer) {
    for line in wrapped(&format!("  {what:<8}"), words, width().min(100)) {
        printer.line(&line);
    }
}

fn list(printer: Printer) {
    let all: Vec<Explained> = Code::all().map(Code::explained).collect();
    let longest = all.iter().map(|one| one.name.map_or(0, str::len)).max().unwrap_or_default();
    for one in &all {
        printer.line(&format!("{:<14}  {:<longest$}  {}", one.code, one.name.unwrap_or_default(), one.meaning));
    }
    printer.json(&json!({ "codes": all }));
}

async fn standard_input() -> Result<String, Failure> {
    if std::io::stdin().is_terminal() {
        return Err(Failure::new(Exit::Usage, "no code is given").hint("such as `keyholder explain AADSTS7000222`"));
    }
    // Aside, so that Ctrl-C is heard meanwhile.
    let read = tokio::task::spawn_blocking(|| {
        let mut bytes = Vec::new();
        std::io::stdin().take(LONGEST_TEXT).read_to_end(&mut bytes).map(|_| bytes)
    });
    let bytes = read.await.map_err(std::io::Error::other).flatten();
    let bytes = bytes.map_err(|error| Failure::new(Exit::BadData, format!("cannot read standard input: {error}")))?;
    // Logs have bytes of any kind; codes are plain.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
