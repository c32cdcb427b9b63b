// Draws one verdict: one colour, one shape, one phrase; then what it means, whom it speaks of, what to do and what it rests on.

import {byID, el, fill, foreign, said, shape} from './build.js';
import {birth, count, day, euros, hour, moment, t} from './words.js';
import {copyAll, copyOne, values} from './copy.js';
import {inLanguage} from './link.js';

// draw fills node with the verdict d. choose(n) asks again for one beneficiary.
export function draw(node, d, {person, several = 0, otherDay, choose, enrol}) {
  node.dataset.status = d.status;
  fill(node,
    el('div', {class: 'sentence'},
      shape(d.status),
      el('div', {class: 'phrase'},
        sort(d),
        el('h2', {id: 'headline'}, foreign(d.words.headline)),
        d.words.meaning ? el('p', {class: 'meaning'}, foreign(d.words.meaning)) : null,
        el('p', {class: 'how', id: 'how'}, how(d)))),
    d.words.next ? el('p', {class: 'next'}, el('strong', {}, t('next')), ' ', foreign(d.words.next), d.phone && d.status !== 'valid' ? [' ', t('insurer_phone'), ' ', foreign(d.phone, {class: 'phone'})] : null) : null,
    d.misread === 'invitation' ? el('p', {class: 'row'}, el('button', {type: 'button', class: 'main', id: 'use-invitation', onclick: enrol}, t('invitation_use'))) : null,
    d.recorded ? null : unrecorded(d),
    several > 1 ? el('p', {class: 'next'}, t('several', {n: several})) : null,
    d.codes?.length > 1 ? el('p', {class: 'next'}, t('several_scanned', {n: d.codes.length})) : null,
    el('div', {class: 'columns'},
      d.people?.length ? people(d, person, choose) : nobody(d),
      facts(d, otherDay)));
}

// drawFailure shows that nothing was verified, why, and what to do. retry is a function or null.
export function drawFailure(node, failure, retry) {
  const [what, todo] = failureWords(failure);
  node.dataset.status = 'unknown';
  fill(node,
    el('div', {class: 'sentence'}, shape('unknown'),
      el('div', {class: 'phrase'}, el('h2', {id: 'headline'}, t('not_verified')),
        el('p', {class: 'meaning'}, said(failure.what || what)))),
    el('p', {class: 'next'}, el('strong', {}, t('next')), ' ', said(failure.todo || todo)),
    el('p', {class: 'unrecorded'}, shape('unrecorded'), el('strong', {}, t('unrecorded')), ' ', t('unrecorded_failure')),
    el('p', {class: 'row'}, retry ? el('button', {type: 'button', class: 'main', id: 'retry', onclick: retry}, t('retry')) : null,
      el('a', {class: 'button', href: '#panne'}, t('nav_panne'))));
}

function failureWords(f) {
  switch (f.kind) {
    case 'network': return [t('fail_network'), t('fail_network_todo')];
    case 'timeout': return [t('fail_timeout'), t('fail_timeout_todo')];
    case 'large': return [t('fail_large'), t('fail_large_todo')];
    case 'cut': return [t('fail_cut'), t('fail_cut_todo')];
    case 'nothing': return [t('fail_nothing'), t('fail_nothing_todo')];
    case 'stale': return [t('fail_stale'), t('fail_again_todo')];
    case 'http':
      if (f.status === 401 || f.status === 403 || f.status === 404) return [t('fail_session'), t('fail_session_todo')];
      return [t('fail_http', {n: f.status}), t('fail_http_todo')];
  }
  return [t('fail_malformed'), t('fail_again_todo')];
}

// sort says the status where the headline doesn't, and whose card it is.
function sort(d) {
  const word = statusWord(d.status);
  const parts = [d.words.headline.toUpperCase().includes(word.toUpperCase()) ? null : word, d.insurer ? foreign(d.insurer) : null].filter(Boolean);
  return parts.length ? el('p', {class: 'sort'}, parts.map((p, i) => [i ? ' – ' : null, p])) : null;
}

// statusWord is the status in words.
export function statusWord(status) {
  switch (status) {
    case 'valid': return t('status_valid');
    case 'reserve': return t('status_reserve');
    case 'refused': return t('status_refused');
  }
  return t('status_unknown');
}

function unrecorded(d) {
  const word = t('unrecorded');
  if (d.unrecorded) {
    const own = d.unrecorded.toLowerCase().startsWith(word.toLowerCase());
    return el('p', {class: 'unrecorded'}, shape('unrecorded'), el('strong', {}, own ? said(d.unrecorded) : word), ' ', own ? null : said(d.unrecorded), t('unrecorded_text'));
  }
  const nothing = d.misread || d.reason === 'UNREADABLE';
  return el('p', {class: nothing ? 'unrecorded calm' : 'unrecorded'}, shape('unrecorded'), el('strong', {}, word), ' ', nothing ? t('unrecorded_misread') : t('unrecorded_text'));
}

function people(d, person, choose) {
  const open = d.status === 'valid' || d.status === 'reserve'; // else the values are only what the card says
  return el('section', {class: 'people', 'aria-labelledby': 'people-title'},
    el('h3', {id: 'people-title'}, t('people')),
    el('p', {class: 'compare'}, t('compare')),
    el('ul', {},
      d.people.map((p) => el('li', {class: !open ? 'stated' : p.covered ? 'covered' : 'not-covered'},
        el('button', {type: 'button', class: 'person', 'aria-pressed': String(p.number === person), onclick: () => choose(p.number)},
          el('kbd', {}, p.number),
          el('span', {class: 'name'}, foreign(p.nom, {class: 'nom'}), ' ', foreign(p.prenom, {class: 'prenom'})),
          el('span', {class: 'birth'}, t('born'), ' ', foreign(birth(p.birth))),
          el('span', {class: 'cover'}, open ? verdictOn(d, p) : stated(d, p),
            p.from || p.to ? el('span', {class: 'period'}, ' ', period(p)) : null)),
        el('div', {class: 'has'}, guarantees(p))))),
    d.people.length > 1 ? el('p', {}, el('button', {type: 'button', 'aria-pressed': String(person === 0), onclick: () => choose(0)}, el('kbd', {}, '0'), ' ', t('household'))) : null,
    d.people.length > 9 ? el('p', {class: 'hint'}, t('keys_ten')) : null,
    d.notes?.length ? el('ol', {class: 'notes'}, d.notes.map((n) => el('li', {}, foreign(n)))) : null);
}

// how says what the answer rests on, large: the insurer's service, or the list. Nothing was consulted for a scan that gave no card.
function how(d) {
  if (d.accord) return [shape('online'), ' ', t('how_online', {hour: hour(d.accord.at)})];
  if (d.told_online) return [shape('rescue'), ' ', t('how_told', {at: moment(d.told_online.at)})];
  if (!d.list) return null;
  return [shape('rescue'), ' ', t('how_list', {date: moment(d.list.published)}), ' ', foreign(t('relied_age', {age: d.list.age_words})), why(d.rescue_reason)];
}

// why says in few words why the service was not relied on, where the counter is enrolled.
function why(code) {
  switch (code) {
    case undefined: case null: case '': case 'none': case 'card_not_checked': return null;
    case 'off': return [' – ', t('how_off')];
    case 'other_operator': return [' – ', t('how_other')];
    case 'suspended': case 'revoked': case 'credential': return [' – ', t('how_refused')];
  }
  return [' – ', t('how_silent')];
}

function verdictOn(d, p) {
  return [el('span', {class: 'sign', 'aria-hidden': 'true'}, p.covered ? '✓' : '✕'), ' ', p.covered ? (d.domain && p.value ? foreign(p.value) : t('covered')) : t('not_covered')];
}

// stated is what the card says for the domain, where it says anything.
function stated(d, p) {
  return p.value && p.guarantees?.some((g) => g.domain === d.domain) ? [t('on_card_value'), ' ', foreign(p.value)] : t('on_card');
}

function period(p) {
  if (p.from && p.to) return t('period', {from: day(p.from), to: day(p.to)});
  return p.to ? t('period_to', {to: day(p.to)}) : t('period_from', {from: day(p.from)});
}

function guarantees(p) {
  const all = p.guarantees ?? [];
  const own = all.filter((g) => g.own);
  const others = all.filter((g) => !g.own);
  const line = (g) => el('div', {}, el('dt', {}, foreign(g.label), g.label === g.domain ? null : [' ', foreign(g.domain, {class: 'code'})]), el('dd', {}, foreign(g.value)));
  return [own.length ? el('dl', {class: 'values own'}, own.map(line)) : null,
    others.length ? el('details', {}, el('summary', {}, count('others_one', 'others_many', others.length)), el('dl', {class: 'values'}, others.map(line))) : null];
}

function nobody(d) {
  return el('section', {class: 'people nobody'}, el('h3', {}, t('people')), el('p', {}, d.card ? t('people_none') : t('people_hidden')));
}

function facts(d, otherDay) {
  const row = (name, ...value) => el('div', {}, el('dt', {}, name), el('dd', {}, ...value));
  const number = d.accord ? d.accord.number : d.receipt;
  return el('section', {class: 'facts', 'aria-labelledby': 'facts-title'},
    el('h3', {id: 'facts-title', class: 'hidden'}, t('facts')),
    number ? el('div', {class: 'receipt'}, shape('recorded'),
      el('p', {}, el('span', {id: 'number-label'}, d.accord ? answerLabel(d) : t('receipt')), el('strong', {id: 'receipt-number'}, foreign(number))),
      el('p', {class: 'row'},
        el('button', {type: 'button', id: 'copy-receipt', onclick: () => copyOne(d.accord ? answerLabel(d) : t('receipt_number'), number)}, t('copy_number')),
        d.receipt ? el('a', {class: 'button', id: 'receipt-pdf', href: keepPath(d.receipt), download: '', 'aria-keyshortcuts': 'F8'}, t('receipt_pdf'), ' ', el('kbd', {}, 'F8')) : null,
        d.receipt ? el('a', {class: 'button', id: 'receipt-print', href: receiptPath(d.receipt), target: '_blank', rel: 'noopener', title: t('receipt_window')}, t('receipt_print')) : null)) : null,
    // Without its record there is no proof to be paid on: the promise is not repeated. The service keeps its own.
    d.payment && (d.recorded || d.accord) ? el('p', {class: 'payment'}, pays(d.payment, Boolean(d.accord))) : null,
    d.routing ? routing(d.routing) : null,
    el('dl', {},
      row(t('care'), otherDay ? el('strong', {class: 'other'}, day(d.care)) : day(d.care)),
      d.domain ? row(t('domain'), foreign(d.domain_label || d.domain), d.domain_label && d.domain_label !== d.domain ? [' ', foreign(d.domain, {class: 'code'})] : null) : null,
      d.accord && d.receipt ? row(t('receipt_number'), foreign(d.receipt, {class: 'code'})) : null,
      row(t('relied'), mode(d), d.accord ? [' ', t('relied_accord', {at: moment(d.accord.at), until: moment(d.accord.until)})] : d.list ? [' ', t('relied_list', {n: d.list.list, revision: d.list.revision, date: moment(d.list.published)}), ' ', foreign(t('relied_age', {age: d.list.age_words}))] : [' ', t('relied_none')]),
      d.card ? row(t('card'), foreign(d.card), d.amc ? [' ', t('amc'), ' ', foreign(d.amc)] : null) : null,
      d.phone ? row(t('phone'), foreign(d.phone)) : null,
      d.checked ? row(t('checked'), moment(d.checked)) : null,
      d.repair ? row(t('repair'), foreign(d.repair)) : null,
      d.misread && misread(d.misread) ? row(t('misread'), misread(d.misread)) : null,
      row(t('reason'), foreign([d.reason, d.detail].filter(Boolean).join(' – '), {class: 'code'}))));
}

// answerLabel names the number of the service's answer: one that refuses, or promises nothing with its reserve, is no accord.
function answerLabel(d) {
  return d.status === 'valid' || d.status === 'reserve' && d.payment ? t('accord_number') : t('answer_number');
}

// pays says until when and how much, and who said so.
function pays(p, accord) {
  const until = moment(p.until);
  if (accord) return p.euros ? t('payment_accord_euros', {until, euros: euros(p.euros)}) : t('payment_accord_until', {until});
  return p.euros ? t('payment_euros', {until, euros: euros(p.euros)}) : t('payment_until', {until});
}

function mode(d) { return el('strong', {}, d.mode === 'online' ? t('mode_online') : t('mode_offline')); }

function routing(r) {
  return el('div', {class: 'routing'},
    el('p', {class: 'row'}, el('button', {type: 'button', class: 'main', id: 'copy-all', 'aria-keyshortcuts': 'F2', onclick: () => copyAll(r)}, t('copy_all'), ' ', el('kbd', {}, 'F2')),
      r.responsable ? el('span', {class: 'responsable', title: t('responsable')}, el('b', {'aria-hidden': 'true'}, 'R'), ' ', t('responsable')) : null),
    el('ul', {}, values(r).map(([name, value]) => el('li', {},
      el('button', {type: 'button', onclick: () => copyOne(name, value)}, el('span', {class: 'hidden'}, t('copy_one'), ' '), el('span', {class: 'label'}, name), ' ', foreign(value || '–'))))),
    el('p', {id: 'copied', role: 'status'}));
}

// misread says why no code was read; '' for a code that this page doesn't know.
function misread(code) {
  switch (code) {
    case 'empty': return t('misread_empty');
    case 'incomplete': return t('misread_incomplete');
    case 'not_code': return t('misread_not_code');
    case 'merged': return t('misread_merged');
    case 'invitation': return t('misread_invitation');
  }
  return '';
}

// receiptPath is where a receipt's PDF is, to be seen in a window of its own.
export function receiptPath(number) { return inLanguage(`receipt/${encodeURIComponent(number)}.pdf`); }

// keepPath gives the same as a file. Nothing opens, so the page keeps the focus and with it the next scan.
export function keepPath(number) { return receiptPath(number).replace('?', '?download=1&'); }

// keepReceipt keeps the PDF of the verdict on screen, if there is one.
export function keepReceipt() { byID('receipt-pdf')?.click(); }
