// The sheet for the wall: the phone numbers of the insurers that this counter follows, and the date of the print.

import {ask} from './link.js';
import {byID, el, fill, foreign, show} from './build.js';
import {hours, moment, t} from './words.js';

const MOST = 18; // insurers that one sheet holds; the rest is counted

byID('print').addEventListener('click', () => print());
try {
  const state = await ask('state');
  const lists = state.lists ?? [];
  const insurers = lists.flatMap((l) => l.insurers ?? []).sort((a, b) => String(a.name).localeCompare(String(b.name), 'fr'));
  const phones = (i) => (Array.isArray(i.phones) ? i.phones : [i.phones]).filter(Boolean);
  const rows = insurers.slice(0, MOST).map((i) => el('tr', {}, el('th', {scope: 'row'}, foreign(i.name)), el('td', {}, foreign(i.amc)),
    el('td', {}, phones(i).length ? phones(i).slice(0, 2).map((p, n) => [n ? ' / ' : null, foreign(p)]) : '–')));
  byID('phones').tBodies[0].replaceChildren(...rows);
  document.documentElement.dataset.size = rows.length > 3 ? 'small' : 'large';
  byID('phones').classList.toggle('many', rows.length > 9);
  show(byID('phones'), rows.length > 0);
  show(byID('phones-none'), rows.length === 0 || insurers.length > MOST);
  if (insurers.length > MOST) fill(byID('phones-none'), t('panne_more', {n: insurers.length - MOST}));
  if (lists.length) {
    const strict = (name) => Math.min(...lists.map((l) => l[name] || Infinity));
    const [reserve, refuse] = [strict('reserve_hours'), strict('refuse_hours')];
    if (Number.isFinite(reserve) && Number.isFinite(refuse)) fill(byID('panne-limits'), t('limit_reserve', {hours: hours(reserve)}), ' ', t('limit_refuse', {hours: hours(refuse)}));
  }
  fill(byID('printed'), t('panne_printed', {at: moment(state.clock)}));
} catch { /* the steps stand without numbers */ }
document.documentElement.dataset.ready = 'yes';
