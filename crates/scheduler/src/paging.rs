//! What one responder is sent for one page: the steps of their rules, or the fallback email.

use serde_json::{Map, Value};
use watchbell_core::delivery::Purpose;
use watchbell_core::event::Priority;
use watchbell_core::{Channel, Reason, Timestamp};
use watchbell_store::facts::{Alert, Planned, Policy, Scope};

use crate::deliveries::DeliveryContext;
use crate::occasion::Occasion;
use crate::settings::{FallbackEmail, SchedulerSettings};
use crate::steps::{self, Step};
use crate::timeline::{Page, Pages};

/// What one responder is sent for a page.
#[derive(Debug, Default)]
pub struct Paging {
    pub deliveries: Vec<Planned>,
    /// Neither a rule of theirs counts, nor do they have an address for the fallback email.
    pub is_unreachable: bool,
}

/// Everything that one responder is to be sent for a page. For a page that raises the alert, only what their rules for HIGH alerts
/// ask for: the rest was planned with the page before it. `labels` are the alert's.
pub fn deliveries(
    alert: &Alert,
    labels: Option<&Map<String, Value>>,
    paged: &Pages,
    page: &Page,
    policy: &Policy,
    settings: &SchedulerSettings,
) -> Paging {
    let scope = paged.responder.scope();
    let context = context(alert, &scope, paged, page, policy);
    let due = |offset_s: i64| page.base_at.plus_s(offset_s);
    let occasion =
        Occasion { trigger: context.trigger, labels, category: context.category, priority: Some(page.priority), due: Some(&due) };
    let steps = steps::for_event(policy, &occasion, &[]);
    // An inbox wakes nobody, so a user who has no other step gets the fallback email as well.
    let has_page = steps.iter().any(|step| step.is_met() && (!step.rules.is_empty() || step.channel != Channel::InApp));
    let is_desired = |step: &Step| !page.is_raise || !step.rules.is_empty();
    let deliver = |step: Step| {
        let expires_at = match step.until_s {
            // By then it is told again.
            Some(until_s) => page.received_at.plus_s(until_s),
            None => expires_at(page, step.offset_s, settings),
        };
        let due_at = due(step.offset_s);
        context.deliver(step, due_at, Some(expires_at))
    };
    let mut deliveries: Vec<Planned> = steps.into_iter().filter(is_desired).map(deliver).collect();
    if !has_page {
        deliveries.extend(fallback(alert, paged, page, policy, settings));
    }
    let is_unreachable = !has_page && deliveries.iter().all(Planned::is_unmet);
    Paging { deliveries, is_unreachable }
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

/// The email for a user of whom no rule counts, if the operator wants it and the user has an address for it.
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
    let (priority, trigger) = (page.priority, page.priority.trigger());
    let has_rules = policy.rules.iter().any(|rule| rule.trigger == trigger && rule.channel.is_some());
    planned.reason.get_or_insert(if has_rules { Reason::NoRuleFits { priority } } else { Reason::FallbackEmail { priority } });
    Some(planned)
}
