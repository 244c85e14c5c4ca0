/** What is missing: seqs that did not reach this page, and instruments whose data is at fault. */

const RANGES_MAX = 200;
const FAULTS_MAX = 200;

export class Gaps {
  constructor() {
    this.clear();
  }

  clear() {
    this.ranges = [];
    this.before = new Map();
    this.faults = [];
    this.open = new Map();
    this.dropped = 0;
  }

  /** `why`: `before` (older than anything the relay holds), `missing` or `not recovered`. */
  missing(channel, root, from, to, why, atMs) {
    if (why === "before") {
      this.before.set(`${channel}/${root}`, { channel, root, from, to });
      return;
    }
    this.ranges.unshift({ channel, root, from, to, why, atMs, left: to - from + 1 });
    if (this.ranges.length > RANGES_MAX) this.dropped += this.ranges.splice(RANGES_MAX).length;
  }

  /** A message of a missing range came after all, from history. */
  found(channel, root, seq) {
    const range = this.ranges.find(
      (one) => one.channel === channel && one.root === root && one.from <= seq && seq <= one.to,
    );
    if (!range) return;
    range.seen ??= new Set();
    range.seen.add(seq);
    range.left = range.to - range.from + 1 - range.seen.size;
  }

  /** A value of the stream `gaps`. */
  take(gap) {
    this.faults.unshift(gap);
    if (this.faults.length > FAULTS_MAX) this.faults.pop();
    const key = `${gap.root}/${gap.instrument_id}`;
    if (gap.change === "opened") this.open.set(key, gap);
    else this.open.delete(key);
  }

  get missingCount() {
    return this.ranges.reduce((sum, range) => sum + range.left, 0);
  }

  /** Times in which the data of an instrument was at fault: [{from, to, text}], `to` null while it is. */
  spans(root, instrumentId) {
    const found = [];
    let to = null;
    for (const gap of this.faults) {
      if (gap.root !== root || gap.instrument_id !== instrumentId) continue;
      if (gap.change === "closed") to = gap.ts_event;
      else {
        found.push({ from: gap.ts_event, to, text: gap.reason });
        to = null;
      }
    }
    return found;
  }
}
