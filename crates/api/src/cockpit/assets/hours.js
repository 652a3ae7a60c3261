// Quiet hours, time zone and language.

import { own, put } from './api.js';
import { choice, field, h } from './dom.js';
import { press, say } from './frame.js';
import { check, hourFields } from './hour-fields.js';
import { zone } from './time.js';

export function hours(_, { user, mayChange }) {
  const quiet = user.quietHours;
  const on = check(Boolean(quiet), 'Hold everything but HIGH alerts');
  const times = hourFields(quiet, 'Quiet hours');
  const zones = [...new Set([user.timezone, zone, ...Intl.supportedValuesOf('timeZone')])];
  const timezone = choice(zones.map((name) => [name, name]), user.timezone);
  const locale = h('input', { value: user.locale, maxlength: 35, required: true });
  const show = () => (times.element.hidden = !on.box.checked);
  on.box.addEventListener('change', show);
  show();
  for (const control of [on.box, ...times.controls, timezone, locale]) control.disabled = !mayChange;
  const button = h('button', { class: 'first' }, 'Save');
  const submit = (event) => {
    event.preventDefault();
    press(button, async () => {
      await put(own`/users/${user.id}`, { quietHours: on.box.checked ? times.read() : null, timezone: timezone.value, locale: locale.value });
      say('It is saved.');
    });
  };
  return h('form', { on: { submit } }, on.field, times.element, h('div', { class: 'row ends' }, field('Time zone', timezone), field('Language', locale, 'Such as en or de')), mayChange ? h('div', { class: 'actions' }, button) : null);
}
