// Push messages to this browser.

import { get, own, post } from './api.js';
import { h } from './dom.js';
import { press, say } from './frame.js';

/** A button that switches them on or off; or why that cannot be. */
export async function browser(user, changed) {
  const note = (text) => h('p', { class: 'faint' }, text);
  if (!('serviceWorker' in navigator) || !('PushManager' in window)) return note('This browser takes no push messages here. It has to be open by https://, and on an iPhone from the home screen.');
  let key;
  try {
    ({ key } = await get('/watchbell/v1/push-key'));
  } catch (error) {
    return note(error.message);
  }
  if (!key) return note('Push messages to browsers are not set up here: no provider sends them.');
  const registration = await navigator.serviceWorker.getRegistration('/');
  const subscription = await registration?.pushManager.getSubscription();
  const button = h('button', { type: 'button', on: { click: () => press(button, subscription ? off : on) } }, subscription ? 'Stop push messages to this browser' : 'Send push messages to this browser');
  const on = async () => {
    if ((await Notification.requestPermission()) !== 'granted') throw new Error('The browser does not allow it. Allow notifications of this site in its settings, then try again.');
    const ready = await registered();
    const made = await ready.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
    const { endpoint, keys } = made.toJSON();
    try {
      await post(own`/users/${user.id}/devices`, { kind: 'webpush', token: endpoint, keys: { p256dh: keys.p256dh, auth: keys.auth } });
    } catch (error) {
      // Else the browser would say that it is on, and nothing would come.
      await made.unsubscribe();
      throw error;
    }
    say('This browser gets push messages now.');
    await changed();
  };
  const off = async () => {
    await subscription.unsubscribe();
    say('This browser gets none any more. The first message that does not arrive takes it off the list.');
    await changed();
  };
  return h('div', { class: 'actions' }, button);
}

/** The policy of the page lets no text become a script's address, unless it is one that is named here. */
async function registered() {
  const path = '/service-worker.js';
  const policy = window.trustedTypes?.createPolicy('watchbell', {
    createScriptURL(url) {
      if (url === path) return url;
      throw new TypeError('no script of ours');
    },
  });
  await navigator.serviceWorker.register(policy ? policy.createScriptURL(path) : path);
  return navigator.serviceWorker.ready;
}
