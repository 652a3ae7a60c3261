//! How whoever is told of an alert can answer.

use watchbell_core::Channel;
use watchbell_core::answer_code::{self, code};
use watchbell_core::answer_key::Purpose as TokenPurpose;
use watchbell_core::delivery::Purpose;
use watchbell_core::event::EventData;
use watchbell_providers::phrase::Phrase;
use watchbell_providers::provider::AnswerOffer;
use watchbell_store::Scope;
use watchbell_store::queue::Job;

use super::prepare::{is_bundle, reader};
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

/// Where whoever gets a mail of a category can turn off mails of that category. A digest has several, and no one place for them.
pub(super) fn unsubscribe_url(context: &DispatchContext, job: &Job) -> Option<String> {
    let EventData::Subscription(data) = job.event.as_ref() else { return None };
    let is_alone = job.channel == Channel::Email && data.category.is_some() && !is_bundle(job);
    let base = context.callback_base.as_ref().filter(|_| is_alone)?;
    let token = context.answer_key.token(TokenPurpose::Unsubscribe, &job.id)?;
    Some(format!("{base}/u/{}", token.expose()))
}
