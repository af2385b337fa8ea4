//! The table that a run prints.

use std::fmt;

/// What a server did under a load.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    /// Answered requests per second.
    pub(crate) per_second: f64,
    /// The server's CPU per request, in microseconds.
    pub(crate) cpu_micros: f64,
    /// The 99th percentile of the time to an answer, in milliseconds.
    pub(crate) p99_millis: f64,
}

/// Lines in the order of their measuring.
#[derive(Debug, Default)]
pub(crate) struct Report(Vec<(String, String)>);

impl Report {
    pub(crate) fn figure(&mut self, name: &str, value: f64, unit: &str) {
        self.0.push((name.to_owned(), format!("{value:.1} {unit}")));
    }

    pub(crate) fn load(&mut self, name: &str, load: &Load) {
        let Load { per_second, cpu_micros, p99_millis } = load;
        self.0.push((
            name.to_owned(),
            format!("{per_second:.0} per s, {cpu_micros:.1} us CPU each, p99 {p99_millis:.2} ms"),
        ));
    }

    pub(crate) fn ratio(&mut self, name: &str, one: f64, other: f64) {
        self.0.push((name.to_owned(), format!("{:.2}", one / other)));
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| measured | median |\n|---|---|")?;
        self.0.iter().try_for_each(|(name, value)| writeln!(f, "| {name} | {value} |"))
    }
}

/// The middle of some values; zero of none.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}
