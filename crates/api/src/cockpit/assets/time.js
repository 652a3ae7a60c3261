// Times in the reader's zone; the whole of it is there on hover.

import { h } from './dom.js';

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const short = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });
const whole = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'long' });

export const zone = new Intl.DateTimeFormat().resolvedOptions().timeZone;

/** A point in time: of the last or next half day its clock time, else its day too. */
export function time(at) {
  const date = new Date(at);
  const isNear = Math.abs(Date.now() - date.getTime()) < 12 * 3600e3;
  return h('time', { datetime: at, title: whole.format(date) }, (isNear ? clock : short).format(date));
}

const UNITS = [
  ['day', 86400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
];
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'always' });

/** How long ago, or in how long. */
export function ago(at) {
  const seconds = Math.round((new Date(at).getTime() - Date.now()) / 1000);
  const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? UNITS.at(-1);
  return h('time', { datetime: at, title: whole.format(new Date(at)) }, relative.format(Math.trunc(seconds / size), unit));
}

/** A delay in minutes, as people say it. */
export function minutes(count) {
  if (count === 0) return 'at once';
  if (count % 1440 === 0) return count === 1440 ? '1 day' : `${count / 1440} days`;
  if (count % 60 === 0) return `${count / 60} h`;
  return `${count} min`;
}
