//! What providers said of a delivery, in its own row, as its attempts are.
//!
//! A line each: a JSON list of time, provider, what it said, code and message id.

use serde::{Deserialize, Serialize};
use watchbell_core::Timestamp;

use super::rows::{at, json, name, to_json};
use crate::StoreError;
use crate::queue::{KeptReceipt, Receipt};

/// Receipts of one delivery that are kept at most: a provider that says the same over and over fills no row.
const MOST: usize = 20;

#[derive(Serialize, Deserialize)]
struct Line(i64, String, String, Option<String>, Option<String>);

/// What is appended to the log, if anything: what was said before is not kept twice.
pub(super) fn line(log: &str, receipt: &Receipt, now: Timestamp) -> Result<Option<String>, StoreError> {
    let kept = parse(log)?;
    let is_same = |kept: &KeptReceipt| {
        kept.outcome == receipt.outcome
            && kept.provider == receipt.provider
            && kept.message_id == receipt.message_id
            && kept.code == receipt.code
    };
    if kept.len() >= MOST || kept.iter().any(is_same) {
        return Ok(None);
    }
    let outcome = receipt.outcome.as_str().to_owned();
    let mut line = to_json(&Line(now.as_millis(), receipt.provider.clone(), outcome, receipt.code.clone(), receipt.message_id.clone()))?;
    line.push('\n');
    Ok(Some(line))
}

/// In the order in which they came.
pub(super) fn parse(log: &str) -> Result<Vec<KeptReceipt>, StoreError> {
    let receipt = |line| {
        let Line(ms, provider, outcome, code, message_id) = json(line)?;
        Ok(KeptReceipt { at: at(ms), provider, outcome: name(&outcome)?, code, message_id })
    };
    log.lines().map(receipt).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed parse should fail the test")]
    use watchbell_core::delivery::ReceiptOutcome;
    use watchbell_core::{Channel, DeliveryId};

    use super::*;

    #[test]
    fn what_is_said_twice_is_kept_once_and_no_row_grows_without_end() {
        let receipt = |code: Option<usize>| Receipt {
            delivery: DeliveryId("01".to_owned()),
            provider: "p".to_owned(),
            channels: &[Channel::Sms],
            message_id: Some("M1".to_owned()),
            outcome: ReceiptOutcome::Read,
            code: code.map(|code| code.to_string()),
        };
        let mut log = line("", &receipt(None), at(5)).unwrap().unwrap();
        assert_eq!(line(&log, &receipt(None), at(9)).unwrap(), None);
        let kept = KeptReceipt {
            at: at(5),
            provider: "p".to_owned(),
            outcome: ReceiptOutcome::Read,
            code: None,
            message_id: Some("M1".to_owned()),
        };
        assert_eq!(parse(&log).unwrap(), [kept]);
        for code in 0..100 {
            log.extend(line(&log, &receipt(Some(code)), at(9)).unwrap());
        }
        assert_eq!(parse(&log).unwrap().len(), MOST);
    }
}
