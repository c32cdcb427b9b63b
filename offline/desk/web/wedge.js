// The keyboard-wedge scanner of this page: captures what it types wherever the focus is, and lets nothing else happen because of it.
//
//   import {Wedge} from './wedge.js';
//   const wedge = new Wedge({
//     onStart() {},                        // a burst has been recognised; what it had typed into a field is undone already
//     onProgress(n) {},                    // n characters so far
//     onScan({typed, presses, cut}) {},    // one scan: its characters, and its keys [{code, shift}] for the server's physical reading.
//                                          //   cut is true when it was longer than 8192. It may be half a scan: the checksum judges, not this file
//     onIdle() {},                         // nothing came for `quiet` ms: the scanner is done
//     quiet: 120,                          // ms without a key that end a scan whose Enter is missing
//     clock: {now, setTimeout, clearTimeout, at(event)},   // only for tests; `at` is when an event happened, its timeStamp
//   });
//   wedge.start();                         // listens; stop() ends it
//   const off = wedge.shortcut('F2', fn);  // 'F2', 'Escape', '?', 'Ctrl+P', 'Alt+1' (the key with the 1, on AZERTY
//                                        too), 'Ctrl+Shift+K': for a human. off() removes it
//   wedge.busy                             // a burst is going on
//
// What holds, because a scanned code may hold any key (BadBarcode):
// - During a burst, and until `quiet` ms after it, every key's default is prevented and no other listener of the page hears of it. Enter, Tab and ETX
//   end one scan, the next may follow at once; everything else that writes nothing does nothing. An Enter that limps behind is swallowed too.
// - A burst is known by its sixth key. The keys before it did what keys do in a field; the field gets back what it held, selection and focus included.
//   Outside of fields they do nothing.
// - Shortcuts, Enter and Space on buttons and links, Enter in a form's field, and Escape on a dialog wait until it is certain that no other key came
//   within 120 ms before (60 ms for those that aren't shortcuts) and after. So: no keydown listener for such keys elsewhere in the page; use
//   `shortcut`, `click` and `submit`.
// - Function keys, and Ctrl, Alt and Meta combinations, do nothing unless they are shortcuts: no reload, no print, no history, no find bar that would
//   take the rest of the scan. Left to humans: editing in a text field, copying, pasting, zooming.
// - A text pasted outside of fields is a scan without presses.
// - Slower typing is a human's. It isn't touched: no default prevented in a text field, no event stopped.
// A browser never shows the page what the system or the browser itself keeps (Meta alone, Alt+F4, Ctrl+Alt+Delete; Ctrl+T, N, W in a window with tabs).

const LIMIT = 8192;
const RUN_GAP = 70; // ms; a longer pause starts another run of keys
const QUICK = {keys: 6, gap: 35}; // no human: six keys at 35 ms each,
const STEADY = {keys: 12, gap: 55}; // or twelve in a row at 55
const ALONE = 120; // ms before and after a shortcut without another key
const CALM = 60; // ms before a key that may act
const LATE = 500; // ms after a scan that ended by silence, in which its Enter may still come

const MODIFIERS = new Set(['Shift', 'Control', 'Alt', 'AltGraph', 'Meta', 'OS', 'CapsLock', 'NumLock', 'ScrollLock', 'Fn', 'FnLock', 'Hyper', 'Super', 'Symbol', 'SymbolLock']);
const MOVES = new Set(['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown', 'Home', 'End', 'PageUp', 'PageDown', 'Backspace', 'Delete', 'Insert']);
const ENDS = new Set(['Enter', 'Tab', '\r', '\n', '\t', '\x03']);
const EDITS = new Set(['a', 'c', 'v', 'x', 'y', 'z']);
const ZOOMS = new Set(['+', '-', '=', '0']);
const NOT_TEXT = new Set(['button', 'submit', 'reset', 'image', 'checkbox', 'radio', 'range', 'color', 'file', 'hidden']);

const system = {
  now: () => performance.now(),
  setTimeout: (fn, ms) => setTimeout(fn, ms),
  clearTimeout: (id) => clearTimeout(id),
  at: (e) => e.timeStamp,
};

export class Wedge {
  #on; #quiet; #clock; #listening = null; #shortcuts = new Map();
  #last = -Infinity; // when the last key came that is no modifier
  #run = null; // keys that may be the head of a burst: {times, keys, kept}
  #hot = false; // a burst is going on
  #scan = null; // what it gave since the last end: {typed, presses, n, cut}
  #timer = 0; #checked = false;
  #silence = -Infinity; // when the last burst ended without an Enter
  #later = null; // one action that waits until it is alone: {fn, at, timer}
  #pasteAlone = -Infinity; // when a paste key came that was alone

  constructor({onStart, onProgress, onScan, onIdle, quiet = 120, clock = {}} = {}) {
    this.#on = {start: onStart, progress: onProgress, scan: onScan, idle: onIdle};
    this.#quiet = quiet;
    this.#clock = {...system, ...clock};
  }

  get busy() { return this.#hot; }

  start() {
    if (this.#listening) return;
    const o = {capture: true, signal: (this.#listening = new AbortController()).signal};
    const swallow = (e) => { if (this.#hot) quash(e); };
    addEventListener('keydown', (e) => this.#down(e), o);
    addEventListener('keyup', (e) => { if (this.#hot || e.key === 'Alt') quash(e); }, o);
    addEventListener('keypress', swallow, o);
    addEventListener('beforeinput', swallow, o);
    addEventListener('paste', (e) => this.#paste(e), o);
  }

  stop() {
    this.#listening?.abort();
    this.#listening = null;
    this.#clock.clearTimeout(this.#timer);
    this.#cancel();
    this.#hot = false;
    this.#run = this.#scan = null;
  }

  shortcut(key, fn) {
    const name = canonical(key);
    if (this.#shortcuts.has(name)) throw new Error(`shortcut ${name} is taken`);
    this.#shortcuts.set(name, fn);
    return () => { if (this.#shortcuts.get(name) === fn) this.#shortcuts.delete(name); };
  }

  #down(e) {
    if (MODIFIERS.has(e.key)) {
      if (this.#hot || e.key === 'Alt') quash(e); // Alt alone opens the browser's menu
      return;
    }
    if (!this.#hot && e.key !== 'Dead' && (e.isComposing || e.keyCode === 229)) return;
    const at = this.#clock.at(e);
    this.#flush(at);
    const gap = at - this.#last;
    this.#last = at;
    if (this.#hot) {
      quash(e);
      this.#collect(e);
      this.#wait();
      return;
    }
    if (at - this.#silence < LATE && ENDS.has(e.key)) {
      quash(e);
      return;
    }
    if (e.repeat) this.#run = null; // a finger that stays on a key
    else if (this.#starts(e, at, gap)) return;
    this.#human(e, at, gap);
  }

  // starts takes a key into the run, and says that the run is a scanner's.
  #starts(e, at, gap) {
    if (!this.#run || gap > RUN_GAP || gap < 0 || this.#run.times.length > 64) this.#run = {times: [], keys: [], kept: []};
    const run = this.#run;
    const focus = document.activeElement;
    if (!run.kept.some((k) => k.element === focus)) run.kept.push(keep(focus));
    run.times.push(at);
    run.keys.push(e);
    const n = run.times.length;
    const within = ({keys, gap}) => n >= keys && at - run.times[n - keys] < (keys - 1) * gap;
    if (!within(QUICK) && !within(STEADY)) return false;
    this.#run = null;
    this.#hot = true;
    quash(e);
    for (const k of run.kept) giveBack(k);
    refocus(run.kept[0].element);
    this.#call('start');
    for (const k of run.keys) this.#collect(k);
    this.#wait();
    return true;
  }

  #collect(e) {
    if (ENDS.has(e.key) && !isCombination(e)) {
      this.#end();
      return;
    }
    const char = character(e);
    const press = char || !isCombination(e) && (e.key === 'Dead' || e.key === 'Unidentified' || /^Numpad[0-9]$/.test(e.code));
    if (!press) return;
    const scan = this.#scan ??= {typed: '', presses: [], n: 0, cut: false, blind: false};
    if (scan.n >= LIMIT) {
      scan.cut = true;
      return;
    }
    scan.n++;
    scan.typed += char;
    scan.presses.push({code: e.code, shift: e.shiftKey});
    scan.blind ||= !e.code; // on-screen keyboards and some remote desktops name no keys
    this.#call('progress', scan.n);
  }

  #end() {
    const scan = this.#scan;
    this.#scan = null;
    if (scan) this.#call('scan', {typed: scan.typed, presses: scan.blind ? [] : scan.presses, cut: scan.cut});
  }

  #wait() {
    this.#checked = false;
    this.#clock.clearTimeout(this.#timer);
    this.#timer = this.#clock.setTimeout(() => this.#check(), this.#quiet);
  }

  // check ends a burst after silence, as the keys' own times have it. It looks twice: keys that waited for a busy page come before the second look.
  #check() {
    const left = this.#quiet - (this.#clock.now() - this.#last);
    if (left > 1 || !this.#checked) {
      this.#checked = left <= 1;
      this.#timer = this.#clock.setTimeout(() => this.#check(), Math.max(left, 0));
      return;
    }
    this.#hot = false;
    if (this.#scan) this.#silence = this.#last;
    this.#end();
    this.#call('idle');
  }

  // human does what a key is for when it may be a human's.
  #human(e, at, gap) {
    const calm = gap >= CALM || e.repeat && (e.key === 'Tab' || MOVES.has(e.key));
    const target = e.target;
    const shortcut = this.#shortcuts.get(nameOf(e, e.key)) ?? this.#shortcuts.get(nameOf(e, digit(e)));
    if (shortcut && !(character(e) && isField(target))) {
      quash(e);
      if (gap >= ALONE) this.#defer(shortcut, at);
      return;
    }
    if (isCombination(e)) {
      const key = e.key.toLowerCase();
      const command = !e.altKey && (isMac() ? e.metaKey && !e.ctrlKey : e.ctrlKey && !e.metaKey);
      if (command && key === 'v' && gap >= ALONE) this.#pasteAlone = at;
      const edit = EDITS.has(key) || MOVES.has(e.key);
      if (!(command && (isText(target) ? edit || ZOOMS.has(key) : calm && (key === 'c' || key === 'v' || ZOOMS.has(key))))) quash(e);
      return;
    }
    switch (true) {
      case e.key === 'Escape':
        quash(e);
        if (calm) this.#defer(dismiss, at);
        return;
      case e.key === 'Tab':
        if (!calm) quash(e);
        return;
      case e.key === 'Enter':
        if (isMultiline(target)) {
          if (!calm) quash(e);
          return;
        }
        quash(e);
        if (calm) this.#defer(() => activate(target), at);
        return;
      case e.key === ' ' && !isText(target) && target !== document.body && target !== document.documentElement:
        quash(e);
        if (calm) this.#defer(() => press(target), at);
        return;
      case isBlocked(e):
        quash(e);
        return;
      case isField(target):
        return;
      case e.key === ' ' || MOVES.has(e.key):
        if (!calm) e.preventDefault(); // scrolling
        return;
      default:
        e.preventDefault(); // find-as-you-type would take the focus
    }
  }

  #paste(e) {
    if (this.#hot) {
      quash(e);
      return;
    }
    if (isText(e.target)) return;
    e.preventDefault();
    const at = this.#clock.at(e);
    const typed = e.clipboardData?.getData('text/plain') ?? '';
    const alone = at - this.#last >= ALONE || this.#pasteAlone === this.#last;
    if (alone && typed.trim() !== '') {
      const cut = typed.length > LIMIT;
      this.#defer(() => this.#call('scan', {typed: typed.slice(0, LIMIT), presses: [], cut}), at);
    }
  }

  #defer(fn, at) {
    this.#cancel();
    const timer = this.#clock.setTimeout(() => this.#settle(), ALONE);
    this.#later = {fn, at, timer};
  }

  // settle does the action that waited.
  #settle() {
    const later = this.#later;
    this.#cancel();
    later?.fn();
  }

  // flush settles what has waited long enough when the next key comes, and cancels what has not.
  #flush(at) {
    if (!this.#later) return;
    if (at - this.#later.at >= ALONE) this.#settle();
    else this.#cancel();
  }

  #cancel() {
    if (this.#later) this.#clock.clearTimeout(this.#later.timer);
    this.#later = null;
  }

  // call runs a callback. What it throws is reported, and doesn't stop the keys from being swallowed.
  #call(name, value) {
    try {
      this.#on[name]?.(value);
    } catch (err) {
      reportError(err);
    }
  }
}

function quash(e) {
  e.preventDefault();
  e.stopImmediatePropagation();
}

const isMac = () => /Mac|iPhone|iPad/.test(navigator.platform);

// AltGr writes characters; Windows shows it as Ctrl+Alt, a Mac has Option instead.
function isCombination(e) {
  if (e.getModifierState('AltGraph')) return false;
  if (e.altKey && !e.ctrlKey && !e.metaKey && isMac()) return [...e.key].length !== 1;
  return e.ctrlKey || e.altKey || e.metaKey;
}

// character is what a key writes, '' for nothing. Controls are nothing.
function character(e) {
  return !isCombination(e) && [...e.key].length === 1 && e.key >= ' ' && e.key !== '\x7f' ? e.key : '';
}

// isBlocked: function keys and those that steer a browser, a player or a computer. No use of this page needs them.
function isBlocked(e) {
  return [...e.key].length > 1 && !MOVES.has(e.key) && !ENDS.has(e.key) && e.key !== 'Dead' && e.key !== 'Unidentified' && e.key !== 'Process';
}

function isText(el) {
  return el instanceof HTMLTextAreaElement || el instanceof HTMLInputElement && !NOT_TEXT.has(el.type) || el instanceof HTMLElement && el.isContentEditable;
}

const isField = (el) => isText(el) || el instanceof HTMLSelectElement || el instanceof HTMLInputElement;

const isMultiline = (el) => el instanceof HTMLTextAreaElement || el instanceof HTMLElement && el.isContentEditable;

function canonical(key) {
  const parts = key === '+' ? ['+'] : key.replace(/\+\+$/, '+Plus').split('+').map((p) => (p === 'Plus' ? '+' : p));
  const last = parts.pop();
  const held = ['Ctrl', 'Alt', 'Meta', 'Shift'].filter((m) => parts.includes(m));
  if (held.length !== parts.length || last === '') throw new Error(`no key is called ${key}`);
  const letter = last.length === 1;
  return [...held.filter((m) => m !== 'Shift' || !letter || held.length > 1), letter ? last.toLowerCase() : last].join('+');
}

// digit is the number on a key, which AZERTY gives only with Shift.
const digit = (e) => /^(?:Digit|Numpad)([0-9])$/.exec(e.code)?.[1] ?? '';

function nameOf(e, key) {
  const letter = [...key].length === 1;
  const combination = isCombination(e);
  const held = [];
  if (combination && e.ctrlKey) held.push('Ctrl');
  if (combination && e.altKey) held.push('Alt');
  if (combination && e.metaKey) held.push('Meta');
  if (e.shiftKey && (!letter || held.length)) held.push('Shift'); // of '?', Shift is a part
  return [...held, letter ? key.toLowerCase() : key].join('+');
}

// keep remembers what an element holds.
function keep(element) {
  const k = {element};
  if (element instanceof HTMLSelectElement) k.chosen = [...element.options].map((o) => o.selected);
  else if (element instanceof HTMLInputElement && element.type === 'checkbox') k.checked = element.checked;
  else if (element instanceof HTMLInputElement && element.type === 'radio') k.radio = radios(element).find((r) => r.checked) ?? null;
  else if (element instanceof HTMLTextAreaElement || element instanceof HTMLInputElement && element.type !== 'file') {
    k.value = element.value;
    k.from = element.selectionStart; // null where a type has none
    k.to = element.selectionEnd;
    k.direction = element.selectionDirection;
  }
  return k;
}

const radios = (el) => [...(el.form ?? document).querySelectorAll('input[type=radio]')].filter((r) => r.name === el.name && r.form === el.form);

function giveBack(k) {
  const el = k.element;
  if (!el?.isConnected) return;
  const tell = (...names) => { for (const n of names) el.dispatchEvent(new Event(n, {bubbles: true})); };
  if (k.value !== undefined) {
    if (el.value !== k.value) {
      el.value = k.value;
      tell('input');
    } else if (el.value === '') {
      el.value = ''; // a date that is typed in part holds '' and shows digits
    }
    if (k.from !== null && el.selectionStart !== null) el.setSelectionRange(k.from, k.to, k.direction);
  } else if (k.chosen) {
    const now = [...el.options];
    if (now.length === k.chosen.length && now.some((o, i) => o.selected !== k.chosen[i])) {
      now.forEach((o, i) => { o.selected = k.chosen[i]; });
      tell('input', 'change');
    }
  } else if (k.checked !== undefined && el.checked !== k.checked) {
    el.checked = k.checked;
    tell('input', 'change');
  } else if (k.radio !== undefined && (radios(el).find((r) => r.checked) ?? null) !== k.radio) {
    for (const r of radios(el)) r.checked = r === k.radio;
    tell('input', 'change');
  }
}

function refocus(el) {
  if (document.activeElement === el) return;
  if (!el || el === document.body) document.activeElement?.blur();
  else if (el.isConnected) el.focus({preventScroll: true});
}

// activate does what Enter does on an element, press what Space does, dismiss what Escape does.
function activate(el) {
  if (!el.isConnected || el !== document.activeElement) return;
  if (isText(el) || el instanceof HTMLSelectElement || el instanceof HTMLInputElement && (el.type === 'checkbox' || el.type === 'radio')) {
    const form = el.form;
    if (!form) {
      el.dispatchEvent(new Event('change', {bubbles: true}));
      return;
    }
    const button = [...form.elements].find((b) => (b.type === 'submit' || b.type === 'image'));
    if (!button) form.requestSubmit();
    else if (!button.disabled) button.click();
    return;
  }
  if (el !== document.body) el.click();
}

function press(el) {
  if (!el.isConnected || el !== document.activeElement) return;
  if (!(el instanceof HTMLSelectElement)) {
    if (!(el instanceof HTMLAnchorElement)) el.click();
    return;
  }
  try {
    el.showPicker();
  } catch {
    // a browser that wants the key itself, or has none: the arrow keys still choose
  }
}

function dismiss() {
  const open = [...document.querySelectorAll('dialog[open]')].pop();
  if (open?.requestClose) open.requestClose();
  else if (open?.dispatchEvent(new Event('cancel', {cancelable: true}))) open.close();
}
