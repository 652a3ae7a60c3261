// What every page has: the menu, signing out, and saying how something went.

import { call } from './api.js';

/** Who is signed in: `role`, and `user`, their number, or null. */
export const viewer = {
  role: document.body.dataset.role,
  user: document.body.dataset.user === '' ? null : Number(document.body.dataset.user),
  get isAdmin() {
    return this.role === 'admin';
  },
};

const by = (id) => document.getElementById(id);

/** Says that something was done. */
export function say(text) {
  show(by('notice'), text);
  show(by('problem'), '');
}

/** Says what went wrong, and what would help. */
export function complain(error) {
  show(by('problem'), error?.message ?? String(error));
  show(by('notice'), '');
  by('problem')?.scrollIntoView({ block: 'nearest' });
}

function show(element, text) {
  if (!element) return;
  element.textContent = text;
  element.hidden = text === '';
}

/** Does something that a button asks for: the button waits as long, what goes wrong is said, and nothing is done twice. */
export async function press(button, deed) {
  if (button.getAttribute('aria-disabled') === 'true') return;
  button.setAttribute('aria-disabled', 'true');
  try {
    await deed();
  } catch (error) {
    complain(error);
  } finally {
    button.removeAttribute('aria-disabled');
  }
}

const menu = by('menu');
menu?.addEventListener('click', () => {
  const isOpen = menu.getAttribute('aria-expanded') === 'true';
  menu.setAttribute('aria-expanded', String(!isOpen));
});

const signOut = by('sign-out');
signOut?.addEventListener('click', () =>
  press(signOut, async () => {
    await call('DELETE', '/watchbell/v1/session');
    location.assign('/sign-in');
  }),
);
