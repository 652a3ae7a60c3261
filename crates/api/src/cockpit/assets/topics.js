// Topics, and who is told of their events.

import { get, own, put, remove } from './api.js';
import { field, fill, h, section } from './dom.js';
import { press, say, viewer } from './frame.js';
import { pages, query } from './list.js';
import { sure } from './sure.js';
import { ago } from './time.js';

const place = h('div');

function one(topic) {
  const members = h('div');
  const load = (cursor) => get(query(own`/topics/${topic.name}/users`, { cursor }));
  const list = () => pages({ into: members, load, show: (items) => h('ul', { class: 'plain' }, items.map(member)), empty: 'It has no members, so its events go to nobody.' });
  const member = ({ id }) => {
    const name = h('a', { href: `/users/${id}` }, `User ${id}`);
    get(own`/users/${id}`).then((user) => (name.textContent = `${user.firstName} ${user.lastName}`.trim() || user.username), () => {});
    const drop = h('button', { type: 'button', class: 'small', 'aria-label': `Take user ${id} out of ${topic.name}`, on: { click: () => press(drop, async () => void (await remove(own`/topics/${topic.name}/users/${id}`), await list())) } }, 'Take out');
    return h('li', { class: 'row spread' }, name, viewer.isAdmin ? drop : null);
  };
  const user = h('input', { required: true, maxlength: 255, autocomplete: 'off' });
  const button = h('button', { class: 'small' }, 'Add');
  const submit = (event) => {
    event.preventDefault();
    press(button, async () => {
      await put(own`/topics/${topic.name}/users/${user.value.trim()}`);
      user.value = '';
      say(`${topic.name} has one more member.`);
      await list();
    });
  };
  const drop = h('button', { type: 'button', class: 'small danger', on: { click: () => press(drop, gone) } }, 'Delete the topic');
  const gone = async () => {
    if (!(await sure(`Delete ${topic.name}?`, 'Nobody is told of its events any more.', 'Delete'))) return;
    await remove(own`/topics/${topic.name}`);
    say(`${topic.name} is deleted.`);
    await all();
  };
  const add = h('form', { class: 'row ends', on: { submit } }, field('User', user, 'Number, U… id or external id'), button);
  const details = h('details', {}, h('summary', {}, topic.name, ' ', h('span', { class: 'faint' }, ago(topic.createdAt))), members, viewer.isAdmin ? [add, h('div', { class: 'actions' }, drop)] : null);
  details.addEventListener('toggle', () => details.open && list());
  return h('li', {}, details);
}

const all = () => pages({ into: place, load: (cursor) => get(query('/watchbell/v1/topics', { cursor })), show: (items) => h('ul', { class: 'plain' }, items.map(one)), empty: 'There is none yet. A topic is there from its first member on.' });

function adding() {
  const [name, user] = [h('input', { required: true, maxlength: 255, autocomplete: 'off' }), h('input', { required: true, maxlength: 255, autocomplete: 'off' })];
  const button = h('button', {}, 'Add');
  const submit = (event) => {
    event.preventDefault();
    press(button, async () => {
      await put(own`/topics/${name.value.trim()}/users/${user.value.trim()}`);
      say(`${name.value.trim()} is there.`);
      await all();
    });
  };
  return section('Add a topic', h('form', { class: 'row ends', on: { submit } }, field('Name', name), field('Its first member', user, 'Number, U… id or external id'), button));
}

fill(document.getElementById('page'), section('All topics', place), viewer.isAdmin ? adding() : null);
all();
