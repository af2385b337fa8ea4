//! Every service user, org by org: roles, what it signs in with and until when, and when it did last. Rows leave out the end
//! tags that HTML lets them: there are thousands.

use super::markup::Page;
use super::matrix::Patterns;
use crate::audit::facts::{ApplicationFacts, Facts, OrgFacts, Purpose, ServiceUser, UserKind};
use crate::audit::report::text;

pub(super) fn section(page: &mut Page, facts: &Facts, patterns: &Patterns<'_>) {
    page.raw("<section id=\"users\">\n<h2>Service users</h2>\n");
    page.raw("<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"Service users\"><table class=\"cards users\">\n<thead>");
    page.raw("<tr><th scope=\"col\">User</th><th scope=\"col\">Roles</th><th scope=\"col\">Rights</th>");
    page.raw("<th scope=\"col\">Signs in with</th><th scope=\"col\">Last sign-in</th></tr></thead>\n");
    for org in &facts.orgs {
        page.raw("<tbody>\n<tr class=\"org\"><th scope=\"rowgroup\" colspan=\"5\">");
        heading(page, org);
        page.raw("</th></tr>\n");
        for user in &org.users {
            row(page, facts, patterns, org, user);
        }
        page.raw("</tbody>\n");
    }
    page.raw("</table></div>\n</section>\n");
}

fn heading(page: &mut Page, org: &OrgFacts) {
    page.name(&org.name).raw(" <span class=\"soft\">");
    if org.url != org.name {
        page.text(&text::name(&org.url)).raw("; ");
    }
    if let Some(trouble) = &org.trouble {
        page.raw("could not be read: ").sentence(&trouble.why).raw("</span>");
        return;
    }
    match &org.purpose {
        Purpose::Production { .. } => page.raw("production; "),
        Purpose::Test { .. } => page.raw("tests; "),
        Purpose::Unknown => page,
    };
    page.number(&org.slots_used()).raw(" of ").number(&org.slots_limit);
    page.raw(" places for non-interactive users taken</span>");
}

fn row(page: &mut Page, facts: &Facts, patterns: &Patterns<'_>, org: &OrgFacts, user: &ServiceUser) {
    page.raw("<tr><th scope=\"row\">").name(&user.name);
    let kind = match user.kind {
        UserKind::Application => "",
        UserKind::NonInteractive => "non-interactive",
        UserKind::Administrative => "administrative, no service user",
    };
    let marks = [kind, if user.is_disabled { "disabled" } else { "" }, if user.is_caller { "audits" } else { "" }];
    let marks: Vec<&str> = marks.into_iter().filter(|mark| !mark.is_empty()).collect();
    if !marks.is_empty() {
        page.raw(" <span class=\"soft\">").text(&marks.join(", ")).raw("</span>");
    }
    page.raw("<td>");
    match &user.roles {
        None => {
            page.raw("not read");
        }
        Some(roles) if roles.is_empty() => {
            page.raw("none");
        }
        Some(roles) => {
            for (place, role) in roles.iter().enumerate() {
                page.raw(if place == 0 { "" } else { ", " }).name(&role.name);
                if let Some(team) = &role.team {
                    page.raw(" <span class=\"soft\">by ").name(team).raw("</span>");
                }
            }
        }
    }
    page.raw("<td>");
    match patterns.row(org, user) {
        Some(row) => {
            page.raw("<a href=\"#r").number(&row).raw("\">row ").number(&row).raw("</a>");
        }
        None => {
            page.raw("-");
        }
    }
    page.raw("<td>");
    let application =
        org.tenant.as_deref().zip(user.application).and_then(|(tenant, id)| facts.application(tenant, id));
    let (keys, last) = match (application, user.kind) {
        (Some(application), _) => (keys(facts, application), last_of(application)),
        (None, UserKind::Application) => ("not read".to_owned(), "not read".to_owned()),
        (None, _) => of_person(facts, org, user),
    };
    page.text(&keys).raw("<td>").text(&last).raw("\n");
}

fn keys(facts: &Facts, application: &ApplicationFacts) -> String {
    let mut keys: Vec<String> = application
        .credentials
        .iter()
        .map(|held| match held.ends {
            Some(ends) if held.lives(facts.now) => format!("{} until {}", held.kind.noun(), ends.date()),
            Some(ends) => format!("{} until {}, over", held.kind.noun(), ends.date()),
            None => format!("{} without end", held.kind.noun()),
        })
        .collect();
    keys.extend(application.federations.iter().map(|one| format!("tokens of {}", text::name(&one.issuer))));
    match (keys.is_empty(), application.registration.is_some()) {
        (false, _) => keys.join(", "),
        (true, true) => "nothing".to_owned(),
        (true, false) if application.is_microsofts => "Microsoft's own".to_owned(),
        (true, false) => "not registered here".to_owned(),
    }
}

fn last_of(application: &ApplicationFacts) -> String {
    match (application.last_sign_in, application.sign_ins_are_known) {
        (Some(last), _) => last.date(),
        (None, true) => "none known".to_owned(),
        (None, false) => "not read".to_owned(),
    }
}

fn of_person(facts: &Facts, org: &OrgFacts, user: &ServiceUser) -> (String, String) {
    let person =
        facts.people.iter().find(|one| Some(one.id) == user.object && Some(&one.tenant) == org.tenant.as_ref());
    let Some(person) = person else { return ("password".to_owned(), "not read".to_owned()) };
    let password = match person.password_set {
        Some(set) => format!("password of {}", set.date()),
        None => "password".to_owned(),
    };
    let last = match (person.last_sign_in, person.sign_ins_are_known) {
        (Some(last), _) => last.date(),
        (None, true) => "none known".to_owned(),
        (None, false) => "not read".to_owned(),
    };
    (password, last)
}
