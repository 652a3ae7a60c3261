// Events that could not be used: why, what came, and playing them again.

import { get, own, post } from './api.js';
import { choice, field, fill, h, section } from './dom.js';
import { complain, press, say, viewer } from './frame.js';
import { pages, query } from './list.js';
import { time } from './time.js';

const place = h('div');
const which = choice(
  [
    ['false', 'Not played again yet'],
    ['', 'All'],
    ['true', 'Played again'],
  ],
  'false',
  { on: { change: () => list() } },
);

function one(letter) {
  const original = h('div');
  const details = h('details', {}, h('summary', {}, 'What came'), original);
  details.addEventListener('toggle', async () => {
    if (!details.open || original.hasChildNodes()) return;
    try {
      const whole = await get(own`/dead-letters/${letter.id}`);
      const text = whole.payload ?? `${whole.payloadBase64} (base64: it is no text)`;
      fill(original, h('pre', { tabindex: '0', 'aria-label': 'Payload' }, text));
    } catch (error) {
      fill(original, h('p', { role: 'alert' }, error.message));
    }
  });
  const replay = h('button', { type: 'button', class: 'small', 'aria-label': `Play again: ${letter.detail}`, on: { click: () => press(replay, again) } }, 'Play again');
  const again = async () => {
    const { events } = await post(own`/dead-letters/${letter.id}/replay`);
    const still = events.flatMap((event) => event.problems ?? []);
    const planned = events.reduce((sum, event) => sum + event.planned, 0);
    await list();
    if (still.length > 0) complain(new Error(`It was played again, but: ${still.join('; ')}`));
    else say(`It was played again: ${planned} ${planned === 1 ? 'step is' : 'steps are'} planned.`);
  };
  return h(
    'li',
    { data: { letter: letter.id } },
    h('div', { class: 'row spread' }, h('strong', {}, letter.detail), viewer.isAdmin && !letter.replayedAt ? replay : null),
    h('p', { class: 'faint' }, time(letter.receivedAt), ` ${letter.subject} (${letter.reason})`, letter.replayedAt ? [', played again ', time(letter.replayedAt)] : null),
    details,
  );
}

const list = () =>
  pages({
    into: place,
    load: (cursor) => get(query('/watchbell/v1/dead-letters', { cursor, replayed: which.value })),
    show: (items) => h('ul', { class: 'plain' }, items.map(one)),
    empty: which.value === 'false' ? 'Nothing is left to be looked at: every event could be used, or was played again.' : 'There is none.',
  });

fill(document.getElementById('page'), section('Events that could not be used', h('p', { class: 'faint' }, 'Mend what was wrong, such as a user who is missing, and play them again: what is missing is planned, and nothing twice.'), h('div', { class: 'row' }, field('Show', which)), place));
list();
