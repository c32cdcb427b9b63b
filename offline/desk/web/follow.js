// Following a repository: look at it, compare its fingerprint with paper, and only then a deliberate button.

import {ask} from './link.js';
import {el, fill, foreign, said} from './build.js';
import {t} from './words.js';

// look reads the repository at an address or folder and offers to follow it; out shows how it goes.
export function look(out, from, followed) {
  return offer(out, () => ask('peek', {from}, 30000), () => ({from}), followed);
}

// lookZip does the same with a bundle that was dropped.
export function lookZip(out, file, followed) {
  return offer(out, () => ask('bundle', file, 60000), (found) => ({bundle: found.bundle}), followed);
}

async function offer(out, find, source, followed) {
  fill(out, el('p', {role: 'status'}, t('follow_looking')));
  let found;
  try {
    found = await find();
  } catch (x) {
    return failed(out, x);
  }
  const print = String(found.fingerprint ?? '');
  const go = el('button', {type: 'button', class: 'main'}, found.known ? t('follow_again') : t('follow_go'));
  const drop = el('button', {type: 'button', onclick: () => fill(out)}, t('follow_no'));
  go.addEventListener('click', async () => {
    go.disabled = drop.disabled = true;
    const wait = el('p', {role: 'status'}, t('follow_going'));
    out.append(wait);
    try {
      await ask('follow', {...source(found), root: print}, 120000);
    } catch (x) {
      return failed(out, x);
    }
    fill(out, el('p', {class: 'result good', role: 'status'}, '✓ ', t('follow_done')));
    followed?.();
  });
  fill(out, el('div', {class: 'fingerprint', role: 'group', 'aria-label': t('fingerprint')},
    el('h3', {}, t('fingerprint')), found.known ? el('p', {}, t('follow_known')) : el('p', {}, t('follow_compare')),
    groups(print), el('p', {class: 'row'}, go, drop)));
  go.focus();
}

function failed(out, x) {
  fill(out, el('p', {class: 'problem', role: 'alert'}, said(x.what || t('follow_failed'), x.todo || t('follow_failed_todo'))));
}

// groups writes a fingerprint so that two people can read it to one another.
export function groups(print) {
  const parts = String(print ?? '').replace(/\s+/g, '').match(/.{1,4}/gu) ?? [];
  return el('p', {class: 'groups', translate: 'no'}, parts.map((p, i) => [i ? ' ' : null, foreign(p)]));
}
