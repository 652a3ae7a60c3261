// What has to be the case for a rule to count, and how often it tells again.

import { choice, field, fill, h } from './dom.js';
import { check, hourFields, hoursText } from './hour-fields.js';
import { minutes } from './time.js';

const EVERY = [1, 2, 3, 5, 10, 15, 30, 60];
const TIMES = [1, 2, 3, 4, 5, 6, 8, 10];

/** In words, such as "only if team = db and on duty; again 3 times, every 5 min". */
export function conditionsText({ when = {}, repeatEveryMin, repeatTimes }) {
  const parts = (when.labels ?? []).map(labelText);
  if (when.categories) parts.push(`of ${when.categories.join(' or ')}`);
  if (when.priority) parts.push(`the alert is ${when.priority}`);
  if (when.hours) parts.push(`at ${hoursText(when.hours)}`);
  if (when.onDuty) parts.push(when.onDuty.schedule ? `on duty by ${when.onDuty.schedule}` : 'on duty');
  const repeat = repeatTimes ? `again ${repeatTimes === 1 ? 'once' : `${repeatTimes} times`}, every ${minutes(repeatEveryMin)}, until somebody accepts` : null;
  return [parts.length > 0 ? `only if ${parts.join(' and ')}` : null, repeat].filter(Boolean).join('; ');
}

function labelText({ label, equals, oneOf, matches }) {
  if (equals !== undefined) return `${label} = ${equals}`;
  return oneOf ? `${label} is one of ${oneOf.join(', ')}` : `${label} matches ${matches}`;
}

/** Fields for a step; `read` gives the members of the rule that they say. */
export function conditionFields(group, step) {
  const when = step?.when ?? {};
  const knows = (name) => group.conditions.includes(name);
  const labels = labelFields(when.labels ?? []);
  const categories = h('input', { value: (when.categories ?? []).join(', ') });
  const isTimed = check(Boolean(when.hours), 'Only at some hours');
  const hours = hourFields(when.hours, 'Hours');
  const duty = choice([['', 'Always'], ['on', 'Only on duty']], when.onDuty ? 'on' : '');
  const schedule = h('input', { value: when.onDuty?.schedule ?? '', maxlength: 255 });
  const scheduleField = field('Schedule', schedule, 'Empty: any');
  const count = choice([['', 'Never'], ...unique(TIMES, step?.repeatTimes).map((times) => [String(times), times === 1 ? 'Once' : `${times} times`])], String(step?.repeatTimes ?? ''));
  const every = choice(unique(EVERY, step?.repeatEveryMin).map((count) => [String(count), minutes(count)]), String(step?.repeatEveryMin ?? 5));
  const everyField = field('Every', every);
  const show = () => {
    hours.element.hidden = !isTimed.box.checked;
    // What is hidden is not asked for.
    for (const control of hours.controls) control.disabled = !isTimed.box.checked;
    scheduleField.hidden = duty.value === '';
    everyField.hidden = count.value === '';
  };
  for (const control of [isTimed.box, duty, count]) control.addEventListener('change', show);
  show();
  const row = (...fields) => h('div', { class: 'row ends' }, fields);
  const element = h(
    'details',
    { open: conditionsText(step ?? {}) !== '' },
    h('summary', {}, group.repeats ? 'Only if …, and again' : 'Only if …'),
    knows('labels') ? labels.element : null,
    knows('categories') ? row(field('Categories', categories, 'One of these, with commas between them; empty: any')) : null,
    knows('hours') ? [isTimed.field, hours.element] : null,
    knows('onDuty') ? row(field('On duty or not', duty), scheduleField) : null,
    group.repeats ? row(field('Tell again until somebody accepts', count), everyField) : null,
  );
  const read = () => {
    const names = split(categories.value);
    const asked = {
      labels: labels.read(),
      categories: names,
      hours: isTimed.box.checked ? hours.read() : undefined,
      onDuty: duty.value === '' ? undefined : schedule.value.trim() === '' ? {} : { schedule: schedule.value.trim() },
      priority: when.priority,
    };
    const given = Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined && value.length !== 0));
    const repeat = count.value === '' ? {} : { repeatEveryMin: Number(every.value), repeatTimes: Number(count.value) };
    return { ...(Object.keys(given).length > 0 ? { when: given } : {}), ...repeat };
  };
  return { element, read };
}

const split = (text) => text.split(',').map((part) => part.trim()).filter((part) => part !== '');
const unique = (usual, chosen) => [...new Set(chosen ? [...usual, chosen] : usual)].sort((a, b) => a - b);

/** A row for each label, and one more on demand. */
function labelFields(known) {
  const rows = h('div');
  const entries = [];
  const add = (condition) => {
    const how = condition?.oneOf ? 'oneOf' : condition?.matches !== undefined ? 'matches' : 'equals';
    const value = condition?.oneOf?.join(', ') ?? condition?.matches ?? condition?.equals ?? '';
    const entry = {
      label: h('input', { value: condition?.label ?? '', required: true, maxlength: 255 }),
      how: choice([['equals', 'is'], ['oneOf', 'is one of'], ['matches', 'matches']], how),
      value: h('input', { value, required: how !== 'equals' }),
    };
    const drop = h('button', { type: 'button', class: 'small danger', on: { click: () => gone() } }, 'Remove the label');
    const row = h('div', { class: 'row ends' }, field('Label', entry.label), field('How', entry.how), field('Value', entry.value), drop);
    const gone = () => {
      entries.splice(entries.indexOf(entry), 1);
      row.remove();
      more.focus();
    };
    entries.push(entry);
    rows.append(row);
    return entry;
  };
  known.forEach(add);
  const more = h('button', { type: 'button', class: 'small', on: { click: () => add().label.focus() } }, 'Ask for a label');
  const say = ({ label, how, value }) => ({ label: label.value.trim(), [how.value]: how.value === 'oneOf' ? split(value.value) : value.value });
  return { element: fill(h('div'), rows, more), read: () => entries.map(say) };
}
