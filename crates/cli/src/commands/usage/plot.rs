//! Requests a day, user by user, as one line of blocks each.

use serde_json::Value;

use super::days::{POOL, days_of, requests_of};
use super::shown::text;
use crate::printer::{one_line, visible};

/// From nothing to the most, in eighths.
const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// The same where the terminal shows ASCII alone.
const ASCII: [char; 9] = [' ', '.', ':', '-', '=', '+', '*', '%', '#'];

/// Whether the terminal shows more than ASCII, by the environment's locale; on Windows it does.
pub(super) fn shows_blocks(environment: impl Fn(&'static str) -> Option<String>) -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(environment).find(|value| !value.is_empty());
    cfg!(windows) || locale.is_some_and(|locale| locale.to_ascii_lowercase().replace('-', "").contains("utf8"))
}

/// The lines of a tenant's users and their pool; none where nobody asked for anything. All have one scale, so that they
/// can be compared.
pub(super) fn lines(users: &[Value], pool: Option<&Value>, shows_blocks: bool) -> Vec<String> {
    let rows: Vec<(&str, Vec<(&str, u64)>)> = users
        .iter()
        .map(|user| (text(user, "name"), days(user)))
        .chain(pool.map(|pool| (POOL, days(pool))))
        .filter(|(_, days)| days.iter().any(|(_, requests)| *requests > 0))
        .collect();
    let most = rows.iter().flat_map(|(_, days)| days).map(|(_, requests)| *requests).max().unwrap_or(0);
    let Some((_, of_first)) = rows.first() else { return Vec::new() };
    let (Some((from, _)), Some((to, _))) = (of_first.first(), of_first.last()) else { return Vec::new() };
    let blocks = if shows_blocks { BLOCKS } else { ASCII };
    let grouped = |number: u64| keyholder_dataverse::error::grouped(number.into());
    let widest = rows.iter().map(|(name, _)| shown(name).chars().count()).max().unwrap_or(0);
    let mut lines = vec![format!("Requests a day from {from} to {to} (UTC); {} is {}:", blocks[8], grouped(most))];
    for (name, days) in &rows {
        let name = shown(name);
        let blank = " ".repeat(widest - name.chars().count());
        let bar: String = days.iter().map(|(_, requests)| blocks[level(*requests, most)]).collect();
        let (day, peak) = days.iter().max_by_key(|(_, requests)| *requests).copied().unwrap_or_default();
        lines.push(format!("{name}{blank}  |{bar}|  most {} on {day}", grouped(peak)));
    }
    lines
}

/// A name that steers no terminal and leaves room for the plot.
fn shown(name: &str) -> String {
    visible(&one_line(name)).chars().take(40).collect()
}

fn days(user: &Value) -> Vec<(&str, u64)> {
    days_of(user).iter().map(|day| (text(day, "day"), requests_of(day))).collect()
}

/// How high: anything at all is seen.
fn level(requests: u64, most: u64) -> usize {
    let eighths = (u128::from(requests) * 8).div_ceil(u128::from(most.max(1)));
    usize::try_from(eighths.min(8)).unwrap_or(8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn user(name: &str, requests: &[u64]) -> Value {
        let days: Vec<Value> = requests
            .iter()
            .enumerate()
            .map(|(at, n)| json!({"day": format!("2026-11-0{}", at + 1), "requests": n}))
            .collect();
        json!({"name": name, "days": days})
    }

    #[test]
    fn users_are_drawn_on_one_scale() {
        let users =
            [user("orders", &[0, 1, 4_000, 8_000]), user("né\u{1b}w", &[2_000, 0, 0, 0]), user("idle", &[0, 0, 0, 0])];
        assert_eq!(
            lines(&users, None, true),
            [
                "Requests a day from 2026-11-01 to 2026-11-04 (UTC); █ is 8,000:",
                "orders     | ▁▄█|  most 8,000 on 2026-11-04",
                "né\\u{1b}w  |▂   |  most 2,000 on 2026-11-01",
            ]
        );
        assert!(lines(&users, None, false)[1].contains("| .=#|"), "{:?}", lines(&users, None, false));
        assert!(lines(&users[2..], None, true).is_empty() && lines(&[], None, true).is_empty());
        let pool = user("", &[2_000, 1, 4_000, 8_000]);
        assert_eq!(lines(&users, Some(&pool), true)[3], "(the pool)  |▂▁▄█|  most 8,000 on 2026-11-04");
        assert_eq!((level(u64::MAX, u64::MAX), level(0, 0), level(1, u64::MAX)), (8, 0, 1));
    }

    #[test]
    fn a_terminal_says_by_its_locale_what_it_shows() {
        let with = |name: &'static str, value: &'static str| {
            shows_blocks(move |asked| (asked == name).then(|| value.to_owned()))
        };
        assert!(with("LANG", "de_DE.UTF-8") && with("LC_ALL", "C.utf8"));
        assert_eq!(with("LANG", "C"), cfg!(windows));
        assert_eq!(shows_blocks(|_| None), cfg!(windows));
        // The first that is set counts.
        assert_eq!(
            shows_blocks(|asked| Some(if asked == "LC_ALL" { "POSIX" } else { "C.UTF-8" }.to_owned())),
            cfg!(windows)
        );
    }
}
