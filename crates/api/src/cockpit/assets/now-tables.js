// What waits, what went wrong, and who is there.

import { get, own } from './api.js';
import { fill, h, table } from './dom.js';
import { ago, time } from './time.js';
import { channel, count } from './words.js';

const LISTED = 5;

/** Draws what is new: what stays the same is left alone, so that nobody loses their place in it. */
function draw(into, key, make) {
  if (into.dataset.shows === key) return;
  into.dataset.shows = key;
  fill(into, make());
}

export function queue(into, overview) {
  const byChannel = new Map();
  const of = (name) => byChannel.get(name) ?? byChannel.set(name, { due: 0, later: 0, held: 0, sending: 0, since: null, high: 0 }).get(name);
  for (const waiting of overview.waiting) {
    const sum = of(waiting.channel);
    if (waiting.rank === 'held') sum.held += waiting.deliveries;
    else {
      sum.due += waiting.due;
      sum.later += waiting.deliveries - waiting.due;
      if (waiting.rank === 'high') sum.high += waiting.due;
      if (waiting.dueSince && (sum.since === null || waiting.dueSince < sum.since)) sum.since = waiting.dueSince;
    }
  }
  for (const sending of overview.sending) of(sending.channel).sending += sending.deliveries;
  const rows = [...byChannel].filter(([, sum]) => sum.due + sum.later + sum.held + sum.sending > 0);
  draw(into, JSON.stringify(rows) + Math.floor(Date.now() / 15e3), () =>
    rows.length === 0
      ? h('p', { class: 'faint' }, 'Nothing waits.')
      : table('What waits, by channel', ['Channel', 'Due', 'Later', 'Held', 'In calls', 'Oldest due'], rows.map(([name, sum]) => [
          channel(name),
          sum.high > 0 ? `${sum.due} (${sum.high} HIGH)` : String(sum.due),
          String(sum.later),
          String(sum.held),
          String(sum.sending),
          sum.since ? ago(sum.since) : '–',
        ])),
  );
}

export async function unreachable(into, overview) {
  if (into.dataset.shows !== undefined && Number(into.dataset.of) === overview.unreachable) return;
  into.dataset.of = overview.unreachable;
  const found = await get(`/watchbell/v1/unreachable?limit=${LISTED}`);
  const names = await Promise.all(found.items.map(async (item) => (await get(own`/users/${item.userId}`).catch(() => null))?.username ?? `User ${item.userId}`));
  draw(into, JSON.stringify(found), () => [
    found.items.length === 0
      ? h('p', { class: 'faint' }, 'Everybody was reached.')
      : h('ul', { class: 'plain' }, found.items.map((item, at) => {
          const href = item.alertId ? `/alerts/${encodeURIComponent(item.alertId)}` : `/events/${item.eventId}`;
          return h('li', {}, h('a', { href: `/users/${item.userId}` }, names[at]), ', ', h('a', { href }, item.alertId ?? item.dutyId ?? 'an event'), ', ', time(item.at));
        })),
    found.total > found.items.length ? h('p', { class: 'faint' }, `The last ${found.items.length} of ${found.total} that are kept.`) : null,
  ]);
}

export async function deadLetters(into, overview) {
  if (into.dataset.shows !== undefined && Number(into.dataset.of) === overview.deadLetters) return;
  into.dataset.of = overview.deadLetters;
  const found = await get(`/watchbell/v1/dead-letters?replayed=false&limit=${LISTED}`);
  draw(into, JSON.stringify(found), () => [
    found.items.length === 0
      ? h('p', { class: 'faint' }, 'Every event could be used.')
      : h('ul', { class: 'plain' }, found.items.map((letter) => h('li', {}, time(letter.receivedAt), ' ', letter.detail))),
    found.items.length > 0 ? h('p', {}, h('a', { href: '/dead-letters' }, 'See them all')) : null,
  ]);
}

export function processes(into, overview) {
  draw(into, JSON.stringify(overview.processes) + Math.floor(Date.now() / 60e3), () =>
    overview.processes.length === 0
      ? h('p', { class: 'faint' }, 'None has said that it is there.')
      : table(`${count(overview.processes.length, 'process', 'processes')}`, ['Name', 'Roles', 'Version', 'Sends by', 'Since'], overview.processes.map((process) => [
          process.name,
          process.roles.split(',').join(', '),
          process.version,
          process.channels.map(channel).join(', ') || 'nothing',
          ago(process.startedAt),
        ])),
  );
}
