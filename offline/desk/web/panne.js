// What to do during an outage: a screen of the same page, so that scans are still heard, and one A4 sheet for the wall.

import {byID, el, fill, foreign, show} from './build.js';
import {hours, moment, t} from './words.js';

const MOST = 18; // insurers that one sheet holds; the rest is counted

export function start() { byID('panne-print').addEventListener('click', () => print()); }

let drawn = '';

// draw puts the phone numbers of the insurers that this counter follows on the sheet. They stay when the server goes away.
export function draw(state) {
  fill(byID('printed'), t('panne_printed', {at: moment(state.clock)}));
  const lists = state.lists ?? [];
  const key = JSON.stringify(lists);
  if (key === drawn) return;
  drawn = key;
  const insurers = lists.flatMap((l) => l.insurers ?? []).sort((a, b) => String(a.name).localeCompare(String(b.name), 'fr'));
  const phones = (i) => (Array.isArray(i.phones) ? i.phones : [i.phones]).filter(Boolean);
  const rows = insurers.slice(0, MOST).map((i) => el('tr', {}, el('th', {scope: 'row'}, foreign(i.name)), el('td', {}, foreign(i.amc)),
    el('td', {}, phones(i).length ? phones(i).slice(0, 2).map((p, n) => [n ? ' / ' : null, foreign(p)]) : '–')));
  byID('phones').tBodies[0].replaceChildren(...rows);
  document.documentElement.dataset.size = rows.length > 3 ? 'small' : 'large';
  byID('phones').classList.toggle('many', rows.length > 9);
  show(byID('phones'), rows.length > 0);
  show(byID('phones-none'), rows.length === 0 || insurers.length > MOST);
  fill(byID('phones-none'), insurers.length > MOST ? t('panne_more', {n: insurers.length - MOST}) : t('panne_none'));
  const strict = (name) => Math.min(...lists.map((l) => l[name] || Infinity));
  const [reserve, refuse] = [strict('reserve_hours'), strict('refuse_hours')];
  fill(byID('panne-limits'), lists.length && Number.isFinite(reserve) && Number.isFinite(refuse) ? [t('limit_reserve', {hours: hours(reserve)}), ' ', t('limit_refuse', {hours: hours(refuse)})] : t('panne_limits'));
}
