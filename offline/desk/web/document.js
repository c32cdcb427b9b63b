// Judges an answer before anything of it is shown: what is not wholly a verdict on this very scan is no verdict.

const STATUS = new Set(['valid', 'reserve', 'refused', 'unknown']);
const text = (v) => typeof v === 'string';
const maybe = (v) => v === undefined || v === null || typeof v === 'string';
const whole = (v) => Number.isSafeInteger(v);

// isVerdict says whether d is a Document that answers the scan with this id.
export function isVerdict(d, id) {
  if (!d || typeof d !== 'object' || d.schema !== 'sceau-verdict-1' || d.id !== id || !STATUS.has(d.status) || !text(d.reason) || d.reason === '') return false;
  if (!d.words || !text(d.words.headline) || d.words.headline.trim() === '' || !text(d.words.meaning) || !text(d.words.next)) return false;
  if (typeof d.recorded !== 'boolean' || !maybe(d.receipt) || (d.recorded && !d.receipt) || !maybe(d.card) || !text(d.care)) return false;
  // Green, or nearly, needs a card whose signature held.
  if ((d.status === 'valid' || d.status === 'reserve') && !d.card) return false;
  if (![d.detail, d.misread, d.amc, d.insurer, d.phone, d.domain, d.domain_label, d.since, d.mode, d.repair, d.unrecorded, d.checked, d.code].every(maybe)) return false;
  if (!isModed(d)) return false;
  if (d.list && !(whole(d.list.list) && whole(d.list.revision) && text(d.list.published) && text(d.list.age_words))) return false;
  if (d.payment && !(text(d.payment.until) && whole(d.payment.euros))) return false;
  if (d.notes && !(Array.isArray(d.notes) && d.notes.every(text))) return false;
  const r = d.routing;
  if (r && !(text(r.amc) && Array.isArray(r.conventions) && r.conventions.every(text) && text(r.csr) && text(r.adherent) && text(r.from) && text(r.to))) return false;
  return !d.people || (Array.isArray(d.people) && d.people.every(isPerson));
}

// isModed says whether an answer is wholly the service's or wholly the list's: the number for the invoice is of the same, and
// stands under no refusal.
function isModed(d) {
  if (d.mode !== 'online' && d.mode !== 'offline' || !maybe(d.rescue_reason)) return false;
  const a = d.accord;
  if ((d.mode === 'online') !== Boolean(a)) return false;
  if (a && !(text(a.number) && a.number !== '' && text(a.at) && text(a.until) && (a.changed === undefined || typeof a.changed === 'boolean'))) return false;
  if (d.told_online && !(text(d.told_online.at) && text(d.told_online.accord))) return false;
  if (d.status !== 'valid' && d.status !== 'reserve') return !d.invoice_number; // nothing to invoice
  return (d.invoice_number ?? '') === (a ? a.number : d.receipt ?? '');
}

function isPerson(p) {
  return p && whole(p.number) && text(p.nom) && text(p.prenom) && text(p.birth) && typeof p.covered === 'boolean' && maybe(p.from) && maybe(p.to) && maybe(p.value)
    && (!p.guarantees || (Array.isArray(p.guarantees) && p.guarantees.every((g) => g && text(g.domain) && text(g.label) && text(g.value))));
}
