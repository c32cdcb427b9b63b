// Worker: finds QR codes in a bitmap with ZXing compiled to WebAssembly. It has no page, and asks for nothing but its own engine.

import {prepareZXingModule, readBarcodes} from './vendor/zxing/reader/index.js';

const MOST = 40e6; // pixels looked at; a larger picture is made smaller first

const ready = prepareZXingModule({
  overrides: {locateFile: (name, prefix) => name.endsWith('.wasm') ? new URL('./vendor/zxing/reader/' + name, import.meta.url).href : prefix + name},
  fireImmediately: true,
});

const options = {formats: ['QRCode'], tryHarder: true, tryRotate: true, tryInvert: true, tryDownscale: true, maxNumberOfSymbols: 12, textMode: 'Plain'};

// Looks: the picture as it is, then other sizes and angles, which help where modules are very small, very large or slanted.
const QUICK = [[1, 0]];
const THOROUGH = [[1, 0], [0.5, 0], [2, 0], [1, 10], [1, -10], [0.75, 0], [1.5, 5], [1.5, -5], [0.35, 0], [1, 45]];

addEventListener('message', async (e) => {
  const {number, bitmap, thorough} = e.data;
  let texts = [];
  try {
    await ready;
    texts = await look(bitmap, thorough ? THOROUGH : QUICK);
  } catch { /* nothing read */ } finally {
    bitmap?.close();
  }
  postMessage({number, texts});
});

async function look(bitmap, tries) {
  for (const [scale, degrees] of tries) {
    const {width: w, height: h} = bitmap;
    const size = scale * Math.min(1, Math.sqrt(MOST / (w * h * scale * scale || 1)));
    const turn = degrees * Math.PI / 180;
    const width = Math.max(1, Math.round(size * (w * Math.abs(Math.cos(turn)) + h * Math.abs(Math.sin(turn)))));
    const height = Math.max(1, Math.round(size * (w * Math.abs(Math.sin(turn)) + h * Math.abs(Math.cos(turn)))));
    if (width > 12000 || height > 12000) continue;
    const canvas = new OffscreenCanvas(width, height);
    const c = canvas.getContext('2d', {willReadFrequently: true});
    c.fillStyle = '#fff';
    c.fillRect(0, 0, width, height);
    c.translate(width / 2, height / 2);
    c.rotate(turn);
    c.drawImage(bitmap, -w * size / 2, -h * size / 2, w * size, h * size);
    const found = (await readBarcodes(c.getImageData(0, 0, width, height), options)).filter((r) => r.isValid !== false && r.text).map((r) => r.text);
    if (found.length) return [...new Set(found)];
  }
  return [];
}
