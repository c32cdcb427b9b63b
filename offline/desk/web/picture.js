// Reads codes from pictures in the page's own sandbox; what it can't read, and every PDF, goes to the server's sandbox.

import {ask, Failure} from './link.js';

const LARGEST = 32 << 20; // the server takes no more
const SLOW = 8000;        // ms for one picture here; the server may still read it then

let worker = null;
let number = 0;
const open = new Map();

// A worker's address must be trusted under require-trusted-types-for; this policy trusts one.
const policy = globalThis.trustedTypes?.createPolicy('desk-reader', {
  createScriptURL(url) {
    if (url !== './web/reader.js') throw new TypeError('desk-reader');
    return new URL(url, document.baseURI).href;
  },
});

function reader() {
  if (worker) return worker;
  const url = './web/reader.js';
  worker = new Worker(policy ? policy.createScriptURL(url) : url, {type: 'module'});
  worker.addEventListener('message', (e) => {
    open.get(e.data.number)?.(e.data.texts ?? []);
    open.delete(e.data.number);
  });
  worker.addEventListener('error', (e) => { e.preventDefault(); quit(); });
  return worker;
}

// quit ends a reader that failed or hangs; everybody who waits has nothing read.
function quit() {
  worker?.terminate();
  worker = null;
  for (const done of open.values()) done([]);
  open.clear();
}

// warm loads the reader before it is needed.
export function warm() { try { reader(); } catch { worker = null; } }

// read gives the texts of the codes in one ImageBitmap, which it takes away; thorough tries more sizes and angles.
export function read(bitmap, thorough) {
  return new Promise((resolve) => {
    const id = ++number;
    const timer = setTimeout(quit, SLOW);
    open.set(id, (texts) => { clearTimeout(timer); resolve(texts); });
    try {
      reader().postMessage({number: id, bitmap, thorough}, [bitmap]);
    } catch {
      open.delete(id);
      clearTimeout(timer);
      resolve([]);
    }
  });
}

// cardText says whether a text may be a card: everything else in a picture is nobody's business here.
export function cardText(text) {
  return typeof text === 'string' && text.length <= 4300 && (/^\s*TP1/i.test(text) || /^\s*[\w-]{10,}\.[\w-]+\.[\w-]{40,}\s*$/.test(text));
}

// codesOf returns the card texts in a file, or throws a Failure whose words may be shown.
export async function codesOf(file) {
  if (file.size > LARGEST) throw new Failure('large');
  const pdf = file.type === 'application/pdf' || /\.pdf$/i.test(file.name ?? '');
  if (!pdf) {
    let bitmap = null;
    try { bitmap = await createImageBitmap(file); } catch { /* the server may know the format */ }
    if (bitmap) {
      const found = (await read(bitmap, true)).filter(cardText);
      if (found.length) return found;
    }
  }
  const answer = await ask('picture', file, 20000);
  const codes = Array.isArray(answer.codes) ? answer.codes.filter(cardText) : [];
  if (!codes.length) throw new Failure('nothing');
  return codes;
}
