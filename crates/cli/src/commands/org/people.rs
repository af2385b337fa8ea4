//! `keyholder org conditional-access`, `org multi-factor`, `org password-expiry`, `org licences` and
//! `org persona`.

use keyholder_org::{MultiFactor, Persona, SignInRule};
use serde_json::{Value, json};

use crate::args::people::{self, Factor, OfTenant, Rule, Who};
use crate::failure::Failure;
use crate::local::{self, Control, Holder, segment};
use crate::printer::Printer;

/// The address of a tenant at the control endpoint of a running org.
async fn address(control: &Control, of: &OfTenant, rest: &str) -> Result<String, Failure> {
    let tenant = match &of.tenant {
        Some(tenant) => tenant.clone(),
        None => {
            let status = control.get("status").await?;
            status.get("tenantDomain").and_then(Value::as_str).unwrap_or_default().to_owned()
        }
    };
    Ok(format!("tenants/{}/{rest}", segment(&tenant)))
}

pub(super) async fn conditional_access(arguments: &people::ConditionalAccess, printer: Printer) -> Result<(), Failure> {
    let of = &arguments.of;
    let wanted = arguments.rule.map(SignInRule::from);
    let name = match (local::holder(&of.folder.data).await?, wanted) {
        (Holder::Running(control), wanted) => {
            let path = address(&control, of, "conditional-access").await?;
            let answer = match wanted {
                Some(rule) => control.put(&path, &json!({"rule": rule.name()})).await?,
                None => control.get(&path).await?,
            };
            answer.get("rule").and_then(Value::as_str).unwrap_or_default().to_owned()
        }
        (Holder::Opened(world), Some(rule)) => {
            world.set_conditional_access(of.tenant.as_deref(), rule).await?;
            rule.name().to_owned()
        }
        (Holder::Opened(world), None) => world.conditional_access(of.tenant.as_deref()).await?.name().to_owned(),
    };
    printer.line(match SignInRule::of_name(&name) {
        Some(SignInRule::MultiFactor) => "every sign-in of a person needs a second factor",
        Some(SignInRule::Block) => "no person can sign in",
        _ => "a person needs a password and nothing more",
    });
    printer.json(&json!({"rule": name}));
    Ok(())
}

pub(super) async fn multi_factor(arguments: &people::MultiFactor, printer: Printer) -> Result<(), Failure> {
    let (of, state) = (&arguments.of, MultiFactor::from(arguments.state));
    match local::holder(&of.folder.data).await? {
        Holder::Running(control) => {
            let rest = format!("people/{}/multi-factor", segment(&arguments.user));
            let path = address(&control, of, &rest).await?;
            control.put(&path, &json!({"state": state.word()})).await.map(drop)?;
        }
        Holder::Opened(world) => world.set_multi_factor(of.tenant.as_deref(), &arguments.user, state).await?,
    }
    printer.line(&format!("a second factor of {} is {}", arguments.user, state.word()));
    printer.json(&json!({"user": arguments.user, "state": state.word()}));
    Ok(())
}

pub(super) async fn password_expiry(arguments: &people::PasswordExpiry, printer: Printer) -> Result<(), Failure> {
    let (of, days) = (&arguments.of, arguments.days.0);
    match local::holder(&of.folder.data).await? {
        Holder::Running(control) => {
            let path = address(&control, of, "password-expiry").await?;
            control.put(&path, &json!({"days": days})).await.map(drop)?;
        }
        Holder::Opened(world) => world.set_password_validity(of.tenant.as_deref(), days).await?,
    }
    printer.line(&match days {
        Some(days) => format!("passwords expire {days} days after they were set"),
        None => "passwords do not expire".to_owned(),
    });
    printer.json(&json!({"days": days}));
    Ok(())
}

pub(super) async fn licences(arguments: &people::Licences, printer: Printer) -> Result<(), Failure> {
    let (of, sku, units) = (&arguments.of, &arguments.sku, arguments.units);
    match local::holder(&of.folder.data).await? {
        Holder::Running(control) => {
            let path = address(&control, of, &format!("licences/{}", segment(sku))).await?;
            control.put(&path, &json!({"units": units})).await.map(drop)?;
        }
        Holder::Opened(world) => world.set_licences(of.tenant.as_deref(), sku, units).await?,
    }
    printer.line(&format!("the tenant has {units} of {sku}"));
    printer.json(&json!({"licence": sku, "units": units}));
    Ok(())
}

pub(super) async fn persona(arguments: &people::Persona, printer: Printer) -> Result<(), Failure> {
    let (of, who) = (&arguments.of, Persona::from(arguments.who));
    let made = match local::holder(&of.folder.data).await? {
        Holder::Running(control) => {
            let path = address(&control, of, &format!("personas/{}", who.name())).await?;
            control.post(&path, &Value::Null).await?
        }
        Holder::Opened(world) => {
            serde_json::to_value(world.make_persona(of.tenant.as_deref(), who).await?).unwrap_or_default()
        }
    };
    let text = |name: &str| made.get(name).and_then(Value::as_str).unwrap_or_default();
    printer.line(&format!("{} can sign in; the password is in {}", text("userPrincipalName"), text("envFile")));
    printer.json(&made);
    Ok(())
}

impl From<Rule> for SignInRule {
    fn from(rule: Rule) -> Self {
        match rule {
            Rule::None => Self::None,
            Rule::MultiFactor => Self::MultiFactor,
            Rule::Block => Self::Block,
        }
    }
}

impl From<Factor> for MultiFactor {
    fn from(factor: Factor) -> Self {
        match factor {
            Factor::Disabled => Self::Disabled,
            Factor::Enabled => Self::Enabled,
            Factor::Enforced => Self::Enforced,
        }
    }
}

impl From<Who> for Persona {
    fn from(who: Who) -> Self {
        match who {
            Who::DelegatedAdministrator => Self::DelegatedAdministrator,
            Who::WithoutRights => Self::WithoutRights,
        }
    }
}
