//! What service users ask for, against what they may.

use std::cmp::Reverse;

use super::markup::Page;
use crate::audit::facts::{Facts, OrgFacts, ServiceUser, UserKind};
use crate::audit::report::requests::{Asked, Requests};

/// How many users are shown one by one.
const SHOWN: usize = 100;

pub(super) fn section(page: &mut Page, facts: &Facts, requests: Option<&Requests>) {
    page.raw("<section id=\"requests\">\n<h2>Requests, and how many are allowed</h2>\n");
    match requests {
        Some(requests) => known(page, facts, requests),
        None => {
            page.raw("<p>Not known: how much of a day's entitlement is used, and by whom, no public API tells. An administrator \
                downloads the report <q>Microsoft Power Platform requests</q> from the Power Platform admin center.</p>\n");
        }
    }
    page.raw("</section>\n");
}

fn known(page: &mut Page, facts: &Facts, requests: &Requests) {
    let mut asked: Vec<(&OrgFacts, &ServiceUser, Asked, Option<u64>)> = facts
        .users()
        .filter(|(_, user)| user.kind != UserKind::Administrative)
        .filter_map(|(org, user)| {
            let (asked, tenant) = requests.of(&org.url, user.id)?;
            Some((org, user, asked, asked.allowance.or(tenant.pool.allowance)))
        })
        .collect();
    asked.sort_by_key(|(org, user, asked, _)| (Reverse(asked.today), &org.name, &user.name, user.id));
    page.raw("<p>On ").text(&requests.day).raw(" (UTC). Users without a licence share the pool of their tenant.</p>\n");
    page.raw("<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"Requests\"><table class=\"cards asked\">\n<thead><tr>");
    page.raw("<th scope=\"col\">Who</th><th scope=\"col\">Today</th><th scope=\"col\">At this rate</th>");
    page.raw("<th scope=\"col\">Allowed</th><th scope=\"col\">Share</th></tr></thead>\n<tbody>\n");
    for tenant in &requests.tenants {
        page.raw("<tr class=\"pool\"><th scope=\"row\">The pool of ").name(&tenant.name);
        numbers(page, tenant.pool, tenant.pool.allowance);
    }
    for (org, user, one, of) in asked.iter().take(SHOWN) {
        page.raw("<tr><th scope=\"row\">")
            .name(&user.name)
            .raw(" <span class=\"soft\">in ")
            .name(&org.name)
            .raw("</span>");
        numbers(page, *one, *of);
    }
    page.raw("</tbody></table></div>\n");
    if let Some(rest) = asked.get(SHOWN..).filter(|rest| !rest.is_empty()) {
        let sum = rest.iter().map(|(_, _, asked, _)| asked.today).fold(0, u64::saturating_add);
        page.raw("<p>And ").number(&rest.len()).raw(" more, who asked for less: ").number(&sum).raw(" together.</p>\n");
    }
}

/// The rest of a row; `of` is what it is held against.
fn numbers(page: &mut Page, asked: Asked, of: Option<u64>) {
    page.raw("</th><td class=\"figure\">")
        .number(&asked.today)
        .raw("</td><td class=\"figure\">")
        .number(&asked.forecast);
    page.raw("</td><td class=\"figure\">");
    match (asked.allowance, of) {
        (Some(allowance), _) => page.number(&allowance),
        (None, Some(_)) => page.raw("from the pool"),
        (None, None) => page.raw("not known"),
    };
    page.raw("</td><td>");
    if let Some(of) = of.filter(|of| *of > 0) {
        let share = |number: u64| ratio(number, of);
        let class = match share(asked.forecast) {
            beyond if beyond > 1.0 => "error",
            near if near > 0.8 => "warning",
            _ => "fine",
        };
        page.raw("<span class=\"").raw(class).raw("\"><span class=\"percent\">").text(&percent(share(asked.today)));
        page.raw("</span><span class=\"track\" aria-hidden=\"true\"><b")
            .width(share(asked.today))
            .raw("></b></span></span>");
    }
    page.raw("</td></tr>\n");
}

#[expect(clippy::cast_precision_loss, reason = "a share that is shown in whole hundredths")]
fn ratio(number: u64, of: u64) -> f64 {
    number as f64 / of as f64
}

fn percent(share: f64) -> String {
    match share * 100.0 {
        0.0 => "0%".to_owned(),
        small if small < 1.0 => "under 1%".to_owned(),
        percent => format!("{percent:.0}%"),
    }
}
