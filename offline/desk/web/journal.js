// The counter's memory: look up a check by its number, day or verdict, take it out, and prove that nothing was altered.

import {ask} from './link.js';
import {byID, el, fill, foreign, said, shape, show} from './build.js';
import {count, day, moment, t} from './words.js';
import {keepPath, statusWord} from './verdict.js';

let before = '';

export function start() {
  const form = byID('journal-form');
  form.addEventListener('submit', (e) => { e.preventDefault(); look(false); });
  form.addEventListener('reset', () => setTimeout(() => look(false)));
  form.addEventListener('input', exports);
  byID('j-more').addEventListener('click', () => look(true));
  byID('j-verify').addEventListener('click', verify);
}

let enrolled = false; // with any service: then what has no answer waits for one

// disputes shows what is disputed, and nothing else.
export function disputes() {
  const form = byID('journal-form');
  for (const f of form.elements) if (f.name) f.value = '';
  form.elements.answer.value = 'disputed';
  exports();
  if (location.hash === '#journal') look(false);
  else location.hash = '#journal';
}

export function opened(state) {
  enrolled = Boolean(state?.services?.length);
  exports();
  const days = state?.settings?.retention_days ?? 0;
  fill(byID('journal-keep'), t('journal_text'), ' ', days ? t('journal_keep', {n: days}) : t('journal_keep_all'));
  look(false);
}

function filters() {
  const q = new URLSearchParams();
  for (const [name, value] of new FormData(byID('journal-form'))) if (value.trim()) q.set(name, value.trim());
  return q;
}

function exports() {
  const q = filters().toString();
  byID('j-csv').href = 'journal.csv' + (q && '?' + q);
  byID('j-json').href = 'journal.json' + (q && '?' + q);
}

let newest = 0;

async function look(more) {
  const mine = ++newest;
  const q = filters();
  if (more && before) q.set('before', before);
  const body = byID('j-table').tBodies[0];
  if (!more) body.replaceChildren();
  fill(byID('j-state'), t('j_looking'));
  let answer;
  try {
    answer = await ask('journal?' + q, undefined, 10000);
  } catch (x) {
    if (mine !== newest) return;
    show(byID('j-more'), false);
    return fill(byID('j-state'), said(x.what || t('j_failed'), x.todo));
  }
  if (mine !== newest) return;
  const records = Array.isArray(answer.records) ? answer.records : [];
  for (const r of records) body.append(...rows(r));
  before = records.length ? String(records.at(-1).row ?? '') : '';
  show(byID('j-more'), Boolean(answer.more && before));
  const n = body.querySelectorAll('tr:not(.dispute)').length;
  fill(byID('j-state'), n ? count('j_found_one', 'j_found_many', n) : t('j_none'));
  if (!more && q.get('answer') === 'disputed') ask('journal/seen', {}).catch(() => {}); // counted again until somebody looks
}

// rows are an entry, and below a disputed one why and what to do.
function rows(r) {
  const one = [row(r)];
  if (r.dispute) {
    one.push(el('tr', {class: 'dispute'}, el('td', {colspan: 9}, el('p', {}, shape('reserve'), ' ', el('strong', {}, t('dispute_on', {at: moment(r.answered)})), ' ', said(r.dispute.what)),
      el('p', {}, el('strong', {}, t('next')), ' ', said(r.dispute.todo)))));
  }
  return one;
}

// answer is the insurer's word for an entry.
function answer(r) {
  switch (r.answer) {
    case 'honoured': return [shape('valid'), ' ', t('answer_honoured')];
    case 'disputed': return [shape('reserve'), ' ', t('answer_disputed')];
    case 'noted': return t('answer_noted');
  }
  return enrolled ? t('answer_waiting') : '–';
}

function row(r) {
  return el('tr', {},
    el('th', {scope: 'row', class: 'number'}, foreign(r.number)),
    el('td', {}, moment(r.at)),
    el('td', {class: 'status', 'data-status': r.status}, shape(r.status), ' ', statusWord(r.status), ' ', foreign(r.reason, {class: 'code'})),
    el('td', {}, day(r.care)),
    el('td', {}, foreign(r.domain || '–')),
    el('td', {}, foreign(r.card || '–'), r.beneficiary ? ['\u00a0/\u00a0', r.beneficiary] : null),
    el('td', {}, r.accord ? [t('j_online'), ' ', foreign(r.accord, {class: 'number'})] : r.published ? t('j_from_list', {at: moment(r.published)}) : '–'),
    el('td', {class: 'answer', 'data-answer': r.answer || 'waiting'}, answer(r)),
    el('td', {}, el('a', {href: keepPath(String(r.number)), download: '', 'aria-label': t('j_pdf_of', {number: r.number})}, 'PDF')));
}

async function verify() {
  const out = byID('j-verified');
  fill(out, el('p', {}, t('j_verifying')));
  try {
    const v = await ask('journal/verify', {}, 60000);
    if (v.ok === true) {
      fill(out, el('p', {class: 'result good'}, shape('valid'), ' ', count('j_whole_one', 'j_whole_many', v.entries ?? 0), v.head ? [' ', t('j_head'), ' ', foreign(String(v.head).slice(0, 16), {class: 'code'})] : null));
    } else {
      fill(out, el('p', {class: 'result bad'}, shape('refused'), ' ', t('j_broken', {n: v.bad ?? '?'}), ' ', fault(v.fault)));
    }
  } catch (x) {
    fill(out, el('p', {class: 'result bad'}, shape('unknown'), ' ', said(x.what || t('j_unverified'), x.todo)));
  }
}

function fault(code) {
  switch (code) {
    case 'edited': return t('fault_edited');
    case 'deleted': case 'truncated': return t('fault_deleted');
    case 'inserted': return t('fault_inserted');
    case 'reordered': return t('fault_reordered');
    case 'rewritten': return t('fault_rewritten');
  }
  return t('fault_damaged');
}
