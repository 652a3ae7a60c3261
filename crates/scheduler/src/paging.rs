//! What one responder is sent for one page: the steps of their rules, or the fallback email.

use watchbell_core::delivery::Purpose;
use watchbell_core::event::Priority;
use watchbell_core::{Channel, Reason, Timestamp};
use watchbell_store::facts::{Alert, Planned, Policy, Scope};

use crate::deliveries::DeliveryContext;
use crate::settings::{FallbackEmail, SchedulerSettings};
use crate::steps::{self, Step};
use crate::timeline::{Page, Pages};

/// The user has neither a rule for the page nor an address for the fallback email.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreachable;

/// Everything that one responder is to be sent for a page. For a page that raises the alert, only what their rules for HIGH alerts
/// ask for: the rest was planned with the page before it.
///
/// # Errors
/// `Unreachable`: there is nothing to send, and no address for the fallback email.
pub fn deliveries(
    alert: &Alert,
    paged: &Pages,
    page: &Page,
    policy: &Policy,
    settings: &SchedulerSettings,
) -> Result<Vec<Planned>, Unreachable> {
    let scope = paged.responder.scope();
    let context = context(alert, &scope, paged, page, policy);
    let steps = steps::for_event(policy, context.trigger, context.category, &[]);
    // An inbox wakes nobody, so a user who has no other step gets the fallback email as well.
    let has_page = steps.iter().any(|step| !step.rules.is_empty() || step.channel != Channel::InApp);
    let is_desired = |step: &Step| !page.is_raise || !step.rules.is_empty();
    let deliver = |step: Step| {
        let offset_s = step.offset_s;
        context.deliver(step, page.base_at.plus_s(offset_s), Some(expires_at(page, offset_s, settings)))
    };
    let mut deliveries: Vec<Planned> = steps.into_iter().filter(is_desired).map(deliver).collect();
    if has_page {
        return Ok(deliveries);
    }
    deliveries.extend(fallback(alert, paged, page, policy, settings));
    if deliveries.is_empty() { Err(Unreachable) } else { Ok(deliveries) }
}

/// A step expires a fixed time after its offset, counted from when Watchbell first knew of the event: a publisher's clock may be
/// wrong.
fn expires_at(page: &Page, offset_s: i64, settings: &SchedulerSettings) -> Timestamp {
    page.received_at.plus_s(offset_s).plus_s(settings.alert_expiry_s)
}

fn context<'a>(alert: &'a Alert, scope: &'a Scope, paged: &'a Pages, page: &'a Page, policy: &'a Policy) -> DeliveryContext<'a> {
    DeliveryContext {
        scope,
        event_id: &page.event_id,
        alert_id: Some(&alert.id),
        category: alert.category.as_deref(),
        policy,
        trigger: page.priority.trigger(),
        base_at: page.base_at,
        // A page does not wait for a digest.
        digests: None,
        named_as: paged.named_as.as_ref(),
        again: page.again.as_ref(),
    }
}

/// The email for a user who has no rule, if the operator wants it and the user has an address for it.
pub fn fallback(alert: &Alert, paged: &Pages, page: &Page, policy: &Policy, settings: &SchedulerSettings) -> Option<Planned> {
    let is_desired = match settings.fallback_email {
        FallbackEmail::All => true,
        FallbackEmail::High => page.priority == Priority::High,
        FallbackEmail::Off => false,
    };
    let address = steps::fallback_address(policy).filter(|_| is_desired)?;
    let scope = paged.responder.scope();
    let context = context(alert, &scope, paged, page, policy);
    let expires_at = Some(expires_at(page, 0, settings));
    let mut planned = context.planned(Purpose::Fallback, "", Channel::Email, address, page.base_at, expires_at);
    planned.reason.get_or_insert(Reason::FallbackEmail { priority: page.priority });
    Some(planned)
}
