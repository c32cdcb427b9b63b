// Enrolling this counter: a scan or a typed code goes to the service, a person sees what the operator registered, and only then a
// deliberate button.

import {ask} from './link.js';
import {el, fill, foreign, said} from './build.js';
import {groups} from './follow.js';
import {t} from './words.js';

// isCard says that a scan is a card's and no invitation's: by the keys where the scanner gave some, for those no layout garbles.
export function isCard(scan) {
  const keys = (scan.presses ?? []).slice(0, 4).map((p) => p.code).join(' ');
  if (/^KeyT KeyP (Digit|Numpad)1/.test(keys)) return true;
  return keys === '' && /^\W{0,3}TP1/i.test(scan.typed ?? '');
}

let newest = 0;

// propose asks what the operator registered, shows it in out, and enrols when a person says so. own is this counter's FINESS.
export async function propose(out, invitation, own, enrolled) {
  const mine = ++newest;
  fill(out, el('p', {role: 'status', class: 'result'}, t('enrol_asking')));
  let p;
  try {
    p = await ask('invitation', invitation, 70000);
    if (typeof p.id !== 'string' || typeof p.root !== 'string' || p.root === '') throw {};
  } catch (x) {
    if (mine === newest) failed(out, x);
    return;
  }
  if (mine !== newest) return;
  const go = el('button', {type: 'button', class: 'main'}, p.known ? t('enrol_go') : t('enrol_go_new'));
  const no = el('button', {type: 'button', onclick: () => fill(out, el('p', {role: 'status', class: 'result'}, t('enrol_left')))}, t('enrol_no'));
  go.addEventListener('click', async () => {
    go.disabled = no.disabled = true;
    out.append(el('p', {role: 'status'}, t('enrol_going')));
    let done;
    try {
      done = await ask('enrol', {id: p.id, root: p.root}, 120000);
    } catch (x) {
      return failed(out, x);
    }
    fill(out, el('p', {class: 'result good', role: 'status'}, '✓ ', t('enrol_done')),
      done.lists_error ? el('p', {class: 'problem', role: 'alert'}, t('enrol_lists'), ' ', said(done.lists_error.what, done.lists_error.todo)) : null);
    enrolled?.(p);
  });
  const row = (name, value) => el('div', {}, el('dt', {}, name), el('dd', {}, value ? foreign(value) : '–'));
  fill(out, el('div', {class: 'fingerprint', role: 'group', 'aria-label': t('enrol_title')},
    el('h3', {}, t('enrol_title')),
    el('dl', {class: 'registered'}, row(t('enrol_name'), p.name), row(t('set_finess'), p.finess), row(t('set_profession'), p.profession),
      row(t('enrol_networks'), (Array.isArray(p.networks) ? p.networks : []).join(', ')), row(t('enrol_address'), p.address)),
    own && own !== p.finess ? el('p', {class: 'problem', role: 'alert'}, t('enrol_other', {finess: own})) : null,
    p.known ? el('p', {}, t('enrol_known')) : [el('h4', {}, t('fingerprint')), el('p', {}, p.scanned ? t('enrol_scanned') : t('enrol_compare')), groups(p.root)],
    el('p', {class: 'row'}, go, no)));
  go.focus();
}

function failed(out, x) {
  fill(out, el('p', {class: 'problem', role: 'alert'}, said(x.what || t('enrol_failed'), x.todo || t('enrol_failed_todo'))));
}
