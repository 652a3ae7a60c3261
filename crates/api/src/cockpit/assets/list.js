// Lists: loading, empty, failed, and one page after another.

import { fill, h } from './dom.js';

/**
 * Fills `into` with pages. `load(cursor)` answers `{ items, nextCursor }`; `show(items)` makes an element of a page's items; `empty` says
 * what to do where there are none. Answers when the first page is there.
 */
export async function pages({ into, load, show, empty }) {
  const shown = h('div');
  const more = h('div', { class: 'row' });
  fill(into, shown, more);
  const next = async (cursor) => {
    fill(more, h('p', { class: 'faint', role: 'status' }, 'Loading …'));
    try {
      const page = await load(cursor);
      if (page.items.length > 0) shown.append(show(page.items));
      else if (cursor === null) shown.append(h('p', { class: 'faint' }, empty));
      const button = h('button', { type: 'button', on: { click: () => next(page.nextCursor) } }, 'Show more');
      fill(more, page.nextCursor ? button : null);
    } catch (error) {
      const again = h('button', { type: 'button', class: 'small', on: { click: () => next(cursor) } }, 'Try again');
      fill(more, h('p', { role: 'alert' }, error.message, ' '), again);
    }
  };
  await next(null);
}

/** Fills an element with what `load` makes of an answer; or says what went wrong, and offers to try again. */
export async function loaded(into, load) {
  try {
    fill(into, await load());
  } catch (error) {
    const again = h('button', { type: 'button', class: 'small', on: { click: () => loaded(into, load) } }, 'Try again');
    fill(into, h('p', { role: 'alert' }, error.message), again);
  }
}

/** A path with a cursor and what else is asked for; what is empty is left out. */
export function query(path, parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined && value !== '');
  const text = new URLSearchParams(given).toString();
  return text === '' ? path : `${path}?${text}`;
}
