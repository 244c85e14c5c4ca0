/** What the chart shows of one root: a second each, bounded, honest about those that did not come. */

import { secondOf } from "./format.mjs";

export const SECONDS_MAX = 3_600;
export const LEVEL_SECONDS_MAX = 1_800;
export const INSTRUMENTS_MAX = 64;
/** A jump of the clock beyond this is not filled second by second. */
export const FILL_MAX = 900;

export class Market {
  constructor() {
    this.seconds = [];
    this.instruments = new Map();
    this.frontId = null;
    this.symbol = null;
    this.version = 0;
    this.tick = null;
    this.isCut = false;
  }

  /** Take a `pressure` value. Says whether the front future's chart has a new second. */
  take(pressure) {
    const t = secondOf(pressure.ts_event);
    for (const one of pressure.instruments) {
      this.instruments.delete(one.instrument_id);
      this.instruments.set(one.instrument_id, { ...one, levels: undefined, t });
      if (this.instruments.size > INSTRUMENTS_MAX) this.dropInstrument();
    }
    const front = this.chooseFront(pressure.instruments);
    return front ? this.append(t, front) : false;
  }

  dropInstrument() {
    for (const id of this.instruments.keys()) {
      if (id !== this.frontId) return this.instruments.delete(id);
    }
    return false;
  }

  /** The instrument marked as front; where none is marked, the one most traded in 15 minutes. */
  chooseFront(changed) {
    const marked = changed.find((one) => one.front === true);
    if (!marked && !changed.some((one) => "front" in one)) {
      let most = -1;
      for (const one of this.instruments.values()) {
        const sums = one.windows?.["900"] ?? {};
        const traded = (sums.buy ?? 0) + (sums.sell ?? 0);
        if (traded > most) [most, this.frontId] = [traded, one.instrument_id];
      }
    }
    if (marked) this.frontId = marked.instrument_id;
    const front = changed.find((one) => one.instrument_id === this.frontId);
    if (front && front.symbol !== this.symbol) {
      // Another contract has another price: the line must not jump from one to the other.
      if (this.symbol !== null) this.clearSeconds();
      this.symbol = front.symbol;
    }
    return front;
  }

  append(t, front) {
    const newest = this.seconds.at(-1);
    if (newest && t < newest.t) return false;
    const second = secondFrom(t, front, this.isCut);
    if (second.last === null && second.mid === null) return false;
    this.isCut = false;
    if (newest && t === newest.t)
      this.seconds[this.seconds.length - 1] = { ...second, isCut: newest.isCut };
    else this.seconds.push(second);
    this.learnTick(front.levels);
    while (this.seconds.length > SECONDS_MAX) this.seconds.shift();
    const old = this.seconds[this.seconds.length - 1 - LEVEL_SECONDS_MAX];
    if (old) old.levels = null;
    this.version += 1;
    return true;
  }

  /** The smallest distance between levels, until a signal names the contract's tick. */
  learnTick(levels) {
    if (this.isTickKnown || !levels?.length) return;
    const prices = levels.map((level) => Number(level.price)).sort((a, b) => a - b);
    for (let i = 1; i < prices.length; i += 1) {
      const step = Number((prices[i] - prices[i - 1]).toFixed(9));
      if (step > 0 && (this.tick === null || step < this.tick)) this.tick = step;
    }
  }

  knowTick(tick) {
    if (!(tick > 0)) return;
    this.tick = tick;
    this.isTickKnown = true;
  }

  /** The connection was cut: what came meanwhile was not received, and never will be. */
  cut() {
    this.isCut = true;
  }

  clearSeconds() {
    this.seconds = [];
    this.version += 1;
  }

  /** Spans of seconds that were not received: [{from, to}], both exclusive. */
  holes() {
    const found = [];
    for (let i = 1; i < this.seconds.length; i += 1) {
      const [before, after] = [this.seconds[i - 1], this.seconds[i]];
      if (after.isCut && after.t > before.t + 1) found.push({ from: before.t, to: after.t });
    }
    return found;
  }
}

function secondFrom(t, front, isCut) {
  const [bid, ask] = [number(front.bid), number(front.ask)];
  const last = number(front.last);
  const mid = bid !== null && ask !== null ? (bid + ask) / 2 : null;
  const levels = front.levels?.length ? packed(front.levels) : null;
  return {
    t,
    bid,
    ask,
    last,
    mid,
    isCut,
    levels,
    buy: front.volume_buy ?? null,
    sell: front.volume_sell ?? null,
    bidSize: front.bid_size,
    askSize: front.ask_size,
  };
}

/** Levels as columns: a tenth of what objects take, and there are thousands. */
function packed(levels) {
  const prices = new Float64Array(levels.length);
  const sizes = new Int32Array(levels.length);
  levels.forEach((level, i) => {
    prices[i] = Number(level.price);
    // Bids below zero: a price holds one side.
    sizes[i] = (level.ask_size ?? 0) - (level.bid_size ?? 0);
  });
  return { prices, sizes };
}

function number(text) {
  return text === null || text === undefined ? null : Number(text);
}
