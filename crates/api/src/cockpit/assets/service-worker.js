// Shows pushed messages, and leads to where they are answered. What is pushed is told by the provider of push messages to browsers.

self.addEventListener('push', (event) => {
  let message;
  try {
    message = event.data.json();
  } catch {
    message = { title: 'Watchbell', body: 'A message came that cannot be read. Look at the page.' };
  }
  const data = { url: message.url, answerUrl: message.answerUrl };
  const shown = { body: message.body, lang: message.lang, tag: message.tag, renotify: Boolean(message.tag), requireInteraction: Boolean(message.urgent), actions: message.actions ?? [], data };
  event.waitUntil(self.registration.showNotification(message.title, shown));
});

self.addEventListener('notificationclick', (event) => {
  event.notification.close();
  const { url, answerUrl } = event.notification.data ?? {};
  // A press leads to the page of the answer, where the button that was pressed stands out: nothing is answered behind anybody's back.
  const answer = answerUrl && event.action ? `${answerUrl}?do=${encodeURIComponent(event.action)}` : answerUrl;
  event.waitUntil(self.clients.openWindow(answer ?? url ?? '/'));
});
