// One look says whether all is well.

import { fill, h } from './dom.js';
import { ago } from './time.js';
import { channel, count } from './words.js';

/** An alert that is due is with a provider within seconds, unless something is wrong. */
const HIGH_LATE_MS = 60e3;
const NORMAL_LATE_MS = 5 * 60e3;

/** What is not as it should be: how bad it is, and what it is. */
export function troubles({ overview, providers, isLive, why, failure }) {
  const found = [];
  const add = (mood, ...text) => found.push({ mood, text });
  if (failure !== null) add('bad', failure);
  if (!isLive) add('unsure', why);
  if (overview === null) return found;
  const now = new Date(overview.at).getTime();
  for (const waiting of overview.waiting) {
    if (!waiting.dueSince || waiting.rank === 'held') continue;
    const late = now - new Date(waiting.dueSince).getTime();
    const isHigh = waiting.rank === 'high';
    const text = [`${channel(waiting.channel)}: ${isHigh ? 'a HIGH alert' : 'a message'} was due `, ago(waiting.dueSince), ` (${count(waiting.due, 'waits', 'wait')}).`];
    if (late > (isHigh ? HIGH_LATE_MS : NORMAL_LATE_MS)) add(isHigh ? 'bad' : 'unsure', ...text);
  }
  const served = new Set(overview.processes.flatMap((process) => process.channels));
  if (served.size === 0) add('bad', 'No process sends anything: no worker is alive, or none has a provider.');
  for (const provider of providers ?? []) {
    const down = provider.channels.filter((used) => used.used && !used.up).map((used) => channel(used.channel));
    if (down.length > 0) add('bad', `The provider ${provider.name} fails (${down.join(', ')}).`);
  }
  if (overview.unreachable > 0) add('bad', `${count(overview.unreachable, 'user was', 'users were')} not reached within a day.`);
  if (overview.deadLetters > 0) add('unsure', h('a', { href: '/dead-letters' }, count(overview.deadLetters, 'dead letter')), ' to look at.');
  return found;
}

let last = '';

export function verdict(into, found, isKnown) {
  const isBad = found.some((trouble) => trouble.mood === 'bad');
  const mood = isBad ? 'bad' : found.length > 0 || !isKnown ? 'unsure' : '';
  const items = found.map((trouble) => h('li', {}, trouble.text));
  const title = !isKnown && found.length === 0 ? 'Looking …' : isBad ? 'Something is wrong' : found.length > 0 ? 'Worth a look' : 'All is well';
  const box = h(
    'section',
    { class: `verdict ${mood}`, 'aria-label': 'Verdict' },
    h('div', { role: 'status' }, h('h2', {}, title)),
    items.length > 0 ? h('ul', {}, items) : null,
    title === 'All is well' ? h('p', { class: 'faint' }, 'Nothing waits that should have gone out, and every provider in use works.') : null,
  );
  // What says the same is left alone: a reader's place in it is not lost, and it is not read out again.
  if (box.textContent === last) return;
  last = box.textContent;
  fill(into, box);
}
