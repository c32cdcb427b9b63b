// One short sound a status, when the settings ask for it: heard without looking, never the only sign.

let on = false;
let context = null;

export function setSound(yes) { on = yes; }

// Each note: hertz, start and length in seconds. Two rising, two level, two falling, one low and long.
const NOTES = {
  valid: [[660, 0, 0.1], [990, 0.11, 0.16]],
  reserve: [[660, 0, 0.12], [660, 0.2, 0.12]],
  refused: [[440, 0, 0.14], [294, 0.16, 0.26]],
  unknown: [[196, 0, 0.45]],
};

// play sounds a status. A browser without sound, or one that forbids it, stays silent.
export function play(status, anyway = false) {
  if (!on && !anyway) return;
  try {
    context ??= new AudioContext();
    context.resume();
    for (const [hertz, start, length] of NOTES[status] ?? NOTES.unknown) {
      const note = context.createOscillator();
      const volume = context.createGain();
      const at = context.currentTime + start;
      note.frequency.value = hertz;
      volume.gain.setValueAtTime(0.0001, at);
      volume.gain.exponentialRampToValueAtTime(0.25, at + 0.01);
      volume.gain.exponentialRampToValueAtTime(0.0001, at + length);
      note.connect(volume).connect(context.destination);
      note.start(at);
      note.stop(at + length);
    }
  } catch { /* silence is no error */ }
}
