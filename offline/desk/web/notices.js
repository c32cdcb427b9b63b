// What operators and insurers tell this counter: messages that were signed before they came, above whatever is scanned. Their texts
// are theirs alone; the frame, the dates and who signed are the desk's.

import {byID, el, fill, foreign, shape, show} from './build.js';
import {count, end, language, moment, t} from './words.js';

let all = [];            // of the newest state
let leftOut = 0;
let shift = 0;           // the server's clock less this computer's, in ms
let card = '';           // key of the insurer whose card is on screen, '' for none
let verdict = false;     // a verdict is on screen
let drawn = '';
let timer = 0;
let redraw = () => {};
let say = () => {};
let heard = null;        // messages that were there before
const chosen = new Map(); // what a hand opened or closed, by the whole message: one that changes is a new one
const SHOWN = 3;          // the others are one press away
const LONGEST = 86400000; // ms, of a timer

// start takes what draws when a message ends by itself, and what tells screen readers of a new one.
export function start(draws, speaks) {
  redraw = draws;
  say = speaks;
}

// learn takes the messages of a state. A server that falls silent takes none of them back.
export function learn(state) {
  all = (Array.isArray(state.notices) ? state.notices : []).filter(isNotice);
  leftOut = Number(state.notices_left_out) || 0;
  const clock = Date.parse(state.clock);
  if (!Number.isNaN(clock)) shift = clock - Date.now();
}

function isNotice(n) {
  return n && typeof n === 'object' && typeof n.title === 'string' && typeof n.text === 'string' && !Number.isNaN(Date.parse(n.until));
}

// beside takes the verdict on screen, or null: what that card's insurer says comes first.
export function beside(d) {
  card = d?.card && d.amc ? String(d.amc).replace(/^0+/, '') : '';
  verdict = !byID('verdict').hidden;
  redraw();
}

const own = (n) => card !== '' && n.insurer === card;
const ends = (n) => Date.parse(n.until) - shift;

// draw shows what holds now. What did not change is left alone, with its focus.
export function draw() {
  const now = Date.now();
  const current = all.filter((n) => ends(n) > now);
  clearTimeout(timer);
  if (current.length) timer = setTimeout(redraw, Math.min(LONGEST, Math.max(1, Math.min(...current.map(ends)) - now)));
  verdict = !byID('verdict').hidden;
  const list = [...current.filter(own), ...current.filter((n) => !own(n))];
  const key = JSON.stringify([list, card, verdict, leftOut]);
  if (key === drawn) return;
  drawn = key;
  speak(current);
  const focus = document.activeElement?.closest('#notices [data-id]')?.dataset.id;
  const first = Math.max(SHOWN, list.filter(own).length);
  const shown = list.slice(0, first).map((n, i) => item(n, i));
  const rest = list.slice(first);
  const more = rest.length + leftOut;
  fill(byID('notices'), shown,
    more ? el('details', {class: 'more', 'data-id': 'more'}, el('summary', {}, count('notices_more_one', 'notices_more_many', more)),
      rest.map((n, i) => item(n, first + i)), leftOut ? el('p', {class: 'hint'}, t('notices_left_out', {n: leftOut})) : null) : null);
  show(byID('notices'), list.length > 0);
  if (focus) [...byID('notices').querySelectorAll('[data-id]')].find((d) => d.dataset.id === focus)?.querySelector('summary').focus();
}

// opens says whether a message stands open: as a hand left it, else where there is room for it.
function opens(n, i) {
  const by = chosen.get(JSON.stringify(n));
  if (by === false) return false;
  if (own(n)) return true;
  return verdict ? false : by ?? (i === 0 || i === 1 && ['theft', 'outage'].includes(n.kind));
}

// speak says messages that came while the page was open, unless a verdict is being read.
function speak(current) {
  const keys = current.map((n) => JSON.stringify(n));
  const fresh = heard ? current.filter((_, i) => !heard.has(keys[i])) : [];
  if (verdict && fresh.length) return;
  heard = new Set(keys);
  if (fresh.length) say('live', fresh.map((n) => [kindWord(n.kind), n.title].join(t('colon'))).join('. '));
}

function item(n, i) {
  const id = [n.insurer ?? '', n.id].join('/');
  const details = el('details', {class: 'notice', 'data-kind': kindOf(n.kind), 'data-id': id, 'data-own': own(n) ? 'yes' : null, open: opens(n, i)},
    el('summary', {},
      el('span', {class: 'kind'}, shape(kindOf(n.kind)), ' ', kindWord(n.kind)), ' ',
      el('span', {class: 'line'}, el('strong', {class: 'title'}, theirs(n.title)), ' ',
        el('span', {class: 'by'}, author(n), own(n) ? [' ', el('em', {class: 'tag'}, t('notice_own'))] : null)), ' ',
      el('span', {class: 'until'}, t('notice_short', {at: end(n.until)})), el('span', {class: 'fold', 'aria-hidden': 'true'})),
    el('div', {class: 'body'},
      el('p', {class: 'text'}, theirs(n.text)),
      n.guaranteed || n.phone ? el('dl', {class: 'promise'},
        n.guaranteed ? el('div', {class: 'guaranteed'}, el('dt', {}, t('notice_guaranteed')), el('dd', {}, theirs(n.guaranteed))) : null,
        n.phone ? el('div', {class: 'call'}, el('dt', {}, t('notice_call')), el('dd', {}, foreign(n.phone, {class: 'phone'}))) : null) : null,
      el('p', {class: 'signed'}, t('notice_dates', {issued: moment(n.issued), until: end(n.until)}), ' ', t('notice_signed', {at: moment(n.received)}), ' ', t('notice_no_link'))));
  details.querySelector('summary').addEventListener('click', () => chosen.set(JSON.stringify(n), !details.open)); // before it turns
  return details;
}

// theirs is a text that stays in the language in which it was signed.
function theirs(text) { return foreign(text, {lang: language === 'fr' ? null : 'fr'}); }

function author(n) {
  if (n.author) return [t('notice_by'), ' ', foreign(n.author)];
  return n.insurer ? [t('notice_by'), ' ', foreign(n.insurer)] : t('notice_by_operator');
}

function kindOf(kind) { return ['theft', 'outage', 'degraded', 'restored'].includes(kind) ? kind : 'info'; }

function kindWord(kind) {
  switch (kind) {
    case 'theft': return t('notice_theft');
    case 'outage': return t('notice_outage');
    case 'degraded': return t('notice_degraded');
    case 'restored': return t('notice_restored');
  }
  return t('notice_info');
}
