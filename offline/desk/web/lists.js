// The lists that this counter follows: how old they are, what that means, and how to bring them up to date.

import {ask} from './link.js';
import {byID, el, fill, foreign, said, show} from './build.js';
import {count, hours, moment, t} from './words.js';
import {groups, look, lookZip} from './follow.js';

export function start() {
  byID('sync').addEventListener('click', sync);
  byID('follow-form').addEventListener('submit', (e) => { e.preventDefault(); look(byID('follow-out'), byID('from').value.trim()); });
  byID('bundle-choose').addEventListener('click', () => byID('bundle-file').click());
  byID('bundle-file').addEventListener('change', (e) => {
    if (e.target.files[0]) lookZip(byID('follow-out'), e.target.files[0]);
    e.target.value = '';
  });
}

async function sync() {
  try {
    await ask('sync', {});
    fill(byID('sync-state'), t('sync_asked'));
  } catch (x) {
    fill(byID('sync-state'), said(x.what || t('sync_failed'), x.todo));
  }
}

// step names what a synchronisation is doing; nothing for a step that this page doesn't know.
function step(name) {
  switch (name) {
    case 'root': return t('step_root');
    case 'metadata': return t('step_metadata');
    case 'lists': return t('step_lists');
  }
  return '';
}

let drawn = '';

// draw shows the lists and the synchronisation of a state. What did not change is left alone, with its focus.
export function draw(state) {
  const s = state.sync ?? {};
  show(byID('sync-progress'), Boolean(s.running));
  byID('sync').disabled = Boolean(s.running);
  if (s.running) fill(byID('sync-state'), t('sync_running'), ' ', foreign(s.source ?? ''), ' ', step(s.step), s.bytes ? [' – ', count('kilobytes_one', 'kilobytes_many', Math.ceil(s.bytes / 1000))] : null);
  else if (s.last_error) fill(byID('sync-state'), el('span', {class: 'problem'}, said(s.last_error.what, s.last_error.todo)));
  else fill(byID('sync-state'), s.next ? t('sync_next', {at: moment(s.next)}) : '');
  const lists = state.lists ?? [];
  const key = JSON.stringify(lists);
  if (key === drawn) return;
  drawn = key;
  fill(byID('list-all'), lists.length ? lists.map(card) : el('li', {}, t('lists_none')));
}

function card(l) {
  const out = el('div', {});
  const forget = el('button', {type: 'button'}, t('list_forget'));
  forget.addEventListener('click', () => {
    const sure = el('button', {type: 'button', class: 'danger'}, t('list_forget_sure'));
    const no = el('button', {type: 'button', onclick: () => { fill(out); forget.focus(); }}, t('list_forget_no'));
    sure.addEventListener('click', async () => {
      try {
        await ask('forget', {fingerprint: l.fingerprint});
      } catch (x) {
        fill(out, el('p', {class: 'problem', role: 'alert'}, said(x.what || t('list_forget_failed'), x.todo)));
      }
    });
    fill(out, el('p', {}, t('list_forget_text')), el('p', {class: 'row'}, no, sure));
    no.focus();
  });
  return el('li', {},
    el('h2', {}, l.insurers?.length ? l.insurers.map((i, n) => [n ? ', ' : null, foreign(i.name)]) : t('list_no_insurer')),
    el('p', {}, t('list_published', {date: moment(l.published)}), ' – ', el('strong', {}, foreign(l.age_words ?? ''))),
    limits(l),
    el('details', {}, el('summary', {}, t('fingerprint')), groups(l.fingerprint)),
    l.sources?.length ? el('p', {class: 'hint'}, t('list_sources'), ' ', l.sources.map((s, n) => [n ? ', ' : null, foreign(s)])) : null,
    el('p', {}, forget), out);
}

// limits draws the age of a list against its two limits: a line with words, never a colour alone.
export function limits(l) {
  const age = (l.age_seconds ?? 0) / 3600;
  const full = l.refuse_hours || 1;
  const level = age >= full ? 'refuse' : age >= l.reserve_hours ? 'reserve' : 'ok';
  const meter = el('meter', {min: 0, max: full, low: l.reserve_hours, high: full * 0.999, optimum: 0, value: Math.min(age, full), 'aria-label': t('age_meter'), 'data-level': level});
  return el('div', {class: 'limit', 'data-level': level}, meter,
    el('p', {}, t('limit_reserve', {hours: hours(l.reserve_hours ?? 0)}), ' ', t('limit_refuse', {hours: hours(l.refuse_hours ?? 0)})));
}
