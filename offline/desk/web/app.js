// The page's own start: which screen shows, what the server says of itself, and how a scan comes in.

import {Wedge} from './wedge.js';
import {ask, Failure, inLanguage} from './link.js';
import {byID, el, fill, foreign, shape, show} from './build.js';
import {dayOf, language, moment, t} from './words.js';
import * as verify from './verify.js';
import * as share from './share.js';
import * as journal from './journal.js';
import * as lists from './lists.js';
import * as settings from './settings.js';
import * as panne from './panne.js';
import * as camera from './camera.js';
import * as serial from './serial.js';
import * as services from './services.js';
import * as standing from './standing.js';
import * as notices from './notices.js';
import {cardText, codesOf, warm} from './picture.js';
import {copyAll} from './copy.js';
import {lookZip} from './follow.js';
import {keepReceipt} from './verdict.js';

const screens = ['verify', 'share', 'journal', 'lists', 'settings', 'panne', 'first'];
let state = null;
let screen = '';

// go shows the screen that the address names.
function go() {
  const name = screens.includes(location.hash.slice(1)) ? location.hash.slice(1) : 'verify';
  if (name === screen) return;
  const moved = screen !== '';
  if (screen === 'settings') settings.closed();
  if (screen === 'verify') camera.stop();
  if (screen === 'first' || screen === 'lists') services.left();
  screen = name;
  for (const s of screens) show(byID(s), s === name);
  document.documentElement.dataset.screen = name; // for print rules
  for (const a of document.querySelectorAll('.top nav a')) {
    if (a.hash === '#' + name) a.setAttribute('aria-current', 'page');
    else a.removeAttribute('aria-current');
  }
  document.title = (name === 'verify' ? '' : byID(name).querySelector('h1').textContent.trim() + ' – ') + t('page_title');
  if (name === 'verify' && !byID('filming').hidden) verify.stage('waiting');
  if (name === 'journal') journal.opened(state);
  if (name === 'settings' || name === 'first') settings.opened();
  if (name === 'first') services.waits();
  if (moved && name !== 'verify') {
    const title = byID(name).querySelector('h1');
    title.tabIndex = -1;
    title.focus();
  }
  scrollTo(0, 0);
}

// State: what the server says of itself, at each change and each minute. Silence is shown too.

let heard = 0;

function learn(next) {
  if (!next || typeof next !== 'object' || !next.settings) throw new TypeError('state');
  state = next;
  heard = performance.now();
  verify.clock(dayOf(state.clock));
  fill(byID('clock'), t('clock', {at: moment(state.clock)}));
  fill(byID('version'), t('version'), ' ', foreign(state.version ?? ''));
  settings.learn(state.settings, Boolean(state.calibrated));
  lists.draw(state);
  services.draw(state);
  panne.draw(state);
  notices.learn(state);
  drawAge();
  drawBanners();
  drawDomains();
  if (state.first_start && !settings.wasSkipped() && location.hash === '' && !verify.verdict()) location.hash = '#first';
  document.documentElement.dataset.ready = 'yes';
}

function lost() {
  state = null;
  drawAge();
  drawBanners();
}

const silent = () => performance.now() - heard > 150000;

function drawAge() {
  const o = state?.oldest;
  const level = o && ['ok', 'reserve', 'refuse'].includes(o.level) ? o.level : 'none';
  const node = byID('age');
  node.dataset.level = level;
  node.querySelector('.shape').replaceWith(shape({ok: 'valid', reserve: 'reserve', refuse: 'refused', none: 'unknown'}[level]));
  const words = {ok: t('age_ok'), reserve: t('age_reserve'), refuse: t('age_refuse'), none: ''}[level];
  fill(node.querySelector('.text'), !state ? t('age_lost') : level === 'none' ? t('age_none') : [t('age_of'), ' ', foreign(o.age_words ?? ''), words ? [' – ', words] : null]);
  const oldest = (state?.lists ?? []).toSorted((a, b) => (b.age_seconds ?? 0) - (a.age_seconds ?? 0))[0];
  fill(byID('limits'), oldest ? [el('p', {}, t('limits_oldest', {date: moment(oldest.published)}), ' ', el('strong', {}, foreign(oldest.age_words ?? ''))), lists.limits(oldest)]
    : el('p', {}, t('age_none'), ' ', el('a', {href: '#lists'}, t('limits_follow'))));
}

let bannersDrawn = '';

// drawBanners waits while a scan is under way: what changes the height of the page would move it under a hand, and the verdict
// that comes says by itself what it rests on.
function drawBanners() {
  if (verify.busy() && state) return;
  standing.draw(state, journal.disputes);
  notices.draw();
  const key = JSON.stringify([!state, state?.recorded, state?.first_start]);
  if (key === bannersDrawn) return;
  bannersDrawn = key;
  const banner = (kind, title, ...text) => el('p', {class: 'banner', 'data-kind': kind}, el('strong', {}, title), ...text);
  fill(byID('banners'),
    state ? null : banner('alert', t('lost_title'), t('lost_text')),
    state && state.recorded === false ? banner('alert', t('unrecorded'), t('banner_unrecorded')) : null,
    state?.first_start ? banner('mode', t('first_banner'), el('a', {href: '#first'}, t('first_open'))) : null);
}

let domainsDrawn = '';

function drawDomains() {
  const all = state.domains ?? ownDomains();
  const key = JSON.stringify(all);
  if (key === domainsDrawn) return;
  domainsDrawn = key;
  const select = byID('domain');
  const chosen = select.value;
  const option = (d) => el('option', {value: d.code}, d.label && d.label !== d.code ? `${d.code} – ${d.label}` : d.code);
  const own = all.filter((d) => d.own);
  const rest = all.filter((d) => !d.own);
  fill(select, el('option', {value: ''}, own.length ? t('domain_auto') : t('domain_none')),
    own.length ? el('optgroup', {label: t('domain_own')}, own.map(option)) : null,
    rest.length ? el('optgroup', {label: t('domain_other')}, rest.map(option)) : null);
  select.value = all.some((d) => d.code === chosen) ? chosen : '';
}

// ownDomains are the codes of the counter's profession, for a server that names no domains.
function ownDomains() {
  const of = (o) => (o?.dataset.domains ?? '').split(' ').filter(Boolean);
  const all = [...byID('s-profession').options];
  const own = of(all.find((o) => o.value !== '' && o.value === state.settings.profession));
  return [...new Set([...own, ...all.flatMap(of)])].map((code) => ({code, own: own.includes(code)}));
}

function listen() {
  const events = new EventSource(inLanguage('events'));
  events.addEventListener('state', (e) => {
    try { learn(JSON.parse(e.data)); } catch { lost(); }
  });
  events.addEventListener('error', () => {
    lost();
    if (events.readyState === EventSource.CLOSED) setTimeout(listen, 5000);
  });
}

// Ways in.

function problem(words) { fill(byID('way-problem'), words); }

async function files(list) {
  const file = list?.[0];
  if (!file) return;
  if (/\.zip$/i.test(file.name) || /zip/.test(file.type)) {
    if (screen === 'first') return settings.firstZip(file);
    location.hash = '#lists';
    return lookZip(byID('follow-out'), file);
  }
  camera.stop();
  problem('');
  verify.begin();
  fill(byID('reading-title'), t('reading_file'));
  const mine = verify.token();
  try {
    const codes = await codesOf(file);
    if (!verify.still(mine)) return;
    verify.scanned({typed: codes[0], presses: [], several: codes.length});
  } catch (x) {
    if (!verify.still(mine)) return;
    verify.failRead(x);
  }
}

async function paste() {
  problem('');
  let text = '';
  try {
    text = await navigator.clipboard.readText();
  } catch { /* the field is for that */ }
  if (cardText(text)) return verify.scanned({typed: text.trim(), presses: []});
  if (text.trim()) return verify.failRead(new Failure('paste', 0, t('paste_no_card'), t('paste_no_card_todo')));
  show(byID('paste-form'), true);
  byID('paste-text').focus();
}

function film() {
  location.hash = '#verify';
  problem('');
  verify.clear();
  verify.stage('filming');
  camera.film((text) => verify.scanned({typed: text, presses: []}), (why) => {
    if (byID('filming').hidden) return;
    const failure = camera.failure(why);
    if (failure) return verify.failRead(failure);
    verify.stage('waiting');
    byID('camera').focus();
  });
}

async function port() {
  problem('');
  const wait = serial.open(verify.begin, verify.progress, (text, cut) => verify.scanned({typed: text, presses: [], cut}));
  fill(byID('serial').firstElementChild, t('serial_open'));
  const why = await wait;
  fill(byID('serial').firstElementChild, t('way_serial'));
  if (why === 'open') return;
  const what = why === 'none' ? t('serial_none') : t('serial_gone');
  // A verdict that stands is left alone: a scanner that is unplugged between two cards takes nothing back.
  if (why === 'broken' || !verify.verdict()) verify.failRead(new Failure('serial', 0, what, t('serial_todo')));
  else problem(what);
}

function dropping() {
  const zone = byID('drop');
  const hasFiles = (e) => e.dataTransfer?.types?.includes('Files');
  addEventListener('dragover', (e) => { if (hasFiles(e)) { e.preventDefault(); show(zone, true); } });
  addEventListener('dragleave', (e) => { if (!e.relatedTarget) show(zone, false); });
  addEventListener('drop', (e) => {
    e.preventDefault(); // whatever is dropped, the window doesn't go there
    show(zone, false);
    files(e.dataTransfer?.files);
  });
  addEventListener('paste', (e) => { if (e.clipboardData?.files?.length) files(e.clipboardData.files); });
}

// Keys. Digits have another name without Shift on a French keyboard; both are known.
const DIGITS = [['0', 'à'], ['1', '&'], ['2', 'é'], ['3', '"'], ['4', "'"], ['5', '('], ['6', '-', '§'], ['7', 'è'], ['8', '_', '!'], ['9', 'ç']];

function keys(wedge) {
  const to = (name) => () => { location.hash = '#' + name; };
  const places = [null, ...screens.slice(0, 6).map(to)];
  for (const [n, names] of DIGITS.entries()) {
    for (const name of names) {
      if (places[n]) wedge.shortcut('Alt+' + name, places[n]);
      // A key alone acts only while the verdict has the focus (WCAG 2.1.4).
      wedge.shortcut(name, () => { if (byID('verdict').contains(document.activeElement)) verify.key(n); });
    }
  }
  const at = (fn) => () => { location.hash = '#verify'; setTimeout(fn); };
  wedge.shortcut('Escape', () => { if (screen === 'verify') { camera.stop(); verify.clear(); problem(''); show(byID('paste-form'), false); } else verify.takeNext(null); });
  wedge.shortcut('Alt+s', at(() => byID('care').focus()));
  wedge.shortcut('Alt+o', at(() => byID('domain').focus()));
  wedge.shortcut('Alt+i', at(() => byID('file').click()));
  wedge.shortcut('Alt+w', at(film));
  if (serial.hasSerial) wedge.shortcut('Alt+u', at(port));
  wedge.shortcut('F2', () => { const d = verify.verdict(); if (d?.routing && screen === 'verify') copyAll(d.routing); });
  wedge.shortcut('F8', () => { if (screen === 'verify') keepReceipt(); });
}

function start() {
  verify.start();
  share.start();
  journal.start();
  lists.start();
  settings.start();
  services.start();
  panne.start();
  verify.onStage(() => drawBanners());
  verify.onVerdict(notices.beside);
  notices.start(() => { if (!verify.busy()) notices.draw(); }, verify.say);
  verify.onInvitation((scan) => {
    location.hash = '#lists';
    setTimeout(() => services.invited(scan)); // once the screen is there
  });
  const wedge = new Wedge({onStart: () => { camera.stop(); verify.begin(); }, onProgress: verify.progress, onScan: verify.scanned, onIdle: verify.idle});
  wedge.start();
  keys(wedge);
  dropping();
  byID('paste').addEventListener('click', paste);
  byID('paste-form').addEventListener('submit', (e) => {
    e.preventDefault();
    const text = byID('paste-text').value.trim();
    byID('paste-text').value = '';
    show(byID('paste-form'), false);
    if (text) verify.scanned({typed: text, presses: []});
  });
  byID('choose').addEventListener('click', () => byID('file').click());
  byID('file').addEventListener('change', (e) => { files([...e.target.files]); e.target.value = ''; });
  byID('camera').addEventListener('click', film);
  byID('serial').addEventListener('click', port);
  show(byID('serial-way'), serial.hasSerial);
  addEventListener('hashchange', go);
  addEventListener('pagehide', camera.stop);
  go();
  listen();
  ask('state').then((first) => { if (!state) learn(first); }, lost).catch(lost); // an event that came meanwhile is newer
  setInterval(() => { if (state && silent()) lost(); }, 15000);
  (globalThis.requestIdleCallback ?? setTimeout)(warm);
}

start();
