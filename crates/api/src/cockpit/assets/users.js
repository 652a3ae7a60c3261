// Who there is.

import { get, own, post, remove } from './api.js';
import { field, fill, h, section, table } from './dom.js';
import { press, say, viewer } from './frame.js';
import { pages, query } from './list.js';
import { sure } from './sure.js';
import { zone } from './time.js';

const PAGE = 50;
const place = h('div');

const load = async (cursor) => {
  const start = Number(cursor ?? 0);
  const items = await get(query('/api/users', { 'start-index': start, 'max-results': PAGE }));
  return { items, nextCursor: items.length === PAGE ? String(start + PAGE) : null };
};

function show(items) {
  const row = (user) => {
    const name = `${user.firstName} ${user.lastName}`.trim() || user.username;
    const drop = h('button', { type: 'button', class: 'small danger', 'aria-label': `Delete ${name}`, on: { click: () => press(drop, gone) } }, 'Delete');
    const gone = async () => {
      if (!(await sure(`Delete ${name}?`, 'All that is theirs goes too: contacts, rules, keys. What was not sent yet is cancelled.', 'Delete'))) return;
      await remove(`/api/users/${user.id}`);
      say(`${name} is deleted.`);
      await list();
    };
    return [h('a', { href: `/users/${user.id}` }, name), user.username, user.email ?? '', user.phone?.number ?? '', String(user.id), viewer.isAdmin ? drop : ''];
  };
  return table('Users', ['Name', 'User name', 'Email', 'Phone', 'Number', 'Actions'], items.map(row));
}

const list = () => pages({ into: place, load, show, empty: 'There is nobody yet. Add a user, or import them: watchbell import.' });

function adding() {
  const input = (properties = {}) => h('input', { maxlength: 255, autocomplete: 'off', ...properties });
  const [first, last, email] = [input(), input(), input({ type: 'email', required: true })];
  const button = h('button', {}, 'Add');
  const submit = (event) => {
    event.preventDefault();
    press(button, async () => {
      const made = await post('/api/users', { username: email.value, firstName: first.value, lastName: last.value, email: email.value, timezone: zone });
      location.assign(`/users/${made.id}`);
    });
  };
  return section('Add a user', h('form', { class: 'row ends', on: { submit } }, field('First name', first), field('Last name', last), field('Email', email), button));
}

/** By what publishers and people call somebody. */
function finding() {
  const wanted = h('input', { required: true, maxlength: 255, autocomplete: 'off' });
  const button = h('button', {}, 'Open');
  const submit = (event) => {
    event.preventDefault();
    press(button, async () => {
      const text = wanted.value.trim();
      const found = text.includes('@') ? await post('/api/users/search-email', { email: text }) : await get(own`/users/${text}`);
      location.assign(`/users/${found.id}`);
    });
  };
  return section('Find a user', h('form', { class: 'row ends', on: { submit } }, field('Email, number, U… id or external id', wanted), button));
}

fill(document.getElementById('page'), finding(), section('All users', place), viewer.isAdmin ? adding() : null);
list();
