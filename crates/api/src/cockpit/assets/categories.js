// What a user wants of news, by category.

import { get, own, put } from './api.js';
import { choice, h, table } from './dom.js';
import { complain, say } from './frame.js';

const WAYS = [
  ['inApp', 'In the app'],
  ['email', 'Email'],
  ['push', 'Push'],
];
const DIGESTS = [
  ['instant', 'at once'],
  ['hourly', 'once an hour'],
  ['daily', 'once a day'],
];

export async function categories(refresh, { user, mayChange }) {
  const path = own`/users/${user.id}/preferences`;
  const { items } = await get(path);
  const row = (preference) => {
    const name = preference.name ?? 'Everything else';
    const { category, inApp, email, push, digest } = preference;
    const save = async (change) => {
      try {
        await put(path, { ...(category ? { category } : {}), inApp, email, push, digest, ...change });
        say(`${name}: it is saved.`);
      } catch (error) {
        complain(error);
      }
      await refresh();
    };
    const box = ([member, label]) => {
      const made = h('input', { type: 'checkbox', 'aria-label': `${name}: ${label}`, on: { change: () => save({ [member]: made.checked }) } });
      made.checked = preference[member];
      made.disabled = !mayChange;
      return made;
    };
    const when = choice(DIGESTS, digest, { 'aria-label': `${name}: when emails come`, on: { change: () => save({ digest: when.value }) } });
    when.disabled = !mayChange || !email;
    return [name, ...WAYS.map(box), when];
  };
  return table('News by category', ['Category', ...WAYS.map(([, label]) => label), 'Emails come'], items.map(row));
}
