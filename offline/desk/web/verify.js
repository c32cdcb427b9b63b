// The counter's work: what was scanned goes to the server, one verdict comes back and is bound to its scan. Whatever else comes
// back, or nothing, is shown as "not verified".

import {ask, Failure} from './link.js';
import {isVerdict} from './document.js';
import {byID, show, fill} from './build.js';
import {count, t, day} from './words.js';
import {draw, drawFailure} from './verdict.js';
import {play} from './sound.js';

let last = 0;          // id of the newest question; an answer to any other is dropped
let current = null;    // the verdict on screen, or null
let asked = null;      // what the newest scan gave: {typed, presses}
let several = 0;       // codes in the file it came from
let person = 0;
let today = '';        // AAAA-MM-JJ in Paris, from the server's clock
let chosenDay = false; // the date of care was set by hand
let kept = '';         // that day
let editing = false;   // the date field was changed, and nothing was asked for that day yet
let spoken = 0;        // what screen readers heard last
let elsewhere = null;  // takes the next scan instead of a question: calibration
let fresh = false;     // the screen was cleared: the server forgets a half scan too
let ten = 0;           // timer of a 1 that may begin 10, 11 or 12
let rest = 0;          // timer of again
const watchers = [];
const REST = 500;      // ms
const TEN = 600;       // ms

const stages = ['waiting', 'filming', 'reading', 'verdict'];

// stage shows one state of the screen. Leaving the verdict empties it: nothing of a previous patient stays, even hidden.
export function stage(name) {
  for (const s of stages) show(byID(s), s === name);
  staged?.(name);
  if (name !== 'verdict') {
    byID('verdict').replaceChildren();
    byID('verdict').removeAttribute('data-status');
    current = null;
    for (const w of watchers) w(null);
  }
}

// onStage calls fn with each state that begins.
let staged = null;
export function onStage(fn) { staged = fn; }

// onVerdict calls fn with each verdict, and with null when it leaves the screen.
export function onVerdict(fn) { watchers.push(fn); }

export function verdict() { return current; }

// onInvitation calls fn with the scan of an invitation that somebody wants to use.
let invitation = null;
export function onInvitation(fn) { invitation = fn; }

// busy says that a scan, or its question, is under way: nothing around it moves.
export function busy() { return !byID('reading').hidden; }

// takeNext gives the next scan to fn instead of asking for a verdict; null takes that back.
export function takeNext(fn) { elsewhere = fn; }

// begin is the first key of a new scan: the old verdict is gone at once, and a late answer to it is too.
export function begin() {
  if (elsewhere) return;
  last++;
  clearTimeout(ten);
  person = 0;
  asked = null;
  location.hash = '#verify';
  fill(byID('reading-title'), t('reading'));
  fill(byID('reading-count'));
  stage('reading');
  say('live', t('reading'));
}

// progress says how many characters came so far.
export function progress(n) {
  if (!elsewhere && !byID('reading').hidden) fill(byID('reading-count'), count('chars_one', 'chars_many', n));
}

// idle: keys came, and stopped without making a scan.
export function idle() {
  if (!byID('reading').hidden && !asked) stage('waiting');
}

// scanned asks for a verdict on what one scan, paste, picture or camera gave.
export function scanned(scan) {
  if (elsewhere) {
    const fn = elsewhere;
    elsewhere = null;
    return fn(scan);
  }
  if (scan.cut) return failRead(new Failure('cut'));
  asked = {typed: scan.typed ?? '', presses: scan.presses ?? []};
  several = scan.several ?? 0;
  person = 0;
  return question();
}

async function question(focus = 'verdict') {
  if (editing && !takeDay()) setDay(chosen()); // a new card doesn't wait for a date that is typed in part
  const id = ++last;
  location.hash = '#verify';
  fill(byID('reading-title'), t('checking'));
  fill(byID('reading-count'));
  stage('reading');
  const first = fresh;
  fresh = false;
  clearTimeout(ten);
  let d, failure;
  try {
    d = await ask('scan', {id, ...asked, ...(first && {fresh: true}), domain: byID('domain').value, care: chosen(), person});
    if (!isVerdict(d, id)) failure = new Failure(d.id !== undefined && d.id !== id ? 'stale' : 'malformed');
  } catch (e) {
    failure = e instanceof Failure ? e : new Failure('malformed');
    fresh ||= first; // the server may not have heard it
  }
  if (id !== last) return;
  try {
    if (failure) showFailure(failure, focus);
    else showVerdict(d, focus);
  } catch {
    showFailure(new Failure('malformed'));
  }
}

function showVerdict(d, focus) {
  if (d.code) asked = {typed: d.code, presses: []};
  stage('verdict');
  current = d;
  draw(byID('verdict'), d, {person, several, otherDay: chosenDay && chosen() !== today, choose, enrol: () => { const scan = asked; clear(); invitation?.(scan); }});
  settle(d.status, [d.words.headline, d.words.meaning, byID('how').textContent].join(' '), focus);
  for (const w of watchers) w(d);
}

function showFailure(f, focus = 'verdict') {
  stage('verdict');
  current = null;
  drawFailure(byID('verdict'), f, asked ? () => question() : null);
  settle('unknown', byID('headline').textContent, focus);
  for (const w of watchers) w(null);
}

// settle says a verdict. With the focus 'stay' it leaves a person where they went meanwhile, if that is anywhere.
function settle(status, words, focus) {
  say(status === 'valid' || status === 'reserve' ? 'live' : 'alert', words);
  if (focus === 'verdict' || document.activeElement === document.body) byID('verdict').focus();
  scrollTo(0, 0);
  play(status);
}

// token names what goes on now; still says that nothing newer began since.
export function token() { return last; }

export function still(mine) { return mine === last; }

// failRead shows that an attempt to read a card gave no code: a picture, a PDF, the webcam, a scanner, a paste.
export function failRead(failure) {
  last++;
  asked = null;
  location.hash = '#verify';
  showFailure(failure instanceof Failure ? failure : new Failure('malformed'));
}

// key chooses a beneficiary by the digits of a keyboard. Where the card has ten or more, a 1 waits for its second digit.
export function key(digit) {
  const began = ten;
  clearTimeout(ten);
  ten = 0;
  if (began && current?.people?.some((p) => p.number === 10 + digit)) return choose(10 + digit);
  if (digit !== 1 || !(current?.people?.length > 9)) return choose(digit);
  const mine = last;
  ten = setTimeout(() => {
    ten = 0;
    if (mine === last) choose(1);
  }, TEN);
}

// choose asks again for one beneficiary; 0 is the household. Nothing happens for a number that the card doesn't have.
export function choose(n) {
  if (!asked || !current || (n !== 0 && !current.people?.some((p) => p.number === n))) return;
  person = n;
  question();
}

// again repeats the newest question with what is chosen now. The old verdict goes at once; the question waits until the arrow
// keys or digits that choose have come to rest, for each question is an entry of the journal.
function again() {
  if (!asked) return;
  if (editing && !takeDay()) return wait(t('care_partial'));
  last++;
  stage('reading');
  fill(byID('reading-title'), t('checking'));
  fill(byID('reading-count'));
  clearTimeout(rest);
  const mine = last;
  rest = setTimeout(() => { if (mine === last) question('stay'); }, REST);
}

// clear forgets the card, the day and the domain: the desk is as for the next patient.
export function clear() {
  last++;
  clearTimeout(ten);
  ten = 0;
  fresh = true;
  asked = null;
  person = 0;
  setDay('');
  byID('domain').value = '';
  stage('waiting');
  say('live', t('cleared'));
}

// wait blanks the screen while the date of care is being set: no verdict of another day stands beside it, and none is asked for.
function wait(hint) {
  last++;
  clearTimeout(ten);
  stage('reading');
  fill(byID('reading-title'), t('care_pending'));
  fill(byID('reading-count'), hint);
  say('live', t('care_pending') + '. ' + hint);
}

// edit is each change of the date field. While it has the focus nothing else happens: whatever is redrawn or set would end a
// year that is typed in part.
function edit() {
  const first = !editing;
  editing = true;
  if (first && asked) wait(t('care_pending_hint'));
  setTimeout(left);
}

// left looks whether the date field was left, once the focus has settled: between two parts of a field nothing has it. In another
// window, or on another screen, the field wasn't done with.
function left() {
  if (document.activeElement !== byID('care') && !byID('verify').hidden) leave();
}

// leave is Enter in the date field, or the focus that goes elsewhere: what was set is asked for, once.
function leave(focus = 'stay') {
  if (!editing) {
    if (!chosenDay && byID('care').value !== today) byID('care').value = today; // midnight came meanwhile
    return;
  }
  if (!takeDay()) {
    if (asked) wait(t('care_partial'));
    return;
  }
  if (asked) question(focus);
}

// takeDay makes what the field holds the date of care, unless that is no whole day or one that can't be meant.
function takeDay() {
  const field = byID('care');
  if (!field.validity.valid) return false;
  setDay(field.value);
  return true;
}

// chosen is the date of care as the server is asked for it: '' is today, by the server's clock.
const chosen = () => (chosenDay ? kept : '');

function setDay(value) {
  editing = false;
  chosenDay = value !== '' && value !== today;
  kept = chosenDay ? value : '';
  byID('care').value = chosenDay ? value : today;
  const other = byID('other-day');
  show(other, chosenDay);
  show(byID('care-today'), !chosenDay);
  fill(other.querySelector('strong'), chosenDay ? t('care_other', {day: day(value)}) : '');
}

// clock tells the server's day; the date of care follows it unless it was set by hand.
export function clock(newDay) {
  if (newDay === today) return;
  today = newDay;
  if (!chosenDay && !editing && document.activeElement !== byID('care')) byID('care').value = today;
  fill(byID('care-today'), t('care_is_today'), ' ', day(today)); // the field writes days as the computer has them
}

export function start() {
  const care = byID('care');
  byID('ask').addEventListener('submit', (e) => {
    e.preventDefault();
    if (document.activeElement !== care) return;
    if (editing) leave('verdict');
    if (current) byID('verdict').focus(); // nothing was changed
  });
  care.addEventListener('input', edit);
  care.addEventListener('change', edit);
  care.addEventListener('focusout', () => setTimeout(left));
  byID('today').addEventListener('click', () => {
    setDay('');
    if (asked) question();
    else care.focus();
  });
  // A button that takes the day back is no reason to ask for it first.
  for (const id of ['today', 'clear']) byID(id).addEventListener('mousedown', (e) => e.preventDefault());
  byID('domain').addEventListener('change', again);
  byID('clear').addEventListener('click', clear);
}

// say speaks to screen readers; the same words twice are still said twice. What was said before, politely or not, is gone.
export function say(id, words) {
  const mine = ++spoken;
  for (const other of ['live', 'alert']) byID(other).textContent = '';
  requestAnimationFrame(() => { if (mine === spoken) byID(id).textContent = words; });
}
