// When and how a user is told, as one timeline for each thing that can happen. Steps are rules, of whatever surface; those of an OnCall
// chain stand among them.

import { get, own, post, put, remove } from './api.js';
import { choice, field, fill, h } from './dom.js';
import { press, say } from './frame.js';
import { conditionFields, conditionsText } from './rule-conditions.js';
import { GROUPS, channelsFor, contactKinds, steps } from './rule-kinds.js';
import { minutes } from './time.js';
import { channel } from './words.js';

export async function rules(refresh, { user, mayChange }) {
  const [contacts, all] = await Promise.all([get(own`/users/${user.id}/contacts`), get(own`/users/${user.id}/rules`)]);
  const context = { user, contacts: contacts.items, mayChange, refresh };
  return GROUPS.map((group) => {
    const found = steps(group, all.items, contacts.items);
    const list = h('ol', { class: 'timeline', 'aria-label': group.name }, found.map((step) => one(step, group, context)));
    return [h('h3', {}, group.name), found.length === 0 ? h('p', { class: 'faint' }, group.none) : list, mayChange ? adding(group, context) : null];
  });
}

/** Such as "after 5 min: SMS +49…, only if team = db". */
function sentence(step, group) {
  const when = group.minutes && step.minutes > 0 ? `${group.isBefore ? '' : 'after '}${minutes(step.minutes)}${group.isBefore ? ' before' : ''}` : 'at once';
  const terms = conditionsText(step);
  return [h('strong', {}, `${when}: ${channel(step.channel)}`), step.contact ? h('span', { class: 'faint' }, ` ${step.contact.target}`) : null, step.contact && step.contact.status !== 'OK' ? h('span', { class: 'state warn' }, ' cannot be used now') : null, terms ? `, ${terms}` : null];
}

function one(step, group, context) {
  const { user, mayChange, refresh } = context;
  const text = h('span', {}, sentence(step, group));
  if (!mayChange) return h('li', {}, text);
  const label = text.textContent;
  const below = h('div');
  const drop = h('button', { type: 'button', class: 'small danger', 'aria-label': `Remove ${label}`, on: { click: () => press(drop, gone) } }, 'Remove');
  const gone = async () => {
    await remove(own`/users/${user.id}/rules/${step.id}`);
    say(`Removed: ${label}.`);
    await refresh();
  };
  const edit = h('button', { type: 'button', class: 'small', 'aria-label': `Change ${label}`, on: { click: () => fill(below, below.hasChildNodes() ? null : form(group, context, step)) } }, 'Change');
  // A chain is edited as a whole where it comes from; a step of it can be taken out here.
  const isOfChain = step.position !== undefined;
  return h('li', { data: { rule: step.id } }, h('div', { class: 'row spread' }, text, h('div', { class: 'row' }, isOfChain ? h('span', { class: 'faint' }, 'of a chain') : edit, drop)), below);
}

function adding(group, context) {
  return h('details', {}, h('summary', {}, `Add a step: ${group.name.toLowerCase()}`), form(group, context, null));
}

/** For a new step, or for one that is changed. */
function form(group, { user, contacts, refresh }, step) {
  const by = choice(channelsFor(contacts, step?.channel).map((name) => [name, channel(name)]), step?.channel ?? 'push');
  const to = h('select');
  const delays = [...new Set([...(group.delays ?? [0]), ...(step ? [step.minutes] : [])])].sort((a, b) => a - b);
  const delay = choice(delays.map((count) => [String(count), group.isBefore && count > 0 ? `${minutes(count)} before` : minutes(count)]), String(step?.minutes ?? 0));
  const toField = field('To', to);
  const offer = () => {
    const kinds = contactKinds(by.value);
    const able = contacts.filter((contact) => kinds.includes(contact.kind));
    // A rule that names no contact goes to the primary one.
    const isOpen = step !== null && !step.contact && kinds.length > 0;
    fill(to, isOpen ? h('option', { value: '' }, 'The primary one') : null, able.map((contact) => h('option', { value: contact.id, selected: contact.id === step?.contact?.id }, contact.target)));
    toField.hidden = kinds.length === 0;
    to.required = kinds.length > 0 && !isOpen;
  };
  by.addEventListener('change', offer);
  offer();
  const terms = conditionFields(group, step);
  const button = h('button', { class: 'small' }, step ? 'Save' : 'Add');
  const submit = (event) => {
    event.preventDefault();
    press(button, async () => {
      const body = { trigger: group.trigger, channel: by.value, ...terms.read() };
      if (contactKinds(by.value).length > 0) Object.assign(body, to.value === '' ? {} : { contactId: Number(to.value) });
      // The chat or the phone that an older rule names.
      else if (step?.contactId && step.channel === by.value) body.contactId = step.contactId;
      if (group.minutes) body[group.minutes] = Number(delay.value);
      if (step?.critical) body.critical = true;
      if (step) await put(own`/users/${user.id}/rules/${step.id}`, body);
      else await post(own`/users/${user.id}/rules`, body);
      say('It is saved, and counts for open alerts too.');
      await refresh();
    });
  };
  const delayField = group.minutes ? field('When', delay) : null;
  return h('form', { on: { submit } }, h('div', { class: 'row ends' }, field('By', by), toField, delayField), terms.element, h('div', { class: 'actions' }, button));
}
