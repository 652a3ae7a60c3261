//! Takes away what a user has and a statement's lists do not: what is applied from a file is then all there is. Lists that are not
//! said stay as they are, and users are never taken away.

use watchbell_core::mask;
use watchbell_core::rule::{Rule, Surface};

use super::rules::is_wanted;
use super::take::{Outcome, Taker, is_same};
use super::user_export::UserExport;
use super::wanted::Wanted;
use crate::problem::Problem;

impl Taker<'_> {
    /// After everything that is said has been added: contacts are free once no rule uses them.
    pub async fn prune(&self, wanted: &Wanted, current: &UserExport, outcome: &mut Outcome) -> Result<(), Problem> {
        // An entry with a slip in it is not in the list, and means one that is here.
        if !outcome.problems.is_empty() {
            outcome.problems.push("nothing was taken away, as not everything that was said could be done".to_owned());
            return Ok(());
        }
        let (store, id) = (&self.api.store, current.user.id);
        let lists = |list: &'static str| wanted.lists.contains(&list);
        let list_of = |rule: &Rule| if rule.surface == Surface::Ilert { "rules" } else { "ownRules" };
        for rule in current.rules.iter().filter(|rule| lists(list_of(rule)) && !is_wanted(rule, wanted, &current.contacts)) {
            let gone = if self.is_dry { Ok(()) } else { store.delete_rule(self.by, id, rule.surface, &[rule.trigger], rule.id).await };
            let by = rule.channel.map_or("nothing", |channel| channel.as_str());
            outcome.note(format!("delete a rule: {} by {by}, {} s", rule.trigger, rule.offset_s), gone)?;
        }
        let is_said = |there: &&_| wanted.contacts.iter().any(|said| is_same(there, said.kind, &said.target));
        for contact in current.contacts.iter().filter(|there| lists("contacts") && !is_said(there)) {
            let gone = if self.is_dry { Ok(()) } else { store.delete_contact(self.by, id, None, contact.id, false).await };
            outcome.note(format!("delete the {} contact {}", contact.kind, mask::address(contact.kind, &contact.target)), gone)?;
        }
        for device in current.devices.iter().filter(|_| lists("devices")) {
            if wanted.devices.iter().any(|said| said.kind == device.kind && said.token == device.token) {
                continue;
            }
            let gone = if self.is_dry { Ok(()) } else { store.delete_device(self.by, id, device.id).await };
            outcome.note(format!("forget the {} device {}", device.kind, mask::token(&device.token)), gone)?;
        }
        for topic in current.topics.iter().filter(|topic| lists("topics") && !wanted.topics.contains(topic)) {
            let gone = if self.is_dry { Ok(()) } else { store.remove_members(self.by, topic, &[id]).await.map(drop) };
            outcome.note(format!("take the user out of the topic {topic}"), gone)?;
        }
        Ok(())
    }
}
