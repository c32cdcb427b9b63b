// The webcam: a live frame, at most five looks a second, and its light goes off by itself.

import {byID, fill} from './build.js';
import {Failure} from './link.js';
import {count, t} from './words.js';
import {cardText, read} from './picture.js';

const LONGEST = 60; // seconds
const PAUSE = 200;  // ms between two looks

let stream = null;
let run = 0;

// film shows the camera and gives the first card text to found. ended is called without one: 'denied', 'none', 'time' or 'stopped'.
export async function film(found, ended) {
  stop();
  const mine = ++run;
  const over = (why) => { if (mine === run) { stop(); ended(why); } };
  if (!navigator.mediaDevices?.getUserMedia) return over('none');
  let got;
  try {
    got = await navigator.mediaDevices.getUserMedia({video: {width: {ideal: 1280}, height: {ideal: 720}, facingMode: 'environment'}, audio: false});
  } catch (e) {
    return over(e?.name === 'NotAllowedError' ? 'denied' : 'none');
  }
  if (mine !== run) return off(got);
  stream = got;
  const video = byID('video');
  video.srcObject = stream;
  stream.getVideoTracks()[0]?.addEventListener('ended', () => over('none'));
  try { await video.play(); } catch { return over('none'); }
  byID('camera-stop').onclick = () => over('stopped');
  byID('camera-stop').focus();
  const begun = performance.now();
  while (mine === run) {
    const left = LONGEST - Math.floor((performance.now() - begun) / 1000);
    if (left <= 0) return over('time');
    if (left % 10 === 0) fill(byID('camera-left'), count('camera_left_one', 'camera_left_many', left));
    const look = performance.now();
    if (video.readyState >= 2 && !document.hidden) {
      let bitmap = null;
      try { bitmap = await createImageBitmap(video); } catch { /* no frame yet */ }
      const text = bitmap && mine === run ? (await read(bitmap, false)).find(cardText) : null;
      if (text && mine === run) {
        stop();
        return found(text);
      }
    }
    await new Promise((next) => setTimeout(next, Math.max(20, PAUSE - (performance.now() - look))));
  }
}

// stop ends filming and puts the light off. It may be called at any time.
export function stop() {
  run++;
  off(stream);
  stream = null;
  byID('video').srcObject = null;
}

function off(s) { for (const track of s?.getTracks() ?? []) track.stop(); }

// failure says in words how filming ended without a code; null when a person stopped it.
export function failure(code) {
  switch (code) {
    case 'denied': return new Failure('camera', 0, t('camera_denied'), t('camera_denied_todo'));
    case 'none': return new Failure('camera', 0, t('camera_none'), t('camera_none_todo'));
    case 'time': return new Failure('camera', 0, t('camera_time'), t('camera_time_todo'));
  }
  return null;
}
