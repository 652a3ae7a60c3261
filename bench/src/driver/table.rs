//! Figures, over the runs: the table for the reader and the JSON for programs.

use serde::Serialize;

use crate::error::{Error, print};

/// A goal of issue 5: what a figure, or its ratio to another one of the same run, has to reach.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    AtLeast(f64),
    AtMost(f64),
    RatioAtLeast(f64),
    RatioAtMost(f64),
}

/// One figure, over all runs.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    pub part: &'static str,
    pub name: String,
    pub unit: &'static str,
    /// One a run.
    pub values: Vec<f64>,
    /// To what it is compared with, one a run.
    pub ratios: Vec<f64>,
    pub goal: Option<Goal>,
}

/// Figures in the order in which they came.
#[derive(Debug, Default)]
pub struct Table {
    figures: Vec<Figure>,
    /// Parts that did not come to an end, and why.
    pub failures: Vec<String>,
}

/// A value that is being noted, with what belongs to it.
#[derive(Debug)]
pub struct Noted<'a>(&'a mut Figure);

impl Noted<'_> {
    /// What it is compared with, of the same run.
    pub fn against(self, reference: f64) -> Self {
        if let Some(value) = self.0.values.last() {
            self.0.ratios.push(value / reference);
        }
        self
    }

    pub fn goal(self, goal: Goal) -> Self {
        self.0.goal = Some(goal);
        self
    }
}

impl Table {
    /// Notes one run's value of a figure.
    pub fn note(&mut self, part: &'static str, name: impl Into<String>, unit: &'static str, value: f64) -> Noted<'_> {
        let name = name.into();
        crate::error::say(&format!("  {name}: {} {unit}", round(value)));
        let place = self.figures.iter().position(|figure| figure.part == part && figure.name == name).unwrap_or_else(|| {
            self.figures.push(Figure { part, name, unit, values: Vec::new(), ratios: Vec::new(), goal: None });
            self.figures.len() - 1
        });
        let figure = &mut self.figures[place];
        figure.values.push(value);
        Noted(figure)
    }

    pub fn print(&self) -> Result<(), Error> {
        let mut part = "";
        for figure in &self.figures {
            if part != figure.part {
                part = figure.part;
                print(&format!("\n{part}\n| What | Median | Min–max | Ratio | Goal | |\n| --- | ---: | ---: | ---: | --- | --- |"))?;
            }
            let [low, middle, high] = spread(&figure.values);
            let ratio = if figure.ratios.is_empty() { String::new() } else { format!("{:.2}", spread(&figure.ratios)[1]) };
            let met = figure.met().map_or("", |met| if met { "met" } else { "MISSED" });
            let goal = figure.goal.map_or(String::new(), |goal| goal.words(figure.unit));
            let (unit, range) = (figure.unit, format!("{}–{}", round(low), round(high)));
            print(&format!("| {} | {} {unit} | {range} | {ratio} | {goal} | {met} |", figure.name, round(middle)))?;
        }
        self.failures.iter().try_for_each(|failure| print(&format!("\nFAILED: {failure}")))
    }

    pub fn json(&self) -> serde_json::Value {
        let figures: Vec<_> = self.figures.iter().map(Figure::json).collect();
        serde_json::json!({ "figures": figures, "failures": self.failures })
    }
}

impl Figure {
    /// Whether the median meets the goal.
    fn met(&self) -> Option<bool> {
        let value = spread(&self.values)[1];
        let ratio = spread(&self.ratios)[1];
        Some(match self.goal? {
            Goal::AtLeast(least) => value >= least,
            Goal::AtMost(most) => value <= most,
            Goal::RatioAtLeast(least) => ratio >= least,
            Goal::RatioAtMost(most) => ratio <= most,
        })
    }

    fn json(&self) -> serde_json::Value {
        let [min, median, max] = spread(&self.values);
        let ratio = (!self.ratios.is_empty()).then(|| spread(&self.ratios)[1]);
        serde_json::json!({
            "part": self.part, "name": self.name, "unit": self.unit, "median": median, "min": min, "max": max,
            "values": self.values, "ratio": ratio, "ratios": self.ratios, "goal": self.goal, "met": self.met(),
        })
    }
}

impl Goal {
    fn words(self, unit: &str) -> String {
        match self {
            Self::AtLeast(least) => format!("≥ {} {unit}", round(least)),
            Self::AtMost(most) => format!("≤ {} {unit}", round(most)),
            Self::RatioAtLeast(least) => format!("≥ {least} ×"),
            Self::RatioAtMost(most) => format!("≤ {most} ×"),
        }
    }
}

/// The least, the median and the greatest.
fn spread(values: &[f64]) -> [f64; 3] {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    let at = |place: usize| sorted.get(place).copied().unwrap_or(f64::NAN);
    let middle = f64::midpoint(at(last / 2), at(last.div_ceil(2)));
    [at(0), middle, at(last)]
}

/// Three digits that say something, without the rest.
fn round(value: f64) -> String {
    match value.abs() {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_goals() {
        let mut table = Table::default();
        for (value, reference) in [(3.0, 4.0), (1.0, 2.0), (2.0, 2.5)] {
            table.note("a part", "a figure", "ms", value).against(reference).goal(Goal::RatioAtLeast(0.75));
        }
        assert_eq!(spread(&table.figures[0].values).map(round), ["1.00", "2.00", "3.00"]);
        assert_eq!(table.figures[0].met(), Some(true));
        assert_eq!(round(spread(&[1.0, 2.0])[1]), "1.50");
    }
}
