// Signing in with a key.

import { Failure, call } from './api.js';
import { complain } from './frame.js';

const form = document.getElementById('sign-in');
const key = form.elements.namedItem('key');
const button = form.querySelector('button');

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  button.disabled = true;
  try {
    await call('POST', '/watchbell/v1/session', { key: key.value });
    await kept();
    location.assign(next());
  } catch (error) {
    key.value = '';
    key.focus();
    complain(error.status === 401 ? new Failure(401, 'Nobody has this key. Look whether all of it is there, without spaces.') : error);
  } finally {
    button.disabled = false;
  }
});

/** A browser that came by HTTP keeps no cookie that is for HTTPS. */
async function kept() {
  try {
    await call('GET', '/watchbell/v1/caller');
  } catch (error) {
    if (error.status !== 401) throw error;
    throw new Failure(0, 'The browser did not keep that you signed in. Allow cookies for this site, and open it by https:// if it has that.');
  }
}

/** Where somebody was led here from; nothing but an address of this site. */
function next() {
  const wanted = new URLSearchParams(location.search).get('next') ?? '/';
  const url = new URL(wanted, location.origin);
  return url.origin === location.origin && url.pathname !== '/sign-in' ? url.pathname + url.search : '/';
}
