//! A user's rules: those of the OnCall surface as chains, all others each for itself.

use watchbell_core::contact::ContactKind;
use watchbell_core::ids::public_id;
use watchbell_core::rule::{Conditions, Surface, Trigger};
use watchbell_core::{ContactId, UserId};
use watchbell_store::directory::{ChainStep, NewRule, Place};

use super::take::{Outcome, Taker, is_same};
use super::user_export::UserExport;
use super::wanted::{Wanted, WantedRule, WantedStep};
use crate::problem::Problem;
use crate::validate::rule::Said;

impl Taker<'_> {
    pub async fn rules(
        &self,
        wanted: &Wanted,
        current: Option<&UserExport>,
        id: Option<UserId>,
        outcome: &mut Outcome,
    ) -> Result<(), Problem> {
        let mut there: Vec<_> = current.map_or(&[][..], |current| &current.rules).iter().collect();
        let before = current.map_or(&[][..], |current| &current.contacts);
        let contacts = match id.filter(|_| !self.is_dry) {
            Some(id) => self.api.store.contacts(id, None).await?,
            None => before.to_vec(),
        };
        for rule in &wanted.rules {
            let contact = rule.contact.as_ref().map(|(kind, target)| contacts.iter().find(|there| is_same(there, *kind, target)));
            let contact_id = contact.flatten().map(|contact| contact.id);
            let same = there.iter().position(|there| {
                rule.said.is_said_by(there) && there.contact_id == contact_id && (contact_id.is_some() || rule.contact.is_none())
            });
            if let Some(same) = same {
                there.swap_remove(same);
                continue;
            }
            let Said { trigger, channel, offset_s, .. } = rule.said;
            let change = format!("add a rule: {trigger} by {channel}, {offset_s} s");
            let is_to_be_added = |(kind, target): &(ContactKind, String)| {
                self.is_dry && wanted.contacts.iter().any(|contact| contact.kind == *kind && contact.target == *target)
            };
            if contact == Some(None) && !rule.contact.as_ref().is_some_and(is_to_be_added) {
                outcome.problems.push(format!("cannot {change}: it names a contact that the user does not have"));
                continue;
            }
            let made = match id.filter(|_| !self.is_dry) {
                Some(id) => self.api.store.create_rule(self.by, id, alone(rule, contact_id)).await.map(drop),
                None => Ok(()),
            };
            outcome.note(change, made)?;
        }
        Ok(())
    }

    /// A chain becomes what is wanted, step by step at its positions. Of what nothing is wanted, nothing is changed.
    pub async fn chain(
        &self,
        trigger: Trigger,
        wanted: &Wanted,
        current: Option<&UserExport>,
        id: Option<UserId>,
        outcome: &mut Outcome,
    ) -> Result<(), Problem> {
        let mut there: Vec<_> = current.map_or(&[][..], |current| &current.chains).iter().filter(|rule| rule.trigger == trigger).collect();
        let steps: Vec<&WantedStep> = wanted.steps.iter().filter(|step| step.trigger == trigger).collect();
        if steps.is_empty() {
            return Ok(());
        }
        let store = &self.api.store;
        let id = id.filter(|_| !self.is_dry);
        for step in steps {
            let at = format!("step {} of the {trigger} chain", step.position);
            let Some(same) = there.iter().position(|rule| rule.position == Some(step.position)) else {
                let made = match id {
                    // At a free place, where nobody has to give way.
                    Some(id) => store.create_chain_rule(self.by, id, self.link(step).await?, Place::Swap(step.position)).await.map(drop),
                    None => Ok(()),
                };
                outcome.note(format!("add {at}: {}", what(step.step)), made)?;
                continue;
            };
            let rule = there.swap_remove(same);
            if (ChainStep { channel: rule.channel, critical: rule.critical, offset_s: rule.offset_s }) == step.step {
                continue;
            }
            let made = match id {
                Some(id) => store.change_chain_rule(self.by, id, Surface::Oncall, rule.id, Some(step.step), None).await.map(drop),
                None => Ok(()),
            };
            outcome.note(format!("change {at}: {}", what(step.step)), made)?;
        }
        for rule in there {
            let made = match id {
                Some(id) => store.delete_rule(self.by, id, Surface::Oncall, &[trigger], rule.id).await,
                None => Ok(()),
            };
            outcome.note(format!("delete step {} of the {trigger} chain", rule.position.unwrap_or_default()), made)?;
        }
        Ok(())
    }

    /// A step as a rule to be made, with its id if nobody has that here: Terraform knows rules by it.
    async fn link(&self, step: &WantedStep) -> Result<NewRule, Problem> {
        let mut id = step.public_id.clone();
        if let Some(wanted) = &id
            && self.api.store.chain_rule(Surface::Oncall, wanted).await?.is_some()
        {
            id = None;
        }
        Ok(NewRule {
            surface: Surface::Oncall,
            trigger: step.trigger,
            channel: step.step.channel,
            contact_id: None,
            contact_kinds: &[],
            offset_s: step.step.offset_s,
            position: None,
            critical: step.step.critical,
            public_id: Some(id.unwrap_or_else(|| public_id('N'))),
            when: Conditions::default(),
            repeat: None,
        })
    }
}

fn alone(rule: &WantedRule, contact_id: Option<ContactId>) -> NewRule {
    NewRule { surface: rule.surface, ..rule.said.clone().into_rule(contact_id, rule.contact_kinds) }
}

fn what(step: ChainStep) -> String {
    match step.channel {
        None => format!("wait {} s", step.offset_s),
        Some(channel) if step.critical => format!("tell by {channel}, critical"),
        Some(channel) => format!("tell by {channel}"),
    }
}
