// How the page speaks with its server: short, with a limit, and never believing an answer that it does not understand.

// Failure says why no answer can be used. kind: network, timeout, http, malformed. what and todo come from the server, or are ''.
export class Failure extends Error {
  constructor(kind, status = 0, what = '', todo = '', code = '') {
    super(kind);
    Object.assign(this, {kind, status, what, todo, code});
  }
}

const TIMEOUT = 5000;

// ask sends a request and returns its JSON. body: undefined for GET, a Blob as it is, anything else as JSON.
export async function ask(path, body, timeout = TIMEOUT) {
  const quit = new AbortController();
  const timer = setTimeout(() => quit.abort(), timeout);
  try {
    const init = {signal: quit.signal, cache: 'no-store', redirect: 'error'};
    if (body !== undefined) {
      init.method = 'POST';
      if (body instanceof Blob) {
        init.body = body;
        init.headers = {'Content-Type': body.type || 'application/octet-stream'};
      } else {
        init.body = JSON.stringify(body);
        init.headers = {'Content-Type': 'application/json'};
      }
    }
    let response, text;
    try {
      response = await fetch(inLanguage(path), init);
      text = await response.text();
    } catch {
      throw new Failure(quit.signal.aborted ? 'timeout' : 'network');
    }
    let value = null;
    try { value = text === '' ? {} : JSON.parse(text); } catch { /* judged below */ }
    const error = value !== null && typeof value === 'object' ? value.error : null;
    if (!response.ok || error) {
      throw new Failure('http', response.status, word(error?.what), word(error?.todo), word(error?.code));
    }
    if (value === null || typeof value !== 'object') throw new Failure('malformed', response.status);
    return value;
  } finally {
    clearTimeout(timer);
  }
}

// inLanguage asks for answers in the page's language, whatever another window has set meanwhile.
export function inLanguage(path) {
  return path + (path.includes('?') ? '&' : '?') + 'lang=' + (document.documentElement.lang === 'en' ? 'en' : 'fr');
}

function word(v) { return typeof v === 'string' ? v : ''; }
