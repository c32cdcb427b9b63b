// Puts the harmonised block on the clipboard, in the order in which the card prints it.

import {byID, el} from './build.js';
import {day, t} from './words.js';

// values are the five values with their printed labels.
export function values(r) {
  return [[t('v_amc'), r.amc], [t('v_convention'), r.conventions.join(' ')], [t('v_csr'), r.csr], [t('v_adherent'), r.adherent],
    [t('v_period'), t('v_period_value', {from: day(r.from), to: day(r.to)})]];
}

export function copyAll(r) { return copy(values(r).map(([, value]) => clean(value)).join('\t'), t('copied_all')); }

export function copyOne(name, value) { return copy(clean(value), t('copied_one', {name})); }

// clean keeps a value from reaching another cell of the software that it is pasted into.
function clean(text) { return text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' '); }

async function copy(text, done) {
  let ok = true;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    ok = oldWay(text);
  }
  const out = byID('copied');
  if (out) out.textContent = ok ? done : t('copy_failed');
  else byID('live').textContent = ok ? done : t('copy_failed');
}

// oldWay is for a browser that denies the clipboard to this page.
function oldWay(text) {
  const back = document.activeElement;
  const area = el('textarea', {class: 'hidden', 'aria-hidden': 'true', tabindex: '-1'});
  area.value = text;
  document.body.append(area);
  area.select();
  let ok = false;
  try { ok = document.execCommand('copy'); } catch { /* said by the caller */ }
  area.remove();
  back?.focus();
  return ok;
}
