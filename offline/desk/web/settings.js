// Settings, calibration of the scanner, and the first two of the first start's three questions.

import {ask} from './link.js';
import {byID, el, fill, said, show} from './build.js';
import {language, t} from './words.js';
import {look, lookZip} from './follow.js';
import {takeNext} from './verify.js';
import {play, setSound} from './sound.js';

let known = null; // settings as the server has them

export function start() {
  byID('settings-form').addEventListener('submit', save);
  byID('s-theme').addEventListener('change', (e) => theme(e.target.value));
  byID('sound-try').addEventListener('click', () => play('valid', true));
  byID('cal-start').addEventListener('click', calibrate);
  byID('cal-forget').addEventListener('click', forget);
  byID('cal-print').addEventListener('click', () => print());
  byID('first-from').addEventListener('submit', (e) => { e.preventDefault(); look(byID('first-follow'), byID('f-from').value.trim(), () => byID('f-profession').focus()); });
  byID('f-zip').addEventListener('click', () => byID('bundle-file').click());
  byID('first-done').addEventListener('click', first);
  byID('first-skip').addEventListener('click', () => { skipped = true; location.hash = '#verify'; });
}

// firstZip follows a bundle on the first start's page.
export function firstZip(file) { return lookZip(byID('first-follow'), file, () => byID('f-profession').focus()); }

let skipped = false;

export function wasSkipped() { return skipped; }

// learn takes the settings of a state: what shows at once, shows at once.
export function learn(s, calibrated) {
  if (!s) return;
  const first = known === null;
  known = s;
  setSound(Boolean(s.sound));
  if (location.hash !== '#settings') theme(s.theme ?? '');
  show(byID('cal-forget'), calibrated);
  fill(byID('cal-known'), calibrated ? t('cal_known') : t('cal_unknown'));
  if (first) opened();
}

export function theme(value) {
  document.documentElement.dataset.theme = value === 'light' || value === 'dark' ? value : '';
}

const fields = {'s-language': 'language', 's-profession': 'profession', 's-name': 'name', 's-finess': 'finess', 's-theme': 'theme', 's-retention': 'retention_days',
  's-sync': 'sync_minutes', 's-port': 'port', 's-watch': 'watch_folder'};
const firstFields = {'f-profession': 'profession'};

// What the server takes, so that a refusal can name its field: the server judges, this only finds.
const within = (n, from, to) => Number.isInteger(n) && n >= from && n <= to;
const rules = {
  finess: {ok: isFINESS, words: () => t('set_wrong_finess')},
  retention_days: {ok: (n) => n === 0 || within(n, 30, 3650), words: () => t('set_wrong_retention')},
  sync_minutes: {ok: (n) => within(n, 5, 1440), words: () => t('set_wrong_sync')},
  port: {ok: (n) => n === 0 || within(n, 1024, 65535), words: () => t('set_wrong_port')},
};

// isFINESS: nine digits, the last one their key (Luhn). In Corsica the department is 2A or 2B, and no key is checked.
function isFINESS(text) {
  if (text === '' || /^2[AB]\d{7}$/.test(text)) return true;
  if (!/^\d{9}$/.test(text) || /^0+$/.test(text)) return false;
  const sum = [...text].reverse().reduce((all, c, i) => all + (i % 2 ? [0, 2, 4, 6, 8, 1, 3, 5, 7, 9][c] : Number(c)), 0);
  return sum % 10 === 0;
}

// mark writes beside each field what is wrong with it, and takes the reader to the first.
function mark(s, ids) {
  const wrong = Object.entries(ids).filter(([, name]) => rules[name] && !rules[name].ok(s[name]));
  for (const [id, name] of wrong) {
    const input = byID(id);
    const told = input.getAttribute('aria-describedby');
    input.after(el('span', {class: 'problem', id: id + '-wrong'}, rules[name].words()));
    input.setAttribute('aria-invalid', 'true');
    input.setAttribute('aria-describedby', [id + '-wrong', told].filter(Boolean).join(' '));
    input.addEventListener('input', () => unmark(id), {once: true});
  }
  if (wrong.length) byID(wrong[0][0]).focus();
}

function unmark(id) {
  const input = byID(id);
  if (!byID(id + '-wrong')) return;
  byID(id + '-wrong').remove();
  input.removeAttribute('aria-invalid');
  const told = (input.getAttribute('aria-describedby') ?? '').split(' ').filter((x) => x !== id + '-wrong').join(' ');
  if (told) input.setAttribute('aria-describedby', told);
  else input.removeAttribute('aria-describedby');
}

// opened fills the forms with what is kept.
export function opened() {
  if (!known) return;
  for (const [id, name] of Object.entries(fields)) byID(id).value = known[name] ?? (byID(id).type === 'number' ? 0 : '');
  byID('s-sound').checked = Boolean(known.sound);
  for (const [id, name] of Object.entries(firstFields)) byID(id).value = known[name] ?? '';
  for (const id of Object.keys({...fields, ...firstFields})) unmark(id);
  fill(byID('settings-out'));
}

// answered takes up what an enrolment has said of this counter.
export async function answered() {
  try {
    const s = await ask('settings');
    if (s.language) known = s;
  } catch { /* the next state tells it */ }
  opened();
}

// closed puts back what was only tried, and gives scans back to the counter.
export function closed() {
  theme(known?.theme ?? '');
  takeNext(null);
  show(byID('cal-panel'), false);
}

async function save(e) {
  e.preventDefault();
  const s = {...known};
  for (const [id, name] of Object.entries(fields)) {
    const input = byID(id);
    s[name] = input.type === 'number' ? Math.trunc(Number(input.value || 0)) : input.value.trim();
  }
  s.sound = byID('s-sound').checked;
  if (await keep(s, byID('settings-out'), fields) && s.language !== language) {
    history.replaceState(null, '', location.pathname + location.hash); // an address that names a language would win
    location.reload();
  }
}

async function keep(s, out, ids) {
  for (const id of Object.keys(ids)) unmark(id);
  try {
    const saved = await ask('settings', s);
    known = saved && saved.language ? saved : s;
  } catch (x) {
    fill(out, el('span', {class: 'problem'}, said(x.what || t('set_failed'), x.todo)));
    if (x.kind === 'http') mark(s, ids);
    return false;
  }
  setSound(Boolean(known.sound));
  theme(known.theme ?? '');
  fill(out, '✓ ', t('set_saved'));
  return true;
}

async function first() {
  const s = {...known, profession: byID('f-profession').value};
  if (await keep(s, byID('first-out'), firstFields)) {
    skipped = true;
    location.hash = '#verify';
  }
}

function calibrate() {
  byID('cal-code').src = 'calibration.svg';
  show(byID('cal-panel'), true);
  fill(byID('cal-out'));
  fill(byID('cal-now'), t('cal_now'));
  byID('cal-panel').scrollIntoView({block: 'nearest'});
  takeNext(async (scan) => {
    show(byID('cal-panel'), false);
    const out = byID('cal-out');
    try {
      const learnt = await ask('calibration', {typed: scan.typed ?? '', presses: scan.presses ?? []});
      fill(out, '✓ ', said(learnt.layout || t('cal_learnt'), learnt.advice));
    } catch (x) {
      fill(out, el('span', {class: 'problem'}, said(x.what || t('cal_failed'), x.todo || t('cal_failed_todo'))));
    }
    byID('cal-start').focus();
  });
}

async function forget() {
  try {
    await ask('calibration/forget', {});
    show(byID('cal-forget'), false);
    fill(byID('cal-known'), t('cal_unknown'));
    fill(byID('cal-out'), '✓ ', t('cal_forgotten'));
    byID('cal-start').focus();
  } catch (x) {
    fill(byID('cal-out'), el('span', {class: 'problem'}, said(x.what || t('set_failed'), x.todo)));
  }
}
