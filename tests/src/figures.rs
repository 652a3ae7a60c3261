//! What a process tells at `/metrics`.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};

use crate::client::Client;

/// One scrape, by the lines of its samples.
#[derive(Clone, Debug)]
pub struct Figures {
    pub text: String,
}

impl Figures {
    /// Asks a server.
    pub async fn of(client: &Client) -> Self {
        let text = client.get("/metrics").await.expect(200);
        Self { text: text.as_str().expect("figures are no JSON").to_owned() }
    }

    /// The sum of all samples of that name whose labels include these (`channel="sms"`); None where there are none.
    pub fn sum(&self, name: &str, labels: &[&str]) -> Option<f64> {
        let of_name = self.samples().filter(|(of, written, _)| *of == name && labels.iter().all(|label| written.contains(label)));
        of_name.map(|(_, _, value)| value).fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))
    }

    /// As [`Figures::sum`] of whole numbers; 0 where there are none.
    #[expect(clippy::cast_possible_truncation, reason = "tests count no further")]
    pub fn count(&self, name: &str, labels: &[&str]) -> i64 {
        self.sum(name, labels).unwrap_or(0.0).round() as i64
    }

    /// The names of all samples, each with the names of its labels.
    pub fn names(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut names: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (name, labels, _) in self.samples() {
            // Values hold no commas but between roles, which are no names of labels.
            let labels = labels.split(',').filter_map(|label| label.split_once('=')).map(|(label, _)| label.trim().to_owned());
            names.entry(name.to_owned()).or_default().extend(labels);
        }
        names
    }

    fn samples(&self) -> impl Iterator<Item = (&str, &str, f64)> {
        self.text.lines().filter(|line| !line.starts_with('#')).map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line}"));
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            (name, labels.trim_end_matches('}'), value.parse().unwrap_or_else(|_| panic!("no value: {line}")))
        })
    }

    /// # Panics
    /// `promtool check metrics` finds something.
    pub fn check_form(&self) {
        use std::io::Write;
        let mut promtool = promtool();
        let mut child =
            promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(self.text.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && said.is_empty(), "{said}\n{}", self.text);
    }
}

/// Prometheus' tool.
pub fn promtool() -> Command {
    Command::new(std::env::var_os("WATCHBELL_TEST_PROMTOOL").expect("`make test` sets it: Prometheus' promtool"))
}
