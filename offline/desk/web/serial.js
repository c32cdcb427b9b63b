// A scanner on a serial port, where the browser has Web Serial: no keyboard in between, so nothing to garble.

const QUIET = 120;      // ms without a byte end a scan that has no terminator
const LONGEST = 8192;   // characters of one scan

let port = null;

export const hasSerial = 'serial' in navigator;

// open asks for a port and gives each scan to scanned, the number of characters so far to progress. It returns when the port is
// gone: 'gone', 'broken' when that was in the middle of a scan, or 'none' when no port was chosen or it could not be opened.
export async function open(begin, progress, scanned) {
  if (port) return 'open';
  try {
    port = await navigator.serial.requestPort();
    await port.open({baudRate: 9600});
  } catch {
    port = null;
    return 'none';
  }
  let text = '', cut = false, timer = 0;
  const end = () => {
    clearTimeout(timer);
    const got = text.trim(), long = cut;
    text = '';
    cut = false;
    if (got) scanned(got, long);
  };
  const decoder = new TextDecoder('ascii');
  try {
    while (port.readable) {
      const reader = port.readable.getReader();
      try {
        for (;;) {
          const {value, done} = await reader.read();
          if (done) break;
          for (const c of decoder.decode(value, {stream: true})) {
            if (c === '\r' || c === '\n') end();
            else if (text.length < LONGEST) {
              if (!text) begin();
              text += c;
            } else {
              cut = true;
            }
          }
          if (text) progress(text.length);
          clearTimeout(timer);
          timer = setTimeout(end, QUIET);
        }
      } finally {
        reader.releaseLock();
      }
    }
  } catch { /* unplugged */ }
  clearTimeout(timer);
  try { await port.close(); } catch { /* already closed */ }
  port = null;
  return text ? 'broken' : 'gone';
}
