// An alert, or another event: what became of it, for whom, and why.

import { get, own, post } from './api.js';
import { fill, h, section } from './dom.js';
import { complain, press, say, viewer } from './frame.js';
import { query } from './list.js';
import { listen } from './live.js';
import { steps } from './steps.js';
import { time } from './time.js';
import { mood, priority } from './words.js';

const LOOK_EVERY_MS = 10000;
const MOST = 500;

const [, kind, id] = location.pathname.split('/').map(decodeURIComponent);
const isAlert = kind === 'alerts';
const page = document.getElementById('page');
const head = h('div');
const rest = h('div');

const ACTIONS = { accept: 'I have it', resolve: 'It is resolved', decline: 'Not me' };
const DONE = { accept: 'You have it. Nobody else is paged.', resolve: 'It is resolved.', decline: 'Your next step comes now; others are paged as before.' };
const HAPPENED = { raised: 'Raised', accepted: 'Accepted', escalated: 'Escalated', resolved: 'Resolved' };

function stateOf(alert) {
  if (alert.state === 'open') return mood('Open: nobody has it', 'bad');
  const last = alert.history.findLast((event) => event.what === alert.state);
  const by = last?.by ? ` by ${last.by}` : '';
  return mood(alert.state === 'accepted' ? `Accepted${by}` : `Resolved${by}`, 'good');
}

function alertHead(alert) {
  const title = alert.summary.trim() || alert.id;
  document.getElementById('title').textContent = title;
  document.title = `${title} · Watchbell`;
  const buttons = alert.actions.map((action, at) => {
    const button = h('button', { type: 'button', class: at === 0 ? 'first' : '', data: { action }, on: { click: () => press(button, () => answer(action)) } }, ACTIONS[action] ?? action);
    return button;
  });
  const facts = [['Alert', alert.id], ['Category', alert.category], ...Object.entries(alert.labels)].filter(([, value]) => value !== undefined && value !== null);
  const text = (value) => (typeof value === 'string' ? value : JSON.stringify(value));
  return [
    h('section', { class: `verdict ${alert.state === 'open' ? 'bad' : ''}`, 'aria-label': 'State' }, h('div', { role: 'status' }, h('h2', {}, stateOf(alert), ' ', priority(alert.priority))), buttons.length > 0 ? h('div', { class: 'actions' }, buttons) : null),
    section(
      'What it says',
      alert.details ? h('pre', { tabindex: '0', 'aria-label': 'Details' }, alert.details) : null,
      h('dl', {}, facts.flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, text(value))])),
      alert.url ? h('p', {}, h('a', { href: alert.url, rel: 'noreferrer noopener' }, 'Open it where it comes from')) : null,
    ),
    section('What happened', h('ol', { class: 'timeline' }, alert.history.map((event) => h('li', {}, time(event.at), ' ', HAPPENED[event.what] ?? event.what, event.by ? ` by ${event.by}` : '')))),
  ];
}

function eventHead(event) {
  const words = { alert: 'An alert', update: 'An update of an alert', duty: 'A shift', subscription: 'News', verification: 'A code' };
  document.getElementById('title').textContent = words[event.kind] ?? event.kind;
  return section(
    'What came in',
    h('p', {}, 'Happened ', time(event.at), ', received ', time(event.receivedAt), '.'),
    event.alertId ? h('p', {}, 'About ', h('a', { href: `/alerts/${encodeURIComponent(event.alertId)}` }, event.alertId), '.') : null,
    event.decision ? h('p', {}, event.decision) : null,
    event.problems.length > 0 ? h('ul', {}, event.problems.map((problem) => h('li', {}, problem))) : null,
  );
}

async function answer(action) {
  await post(own`/alerts/${id}/answer`, { action });
  await look();
  say(DONE[action]);
}

/** What an event itself was is operators' to see; what it sent a user is theirs. */
const seesEvents = ['admin', 'reader'].includes(viewer.role);
let shown = '';

async function look() {
  const [about, found] = await Promise.all([
    isAlert ? get(own`/alerts/${id}`) : seesEvents ? get(own`/events/${id}`) : null,
    get(query('/watchbell/v1/deliveries', { [isAlert ? 'alert' : 'event']: id, limit: MOST })),
  ]);
  const key = JSON.stringify([about, found]);
  // What is the same is left as it is, with all that was opened in it.
  if (key === shown) return;
  shown = key;
  if (about) fill(head, isAlert ? alertHead(about) : eventHead(about));
  const none = isAlert ? 'Nobody was told: the alert names nobody whom a rule or the fallback would tell.' : 'It sent nothing.';
  const more = found.nextCursor ? h('p', { class: 'faint' }, `The newest ${MOST} steps are shown.`) : null;
  fill(rest, found.items.length === 0 ? section('Who was told', h('p', { class: 'faint' }, none)) : steps(found.items, look), more);
}

async function begin() {
  try {
    await look();
  } catch (error) {
    const again = h('button', { type: 'button', on: { click: begin } }, 'Try again');
    const text = error.status === 404 ? 'There is no such thing, or it is kept no longer. Look whether the address is whole.' : error.message;
    return void fill(page, h('p', { role: 'alert' }, text), again);
  }
  fill(page, head, rest);
  let isWaiting = false;
  const soon = () => {
    if (isWaiting) return;
    isWaiting = true;
    setTimeout(() => {
      isWaiting = false;
      look().catch(complain);
    }, 300);
  };
  const isAbout = (delivery) => (isAlert ? delivery.alertId : delivery.eventId) === id;
  listen({ onSnapshot: soon, onDelivery: (delivery) => isAbout(delivery) && soon() });
  setInterval(() => document.hidden || soon(), LOOK_EVERY_MS);
}

begin();
