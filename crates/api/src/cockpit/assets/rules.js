// When and how a user is told, as one timeline for each thing that can happen. Steps are rules of the ilert surface; those of an OnCall
// chain stand among them.

import { get, own, post, put, remove } from './api.js';
import { choice, field, fill, h } from './dom.js';
import { press, say } from './frame.js';
import { GROUPS, METHODS, chainSteps, contactKinds, steps } from './rule-kinds.js';
import { minutes } from './time.js';
import { channel } from './words.js';

export async function rules(refresh, { user, mayChange }) {
  const base = `/api/users/${user.id}/notification-preferences`;
  const kinds = [...new Set(GROUPS.map((group) => group.kind))];
  const [contacts, chain, ...lists] = await Promise.all([
    get(own`/users/${user.id}/contacts`),
    get(`/api/v1/personal_notification_rules?user_id=${user.publicId}`),
    ...kinds.map((kind) => get(`${base}/${kind}`)),
  ]);
  const byKind = Object.fromEntries(kinds.map((kind, at) => [kind, lists[at]]));
  const context = { base, contacts: contacts.items, mayChange, refresh };
  return GROUPS.map((group) => {
    const all = [...steps(group, byKind[group.kind], base), ...chainSteps(group, chain.results)].sort((a, b) => (a.minutes - b.minutes) * (group.isBefore ? -1 : 1));
    const list = h('ol', { class: 'timeline', 'aria-label': group.name }, all.map((step) => one(step, group, context)));
    return [h('h3', {}, group.name), all.length === 0 ? h('p', { class: 'faint' }, group.none) : list, mayChange ? adding(group, context) : null];
  });
}

/** Such as "after 5 min: SMS to +49…". */
function sentence(step, group) {
  const when = group.hasDelay ? (step.minutes === 0 ? 'at once' : `${group.isBefore ? '' : 'after '}${minutes(step.minutes)}${group.isBefore ? ' before' : ''}`) : 'at once';
  return [h('strong', {}, `${when}: ${channel(step.channel)}`), step.contact ? h('span', { class: 'faint' }, ` ${step.contact.target}`) : null, step.contact && step.contact.status !== 'OK' ? h('span', { class: 'state warn' }, ' cannot be used now') : null];
}

function one(step, group, context) {
  const { mayChange, refresh } = context;
  const text = h('span', {}, sentence(step, group));
  if (!mayChange) return h('li', {}, text);
  const label = text.textContent;
  const below = h('div');
  const drop = h('button', { type: 'button', class: 'small danger', 'aria-label': `Remove ${label}`, on: { click: () => press(drop, gone) } }, 'Remove');
  const gone = async () => {
    await remove(step.path);
    say(`Removed: ${label}.`);
    await refresh();
  };
  const edit = h('button', { type: 'button', class: 'small', 'aria-label': `Change ${label}`, on: { click: () => fill(below, below.hasChildNodes() ? null : form(group, context, step)) } }, 'Change');
  // A chain is edited as a whole where it comes from; a step of it can be taken out here.
  return h('li', { data: { rule: step.id } }, h('div', { class: 'row spread' }, text, h('div', { class: 'row' }, step.isOfChain ? h('span', { class: 'faint' }, 'of a chain') : edit, drop)), below);
}

function adding(group, context) {
  return h('details', {}, h('summary', {}, `Add a step: ${group.name.toLowerCase()}`), form(group, context, null));
}

/** For a new step, or for one that is changed. */
function form(group, { base, contacts, refresh }, step) {
  const methods = METHODS[group.kind];
  const by = choice(methods.map((method) => [method, channel(method.toLowerCase())]), step ? step.channel.toUpperCase() : methods[0]);
  const to = h('select');
  const delay = choice(group.delays.map((count) => [String(count), group.isBefore ? `${minutes(count)}${count === 0 ? '' : ' before'}` : minutes(count)]), String(step?.minutes ?? group.delays[0]));
  const toField = field('To', to);
  const offer = () => {
    const kinds = contactKinds(by.value);
    const able = contacts.filter((contact) => kinds.includes(contact.kind));
    fill(to, able.map((contact) => h('option', { value: contact.id, selected: contact.id === step?.contact?.id }, contact.target)));
    toField.hidden = kinds.length === 0;
    to.required = kinds.length > 0;
  };
  by.addEventListener('change', offer);
  offer();
  const button = h('button', { class: 'small' }, step ? 'Save' : 'Add');
  const submit = (event) => {
    event.preventDefault();
    press(button, async () => {
      const contact = contactKinds(by.value).length > 0 ? { contact: { id: Number(to.value) } } : {};
      const body = { method: by.value, ...contact, ...group.own(Number(delay.value)) };
      if (step) await put(step.path, body);
      else await post(`${base}/${group.kind}`, body);
      say('It is saved, and counts for open alerts too.');
      await refresh();
    });
  };
  const delayField = group.hasDelay ? field('When', delay) : null;
  return h('form', { class: 'row ends', on: { submit } }, field('By', by), toField, delayField, button);
}
