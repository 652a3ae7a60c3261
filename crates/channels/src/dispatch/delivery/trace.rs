//! A delivery's spans: its claim, behind the span that accepted the event, and its call, behind the claim. What was begun as it was planned
//! has no claim.

use watchbell_core::outcome::{Outcome, Report};
use watchbell_core::{Timestamp, TraceContext};
use watchbell_store::queue::Job;
use watchbell_traces::{Kind, Span};

use super::Stage;
use crate::dispatch::context::DispatchContext;

/// The spans of a delivery that is about to be called, where traces are kept.
#[derive(Clone, Debug)]
pub(super) struct CallTrace {
    pub call: TraceContext,
    pub behind: TraceContext,
    /// The traces that a bundle's members belong to.
    pub links: Vec<TraceContext>,
}

/// How a call ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended<'a> {
    pub provider: &'a str,
    pub report: &'a Report,
    pub began_at: Timestamp,
    pub at: Timestamp,
}

impl CallTrace {
    pub fn of(context: &DispatchContext, job: &Job, stage: Stage) -> Option<Self> {
        let accept = context.tracer.carry(job.trace)?;
        let attempt = job.attempts + 1;
        let behind = match stage {
            Stage::Claimed => accept.claim(&job.id, attempt),
            Stage::Begun(_) => accept,
        };
        Some(Self { call: accept.call(&job.id, attempt), behind, links: Vec::new() })
    }

    /// What is logged until the call has ended says which trace it belongs to.
    pub fn log_span(trace: Option<&Self>) -> tracing::Span {
        match trace {
            Some(trace) => tracing::error_span!("delivery.call", trace_id = %trace.call.trace_id),
            None => tracing::Span::none(),
        }
    }

    pub fn record(self, context: &DispatchContext, job: &Job, ended: Ended<'_>) {
        let Self { call, behind, links } = self;
        context.tracer.record(call, |span| {
            let class = ended.report.outcome.class();
            let error = (!matches!(ended.report.outcome, Outcome::Accepted { .. })).then(|| class.to_string());
            let span = of(span, job)
                .named("delivery.call", Kind::Client)
                .under(Some(behind))
                .during(ended.began_at, ended.at)
                .with("watchbell.attempt", job.attempts + 1)
                .with("watchbell.provider", ended.provider)
                .with("watchbell.class", class.as_str())
                .with_some("watchbell.code", ended.report.code.as_deref());
            Span { links, error, ..span }
        });
    }
}

/// Records that these were claimed, by a claim that was asked for then.
pub(in crate::dispatch) fn record_claims(context: &DispatchContext, jobs: &[Job], asked_at: Timestamp) {
    if !context.tracer.is_on() {
        return;
    }
    let now = context.clock.now();
    for (job, accept) in jobs.iter().filter_map(|job| Some((job, job.trace?))) {
        context.tracer.record(accept.claim(&job.id, job.attempts + 1), |span| {
            let span = of(span, job).named("delivery.claim", Kind::Internal).under(Some(accept)).during(asked_at, now);
            span.with("watchbell.late_ms", asked_at.ms_since(job.due_at.max(job.planned_at)).max(0))
        });
    }
}

fn of(span: Span, job: &Job) -> Span {
    span.about(&job.id).with("watchbell.event.id", job.event_id.as_str()).with("watchbell.channel", job.channel.as_str())
}
