// Now: whether all is well, and what goes out as it happens.

import { get } from './api.js';
import { fill, h, section } from './dom.js';
import './frame.js';
import { liveDeliveries } from './now-live.js';
import { providers } from './now-providers.js';
import { troubles, verdict } from './now-verdict.js';
import { deadLetters, processes, queue, unreachable } from './now-tables.js';

const OVERVIEW_EVERY_MS = 5000;
const PROVIDERS_EVERY_MS = 15000;

const known = { overview: null, providers: null, isLive: true, why: '', failure: null };
const places = Object.fromEntries(['verdict', 'queue', 'providers', 'unreachable', 'letters', 'processes'].map((name) => [name, h('div')]));
const live = liveDeliveries((isLive, why) => {
  if (known.isLive === isLive && known.why === (why ?? '')) return;
  Object.assign(known, { isLive, why: why ?? '' });
  judge();
});

fill(
  document.getElementById('page'),
  places.verdict,
  live,
  h(
    'div',
    { class: 'cards' },
    h('div', {}, section('What waits', places.queue), section('Not reached', places.unreachable), section('Dead letters', places.letters)),
    section('Providers', places.providers),
  ),
  section('Processes', places.processes),
);

function judge() {
  verdict(places.verdict, troubles(known), known.overview !== null);
}

/** Asks again and again, but not while nobody looks. */
function repeat(deed, everyMs) {
  const run = async () => {
    if (!document.hidden) await deed();
    setTimeout(run, everyMs);
  };
  run();
}

repeat(async () => {
  try {
    known.overview = await get('/watchbell/v1/overview');
    known.failure = null;
    queue(places.queue, known.overview);
    processes(places.processes, known.overview);
    await Promise.all([unreachable(places.unreachable, known.overview), deadLetters(places.letters, known.overview)]);
  } catch (error) {
    known.failure = error.message;
  }
  judge();
}, OVERVIEW_EVERY_MS);

repeat(async () => {
  try {
    known.providers = (await get('/watchbell/v1/providers')).items;
    providers(places.providers, known.providers);
  } catch (error) {
    known.failure = error.message;
  }
  judge();
}, PROVIDERS_EVERY_MS);
