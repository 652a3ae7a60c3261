// Where a user can be reached: adding, verifying, trying.

import { get, own, post, put, remove } from './api.js';
import { choice, field, fill, h } from './dom.js';
import { press, say, viewer } from './frame.js';
import { sure } from './sure.js';
import { telegram } from './telegram.js';
import { kind, mood } from './words.js';

/** What can be typed in; a Telegram chat is linked by opening the bot. */
const KINDS = ['phone', 'email', 'slack', 'teams', 'mattermost', 'discord', 'google_chat', 'matrix', 'webhook'];

const STATUS = { OK: ['can be used', 'good'], LOCKED: ['not verified', 'warn'], BLACKLISTED: ['nothing is sent to it', 'bad'] };

export async function contacts(refresh, context) {
  const { user, mayChange } = context;
  const found = await get(own`/users/${user.id}/contacts`);
  const changed = async () => {
    await refresh();
    context.contactsChanged();
  };
  const none = 'There is none yet, so only this user\'s devices can be reached. Add a phone number or an email address.';
  return [
    found.items.length === 0 ? h('p', { class: 'faint' }, none) : h('ul', { class: 'plain' }, found.items.map((contact) => one(contact, context, changed))),
    mayChange ? adding(user, changed) : null,
    mayChange ? telegram(user, found.items, changed) : null,
  ];
}

function one(contact, { user, mayChange }, changed) {
  const path = own`/users/${user.id}/contacts/${contact.id}`;
  const name = `${kind(contact.kind)} ${contact.target}`;
  const below = h('div');
  const button = (label, deed, properties = {}) => {
    const made = h('button', { type: 'button', class: 'small', 'aria-label': `${label}: ${name}`, ...properties, on: { click: () => press(made, deed) } }, label);
    return made;
  };
  const test = async () => {
    const { deliveryId } = await post(`${path}/test`);
    say('A test message is on its way.');
    await follow(below, deliveryId);
  };
  const drop = async () => {
    if (!(await sure(`Remove ${name}?`, 'Rules that use it are removed too. What is on its way to it is cancelled.', 'Remove it'))) return;
    await remove(`${path}?force=true`);
    say(`${name} is removed.`);
    await changed();
  };
  const status = async (wanted) => {
    await put(`${path}/status`, { status: wanted });
    await changed();
  };
  const [word, how] = STATUS[contact.status] ?? [contact.status, ''];
  const actions = [
    contact.status === 'LOCKED' ? button('Verify', () => verify(below, path, name, changed)) : null,
    contact.status === 'OK' ? button('Send me a test', test) : null,
    viewer.isAdmin && contact.status !== 'OK' ? button('Let it be used', () => status('OK')) : null,
    button('Remove', drop, { class: 'small danger' }),
  ];
  const head = h('div', { class: 'row spread' }, h('span', {}, h('strong', {}, kind(contact.kind)), ' ', contact.target, contact.primary ? ' (primary)' : ''), mood(word, how));
  return h('li', { data: { contact: contact.id } }, head, mayChange ? h('div', { class: 'row' }, actions) : null, below);
}

/** Says what becomes of a test message, until that is known. */
async function follow(into, id) {
  const GOES_ON = ['scheduled', 'sending'];
  for (let tries = 0; tries < 15; tries += 1) {
    const delivery = await get(own`/deliveries/${id}`);
    const last = delivery.attemptLog.at(-1);
    const code = last?.code ? ` (${last.code})` : '';
    fill(into, h('p', { role: 'status' }, `The test message: ${delivery.state}${last ? `, ${last.provider} answered ${last.class}${code}` : ''}. `, h('a', { href: `/events/${delivery.eventId}` }, 'More')));
    if (!GOES_ON.includes(delivery.state)) return;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

async function verify(into, path, name, changed) {
  await post(`${path}/verification`);
  const code = h('input', { required: true, inputmode: 'numeric', autocomplete: 'one-time-code', maxlength: 32 });
  const confirm = h('button', { class: 'first small' }, 'Confirm');
  const submit = (event) => {
    event.preventDefault();
    press(confirm, async () => {
      await post(`${path}/verification/confirm`, { code: code.value });
      say(`${name} is verified: messages go there now.`);
      await changed();
    });
  };
  fill(into, h('form', { class: 'row ends', on: { submit } }, field('The code that was sent there', code, 'It counts for 15 minutes.'), confirm));
  code.focus();
}

function adding(user, changed) {
  const kinds = choice(KINDS.map((name) => [name, kind(name)]), 'phone');
  const target = h('input', { required: true, maxlength: 2048, autocomplete: 'off' });
  const HINTS = { phone: 'With the country, such as +49 151 12345678', email: 'Such as anna@example.org', matrix: 'A room, such as !abc:example.org' };
  const targetField = field('Address', target, HINTS.phone);
  const help = targetField.querySelector('.help');
  kinds.addEventListener('change', () => (help.textContent = HINTS[kinds.value] ?? 'The address that the service gave'));
  const button = h('button', {}, 'Add');
  const submit = (event) => {
    event.preventDefault();
    press(button, async () => {
      const made = await post(own`/users/${user.id}/contacts`, { kind: kinds.value, target: target.value.replaceAll(kinds.value === 'phone' ? /[\s()-]/g : /^\s+|\s+$/g, '') });
      say(made.status === 'LOCKED' ? 'It is added. Verify it, so that it can be used.' : 'It is added.');
      await changed();
    });
  };
  return h('details', {}, h('summary', {}, 'Add a contact'), h('form', { class: 'row ends', on: { submit } }, field('Kind', kinds), targetField, button));
}
