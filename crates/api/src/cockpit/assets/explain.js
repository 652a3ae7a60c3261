// What would happen: the plan, before it matters.

import { get } from './api.js';
import { choice, field, fill, h, section, table } from './dom.js';
import { press, viewer } from './frame.js';
import { query } from './list.js';
import { time } from './time.js';
import { channel, mood, state } from './words.js';

const KINDS = [
  ['alert', 'An alert'],
  ['duty', 'A shift'],
  ['subscription', 'News'],
  ['update', 'An update of an alert'],
];
const PRIORITIES = [
  ['HIGH', 'HIGH'],
  ['LOW', 'LOW'],
];
const STATUSES = [
  ['ACCEPTED', 'Somebody accepts it'],
  ['RESOLVED', 'It is resolved'],
  ['ESCALATED', 'It is escalated'],
];

const asked = new URLSearchParams(location.search);
const seesAll = ['admin', 'reader'].includes(viewer.role);
const user = h('input', { required: true, maxlength: 255, value: asked.get('user') ?? viewer.user ?? '', autocomplete: 'off' });
const kind = choice(KINDS, 'alert');
const priority = choice(PRIORITIES, 'HIGH');
const status = choice(STATUSES, 'ACCEPTED');
const category = h('input', { maxlength: 255, autocomplete: 'off' });
const labels = h('input', { maxlength: 1024, autocomplete: 'off' });
const at = h('input', { type: 'datetime-local' });
const starts = h('input', { type: 'datetime-local' });
const button = h('button', { class: 'first' }, 'Show what would happen');
const answer = h('div', { 'aria-live': 'polite' });

const fields = {
  user: field('User', user, 'Number, U… id or external id'),
  kind: field('What comes in', kind),
  priority: field('Priority', priority),
  status: field('What happens', status),
  category: field('Category', category, 'Left empty: of none'),
  labels: field('Labels', labels, 'Such as team=db,host=db-1'),
  at: field('When', at, 'Left empty: now'),
  starts: field('The shift begins', starts, 'Left empty: a day later'),
};
fields.user.hidden = !seesAll;

function fit() {
  fields.priority.hidden = kind.value !== 'alert';
  fields.status.hidden = kind.value !== 'update';
  fields.labels.hidden = kind.value !== 'alert';
  fields.starts.hidden = kind.value !== 'duty';
  fields.category.hidden = !['alert', 'subscription'].includes(kind.value);
}

const moment = (input) => (input.value === '' ? '' : new Date(input.value).toISOString());

async function show() {
  const explained = await get(
    query('/watchbell/v1/explain', {
      user: user.value.trim(),
      kind: kind.value,
      priority: fields.priority.hidden ? '' : priority.value,
      status: fields.status.hidden ? '' : status.value,
      category: fields.category.hidden ? '' : category.value.trim(),
      labels: fields.labels.hidden ? '' : labels.value.trim(),
      startsAt: fields.starts.hidden ? '' : moment(starts),
      at: moment(at),
    }),
  );
  const rows = explained.steps.map((step) => [time(step.at), channel(step.channel), step.address, step.state === 'scheduled' ? mood('would go out', 'good') : state(step.state), step.reason]);
  fill(
    answer,
    section(
      'What would happen',
      explained.decision ? h('p', {}, explained.decision) : null,
      explained.problems?.length > 0 ? h('ul', {}, explained.problems.map((problem) => h('li', {}, problem))) : null,
      rows.length > 0 ? table('Steps, in order', ['When', 'By', 'To', 'State', 'Why'], rows) : h('p', { class: 'faint' }, 'Nothing would be sent.'),
    ),
  );
}

kind.addEventListener('change', fit);
fit();
const submit = (event) => {
  event.preventDefault();
  press(button, show);
};
const form = h('form', { on: { submit } }, h('div', { class: 'row ends' }, Object.values(fields)), h('div', { class: 'actions' }, button));
fill(document.getElementById('page'), section('Make something up', h('p', { class: 'faint' }, 'Nothing is sent and nothing is kept.'), form), answer);
if (asked.has('user') || !seesAll) press(button, show);
