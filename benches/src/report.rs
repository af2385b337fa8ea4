//! The table that a run prints.

use std::fmt;

use crate::clients::Cost;

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

/// Lines in the order of their measuring: what, how much, and the aim.
#[derive(Debug, Default)]
pub(crate) struct Report(Vec<[String; 3]>);

impl Report {
    fn line(&mut self, name: &str, value: String, aim: &str) {
        // A run takes minutes: whoever waits sees how far it is.
        eprintln!("{name}: {value}");
        self.0.push([name.to_owned(), value, aim.to_owned()]);
    }

    /// Samples of one figure.
    pub(crate) fn figure(&mut self, name: &str, samples: &[f64], unit: &str, aim: &str) {
        self.line(name, format!("{} {unit}", spread(samples, 1)), aim);
    }

    /// What a server did in each round.
    pub(crate) fn load(&mut self, name: &str, rounds: &[Load]) {
        let of = |part: fn(&Load) -> f64| rounds.iter().map(part).collect::<Vec<_>>();
        let rate = median(&of(|load| load.per_second));
        let cpu = spread(&of(|load| load.cpu_micros), 1);
        let p99 = median(&of(|load| load.p99_millis));
        self.line(name, format!("{rate:.0} per s, {cpu} us CPU each, p99 {p99:.2} ms"), "");
    }

    /// What a client did in each round.
    pub(crate) fn client(&mut self, name: &str, rounds: &[Cost], aim: &str) {
        let of = |part: fn(&Cost) -> f64| rounds.iter().map(part).collect::<Vec<_>>();
        let most = |part: fn(&Cost) -> u32| rounds.iter().map(part).max().unwrap_or_default();
        let (rate, peak) = (median(&of(Cost::per_second)), median(&of(|cost| cost.peak)));
        let cpu = spread(&of(|cost| cost.cpu_millis), 2);
        let mut said = format!("{rate:.0} rows per s, {cpu} ms CPU for 1,000 rows, {peak:.1} MB at the most");
        let wrong = [
            (most(|cost| cost.done.refused), "requests refused"),
            (most(|cost| cost.lost), "rows lost"),
            (most(|cost| cost.doubled), "rows doubled"),
        ];
        for (count, what) in wrong.into_iter().filter(|(count, _)| *count > 0) {
            said.push_str(&format!(", {count} {what}"));
        }
        if let Some(failed) = rounds.iter().find_map(|cost| cost.done.failed.as_deref()) {
            said.push_str(&format!(", failed: {failed}"));
        }
        self.line(name, said, aim);
    }

    /// How much of `other` `one` is, round by round.
    pub(crate) fn ratio(
        &mut self,
        name: &str,
        one: impl IntoIterator<Item = f64>,
        other: impl IntoIterator<Item = f64>,
        aim: &str,
    ) {
        let ratios: Vec<f64> = one.into_iter().zip(other).map(|(one, other)| one / other).collect();
        self.line(name, spread(&ratios, 2), aim);
    }

    /// The same of two loads' CPU.
    pub(crate) fn cpu_ratio(&mut self, name: &str, one: &[Load], other: &[Load], aim: &str) {
        let cpu = |load: &Load| load.cpu_micros;
        self.ratio(name, one.iter().map(cpu), other.iter().map(cpu), aim);
    }

    /// The same of two loads' rates.
    pub(crate) fn rate_ratio(&mut self, name: &str, one: &[Load], other: &[Load], aim: &str) {
        let rate = |load: &Load| load.per_second;
        self.ratio(name, one.iter().map(rate), other.iter().map(rate), aim);
    }

    /// Something that was not measured, and why.
    pub(crate) fn missing(&mut self, name: &str, why: &str) {
        self.line(name, format!("not measured: {why}"), "");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| measured | median (lowest to highest) | aim |\n|---|---|---|")?;
        self.0.iter().try_for_each(|[name, value, aim]| writeln!(f, "| {name} | {value} | {aim} |"))
    }
}

/// The median, and between what it lies.
fn spread(samples: &[f64], digits: usize) -> String {
    let lowest = samples.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = samples.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    format!("{:.digits$} ({lowest:.digits$} to {highest:.digits$})", median(samples))
}

/// The middle of some values; zero of none.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}
