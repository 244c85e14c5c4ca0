/** One piece of evidence: what was measured, against which threshold, and where it can be looked up. */

import { el } from "./dom.mjs";
import {
  bothClocks,
  clockMs,
  count,
  duration,
  figure,
  msOf,
  oneIn,
  percent,
  signed,
} from "./format.mjs";
import { sideOf, words } from "./words.mjs";

export function card(one, signal) {
  const side = sideOf(one.side);
  const usual = one.structural
    ? "a fixed threshold, no baseline"
    : `this half-hour of the last ${signal.baseline_sessions} sessions`;
  return el(
    "article.card",
    {},
    el(
      "div.title",
      {},
      el("b", {}, words(one.detector)),
      el(`span.${one.side}`, {}, `${side.arrow} ${side.name}`),
      el("span.chip", {}, one.structural ? "structural" : "against baseline"),
      el("span.dim.figures", {}, one.window_s ? `over ${duration(one.window_s)}` : "one event"),
    ),
    el("p.text", {}, one.text),
    beyond(one),
    el(
      "dl.facts",
      {},
      fact("Measured", `${figure(one.measure)} ${one.unit}`),
      fact("Threshold", `${figure(one.threshold)} ${one.unit}`),
      one.z === null
        ? fact("z", "–", "Structural evidence, or the baseline is still warming")
        : fact("z", signed(one.z, 1)),
      one.tail_p === null
        ? fact("At least as extreme", "–")
        : fact("At least as extreme", `${oneIn(one.tail_p)} the baseline`, String(one.tail_p)),
      fact("Compared with", usual),
      fact("Strength", `${one.strength.toFixed(1)} of 6`),
      fact("Size", one.size ? `${count(one.size)} contracts` : "–"),
      fact("Price", one.price),
      fact("Contract", one.symbol),
      fact("Feed quality", `${percent(one.quality)} %`),
      fact("Seen", spanOf(one), `${bothClocks(one.ts_first)} to ${bothClocks(one.ts_last)}`),
      fact(
        "Feed sequence",
        one.sequence_first === one.sequence_last
          ? String(one.sequence_first)
          : `${one.sequence_first} – ${one.sequence_last}`,
      ),
      one.order_ids.length
        ? fact(
            `Order ids${one.order_ids.length === 20 ? " (first 20)" : ""}`,
            el("span.ids", {}, ...one.order_ids.map((id) => el("span", {}, id))),
            null,
            true,
          )
        : null,
    ),
  );
}

function spanOf(one) {
  const [first, last] = [clockMs(msOf(one.ts_first)), clockMs(msOf(one.ts_last))];
  return first === last ? first : `${first} – ${last}`;
}

/** How far the measure lies beyond its threshold. */
function beyond(one) {
  const [measure, threshold] = [Math.abs(one.measure), Math.abs(one.threshold)];
  const most = Math.max(measure, threshold, 1e-9) * 1.08;
  return el(
    `div.beyond.${one.side}`,
    {
      role: "img",
      "aria-label": `measured ${figure(one.measure)}, threshold ${figure(one.threshold)} ${one.unit}`,
    },
    el("span.reach", { style: { width: `${(measure / most) * 100}%` } }),
    el("span.limit", { style: { left: `${(threshold / most) * 100}%` }, title: "threshold" }),
  );
}

/** A name and its value in a list of facts. */
export function fact(name, value, title = null, isWide = false) {
  return el(
    `div${isWide ? ".wide-fact" : ""}`,
    {},
    el("dt", {}, name),
    el("dd.figures-wrap", { title }, value),
  );
}
