// What can happen to a user, and the rules that speak of it.

const AFTER = [0, 1, 2, 3, 5, 10, 15, 20, 30, 45, 60, 90, 120];
const BEFORE = [0, 15, 30, 60, 180, 360, 720, 1440];

const FALLBACK = 'No step: an email goes to the first address that can be used, unless that is switched off. Add a step to be woken.';
const NOTHING = 'No step: nothing is sent.';

const OF_ALERTS = ['labels', 'categories', 'hours', 'onDuty'];

/** Each with its trigger, the member that has its minutes, and the conditions that its rules know. */
export const GROUPS = [
  { name: 'A HIGH alert', trigger: 'alert_high', minutes: 'delayMin', delays: AFTER, repeats: true, conditions: OF_ALERTS, none: FALLBACK },
  { name: 'A LOW alert', trigger: 'alert_low', minutes: 'delayMin', delays: AFTER, repeats: true, conditions: OF_ALERTS, none: FALLBACK },
  { name: 'Before a shift', trigger: 'duty', minutes: 'beforeMin', isBefore: true, delays: BEFORE, conditions: ['hours'], none: NOTHING },
  { name: 'Somebody accepts an alert', trigger: 'accepted', conditions: OF_ALERTS, none: NOTHING },
  { name: 'An alert is resolved', trigger: 'resolved', conditions: OF_ALERTS, none: NOTHING },
  { name: 'An alert is escalated', trigger: 'escalated', conditions: OF_ALERTS, none: NOTHING },
  { name: 'News', trigger: 'subscription', conditions: ['categories', 'hours', 'onDuty'], none: 'No step: news come as the categories below say.' },
];

/** What everybody can choose; more channels are there for whom there is an address. */
const USUAL = ['push', 'sms', 'voice', 'email', 'whatsapp', 'telegram'];

const KINDS = { push: [], in_app: [], telegram: [], sms: ['phone'], voice: ['phone'], whatsapp: ['phone'] };

/** The contacts that a rule names. A Telegram rule goes to the linked chat. */
export const contactKinds = (channel) => KINDS[channel] ?? [channel];

/** The channels that a rule may go by. */
export function channelsFor(contacts, chosen) {
  const others = contacts.map((contact) => contact.kind).filter((kind) => kind !== 'phone');
  return [...new Set([...USUAL, ...others, ...(chosen ? [chosen] : [])])];
}

/** The steps of a group, in the order in which they come. */
export function steps(group, rules, contacts) {
  const found = rules
    .filter((rule) => rule.trigger === group.trigger)
    .map((rule) => ({ ...rule, contact: contacts.find((contact) => contact.id === rule.contactId), minutes: rule[group.minutes] ?? 0 }));
  return found.sort((a, b) => (a.minutes - b.minutes) * (group.isBefore ? -1 : 1));
}
