// The rights services: those that this counter is enrolled with, enrolling with one more, and working without them for a while.

import {ask} from './link.js';
import {alarms, calls} from './standing.js';
import {byID, el, fill, foreign, said, show} from './build.js';
import {count, moment, since, t} from './words.js';
import {groups} from './follow.js';
import {isCard, propose} from './enrol.js';
import {answered} from './settings.js';
import {scanned, takeNext} from './verify.js';

let state = null;

export function start() {
  byID('enrol-start').addEventListener('click', () => { listen(true); byID('e-address').focus(); });
  byID('enrol-form').addEventListener('submit', (e) => typed(e, byID('e-address'), byID('e-code'), byID('enrol-out'), done));
  byID('first-enrol').addEventListener('submit', (e) => typed(e, byID('f-address'), byID('f-code'), byID('first-proposal'), first));
  byID('online-switch').addEventListener('click', toggle);
}

function typed(e, address, code, out, then) {
  e.preventDefault();
  propose(out, {address: address.value.trim(), code: code.value.trim()}, state?.settings?.finess, () => { code.value = ''; then(); });
}

// first is after an enrolment in the first start: its questions were answered by it.
async function first() {
  await answered();
  byID('first-done').focus();
}

function done() {
  show(byID('enrol-panel'), false);
  byID('enrol-start').focus();
}

// waits takes every scan of the first start's page: an invitation is proposed, a card is a card.
export function waits() {
  takeNext((scan) => {
    if (isCard(scan)) return scanned(scan);
    waits();
    propose(byID('first-proposal'), {typed: scan.typed ?? '', presses: scan.presses ?? []}, state?.settings?.finess, first);
    byID('first-proposal').scrollIntoView({block: 'nearest'});
  });
}

function listen(yes) {
  show(byID('enrol-panel'), yes);
  if (!yes) return takeNext(null);
  fill(byID('enrol-out'));
  takeNext((scan) => {
    if (isCard(scan)) return scanned(scan);
    invited(scan);
  });
}

// invited shows what an invitation, scanned wherever, would make of this counter.
export function invited(scan) {
  listen(true);
  propose(byID('enrol-out'), {typed: scan.typed ?? '', presses: scan.presses ?? []}, state?.settings?.finess, done);
}

// left gives scans back to the counter.
export function left() {
  takeNext(null);
  show(byID('enrol-panel'), false);
}

let drawn = '';

// draw shows the services of a state.
export function draw(next) {
  state = next;
  show(byID('enrol-start'), Boolean(next.can_enrol));
  drawSwitch();
  const key = JSON.stringify([next.services, next.services_error, next.offline, next.clock?.slice(0, 10)]);
  if (key === drawn) return;
  drawn = key;
  const all = next.services ?? [];
  fill(byID('service-all'), all.length ? all.map(card) : el('li', {}, next.services_error ? said(next.services_error.what, next.services_error.todo) : t('services_none')));
  fill(byID('enrol-start'), all.length ? t('enrol_more') : t('rescue_enrol'));
}

function card(v) {
  const out = el('div', {});
  const remove = el('button', {type: 'button'}, t('service_remove'));
  remove.addEventListener('click', () => {
    const sure = el('button', {type: 'button', class: 'danger'}, t('service_remove_sure'));
    const no = el('button', {type: 'button', onclick: () => { fill(out); remove.focus(); }}, t('service_remove_no'));
    sure.addEventListener('click', async () => {
      try {
        await ask('unenrol', {root: v.root}, 10000);
      } catch (x) {
        return fill(out, el('p', {class: 'problem', role: 'alert'}, said(x.what || t('service_remove_failed'), x.todo)));
      }
      byID('enrol-start').focus();
    });
    fill(out, el('p', {}, t('service_remove_text')), v.waiting ? el('p', {class: 'problem'}, count('service_remove_waiting_one', 'service_remove_waiting_many', v.waiting)) : null, el('p', {class: 'row'}, no, sure));
    no.focus();
  });
  const row = (name, ...value) => el('div', {}, el('dt', {}, name), el('dd', {}, ...value));
  return el('li', {class: 'service'},
    el('h3', {}, foreign(v.operator || v.address)),
    el('p', {class: 'result ' + (v.rescue || state.offline ? '' : 'good')}, answer(v)),
    el('dl', {class: 'registered'},
      row(t('enrol_name'), foreign(v.name || '–')),
      row(t('set_finess'), foreign(v.finess || '–')),
      v.profession ? row(t('set_profession'), foreign(v.profession)) : null,
      v.networks?.length ? row(t('enrol_networks'), foreign(v.networks.join(', '))) : null,
      row(t('service_since'), v.enrolled ? moment(v.enrolled) : '–'),
      row(t('service_waiting'), v.waiting ? count('waiting_one', 'waiting_many', v.waiting) : t('service_sent'), v.send_error ? [' – ', said(v.send_error.what)] : null)),
    alarms([v]).map((a) => el('p', {class: 'alarm'}, said(a.what, a.todo))),
    el('details', {}, el('summary', {}, t('service_more')),
      el('dl', {class: 'registered'}, row(t('enrol_address'), foreign(v.address)), row(t('service_counter'), foreign(v.counter, {class: 'code'}))),
      el('p', {}, t('fingerprint')), groups(v.root)),
    el('p', {}, remove), out);
}

function answer(v) {
  if (state.offline) return t('service_off');
  if (!v.rescue) return ['✓ ', t('service_answers')];
  const began = since(v.rescue.since, state.clock);
  return [el('span', {}, said(t('mode_rescue') + (began && ' ' + began), v.rescue.what, v.rescue.todo), ' ', calls(v.rescue), v.next ? [' ', t('service_next', {at: moment(v.next)})] : null)];
}

function drawSwitch() {
  const off = Boolean(state.offline);
  byID('online-switch').setAttribute('aria-pressed', String(off));
  fill(byID('online-state'), !state.services?.length ? t('online_nowhere') : off ? [el('strong', {}, t('online_is_off')), ' ', since(state.rescue?.since, state.clock)] : t('online_is_on'));
}

async function toggle() {
  const out = byID('online-out');
  try {
    await ask('online', {on: Boolean(state?.offline)});
    fill(out);
  } catch (x) {
    fill(out, el('span', {class: 'problem'}, said(x.what || t('set_failed'), x.todo)));
  }
}
