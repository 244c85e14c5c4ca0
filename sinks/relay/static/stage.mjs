/** Around the chart: what it is of, what it does not show, and its twin as a table. */

import { byId, setText } from "./dom.mjs";
import { clock, count, duration, msOf, percent, priceText, signed } from "./format.mjs";
import { earliestOf, isPreparing, ofRoot, page, strongestOpen } from "./page.mjs";
import { twinOf } from "./twin.mjs";
import { kindOf, sideOf } from "./words.mjs";

export function drawStage(chart) {
  const one = page.markets.get(page.chosenRoot) ?? null;
  const earliest = earliestOf(page.chosenRoot);
  if (chart.needsRoom(earliest)) chart.show(one, earliest);
  else chart.draw();
  chart.marks.set(page.chosenRoot ? ofRoot(page.chosenRoot) : [], page.chosenId);
  if (one) chart.shade(one.holes(), page.gaps.spans(page.chosenRoot, one.frontId));
  const newest = one?.seconds.at(-1);
  setText(byId("symbol"), one?.symbol ?? page.chosenRoot ?? "Price");
  setText(byId("price"), newest ? priceText(newest.last ?? newest.mid, one.tick) : "");
  setText(
    byId("quote"),
    newest && newest.bid !== null && newest.ask !== null
      ? `${count(newest.bidSize)} @ ${priceText(newest.bid, one.tick)}  ×  ${priceText(newest.ask, one.tick)} @ ${count(newest.askSize)}`
      : "",
  );
  drawNow();
  drawChartNote(one, newest);
  if (page.isTwin) drawTwin();
}

function drawNow() {
  const best = page.chosenRoot ? strongestOpen(page.chosenRoot) : null;
  const now = byId("now");
  now.dataset.side = best?.side ?? "";
  setText(
    now,
    best
      ? `${sideOf(best.side).arrow} ${sideOf(best.side).name.toUpperCase()} ${percent(best.probability)} % ${kindOf(best.kind).name.toLowerCase()}`
      : "",
  );
  now.title = best ? `Strongest open signal, since ${clock(msOf(best.ts_opened))}` : "";
}

function drawChartNote(one, newest) {
  byId("chart-empty").textContent = newest ? "" : emptyText();
  if (!newest) return setText(byId("chart-note"), "");
  const idleMs = page.now - (page.pressureMs.get(page.chosenRoot) ?? page.now);
  const stale = idleMs > 5_000 ? `last change ${duration(idleMs / 1000)} ago · ` : "";
  const faults = page.gaps.spans(page.chosenRoot, one.frontId).some((span) => span.to === null)
    ? "data at fault now · "
    : "";
  const hasLevels = one.seconds.some((second) => second.levels);
  return setText(
    byId("chart-note"),
    `${faults}${stale}prices from ${clock(one.seconds[0].t * 1000)}; history before is not held${hasLevels ? "" : " · no resting sizes came"}`,
  );
}

function emptyText() {
  const preparing = isPreparing();
  if (preparing) return `Preparing\n${preparing.text}`;
  if (page.link.name !== "connected") return "";
  return page.epoch
    ? "No price of this root has come yet."
    : "Connected. No worker has sent anything yet.";
}

export function drawLegend(second) {
  const one = page.markets.get(page.chosenRoot);
  if (!second || second.mid === undefined)
    return setText(
      byId("legend"),
      second ? `${clock(second.t * 1000)}  nothing changed, or nothing came` : "",
    );
  const at = (value) => priceText(value, one?.tick);
  return setText(
    byId("legend"),
    `${clock(second.t * 1000)}  last ${at(second.last)}  bid ${at(second.bid)}  ask ${at(second.ask)}  bought ${second.buy ?? "–"}  sold ${second.sell ?? "–"}  net ${second.buy === null ? "–" : signed(second.buy - second.sell)}`,
  );
}

export function drawTwin() {
  const scroll = byId("twin").scrollTop;
  byId("twin").replaceChildren(twinOf(page.markets.get(page.chosenRoot), ofRoot(page.chosenRoot)));
  byId("twin").scrollTop = scroll;
}
