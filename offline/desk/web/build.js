// Builds nodes: text is always text, and never markup, whoever wrote it.

const SVG = 'http://www.w3.org/2000/svg';

// el makes an element: el('p', {class: 'x', id: 'y'}, child, 'text', …). A child that is null or false is left out.
export function el(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? '' : value);
  }
  return fill(node, ...children);
}

// fill replaces what a node holds.
export function fill(node, ...children) {
  node.replaceChildren(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false).map((c) => c instanceof Node ? c : document.createTextNode(String(c))));
  return node;
}

// foreign isolates a text that the page did not write: its direction can't reach what stands beside it.
export function foreign(text, attributes = {}) {
  return el('bdi', attributes, text === null || text === undefined ? '' : String(text));
}

// said writes what happened and what to do as two sentences, however the texts begin and end.
export function said(...texts) {
  return texts.filter((x) => x).map((x) => [el('span', {class: 'said'}, foreign(x)), /[.!?…:]\s*$/.test(x) ? ' ' : '. ']);
}

export const byID = (id) => document.getElementById(id);

export function show(node, yes) { node.hidden = !yes; }

// One shape a status, told apart without any colour: disc, triangle, octagon, square.
const SHAPES = {
  valid: ['M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20z', 'm7 12.500 3.500 3.500L17 9'],
  reserve: ['M12 2.500 22.500 21h-21z', 'M12 9v6M12 17.400v1.200'],
  refused: ['M8 2h8l6 6v8l-6 6H8l-6-6V8z', 'm8 8 8 8M16 8l-8 8'],
  unknown: ['M4 2.500h16A1.500 1.500 0 0 1 21.500 4v16a1.500 1.500 0 0 1-1.500 1.500H4A1.500 1.500 0 0 1 2.500 20V4A1.500 1.500 0 0 1 4 2.500z',
    'M9 9.500a3 3 0 1 1 4.400 2.700c-.900.500-1.400 1-1.400 2.100M12 17v1.200'],
  unrecorded: ['M5 2.500h9l5 5v14H5z', 'M3 21 21 3'],
  online: ['M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20z', 'M2.500 12h19M12 2c-6 6-6 14 0 20M12 2c6 6 6 14 0 20'],
  rescue: ['M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20z', 'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM5 5l4.200 4.200M19 5l-4.200 4.200M5 19l4.200-4.200M19 19l-4.200-4.200'],
  // What a message is about: a padlock that stands open, a plug out of its socket, a line that trembles, a way back, a letter.
  theft: ['M5 11h14v10.500H5z', 'M8 11V7.500a4 4 0 0 1 7.800-1.200M12 15v2.500'],
  outage: ['M2 12h3M5 6.500h4.500v11H5zM22 12h-3', 'M9.500 9.500H13M9.500 14.500H13M19 6.500h-2.500v11H19'],
  degraded: ['M2.500 4.500h19v15h-19z', 'M5 13h3l2-5 3.500 8 2-3H19'],
  restored: ['M4 10.500A8.500 8.500 0 1 1 4 14.500', 'M3.500 5v5.500H9'],
  info: ['M2.500 5h19v14h-19z', 'm3 6 9 7.500L21 6'],
  recorded: ['M5 2.500h9l5 5v14H5z', 'm8.500 14 2.500 2.500 4.500-5'],
};

// shape draws a status; what it means is always written beside it.
export function shape(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  svg.setAttribute('focusable', 'false');
  svg.setAttribute('class', 'shape');
  for (const [i, d] of (SHAPES[name] ?? SHAPES.unknown).entries()) {
    const path = document.createElementNS(SVG, 'path');
    path.setAttribute('d', d);
    path.setAttribute('class', i ? 'sign' : 'body');
    svg.append(path);
  }
  return svg;
}
