/** The words and marks of the page: kinds, sides, strengths. */

import { duration, percent } from "./format.mjs";

export const KINDS = {
  sweep: {
    letter: "S",
    name: "Sweep",
    shape: "triangle",
    text: "one aggressor took several levels",
  },
  iceberg: { letter: "I", name: "Iceberg", shape: "diamond", text: "hidden size refilled a level" },
  stop_run: { letter: "T", name: "Stop run", shape: "star", text: "stops were elected in a row" },
  pressure: {
    letter: "P",
    name: "Pressure",
    shape: "circle",
    text: "one-sided flow beyond the usual",
  },
  absorption: {
    letter: "A",
    name: "Absorption",
    shape: "square",
    text: "flow was met without a move",
  },
  slicing: {
    letter: "C",
    name: "Slicing",
    shape: "cross",
    text: "orders of one size at regular times",
  },
  large: { letter: "L", name: "Large", shape: "hexagon", text: "single orders beyond the usual" },
  options: {
    letter: "O",
    name: "Options",
    shape: "parallelogram",
    text: "options of an expiry traded one way",
  },
};
const UNKNOWN = { letter: "?", name: "", shape: "pentagon", text: "" };

/** Letter, name and shape of a kind; of one this page does not know, its own word. */
export function kindOf(kind) {
  return KINDS[kind] ?? { ...UNKNOWN, name: words(kind) };
}

export const SIDES = {
  buy: { arrow: "▲", name: "buy", sign: 1 },
  sell: { arrow: "▼", name: "sell", sign: -1 },
  none: { arrow: "■", name: "no side", sign: 0 },
};

export function sideOf(side) {
  return SIDES[side] ?? SIDES.none;
}

export const STRENGTHS = ["LOW", "MODERATE", "HIGH", "VERY_HIGH", "EXTREME"];

/** 1…5; 0 of a word this page does not know. */
export function strengthRank(strength) {
  return STRENGTHS.indexOf(strength) + 1;
}

export const TAGS = {
  sweep: { letter: "S", name: "sweep" },
  stop: { letter: "T", name: "stop" },
  iceberg: { letter: "I", name: "iceberg" },
  large: { letter: "L", name: "large" },
};

/** `stop_run` as people write it. */
export function words(name) {
  return String(name).replaceAll("_", " ");
}

/** Whether nothing more is expected of a signal, and whether it never was one. */
export function lifeOf(signal) {
  if (signal.change === "retracted") return "retracted";
  return signal.change === "closed" ? "closed" : "open";
}

/** What a signal says of the price, with its interval; null where it says nothing of it. */
export function moveOf(signal) {
  const { p_move: move, p_move_low: low, p_move_high: high, p_move_horizon_s: within } = signal;
  if (move === null || move === undefined) return null;
  const range = low === null || high === null ? "" : ` (${percent(low)} – ${percent(high)} %)`;
  return `${percent(move)} %${range} that the price goes its way within ${duration(within)}`;
}
