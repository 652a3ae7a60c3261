// Fields for hours of the day, and the days on which they begin.

import { field, h } from './dom.js';

const DAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

let counted = 0;

/** A box to tick, with its label behind it. */
export function check(checked, text) {
  const box = h('input', { type: 'checkbox', id: `check-${(counted += 1)}` });
  box.checked = checked;
  return { box, field: h('div', { class: 'field check' }, box, h('label', { for: box.id }, text)) };
}

/** Fields for `hours`; `read` gives what they say now. */
export function hourFields(hours, legend) {
  const start = h('input', { type: 'time', value: hours?.start ?? '22:00', required: true });
  const end = h('input', { type: 'time', value: hours?.end ?? '07:00', required: true });
  const isEvery = !hours?.days || hours.days.length === 0;
  const days = DAYS.map((name, at) => check(isEvery || hours.days.includes(at + 1), name));
  const element = h('fieldset', { class: 'plain-set' }, h('legend', { class: 'unseen' }, legend), h('div', { class: 'row' }, field('From', start), field('To', end)), h('div', { class: 'row', role: 'group', 'aria-label': 'Days on which they begin' }, days.map((day) => day.field)));
  const read = () => {
    const chosen = days.flatMap((day, at) => (day.box.checked ? [at + 1] : []));
    if (chosen.length === 0) throw new Error('Choose a day, or switch the hours off.');
    return { start: start.value, end: end.value, ...(chosen.length < 7 ? { days: chosen } : {}) };
  };
  return { element, controls: [start, end, ...days.map((day) => day.box)], read };
}

/** Such as 22:00–07:00 on Sat, Sun. */
export function hoursText({ start, end, days }) {
  const on = days && days.length > 0 ? ` on ${days.map((day) => DAYS[day - 1]).join(', ')}` : '';
  return `${start}–${end}${on}`;
}
