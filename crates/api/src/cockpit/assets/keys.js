// Who may call: keys are made, shown once, and revoked.

import { get, own, post, remove } from './api.js';
import { choice, field, fill, h, section, table } from './dom.js';
import { press, say, viewer } from './frame.js';
import { pages, query } from './list.js';
import { sure } from './sure.js';
import { time } from './time.js';

const ROLES = [
  ['user', 'User: what is theirs'],
  ['publisher', 'Publisher: publishes events'],
  ['reader', 'Reader: sees everything'],
  ['admin', 'Admin: everything'],
];
const place = h('div');
const shownOnce = h('div');

function show(items) {
  const row = (key) => {
    const drop = h('button', { type: 'button', class: 'small danger', 'aria-label': `Revoke ${key.name}`, on: { click: () => press(drop, gone) } }, 'Revoke');
    const gone = async () => {
      if (!(await sure(`Revoke ${key.name}?`, 'Whoever uses it is refused at once, and browsers that signed in with it are signed out.', 'Revoke'))) return;
      await remove(own`/keys/${key.id}`);
      say(`${key.name} opens nothing any more.`);
      await list();
    };
    const user = key.userId === undefined ? '' : h('a', { href: `/users/${key.userId}` }, `User ${key.userId}`);
    const what = key.publicKey ? `${key.role} pair` : key.intake ? `${key.role} of ${key.intake}` : key.role;
    const expires = key.expiresAt === undefined ? 'Never' : time(key.expiresAt);
    const used = key.usedAt === undefined ? 'Never' : h('span', { title: `From ${key.usedFrom}` }, time(key.usedAt));
    return [key.name, what, user, time(key.createdAt), expires, used, String(key.id), viewer.isAdmin ? drop : ''];
  };
  return table('Keys', ['Name', 'Role', 'User', 'Made', 'Expires', 'Last used', 'Number', 'Actions'], items.map(row));
}

const list = () => pages({ into: place, load: (cursor) => get(query('/watchbell/v1/keys', { cursor })), show, empty: 'There is none.' });

const DAY_MS = 24 * 60 * 60 * 1000;
const expiry = (days) => (days === '' ? {} : { expiresAt: new Date(Date.now() + Number(days) * DAY_MS).toISOString() });

function adding() {
  const name = h('input', { required: true, maxlength: 255, autocomplete: 'off' });
  const role = choice(ROLES, 'user');
  const user = h('input', { maxlength: 255, autocomplete: 'off' });
  const days = h('input', { type: 'number', min: 1, max: 36500, autocomplete: 'off' });
  const button = h('button', {}, 'Make a key');
  const submit = (event) => {
    event.preventDefault();
    press(button, async () => {
      const whose = user.value.trim();
      const made = await post('/watchbell/v1/keys', { name: name.value, role: role.value, ...expiry(days.value), ...(whose === '' ? {} : { user: /^\d+$/.test(whose) ? Number(whose) : whose }) });
      fill(shownOnce, section(`The key ${made.name}`, h('p', {}, 'Copy it now: it is shown this once and kept nowhere.'), h('p', { class: 'secret' }, made.key)));
      name.value = '';
      await list();
    });
  };
  const whose = field('User', user, 'Number, U… id or external id; a user key needs one');
  return section('Make a key', h('form', { class: 'row ends', on: { submit } }, field('Name', name, 'What it is for'), field('Role', role), whose, field('Expires', days, 'After so many days; empty: never'), button));
}

fill(document.getElementById('page'), viewer.isAdmin ? adding() : null, shownOnce, section('All keys', place));
list();
