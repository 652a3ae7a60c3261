// Calls of the API, with the session's cookie. Every change has a header that no other site's page can set.

/** An answer that is none of 2xx, or no answer: `message` says to people what is wrong. */
export class Failure extends Error {
  constructor(status, message, body) {
    super(message);
    this.status = status;
    this.body = body;
  }
}

/** The surfaces say in different members what is wrong. */
function messageOf(body, status) {
  const text = body?.error?.message ?? body?.message ?? body?.detail;
  if (typeof text === 'string') return sentence(text);
  return `Watchbell answered ${status}.`;
}

function sentence(text) {
  const trimmed = text.trim();
  return trimmed.charAt(0).toUpperCase() + trimmed.slice(1) + (/[.!?]$/.test(trimmed) ? '' : '.');
}

/** Calls, and gives the answer's body; null where it has none. */
export async function call(method, path, body) {
  const headers = { 'X-Watchbell-Page': '1' };
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  let response;
  try {
    response = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw new Failure(0, 'Watchbell cannot be reached. Is the network there? Then try again.');
  }
  const text = await response.text();
  let read = null;
  try {
    read = text === '' ? null : JSON.parse(text);
  } catch {
    read = null;
  }
  if (response.ok) return read;
  if (response.status === 401 && location.pathname !== '/sign-in') {
    location.assign('/sign-in?next=' + encodeURIComponent(location.pathname + location.search));
  }
  throw new Failure(response.status, messageOf(read, response.status), read);
}

export const get = (path) => call('GET', path);
export const post = (path, body = {}) => call('POST', path, body);
export const put = (path, body) => call('PUT', path, body);
export const remove = (path) => call('DELETE', path);

/** A path of Watchbell's own surface. */
export const own = (strings, ...values) =>
  '/watchbell/v1' + String.raw({ raw: strings }, ...values.map((value) => encodeURIComponent(value)));
