/** Pressure by instrument and window: bought minus sold, shaded by how one-sided it is. */

import { el, setChildren } from "./dom.mjs";
import { count, duration, signed } from "./format.mjs";

const ROWS_MAX = 14;
const STALE_S = 60;

/** Net and share of what was traded: 1 if all of it was bought. */
export function netOf(sums) {
  const [buy, sell] = [sums?.buy ?? 0, sums?.sell ?? 0];
  return { buy, sell, net: buy - sell, share: buy + sell ? (buy - sell) / (buy + sell) : 0 };
}

export class PressureTable {
  constructor(head, body, empty) {
    [this.head, this.body, this.empty] = [head, body, empty];
  }

  draw(market) {
    const all = [...(market?.instruments.values() ?? [])];
    this.empty.textContent = all.length ? "" : "No pressure of this root has come yet.";
    const windows = [...new Set(all.flatMap((one) => Object.keys(one.windows)))].sort(
      (a, b) => a - b,
    );
    setChildren(
      this.head,
      all.length
        ? [
            el(
              "tr",
              {},
              el("th", { scope: "col" }, "Contract"),
              ...windows.map((seconds) =>
                el("th.num", { scope: "col" }, duration(Number(seconds))),
              ),
              el(
                "th.num",
                {
                  scope: "col",
                  title: "Order-flow imbalance at the touch over a minute, contracts",
                },
                "OFI",
              ),
              el("th.num", { scope: "col", title: "Resting at the touch" }, "Bid×ask"),
            ),
          ]
        : [],
    );
    const newest = Math.max(...all.map((one) => one.t));
    const traded = (one) => {
      const { buy, sell } = netOf(one.windows["900"]);
      return buy + sell;
    };
    const chosen = all
      .sort(
        (a, b) =>
          (b.instrument_id === market.frontId) - (a.instrument_id === market.frontId) ||
          traded(b) - traded(a),
      )
      .slice(0, ROWS_MAX);
    const rows = chosen.map((one) => this.row(one, windows, market.frontId, newest));
    if (all.length > ROWS_MAX)
      rows.push(
        el(
          "tr",
          {},
          el(
            "td.dim",
            { colspan: windows.length + 3 },
            `and ${all.length - ROWS_MAX} more, traded less`,
          ),
        ),
      );
    setChildren(this.body, rows);
  }

  row(one, windows, frontId, newest) {
    const ofi = one.windows["60"]?.ofi_1;
    const isStale = newest - one.t > STALE_S;
    return el(
      `tr${one.instrument_id === frontId ? ".front" : ""}${isStale ? ".stale" : ""}`,
      { title: isStale ? `Unchanged for ${duration(newest - one.t)}` : null },
      el("td", {}, one.symbol),
      ...windows.map((seconds) => cell(netOf(one.windows[seconds]), Number(seconds))),
      el("td.num.dim", {}, ofi === undefined ? "–" : signed(ofi)),
      el("td.num.dim", {}, `${count(one.bid_size)}×${count(one.ask_size)}`),
    );
  }
}

function cell({ buy, sell, net, share }, seconds) {
  const side = net > 0 ? "buy" : net < 0 ? "sell" : "none";
  return el(
    "td.cell",
    { title: `${duration(seconds)}: bought ${count(buy)}, sold ${count(sell)} at the market` },
    buy + sell
      ? el(`span.fill.${side}`, {
          "aria-hidden": "true",
          style: { opacity: String(0.06 + 0.5 * Math.abs(share)) },
        })
      : null,
    el("span.net", {}, buy + sell ? signed(net) : "·"),
  );
}
