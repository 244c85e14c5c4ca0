/** Signals by id: the newest revision in full, the older ones in brief. Bounded; nothing is hidden. */

import { compareNs } from "./format.mjs";

export const SIGNALS_MAX = 500;
export const REVISIONS_MAX = 40;

export class SignalBook {
  constructor(max = SIGNALS_MAX) {
    this.max = max;
    this.byId = new Map();
    this.evicted = 0;
    this.sorted = null;
  }

  /** Take a revision; `opened` of a signal that was not known, else `revised` or `old`. */
  offer(signal, how = {}) {
    const entry = this.byId.get(signal.id);
    this.sorted = null;
    if (!entry) {
      this.byId.set(signal.id, { latest: signal, revisions: [brief(signal)], how });
      if (this.byId.size > this.max) this.evict();
      return "opened";
    }
    if (!entry.revisions.some((one) => one.revision === signal.revision)) {
      entry.revisions.push(brief(signal));
      entry.revisions.sort((a, b) => a.revision - b.revision);
      if (entry.revisions.length > REVISIONS_MAX) entry.revisions.splice(1, 1);
    }
    if (signal.revision <= entry.latest.revision) return "old";
    entry.latest = signal;
    entry.how = how;
    return "revised";
  }

  evict() {
    // Not always the first that came: history brings older ones later.
    let oldest = null;
    for (const { latest } of this.byId.values()) {
      if (oldest === null || compareNs(latest.ts_opened, oldest.ts_opened) < 0) oldest = latest;
    }
    this.byId.delete(oldest.id);
    this.evicted += 1;
  }

  get(id) {
    return this.byId.get(id) ?? null;
  }

  clear() {
    this.byId.clear();
    this.sorted = null;
    this.evicted = 0;
  }

  /** Newest revision of each signal, those opened last first: a row keeps its place. */
  newestFirst() {
    this.sorted ??= [...this.byId.values()]
      .map((entry) => entry.latest)
      .sort((a, b) => compareNs(b.ts_opened, a.ts_opened) || b.seq - a.seq);
    return this.sorted;
  }

  get size() {
    return this.byId.size;
  }
}

function brief(signal) {
  const { revision, change, seq, ts_event, price, probability, strength, size, log_odds } = signal;
  return { revision, change, seq, ts_event, price, probability, strength, size, log_odds };
}
