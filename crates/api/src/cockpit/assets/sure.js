// Asking before something is done that cannot be undone.

import { h } from './dom.js';

/** Whether it is to be done. Escape, and the first button, say no. */
export function sure(question, consequence, yes) {
  return new Promise((resolve) => {
    const heading = h('h2', { id: 'question' }, question);
    const no = h('button', { type: 'button', on: { click: () => dialog.close() } }, 'Cancel');
    const go = h('button', { type: 'button', class: 'danger', on: { click: () => dialog.close('yes') } }, yes);
    const dialog = h('dialog', { 'aria-labelledby': 'question' }, heading, h('p', {}, consequence), h('div', { class: 'actions' }, no, go));
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(dialog.returnValue === 'yes');
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
