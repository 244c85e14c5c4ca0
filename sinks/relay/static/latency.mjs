/** How long messages take from the worker to this screen, as far as clocks can say. */

const SAMPLES_MAX = 8;
const WINDOW_MAX = 512;
const HISTORY_MAX = 300;

/** How far the relay's clock is ahead of ours: of the last pings the one that took least says most. */
export class ServerClock {
  constructor() {
    this.samples = [];
  }

  /** `sentMs` null: the instant came unasked, and is worth less than any answer to a ping. */
  take(serverMs, sentMs, receivedMs) {
    const tripMs = sentMs === null ? Infinity : receivedMs - sentMs;
    const middleMs = sentMs === null ? receivedMs : (sentMs + receivedMs) / 2;
    if (tripMs === Infinity && this.samples.length) return;
    this.samples = this.samples.filter((one) => one.tripMs !== Infinity).slice(1 - SAMPLES_MAX);
    this.samples.push({ tripMs, offsetMs: serverMs - middleMs });
  }

  get best() {
    return this.samples.reduce((a, b) => (b.tripMs < a.tripMs ? b : a), this.samples[0] ?? null);
  }

  get offsetMs() {
    return this.best?.offsetMs ?? 0;
  }

  /** Half the shortest round trip: the offset is known no better. */
  get errorMs() {
    return this.best ? this.best.tripMs / 2 : Infinity;
  }
}

export class LatencyWindow {
  constructor() {
    this.values = [];
    this.at = 0;
    this.history = [];
  }

  add(ms) {
    // A clock that runs ahead makes it negative: nothing arrives before it was sent.
    this.values[this.at % WINDOW_MAX] = Math.max(0, ms);
    this.at += 1;
  }

  /** Nearest rank; null while there is none. */
  quantiles() {
    if (!this.values.length) return null;
    const sorted = Float64Array.from(this.values).sort();
    const rank = (share) => sorted[Math.ceil(share * sorted.length) - 1];
    return { p50: rank(0.5), p99: rank(0.99), max: sorted.at(-1), count: sorted.length };
  }

  /** Keep what is known now as one point of the small chart. */
  note(second) {
    const found = this.quantiles();
    if (!found || this.at === this.notedAt) return;
    this.notedAt = this.at;
    this.history.push({ second, p50: found.p50, p99: found.p99 });
    if (this.history.length > HISTORY_MAX) this.history.shift();
  }
}
