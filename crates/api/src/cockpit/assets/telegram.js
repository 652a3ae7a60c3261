// Linking a Telegram chat: by a link, or by a phone that reads it from a desktop.

import { get, own, post } from './api.js';
import { fill, h } from './dom.js';
import { press, say } from './frame.js';
import { time } from './time.js';

const LOOK_EVERY_MS = 3000;

export function telegram(user, contacts, changed) {
  if (contacts.some((contact) => contact.kind === 'telegram')) return null;
  const place = h('div');
  const button = h('button', { type: 'button', on: { click: () => press(button, link) } }, 'Make a link');
  const link = async () => {
    const made = await post(own`/users/${user.id}/telegram-link`);
    const qr = h('img', { class: 'qr', alt: 'The same link as a QR code', src: 'data:image/svg+xml,' + encodeURIComponent(made.qrSvg) });
    fill(place, h('p', {}, h('a', { href: made.url, rel: 'noreferrer noopener', target: '_blank' }, 'Open the bot'), ' on this device, or read this with a phone, and press Start there. It counts until ', time(made.expiresAt), '.'), qr);
    wait(made.expiresAt);
  };
  const wait = (until) =>
    setTimeout(async () => {
      if (!place.isConnected || Date.now() > new Date(until).getTime()) return;
      const found = await get(own`/users/${user.id}/contacts?kind=telegram`).catch(() => ({ items: [] }));
      if (found.items.length === 0) return wait(until);
      say('The Telegram chat is linked.');
      await changed();
    }, LOOK_EVERY_MS);
  return h('details', {}, h('summary', {}, 'Link Telegram'), button, place);
}
