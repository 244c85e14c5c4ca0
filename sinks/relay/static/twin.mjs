/** The chart as a table: for those who read with their ears or fingers, and for copying. */

import { el } from "./dom.mjs";
import { clock, count, percent, secondOf } from "./format.mjs";
import { kindOf, sideOf } from "./words.mjs";

const ROWS_MAX = 120;

/** A table of the newest seconds, newest first, with the signals that opened in each. */
export function twinOf(market, signals) {
  const opened = new Map();
  for (const signal of signals) {
    const t = secondOf(signal.ts_opened);
    opened.set(t, [
      ...(opened.get(t) ?? []),
      `${sideOf(signal.side).name} ${kindOf(signal.kind).name} ${percent(signal.probability)} % (${signal.change})`,
    ]);
  }
  const seconds = (market?.seconds ?? []).slice(-ROWS_MAX).reverse();
  const names = ["Chicago", "Mid", "Last", "Bid", "Ask", "Bought", "Sold", "Signals opened"];
  return el(
    "table",
    {},
    el(
      "caption",
      {},
      market?.symbol
        ? `${market.symbol}: the last ${seconds.length} seconds with a change, newest first`
        : "No price has come yet",
    ),
    el("thead", {}, el("tr", {}, ...names.map((name) => el("th", { scope: "col" }, name)))),
    el(
      "tbody",
      {},
      ...seconds.map((one) =>
        el(
          "tr",
          {},
          el("th", { scope: "row" }, clock(one.t * 1000)),
          ...[one.mid, one.last, one.bid, one.ask].map((price) =>
            el("td.num", {}, price === null ? "–" : String(price)),
          ),
          ...[one.buy, one.sell].map((size) => el("td.num", {}, size === null ? "–" : count(size))),
          el(
            "td",
            {},
            `${one.isCut ? "(seconds before were not received) " : ""}${(opened.get(one.t) ?? []).join("; ")}`,
          ),
        ),
      ),
    ),
  );
}
