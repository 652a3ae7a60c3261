// What can happen to a user, and the rules that speak of it.

const AFTER = [0, 1, 2, 3, 5, 10, 15, 20, 30, 45, 60, 90, 120];
/** As the ilert surface takes them. */
const BEFORE = [0, 15, 30, 60, 180, 360, 720, 1440];

const FALLBACK = 'No step: an email goes to the first address that can be used, unless that is switched off. Add a step to be woken.';
const NOTHING = 'No step: nothing is sent.';

/** Each with the rules' path, and the members that tell its rules from others of the path. */
export const GROUPS = [
  { name: 'A HIGH alert', kind: 'alerts', type: 'HIGH_PRIORITY', hasDelay: true, delays: AFTER, none: FALLBACK, own: (minutes) => ({ type: 'HIGH_PRIORITY', delayMin: minutes }) },
  { name: 'A LOW alert', kind: 'alerts', type: 'LOW_PRIORITY', hasDelay: true, delays: AFTER, none: FALLBACK, own: (minutes) => ({ type: 'LOW_PRIORITY', delayMin: minutes }) },
  { name: 'Before a shift', kind: 'duties', type: 'ON_CALL', hasDelay: true, isBefore: true, delays: BEFORE, none: NOTHING, own: (minutes) => ({ type: 'ON_CALL', beforeMin: minutes }) },
  { name: 'Somebody accepts an alert', kind: 'updates', type: 'ALERT_ACCEPTED', delays: [0], none: NOTHING, own: () => ({ type: 'ALERT_ACCEPTED' }) },
  { name: 'An alert is resolved', kind: 'updates', type: 'ALERT_RESOLVED', delays: [0], none: NOTHING, own: () => ({ type: 'ALERT_RESOLVED' }) },
  { name: 'An alert is escalated', kind: 'updates', type: 'ALERT_ESCALATED', delays: [0], none: NOTHING, own: () => ({ type: 'ALERT_ESCALATED' }) },
  { name: 'News', kind: 'subscriptions', delays: [0], none: 'No step: news come as the categories below say.', own: () => ({}) },
];

/** What a rule of each path can go by. */
export const METHODS = {
  alerts: ['PUSH', 'SMS', 'VOICE', 'EMAIL', 'WHATSAPP', 'TELEGRAM'],
  duties: ['PUSH', 'SMS', 'EMAIL', 'WHATSAPP', 'TELEGRAM'],
  updates: ['PUSH', 'SMS', 'EMAIL', 'WHATSAPP', 'TELEGRAM'],
  subscriptions: ['PUSH', 'SMS', 'EMAIL'],
};

/** The contacts that a rule names; a Telegram rule names the phone, and goes to the linked chat. */
export function contactKinds(method) {
  if (method === 'PUSH') return [];
  return method === 'EMAIL' ? ['email'] : ['phone'];
}

/** The steps of a group among the rules of its path, which are under `base`. */
export function steps(group, rules, base) {
  return rules
    .filter((rule) => rule.type === group.type)
    .map((rule) => ({ id: rule.id, channel: rule.method.toLowerCase(), contact: rule.contact, minutes: rule.delayMin ?? rule.beforeMin ?? 0, path: `${base}/${group.kind}/${rule.id}` }));
}

const NOTIFY = { phone_call: 'voice', mobile_app: 'push', mobile_app_critical: 'push', msteams: 'teams' };

/** The steps of an OnCall chain: each comes when the ones before it have waited. */
export function chainSteps(group, rules) {
  if (group.kind !== 'alerts') return [];
  const chain = rules.filter((rule) => rule.important === (group.type === 'HIGH_PRIORITY')).sort((a, b) => a.position - b.position);
  let seconds = 0;
  const found = [];
  for (const rule of chain) {
    if (rule.type === 'wait') seconds += rule.duration;
    else {
      const name = rule.type.replace('notify_by_', '');
      found.push({ id: rule.id, isOfChain: true, channel: NOTIFY[name] ?? name, minutes: Math.round(seconds / 60), path: `/api/v1/personal_notification_rules/${rule.id}/` });
    }
  }
  return found;
}
