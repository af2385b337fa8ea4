//! The time-line: what ends when.

use std::collections::BTreeMap;

use keyholder_foundation::Timestamp;

use super::markup::Page;
use crate::audit::facts::Facts;
use crate::audit::report::expiries::{Expiry, expiries};
use crate::audit::report::text;

/// How many are shown one by one; of the rest, how many a month.
const SHOWN: usize = 60;
const DAY: u64 = 24 * 60 * 60;
/// How far the line goes, in days.
const HORIZON: f64 = 365.0;
/// So many days before its end something is to be looked after, and so many before it is urgent.
const SOON: u64 = 30;
const URGENT: u64 = 7;

pub(super) fn section(page: &mut Page, facts: &Facts) {
    let now = facts.now;
    // What is over and was followed by something else is told among the findings alone.
    let all: Vec<_> = expiries(facts).into_iter().filter(|one| one.ends > now || one.is_last).collect();
    page.raw("<section id=\"expiries\">\n<h2>What expires, and when</h2>\n");
    if all.is_empty() {
        page.raw("<p>No secret or certificate that could be read has an end.</p>\n</section>\n");
        return;
    }
    page.raw("<p>Secrets and certificates of the audited applications, over the next twelve months.</p>\n");
    page.raw(
        "<div class=\"axis\" aria-hidden=\"true\"><span>now</span><span>3 months</span><span>6</span><span>9</span>",
    );
    page.raw("<span>12</span></div>\n<ol class=\"line\">\n");
    for expiry in all.iter().take(SHOWN) {
        one(page, expiry, now);
    }
    page.raw("</ol>\n");
    if let Some(rest) = all.get(SHOWN..).filter(|rest| !rest.is_empty()) {
        months(page, rest);
    }
    page.raw("</section>\n");
}

fn one(page: &mut Page, expiry: &Expiry<'_>, now: Timestamp) {
    let left = expiry.ends.since(now).as_secs().div_ceil(DAY);
    let is_over = expiry.ends <= now;
    let class = match left {
        _ if is_over => "error",
        left if left <= URGENT => "error",
        left if left <= SOON => "warning",
        _ => "fine",
    };
    page.raw("<li class=\"").raw(class).raw("\"><span class=\"who\">").name(&expiry.application.name);
    page.raw(" <span class=\"soft\">").raw(expiry.held.kind.noun());
    if let Some(name) = expiry.held.name.as_deref().filter(|name| !name.is_empty()) {
        page.raw(" ").name(name);
    }
    if !expiry.is_last {
        page.raw(", another one works longer");
    }
    page.raw("</span></span> <span class=\"when\">").text(&expiry.ends.date()).raw(", ");
    let words = match (is_over, left) {
        (true, _) if now.since(expiry.ends).as_secs() < DAY => "within the last day".to_owned(),
        (true, _) => format!("{} ago", text::counted(days(now.since(expiry.ends).as_secs() / DAY), "day")),
        (false, 0 | 1) => "within a day".to_owned(),
        (false, left) => format!("in {}", text::counted(days(left), "day")),
    };
    page.text(&words).raw("</span><span class=\"track\" aria-hidden=\"true\"><b");
    let share = u32::try_from(left).map_or(1.0, |left| f64::from(left) / HORIZON);
    page.width(if is_over { 0.0 } else { share }).raw("></b></span></li>\n");
}

fn days(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn months(page: &mut Page, rest: &[Expiry<'_>]) {
    let mut months: BTreeMap<String, u32> = BTreeMap::new();
    for expiry in rest {
        *months.entry(expiry.ends.date().chars().take(7).collect()).or_default() += 1;
    }
    let most = months.values().max().copied().unwrap_or(1);
    page.raw("<h3>After those</h3>\n<table class=\"bars\">\n<thead><tr><th scope=\"col\">Month</th><th scope=\"col\">Expire</th>");
    page.raw("<td></td></tr></thead>\n<tbody>\n");
    for (month, number) in months {
        page.raw("<tr><th scope=\"row\">").text(&month).raw("</th><td class=\"figure\">").number(&number);
        page.raw("</td><td aria-hidden=\"true\"><span class=\"track\"><b").width(f64::from(number) / f64::from(most));
        page.raw("></b></span></td></tr>\n");
    }
    page.raw("</tbody></table>\n");
}
