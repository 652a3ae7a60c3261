// What was planned for whom: user by user, step by step, with each attempt.

import { get, own, post } from './api.js';
import { fill, h, section } from './dom.js';
import { press, say, viewer } from './frame.js';
import { time } from './time.js';
import { channel, state } from './words.js';

const PURPOSES = {
  fallback: 'as no rule asks for anything',
  bundle: 'several messages in one',
  digest: 'a digest',
  test: 'a test',
  verification: 'a code',
  duty_cancelled: 'a shift that was called off',
};

/** Sections, one a user. `changed` is called when a step was sent again. */
export function steps(deliveries, changed) {
  const byUser = new Map();
  for (const delivery of deliveries) byUser.set(delivery.userId, [...(byUser.get(delivery.userId) ?? []), delivery]);
  return [...byUser.values()].map((ofUser) => {
    ofUser.sort((a, b) => (a.dueAt < b.dueAt ? -1 : 1));
    const name = ofUser[0].userName ?? `User ${ofUser[0].userId} (deleted)`;
    return section(name, h('ol', { class: 'timeline' }, ofUser.map((delivery) => step(delivery, changed))));
  });
}

function step(delivery, changed) {
  const attempts = h('div');
  const details = h('details', {}, h('summary', {}, 'Attempts'), attempts);
  details.addEventListener('toggle', () => details.open && show(attempts, delivery.id));
  const purpose = PURPOSES[delivery.purpose];
  const replay = h('button', { type: 'button', class: 'small', on: { click: () => press(replay, again) } }, 'Send again');
  const again = async () => {
    await post(own`/deliveries/${delivery.id}/replay`);
    say('It goes out again now.');
    await changed();
  };
  return h(
    'li',
    { data: { delivery: delivery.id } },
    h('p', {}, time(delivery.sentAt ?? delivery.readyAt), ' ', h('strong', {}, channel(delivery.channel)), ' ', h('span', { class: 'faint' }, delivery.address, purpose ? `, ${purpose}` : '')),
    h('p', {}, state(delivery.state), delivery.reason ? ` ${delivery.reason}` : null),
    delivery.attempts > 0 ? details : null,
    delivery.state === 'failed' && viewer.isAdmin ? replay : null,
  );
}

async function show(into, id) {
  try {
    const delivery = await get(own`/deliveries/${id}`);
    const line = (...parts) => h('li', {}, parts);
    const entries = [
      ...delivery.attemptLog.map((attempt) => [attempt.at, [`${attempt.provider}: ${attempt.class}`, attempt.code ? ` (${attempt.code})` : '', attempt.latencyMs === undefined ? '' : `, ${attempt.latencyMs} ms`]]),
      ...delivery.receipts.map((receipt) => [receipt.at, [`${receipt.provider} says: ${receipt.outcome.replaceAll('_', ' ')}`, receipt.code ? ` (${receipt.code})` : '']]),
      ...delivery.answers.map((answer) => [answer.at, [`Answered: ${answer.action}`]]),
    ];
    entries.sort(([a], [b]) => (a < b ? -1 : 1));
    fill(into, h('ul', { class: 'plain' }, entries.map(([at, parts]) => line(time(at), ' ', parts))));
  } catch (error) {
    fill(into, h('p', { role: 'alert' }, error.message));
  }
}
