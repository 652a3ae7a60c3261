//! How whoever is told of an alert can answer.

use watchbell_core::answer_code::{self, code};
use watchbell_core::answer_key::Purpose as TokenPurpose;
use watchbell_core::delivery::Purpose;
use watchbell_providers::phrase::Phrase;
use watchbell_providers::provider::AnswerOffer;
use watchbell_store::Scope;
use watchbell_store::queue::Job;

use super::prepare::reader;
use crate::dispatch::context::DispatchContext;

/// None where the message is not about one alert in one of its rounds, of which its reader is told as a responder.
pub(super) fn answer_offer(context: &DispatchContext, job: &Job) -> Option<AnswerOffer> {
    let Scope::Alert { id, round } = &job.scope else { return None };
    if !matches!(job.purpose, Purpose::Rule | Purpose::Fallback) {
        return None;
    }
    let token = context.answer_key.token(TokenPurpose::Answer, &job.id)?;
    let mut code = code(id, *round, job.user_id);
    code.truncate(answer_code::SHOWN);
    let (reader, now) = (reader(job), context.clock.now());
    let label = |phrase| context.renderer.phrase(phrase, &reader, now, None).text;
    Some(AnswerOffer {
        url: context.callback_base.as_ref().map(|base| format!("{base}/a/{}", token.expose())),
        token,
        code,
        accept: label(Phrase::Accept),
        resolve: label(Phrase::Resolve),
        decline: label(Phrase::Decline),
    })
}
