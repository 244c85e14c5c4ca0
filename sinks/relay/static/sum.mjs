/** How the parts of a signal's log-odds add up. */

import { el } from "./dom.mjs";
import { percent, signed } from "./format.mjs";
import { words } from "./words.mjs";

/** Sums are rounded to six decimals each. */
export const SUM_TOLERANCE = 1e-4;

/** Parts of the log-odds on one axis, each beginning where the one before ended. */
export function partsOf(signal) {
  let at = 0;
  const parts = [
    { name: "prior", value: signal.bias },
    ...signal.contributions.map((one) => ({ name: words(one.detector), value: one.log_odds })),
  ];
  const placed = parts.map((part) => ({ ...part, from: at, to: (at += part.value) }));
  return {
    parts: placed,
    total: at,
    isWhole: Math.abs(at - signal.log_odds) <= SUM_TOLERANCE * (1 + parts.length),
  };
}

export function sum(signal) {
  const { parts, total, isWhole } = partsOf(signal);
  const ends = [0, ...parts.map((part) => part.to)];
  const [low, high] = [Math.min(...ends), Math.max(...ends)];
  const place = (value) => `${((value - low) / (high - low || 1)) * 100}%`;
  const width = (value) => `${(Math.abs(value) / (high - low || 1)) * 100}%`;
  const track = (from, value, kind) =>
    el(
      "div.track",
      { "aria-hidden": "true" },
      el("span.axis", { style: { left: place(0) } }),
      el(`span.part.${kind}`, {
        style: { left: place(Math.min(from, from + value)), width: width(value) },
      }),
    );
  const line = (name, from, value, kind, extra = "") => [
    el(`span${extra}`, {}, name),
    track(from, value, kind),
    el(`span.num.figures${extra}`, {}, signed(value, 2)),
  ];
  const rows = parts.flatMap((part) =>
    line(part.name, part.from, part.value, part.value >= 0 ? "plus" : "minus"),
  );
  const said = `log-odds ${signed(signal.log_odds, 2)}, that is ${percent(1 / (1 + Math.exp(-signal.log_odds)))} % before calibration`;
  return el(
    "div",
    {
      id: "why-sum",
      data: {
        id: signal.id,
        total: total.toFixed(6),
        logOdds: String(signal.log_odds),
        whole: String(isWhole),
      },
    },
    el("div.sum", {}, ...rows, ...line("sum", 0, total, "total", ".total-row")),
    el(
      "p.dim",
      {},
      signal.calibration === "uncalibrated" ? said.replace(" before calibration", "") : said,
    ),
    isWhole
      ? null
      : el(
          "p.notice.bad",
          {},
          `These parts add up to ${total.toFixed(4)}, but the signal says ${signal.log_odds.toFixed(4)}.`,
        ),
  );
}
