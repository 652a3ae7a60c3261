// What becomes of deliveries as it happens.

/**
 * Listens. `onSnapshot(items)` is called at the beginning and whenever something may have been missed, `onDelivery(delivery)` for each
 * that changed, and `onView(isLive, why)` when what is shown stops, or begins, to be what is. A browser connects again by itself, but
 * not after a refusal: then this does, ever more slowly.
 */
export function listen({ onSnapshot, onDelivery, onView }) {
  let wait = 2000;
  const connect = () => {
    const source = new EventSource('/watchbell/v1/stream');
    source.addEventListener('snapshot', (event) => {
      wait = 2000;
      onView?.(true);
      onSnapshot(JSON.parse(event.data).items);
    });
    source.addEventListener('delivery', (event) => {
      onView?.(true);
      onDelivery(JSON.parse(event.data));
    });
    source.addEventListener('blind', () => onView?.(false, 'The database does not answer, so this view stands still.'));
    source.addEventListener('error', () => {
      onView?.(false, 'The connection is lost; it is tried again.');
      if (source.readyState !== EventSource.CLOSED) return;
      setTimeout(connect, wait);
      wait = Math.min(wait * 2, 60000);
    });
    addEventListener('pagehide', () => source.close(), { once: true });
  };
  connect();
}
