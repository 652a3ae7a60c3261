// One user's preferences: their own, or, for an admin, anybody's.

import { get, own } from './api.js';
import { categories } from './categories.js';
import { contacts } from './contacts.js';
import { devices } from './devices.js';
import { fill, h, section } from './dom.js';
import { viewer } from './frame.js';
import { hours } from './hours.js';
import { loaded } from './list.js';
import { rules } from './rules.js';

const [, first, id] = location.pathname.split('/');
const named = first === 'users' ? decodeURIComponent(id) : viewer.user;
const page = document.getElementById('page');

async function begin() {
  if (named === null) {
    const text = 'This key belongs to no user, so it has no preferences of its own. Choose somebody under ';
    return void fill(page, h('p', {}, text, h('a', { href: '/users' }, 'Users'), '.'));
  }
  let user;
  try {
    user = await get(own`/users/${named}`);
  } catch (error) {
    return void fill(page, h('p', { role: 'alert' }, error.message), h('button', { type: 'button', on: { click: begin } }, 'Try again'));
  }
  const name = `${user.firstName} ${user.lastName}`.trim() || user.username;
  if (first === 'users') document.getElementById('title').textContent = name;
  const mayChange = viewer.isAdmin || (viewer.role === 'user' && viewer.user === user.id);
  const context = { user, mayChange, contactsChanged: () => rulesPart.refresh() };
  const rulesPart = part((refresh) => rules(refresh, context));
  const parts = { contacts: part((refresh) => contacts(refresh, context)), devices: part((refresh) => devices(refresh, context)), hours: part((refresh) => hours(refresh, context)), categories: part((refresh) => categories(refresh, context)) };
  fill(
    page,
    section(first === 'users' ? `When and how ${name} is told` : 'When and how I am told', rulesPart.place),
    section('Contacts', parts.contacts.place),
    section('Devices', parts.devices.place),
    section('Quiet hours and language', parts.hours.place),
    section('News by category', parts.categories.place),
    h('p', {}, h('a', { href: '/explain?user=' + user.id }, 'See what would happen')),
  );
}

/** A part that loads by itself, and can be loaded anew. */
function part(make) {
  const place = h('div', {}, h('p', { class: 'faint' }, 'Loading …'));
  const refresh = () => loaded(place, () => make(refresh));
  refresh();
  return { place, refresh };
}

begin();
