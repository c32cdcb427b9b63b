// The calculator of the AMC's share. It only shows what the server works out.

import {ask} from './link.js';
import {byID, el, fill, foreign, said} from './build.js';
import {day, t} from './words.js';
import {onVerdict} from './verify.js';

let care = ''; // date of care of the verdict that the guarantee comes from

export function start() {
  byID('share-form').addEventListener('submit', work);
  byID('share-form').addEventListener('input', () => fill(byID('share-out')));
  const pays = () => fill(byID('regime-pays'), byID('regime').value === 'ald' ? t('share_ald') : null);
  byID('regime').addEventListener('change', pays);
  pays(); // a browser may keep what was chosen before a reload
  onVerdict(prefill);
}

// prefill takes the guarantee of the verdict's domain: of the beneficiary asked for, or the one that all have.
function prefill(d) {
  const people = d?.people?.filter((p) => p.covered && p.value && (!d.beneficiary || p.number === d.beneficiary)) ?? [];
  const same = people.length > 0 && people.every((p) => p.value === people[0].value);
  care = d?.care ?? '';
  byID('guarantee').value = same ? people[0].value : '';
  fill(byID('guarantee-from'), same ? [t('share_from', {day: day(care)}), ' ', foreign(d.domain_label || d.domain)] : null);
  fill(byID('share-out'));
}

async function work(e) {
  e.preventDefault();
  const f = new FormData(byID('share-form'));
  const out = byID('share-out');
  try {
    const s = await ask('share', {spent: f.get('spent'), base: f.get('base'), amo: Number(f.get('amo')), guarantee: f.get('guarantee'), regime: f.get('regime'), ...(care && {care})});
    const line = (name, value, big) => el('div', {class: big ? 'big' : null}, el('dt', {}, name), el('dd', {}, foreign(value)));
    fill(out, el('p', {class: 'tag'}, t('share_tag')), el('dl', {class: 'shares'}, line(t('share_amo_part', {rate: s.rate}), s.amo), line(t('share_amc_part'), s.amc, true),
      // Never a rest of nothing: something always may be left to pay.
      s.rest ? line(t('share_rest'), s.rest) : s.covered ? el('div', {class: 'words'}, el('dt', {}, t('share_covered')), el('dd', {}, foreign(s.covered))) : null),
      s.words ? el('p', {}, foreign(s.words)) : null);
  } catch (x) {
    fill(out, el('p', {class: 'problem'}, said(x.what || t('share_failed'), x.todo)));
  }
}
