//! `keyholder org tenant add`, `org add` and `org list`.

use keyholder_org::control::{OrgRequest, TenantRequest};
use keyholder_org::{NewOrg, Refused};
use serde_json::{Value, json};

use crate::args::{Folder, OrgAdd, Pretence, SecurityGroup, Tenant};
use crate::failure::Failure;
use crate::local::{self, Holder};
use crate::printer::Printer;

pub(super) async fn tenant(arguments: &Tenant, printer: Printer) -> Result<(), Failure> {
    let Tenant::Add(arguments) = arguments;
    let made = match local::holder(&arguments.folder.data).await? {
        Holder::Running(control) => {
            let request = TenantRequest { domain: arguments.domain.clone() };
            control.post("tenants", &serde_json::to_value(request).unwrap_or_default()).await?
        }
        Holder::Opened(world) => serde_json::to_value(world.add_tenant(&arguments.domain).await?).unwrap_or_default(),
    };
    printer.line(&format!("added the tenant {} ({})", text(&made, "domain"), text(&made, "tenantId")));
    printer.line(&format!("its administrators' credentials: {}", text(&made, "envFile")));
    printer.json(&made);
    Ok(())
}

pub(super) async fn add(arguments: &OrgAdd, printer: Printer) -> Result<(), Failure> {
    let pretend = arguments.pretend.map(Into::into);
    let (made, runs) = match local::holder(&arguments.folder.data).await? {
        Holder::Running(control) => {
            let request = OrgRequest { name: arguments.name.clone(), tenant: arguments.tenant.clone(), pretend };
            (control.post("orgs", &serde_json::to_value(request).unwrap_or_default()).await?, true)
        }
        Holder::Opened(world) => {
            let wish = NewOrg { name: arguments.name.clone(), tenant: arguments.tenant.clone(), pretend };
            (serde_json::to_value(world.add_org(&wish).await?).unwrap_or_default(), false)
        }
    };
    let answers = if runs { "answers" } else { "will answer" };
    printer.line(&format!("added the org {}; it {answers} at {}", text(&made, "name"), text(&made, "url")));
    printer.json(&made);
    Ok(())
}

pub(super) async fn list(arguments: &Folder, printer: Printer) -> Result<(), Failure> {
    let listed = match local::holder(&arguments.data).await? {
        Holder::Running(control) => control.get("orgs").await?,
        Holder::Opened(world) => json!({"tenants": world.list().await}),
    };
    for tenant in listed.get("tenants").and_then(Value::as_array).into_iter().flatten() {
        printer.line(&format!("{}  {}", text(tenant, "domain"), text(tenant, "tenantId")));
        for org in tenant.get("orgs").and_then(Value::as_array).into_iter().flatten() {
            let pretence = match text(org, "pretend") {
                "" => String::new(),
                what => format!("  (pretends to be {what})"),
            };
            let group = match text(org, "securityGroup") {
                "" => String::new(),
                group => format!("  (members of the group {group} only)"),
            };
            printer.line(&format!("  {}  {}{pretence}{group}", text(org, "url"), text(org, "name")));
        }
    }
    printer.json(&listed);
    Ok(())
}

pub(super) async fn security_group(arguments: &SecurityGroup, printer: Printer) -> Result<(), Failure> {
    let holder = local::holder(&arguments.folder.data).await?;
    let listed = match &holder {
        Holder::Running(control) => control.get("orgs").await?,
        Holder::Opened(world) => json!({"tenants": world.list().await}),
    };
    let org = named(&listed, &arguments.org)?;
    let group = arguments.group.as_deref();
    let id = match holder {
        _ if group.is_none() && !arguments.everybody => org.get("securityGroup").cloned().unwrap_or_default(),
        Holder::Running(control) => {
            // A URL cannot stand in a path: the running org is asked by id.
            let path = format!("orgs/{}/security-group", text(org, "organizationId"));
            let answer = match group {
                Some(group) => control.put(&path, &json!({"group": group})).await?,
                None => control.delete(&path).await?,
            };
            answer.get("group").cloned().unwrap_or_default()
        }
        Holder::Opened(world) => json!(world.set_security_group(text(org, "organizationId"), group).await?),
    };
    match group.or(id.as_str()) {
        Some(group) => printer.line(&format!("the members of {group} may come into {}", arguments.org)),
        None => printer.line(&format!("everybody may come into {}", arguments.org)),
    }
    printer.json(&json!({"org": arguments.org, "group": id}));
    Ok(())
}

/// The org of a list that goes by this name, URL or id.
fn named<'a>(listed: &'a Value, name: &str) -> Result<&'a Value, Failure> {
    let tenants = listed.get("tenants").and_then(Value::as_array).into_iter().flatten();
    let orgs = tenants.filter_map(|tenant| tenant.get("orgs").and_then(Value::as_array)).flatten();
    let wanted = name.trim_end_matches('/');
    let is_it =
        |org: &&Value| ["name", "url", "organizationId"].iter().any(|key| text(org, key).eq_ignore_ascii_case(wanted));
    orgs.clone().find(is_it).ok_or_else(|| {
        let known = orgs.map(|org| text(org, "name").to_owned()).collect();
        Refused::NoOrg { name: name.chars().take(80).collect(), known }.into()
    })
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

impl From<Pretence> for keyholder_org::Pretence {
    fn from(pretence: Pretence) -> Self {
        match pretence {
            Pretence::OnPremises => Self::OnPremises,
            Pretence::Older => Self::Older,
        }
    }
}
