// What was changed, by whom.

import { get } from './api.js';
import { field, fill, h, section, table } from './dom.js';
import { pages, query } from './list.js';
import { time } from './time.js';

const asked = new URLSearchParams(location.search);
const place = h('div');
const [action, object, key] = ['action', 'object', 'key'].map((name) => h('input', { name, maxlength: 255, autocomplete: 'off', value: asked.get(name) ?? '' }));
key.inputMode = 'numeric';

/** Of a change, each member with what it was and is. */
function detail(entry) {
  if (!entry.detail) return '';
  const text = (value) => (value === null || value === undefined ? 'nothing' : typeof value === 'string' ? value : JSON.stringify(value));
  const line = ([name, value]) => {
    const isChange = value !== null && typeof value === 'object' && ('before' in value || 'after' in value);
    return h('li', {}, isChange ? `${name}: ${text(value.before)} → ${text(value.after)}` : `${name}: ${text(value)}`);
  };
  return h('details', {}, h('summary', {}, 'Changes'), h('ul', {}, Object.entries(entry.detail).map(line)));
}

const show = (items) => table('Audit log, newest first', ['When', 'What', 'To what', 'By key', 'From', 'Details'], items.map((entry) => [time(entry.at), entry.action, entry.object, entry.keyId === undefined ? 'none' : String(entry.keyId), entry.address ?? '', detail(entry)]));

const list = () => pages({ into: place, load: (cursor) => get(query('/watchbell/v1/audit', { cursor, action: action.value.trim(), object: object.value.trim(), key: key.value.trim() })), show, empty: 'Nothing that fits. Take a part of the filter away.' });

const submit = (event) => {
  event.preventDefault();
  // So that what was found can be shared as a link.
  history.replaceState(null, '', query('/audit', { action: action.value.trim(), object: object.value.trim(), key: key.value.trim() }));
  list();
};
const filter = h('form', { class: 'row ends', role: 'search', on: { submit } }, field('What', action, 'Begins with, such as contact'), field('To what', object, 'Begins with, such as users/4'), field('By key', key, 'Its number'), h('button', {}, 'Show'));
fill(document.getElementById('page'), section('What was changed', filter, place));
list();
