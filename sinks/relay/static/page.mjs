/** What has come and what was chosen, in one place; and the questions that several views ask of it. */

import { parseFilter } from "./filter.mjs";
import { secondOf } from "./format.mjs";
import { Feeds } from "./feeds.mjs";
import { Gaps } from "./gaps.mjs";
import { LatencyWindow, ServerClock } from "./latency.mjs";
import { nowMs } from "./link.mjs";
import { Market } from "./market.mjs";
import { SignalBook } from "./signals.mjs";
import { lifeOf } from "./words.mjs";

export const ROOTS_MAX = 32;
const NOTES_MAX = 5;
const NOTE_MS = 12_000;
const FRESH_MAX = 200;

export const page = {
  epoch: null,
  book: new SignalBook(),
  gaps: new Gaps(),
  feeds: new Feeds(),
  markets: new Map(),
  latencies: new LatencyWindow(),
  serverClock: new ServerClock(),
  link: { name: "connecting" },
  now: nowMs(),
  /** Signal id → when this page saw it open. */
  seenMs: new Map(),
  /** Root → when its last pressure came. */
  pressureMs: new Map(),
  notes: [],
  chosenRoot: null,
  chosenId: null,
  isOneRoot: false,
  isTwin: false,
  filter: parseFilter(""),
  token: null,
  /** Marks views to be drawn in the next frame; set by main. */
  mark: () => {},
};

/** The market of a root; the one heard of longest ago goes when there are too many. */
export function marketOf(root) {
  let found = page.markets.get(root);
  if (found) return found;
  found = new Market();
  page.markets.set(root, found);
  if (page.markets.size > ROOTS_MAX) {
    const [idle] = [...page.markets.keys()]
      .filter((one) => one !== page.chosenRoot && one !== root)
      .sort((a, b) => (page.pressureMs.get(a) ?? 0) - (page.pressureMs.get(b) ?? 0));
    page.markets.delete(idle);
    page.pressureMs.delete(idle);
  }
  page.mark("roots");
  return found;
}

export function rootsInOrder() {
  return [...page.markets.keys()].sort();
}

export function ofRoot(root) {
  return page.book.newestFirst().filter((signal) => signal.root === root);
}

export function shownSignals() {
  const isShown = (signal) =>
    page.filter.test(signal) && (!page.isOneRoot || signal.root === page.chosenRoot);
  return page.book.newestFirst().filter(isShown);
}

export function strongestOpen(root) {
  return ofRoot(root)
    .filter((signal) => lifeOf(signal) === "open")
    .reduce((a, b) => (!a || b.probability > a.probability ? b : a), null);
}

/** The second of the oldest signal of a root, a little before it; null without one. */
export function earliestOf(root) {
  const oldest = ofRoot(root).at(-1);
  return oldest ? secondOf(oldest.ts_opened) - 5 : null;
}

export function isPreparing() {
  return (
    [...page.feeds.byName.values()].find(({ status }) => status.state === "preparing")?.status ??
    null
  );
}

export function sawOpen(id) {
  page.seenMs.set(id, page.now);
  if (page.seenMs.size > FRESH_MAX) page.seenMs.delete(page.seenMs.keys().next().value);
}

/** One line over the page for a while. */
export function note(text) {
  page.notes.push(text);
  if (page.notes.length > NOTES_MAX) page.notes.shift();
  setTimeout(() => {
    page.notes.shift();
    page.mark("top");
  }, NOTE_MS);
  page.mark("top");
}
