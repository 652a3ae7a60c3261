// Making elements. Texts become text and nothing else: no string is ever read as HTML.

/**
 * An element. Properties: `class`, `on` (handlers by event), `data` (attributes `data-…`); `true` and `false` set and leave out an
 * attribute; all others are attributes. Children: elements, texts, lists of them; null and false are left out.
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === 'on') for (const [event, handler] of Object.entries(value)) element.addEventListener(event, handler);
    else if (name === 'data') Object.assign(element.dataset, value);
    else if (name === 'value') element.value = value;
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Puts these in the place of all that an element holds. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

let counted = 0;

/** A labelled field: `control` gets an id, `help` is read with it. */
export function field(label, control, help) {
  control.id ||= `field-${(counted += 1)}`;
  const note = help ? h('span', { class: 'faint help', id: `${control.id}-help` }, help) : null;
  if (note) control.setAttribute('aria-describedby', note.id);
  return h('div', { class: 'field' }, h('label', { for: control.id }, label), note, control);
}

/** A choice among `[value, name]`. */
export function choice(options, selected, properties = {}) {
  const select = h('select', properties);
  for (const [value, name] of options) select.append(h('option', { value, selected: value === selected }, name));
  return select;
}

/** A section with a heading, which it is named by. */
export function section(title, ...children) {
  const id = `section-${(counted += 1)}`;
  return h('section', { 'aria-labelledby': id }, h('h2', { id }, title), ...children);
}

/** A table that becomes a list of cards on a phone: each cell is told by its column's name there. */
export function table(caption, columns, rows, properties = {}) {
  const head = h('thead', {}, h('tr', {}, columns.map((column) => h('th', { scope: 'col' }, column))));
  const cells = (row) => row.map((cell, at) => h('td', { data: { column: columns[at] } }, cell));
  const body = h('tbody', {}, rows.map((row) => h('tr', {}, cells(row))));
  return h('table', properties, h('caption', { class: 'unseen' }, caption), head, body);
}
