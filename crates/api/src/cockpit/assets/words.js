// What things are called, to people.

import { h } from './dom.js';

const CHANNELS = {
  email: 'Email',
  sms: 'SMS',
  voice: 'Call',
  push: 'Push',
  whatsapp: 'WhatsApp',
  telegram: 'Telegram',
  slack: 'Slack',
  teams: 'Teams',
  mattermost: 'Mattermost',
  discord: 'Discord',
  google_chat: 'Google Chat',
  matrix: 'Matrix',
  webhook: 'Webhook',
  in_app: 'In the app',
};

/** By state: what it is called, and whether that is good or bad. */
const STATES = {
  scheduled: ['waits', ''],
  sending: ['is being sent', ''],
  sent: ['sent', 'good'],
  delivered: ['delivered', 'good'],
  undelivered: ['did not arrive', 'bad'],
  failed: ['failed', 'bad'],
  cancelled: ['cancelled', ''],
  expired: ['too late', 'warn'],
  suppressed: ['left out', ''],
  held: ['held', ''],
  bundled: ['in a bundle', ''],
};

const KINDS = { ...CHANNELS, phone: 'Phone' };

export const channels = Object.entries(CHANNELS);
export const states = Object.entries(STATES).map(([state, [word]]) => [state, word]);

export const channel = (name) => CHANNELS[name] ?? name;
export const kind = (name) => KINDS[name] ?? name;

export function state(name) {
  const [word, mood] = STATES[name] ?? [name, ''];
  return h('span', { class: `state ${mood}`, data: { state: name } }, word);
}

/** A state of something else: `mood` is good, warn, bad or nothing. */
export const mood = (word, mood) => h('span', { class: `state ${mood}` }, word);

export function priority(name) {
  return name === 'HIGH' ? h('span', { class: 'tag high' }, 'HIGH') : h('span', { class: 'tag' }, 'LOW');
}

/** So many of something. */
export const count = (number, one, many = `${one}s`) => `${number} ${number === 1 ? one : many}`;

/** What a delivery is about, as a link to all there is of it. */
export function about(delivery) {
  if (delivery.alertId) return h('a', { href: `/alerts/${encodeURIComponent(delivery.alertId)}` }, delivery.alertId);
  const words = { duty: 'A shift', subscription: 'News', verification: 'A code', test: 'A test' };
  const word = delivery.dutyId ?? words[delivery.purpose] ?? words[delivery.trigger] ?? 'A message';
  return h('a', { href: `/events/${delivery.eventId}` }, word);
}
