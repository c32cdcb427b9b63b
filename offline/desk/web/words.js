// The catalogue of the page's language, and how dates and sums are written in it.

const lang = document.documentElement.lang === 'en' ? 'en' : 'fr';
const answer = await fetch(`web/${lang}.json`);
const book = await answer.json();

export const language = lang;

// t gives a text of the catalogue, {names} filled in.
export function t(key, values = {}) {
  return book[key].replace(/\{(\w+)\}/g, (_, name) => values[name] ?? '');
}

// count chooses between the singular and the plural.
export function count(one, many, n) {
  return t(n === 1 || (n === 0 && lang === 'fr') ? one : many, {n: n.toLocaleString(lang)});
}

// day writes AAAA-MM-JJ as JJ/MM/AAAA, in both languages: that is how it stands on the card. What is no such day stays as it is.
export function day(text) {
  const m = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text ?? '');
  return m ? `${m[3]}/${m[2]}/${m[1]}` : String(text ?? '');
}

// birth writes AAAAMMJJ as on the card; a month or day of 00 stays.
export function birth(text) {
  const m = /^(\d{4})(\d{2})(\d{2})$/.exec(text ?? '');
  return m ? `${m[3]}/${m[2]}/${m[1]}` : String(text ?? '');
}

const zone = 'Europe/Paris';
const moments = new Intl.DateTimeFormat('en-GB', {timeZone: zone, day: '2-digit', month: '2-digit', year: 'numeric', hour: '2-digit', minute: '2-digit', hourCycle: 'h23'});
const days = new Intl.DateTimeFormat('sv-SE', {timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit'});

// moment writes an RFC 3339 instant in Paris; what is none stays as it is.
export function moment(text) {
  const at = new Date(text);
  if (!text || Number.isNaN(at.getTime())) return String(text ?? '');
  return t('moment', parts(at));
}

const parts = (at) => Object.fromEntries(moments.formatToParts(at).map((p) => [p.type, p.value]));

// end writes the instant with which something ends: midnight is the day that it ends, whole.
export function end(text) {
  const at = new Date(text);
  if (!text || Number.isNaN(at.getTime())) return String(text ?? '');
  const p = parts(at);
  if (Number(p.hour) % 24 || Number(p.minute) || at.getTime() % 60000) return moment(text);
  return t('end_of_day', parts(new Date(at.getTime() - 1)));
}

// hour writes the time of day of an instant in Paris; what is none stays as it is.
export function hour(text) {
  const at = new Date(text);
  if (!text || Number.isNaN(at.getTime())) return String(text ?? '');
  const p = parts(at);
  return `${p.hour}:${p.minute}`;
}

// since says from when on: the hour alone for the same day as now; '' for what is no instant.
export function since(text, now) {
  if (!text || dayOf(text) === '') return '';
  return dayOf(text) === dayOf(now) ? t('since_hour', {hour: hour(text)}) : t('since_day', {at: moment(text)});
}

// dayOf gives the day in Paris of an instant as AAAA-MM-JJ, or ''.
export function dayOf(text) {
  const at = new Date(text);
  return !text || Number.isNaN(at.getTime()) ? '' : days.format(at);
}

export function euros(n) {
  return new Intl.NumberFormat(lang === 'fr' ? 'fr-FR' : 'en-GB', {style: 'currency', currency: 'EUR', maximumFractionDigits: 0}).format(n);
}

// hours says how long a limit is, in days when it is whole days.
export function hours(n) {
  if (n >= 48 && n % 24 === 0) return count('days_one', 'days_many', n / 24);
  return count('hours_one', 'hours_many', n);
}
