// How providers do, and trying one before it matters.

import { own, post } from './api.js';
import { choice, field, fill, h } from './dom.js';
import { complain, press, say, viewer } from './frame.js';
import { ago } from './time.js';
import { channel, count, mood } from './words.js';

export function providers(into, all) {
  const key = JSON.stringify(all);
  // A form that somebody is filling in stays.
  if (into.dataset.shows === key || into.contains(document.activeElement)) return;
  into.dataset.shows = key;
  const none = 'No provider is configured, so nothing can be sent. See [providers] in the configuration.';
  fill(into, all.length === 0 ? h('p', { class: 'faint' }, none) : h('ul', { class: 'plain' }, all.map(one)));
}

function one(provider) {
  const [used, unused] = [provider.channels.filter((of) => of.used), provider.channels.filter((of) => !of.used)];
  return h(
    'li',
    {},
    h('h3', {}, provider.name, ' ', h('span', { class: 'faint' }, provider.kind)),
    used.map(ofChannel),
    unused.length > 0 ? h('p', { class: 'faint' }, `Not used: ${unused.map((of) => channel(of.channel)).join(', ')}.`) : null,
    viewer.isAdmin && provider.channels.length > 0 ? trial(provider) : null,
  );
}

function ofChannel(of) {
  const failure = of.lastFailure ? ['; last failure ', ago(of.lastFailure.at), ` (${[of.lastFailure.class, of.lastFailure.code].filter(Boolean).join(' ')})`] : [];
  return h(
    'p',
    {},
    channel(of.channel),
    ' ',
    of.up ? mood('works', 'good') : mood('fails', 'bad'),
    h('span', { class: 'faint' }, ` ${count(of.callsLastHour, 'call')} in an hour, ${of.failuresLastHour} failed`, failure),
    of.spend ? h('span', { class: 'faint' }, `; ${of.spend.today} of ${of.spend.maxPerDay} calls of today`) : null,
  );
}

function trial(provider) {
  const channels = provider.channels.map((of) => [of.channel, channel(of.channel)]);
  const by = choice(channels, channels[0][0]);
  const to = h('input', { required: true, maxlength: 2048, autocomplete: 'off' });
  const button = h('button', { class: 'small' }, 'Send');
  const submit = (event) => {
    event.preventDefault();
    press(button, async () => {
      const result = await post(own`/providers/${provider.name}/test`, { channel: by.value, to: to.value });
      const code = result.code ? ` (${result.code})` : '';
      if (result.class === 'Accepted') say(`${provider.name} took the test message${code}.`);
      else complain(new Error(`${provider.name} did not take the test message: ${result.class}${code}.`));
    });
  };
  const form = h('form', { class: 'row ends', on: { submit } }, field('Channel', by), field('Address', to, 'Somewhere that you can see'), button);
  return h('details', {}, h('summary', {}, 'Send a test'), form);
}
