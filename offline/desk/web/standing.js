// The line under the menu, always there: in which mode the next card is answered, why and since when, and what waits for somebody.

import {byID, el, fill, foreign, said, shape} from './build.js';
import {count, since, t} from './words.js';

let drawn = '';

// draw shows how a state stands; null for a server that does not answer. showDisputes opens the journal on what is disputed.
// What did not change is left alone: a screen reader would say it again.
export function draw(state, showDisputes) {
  const parts = state ? [state.mode, state.rescue, state.online_since, state.services, state.services_error, state.waiting, state.sending, state.disputed, state.clock?.slice(0, 10)] : null;
  const key = JSON.stringify(parts);
  if (key === drawn) return;
  drawn = key;
  const line = byID('standing');
  const online = state?.mode === 'online';
  line.dataset.mode = !state ? 'none' : online ? 'online' : 'rescue';
  fill(byID('mode'), !state ? [shape('unknown'), ' ', el('strong', {}, t('mode_lost'))] : online ? [shape('online'), ' ', el('strong', {}, t('mode_online'))] : [shape('rescue'), ' ', el('strong', {}, t('mode_rescue'))]);
  fill(byID('why'), !state ? null : online ? whyOnline(state) : whyRescue(state));
  fill(byID('tasks'), state ? tasks(state, showDisputes) : null);
}

function whyOnline(state) {
  const silent = (state.services ?? []).filter((s) => s.rescue);
  if (!silent.length) return t('mode_online_text');
  return silent.map((s) => [t('mode_except', {}), ' ', foreign(s.operator || s.address), t('colon'), said(s.rescue.what, s.rescue.todo), ' ', calls(s.rescue)]);
}

function whyRescue(state) {
  const r = state.rescue ?? {};
  if (state.services_error) return said(state.services_error.what, state.services_error.todo);
  const began = since(r.since, state.clock);
  if (r.code === 'none') return [t('rescue_none'), ' ', state.can_enrol ? el('a', {href: '#lists'}, t('rescue_enrol')) : null];
  return [said(began, r.what, r.todo), ' ', calls(r), r.code === 'off' ? el('a', {href: '#settings'}, t('nav_settings')) : null];
}

// calls says whom to call, where only the operator can help.
export function calls(r) {
  return (r?.call ?? []).map((c, n) => [n ? ', ' : t('rescue_call') + ' ', foreign(c.name), ' ', foreign(c.phone, {class: 'phone'})]);
}

// alarms are said calmly, each once.
export function alarms(services) {
  const all = new Map((services ?? []).flatMap((s) => s.alarms ?? []).map((a) => [a.what, a]));
  return [...all.values()];
}

function tasks(state, showDisputes) {
  const n = state.disputed ?? 0;
  const odd = alarms(state.services).length;
  return [
    n ? el('button', {type: 'button', id: 'disputed', onclick: showDisputes}, shape('reserve'), ' ', count('disputed_one', 'disputed_many', n)) : null,
    odd ? el('a', {href: '#lists', id: 'odd'}, count('alarms_one', 'alarms_many', odd)) : null,
    state.waiting ? el('span', {id: 'waiting-count'}, state.sending ? count('sending_one', 'sending_many', state.waiting) : count('waiting_one', 'waiting_many', state.waiting)) : null];
}
