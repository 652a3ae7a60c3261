// Quiet hours, time zone and language.

import { own, put } from './api.js';
import { choice, field, h } from './dom.js';
import { press, say } from './frame.js';
import { zone } from './time.js';

const DAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

export function hours(_, { user, mayChange }) {
  const quiet = user.quietHours;
  const check = (checked, label, properties = {}) => {
    const box = h('input', { type: 'checkbox', ...properties });
    box.checked = checked;
    box.disabled = !mayChange;
    return { box, field: h('div', { class: 'field check' }, box, labelFor(box, label)) };
  };
  const on = check(Boolean(quiet), 'Hold everything but HIGH alerts');
  const start = h('input', { type: 'time', value: quiet?.start ?? '22:00', required: true });
  const end = h('input', { type: 'time', value: quiet?.end ?? '07:00', required: true });
  const days = DAYS.map((name, at) => check(!quiet || quiet.days === undefined || quiet.days.length === 0 || quiet.days.includes(at + 1), name));
  const zones = [...new Set([user.timezone, zone, ...Intl.supportedValuesOf('timeZone')])];
  const timezone = choice(zones.map((name) => [name, name]), user.timezone);
  const locale = h('input', { value: user.locale, maxlength: 35, required: true });
  const times = h('fieldset', { class: 'plain-set' }, h('legend', { class: 'unseen' }, 'Quiet hours'), h('div', { class: 'row' }, field('From', start), field('To', end)), h('div', { class: 'row', role: 'group', 'aria-label': 'Days on which they begin' }, days.map((day) => day.field)));
  const show = () => (times.hidden = !on.box.checked);
  on.box.addEventListener('change', show);
  show();
  for (const control of [start, end, timezone, locale]) control.disabled = !mayChange;
  const button = h('button', { class: 'first' }, 'Save');
  const submit = (event) => {
    event.preventDefault();
    press(button, async () => {
      const chosen = days.flatMap((day, at) => (day.box.checked ? [at + 1] : []));
      if (on.box.checked && chosen.length === 0) throw new Error('Choose a day, or switch quiet hours off.');
      const quietHours = on.box.checked ? { start: start.value, end: end.value, ...(chosen.length < 7 ? { days: chosen } : {}) } : null;
      await put(own`/users/${user.id}`, { quietHours, timezone: timezone.value, locale: locale.value });
      say('It is saved.');
    });
  };
  return h('form', { on: { submit } }, on.field, times, h('div', { class: 'row ends' }, field('Time zone', timezone), field('Language', locale, 'Such as en or de')), mayChange ? h('div', { class: 'actions' }, button) : null);
}

let counted = 0;

function labelFor(box, text) {
  box.id = `check-${(counted += 1)}`;
  return h('label', { for: box.id }, text);
}
