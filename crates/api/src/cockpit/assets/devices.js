// Where push messages go, this browser among them.

import { get, own, remove } from './api.js';
import { h } from './dom.js';
import { press, say, viewer } from './frame.js';
import { browser } from './push.js';
import { ago } from './time.js';

const KINDS = { fcm: 'Android or web app', apns: 'iPhone or iPad', webpush: 'Browser', pushover: 'Pushover', ntfy: 'ntfy', gotify: 'Gotify' };

export async function devices(refresh, { user, mayChange }) {
  const { items } = await get(own`/users/${user.id}/devices`);
  const one = (device) => {
    const name = `${KINDS[device.kind] ?? device.kind} ${device.token}`;
    const drop = h('button', { type: 'button', class: 'small danger', 'aria-label': `Remove ${name}`, on: { click: () => press(drop, gone) } }, 'Remove');
    const gone = async () => {
      await remove(own`/users/${user.id}/devices/${device.id}`);
      say('The device gets nothing any more.');
      await refresh();
    };
    return h('li', { class: 'row spread' }, h('span', {}, h('strong', {}, KINDS[device.kind] ?? device.kind), ' ', h('span', { class: 'faint' }, device.token, ', added ', ago(device.createdAt))), mayChange ? drop : null);
  };
  const isOwn = viewer.user === user.id;
  return [items.length === 0 ? h('p', { class: 'faint' }, 'There is none yet, so rules by push reach nobody.') : h('ul', { class: 'plain' }, items.map(one)), mayChange && isOwn ? await browser(user, refresh) : null];
}
