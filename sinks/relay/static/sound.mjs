/** Sound and desktop notices, both only when asked for. */

import { percent } from "./format.mjs";
import { KINDS, kindOf, sideOf, strengthRank, words } from "./words.mjs";

const KEY = "ifd.notices";
const PAUSE_MS = 250;

export class Notices {
  constructor(onOpen) {
    this.onOpen = onOpen;
    this.wants = {
      sound: false,
      notice: false,
      strength: "HIGH",
      kinds: Object.fromEntries(Object.keys(KINDS).map((kind) => [kind, true])),
      ...saved(),
    };
    this.isMuted = false;
    this.soundedMs = 0;
  }

  change(more) {
    Object.assign(this.wants, more);
    try {
      localStorage.setItem(KEY, JSON.stringify(this.wants));
    } catch {
      // A browser that keeps nothing: it is as chosen until the page is closed.
    }
  }

  /** A signal opened just now. */
  tell(signal) {
    const { sound, notice, strength, kinds } = this.wants;
    if (
      this.isMuted ||
      kinds[signal.kind] === false ||
      strengthRank(signal.strength) < strengthRank(strength)
    )
      return;
    if (sound) this.sound(sideOf(signal.side).sign);
    if (notice && "Notification" in window && Notification.permission === "granted")
      this.notice(signal);
  }

  notice(signal) {
    const title = `${signal.contract.symbol} ${sideOf(signal.side).name} ${percent(signal.probability)} %`;
    const shown = new Notification(title, {
      body: `${kindOf(signal.kind).name} · ${words(signal.strength)} · ${signal.reasons[0] ?? ""}`,
      tag: signal.id,
    });
    shown.onclick = () => {
      window.focus();
      this.onOpen(signal.id);
    };
  }

  /** Two short tones, rising for buy and falling for sell. */
  sound(sign) {
    const nowMs = performance.now();
    if (nowMs - this.soundedMs < PAUSE_MS) return;
    this.soundedMs = nowMs;
    this.audio ??= new AudioContext();
    const steps = sign >= 0 ? [520, 780] : [620, 415];
    steps.forEach((frequency, i) => this.tone(frequency, this.audio.currentTime + i * 0.11));
  }

  tone(frequency, at) {
    const [tone, loudness] = [this.audio.createOscillator(), this.audio.createGain()];
    tone.frequency.value = frequency;
    loudness.gain.setValueAtTime(0, at);
    loudness.gain.linearRampToValueAtTime(0.12, at + 0.01);
    loudness.gain.exponentialRampToValueAtTime(0.001, at + 0.1);
    tone.connect(loudness).connect(this.audio.destination);
    tone.start(at);
    tone.stop(at + 0.11);
  }

  async askForNotices() {
    return "Notification" in window ? await Notification.requestPermission() : "denied";
  }
}

function saved() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? {};
  } catch {
    return {};
  }
}
