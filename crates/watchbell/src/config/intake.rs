//! `[intake.NAME]`: where monitoring tools post.

use std::collections::BTreeMap;
use std::sync::Arc;

use watchbell_intake::{Intake, Settings};

use super::problem::Findings;

/// Checks every table.
pub fn validate(intakes: &BTreeMap<String, Settings>, findings: &mut Findings) {
    for (name, settings) in intakes {
        let mut at = findings.section(&["intake", name]);
        if let Err(invalid) = Intake::new(name, settings) {
            at.wrong(invalid.key, invalid.wrong);
        }
        let is_plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_');
        at.check(
            is_plain && !name.is_empty(),
            "kind",
            "stands in a table whose name must be lower-case letters, digits, - and _: it is part of a URL",
        );
    }
}

/// Ready to read with.
pub fn all(intakes: &BTreeMap<String, Settings>) -> Arc<BTreeMap<String, Intake>> {
    // What cannot be made was refused with the configuration.
    Arc::new(intakes.iter().filter_map(|(name, settings)| Some((name.clone(), Intake::new(name, settings).ok()?))).collect())
}
