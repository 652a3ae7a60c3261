// What goes out as it happens.

import { choice, field, fill, h, section, table } from './dom.js';
import { listen } from './live.js';
import { time } from './time.js';
import { about, channel, channels, state, states } from './words.js';

/** So many are shown, and so often at most are they shown anew. */
const SHOWN = 50;
const KEPT = 300;
const DRAW_EVERY_MS = 400;

export function liveDeliveries(onView) {
  const byId = new Map();
  const wanted = { channel: '', state: '' };
  const place = h('div', {}, h('p', { class: 'faint' }, 'Loading …'));
  let isDrawing = false;

  const take = (delivery) => {
    const before = byId.get(delivery.id);
    // The same change may be told twice, and an old one late.
    if (before && before.updatedAt > delivery.updatedAt) return;
    byId.set(delivery.id, delivery);
  };
  const draw = () => {
    isDrawing = false;
    const all = [...byId.values()].sort((a, b) => (a.updatedAt < b.updatedAt ? 1 : -1));
    for (const old of all.slice(KEPT)) byId.delete(old.id);
    const fits = (delivery) => (wanted.channel === '' || delivery.channel === wanted.channel) && (wanted.state === '' || delivery.state === wanted.state);
    const shown = all.filter(fits).slice(0, SHOWN);
    const none = byId.size === 0 ? 'Nothing was sent yet. Publish an event, and what becomes of it appears here.' : 'Nothing of that kind lately.';
    if (place.contains(document.activeElement)) return later();
    fill(place, shown.length > 0 ? table('Deliveries, the last change first', ['When', 'Who', 'About', 'By', 'State'], shown.map(row), { class: 'compact' }) : h('p', { class: 'faint' }, none));
  };
  const later = () => {
    if (isDrawing) return;
    isDrawing = true;
    setTimeout(draw, DRAW_EVERY_MS);
  };

  listen({
    onSnapshot(items) {
      items.forEach(take);
      draw();
    },
    onDelivery(delivery) {
      take(delivery);
      later();
    },
    onView,
  });
  const filter = (name, label, options) => {
    const select = choice([['', 'All'], ...options], wanted[name], { on: { change: () => ((wanted[name] = select.value), draw()) } });
    return field(label, select);
  };
  return section('What goes out', h('div', { class: 'row' }, filter('channel', 'Channel', channels), filter('state', 'State', states)), place);
}

function row(delivery) {
  return [
    time(delivery.updatedAt),
    delivery.userName ?? `User ${delivery.userId}`,
    about(delivery),
    h('span', {}, channel(delivery.channel), ' ', h('span', { class: 'faint' }, delivery.address)),
    h('span', {}, state(delivery.state), delivery.reason && delivery.state !== 'delivered' ? h('span', { class: 'faint' }, ` ${delivery.reason}`) : null),
  ];
}
