/** The price chart of one root: mid by second, volume below it, heat map behind, signals on top. */

import {
  CrosshairMode,
  HistogramSeries,
  LineSeries,
  createChart,
} from "./vendor/lightweight-charts.standalone.production.mjs";
import { colour } from "./dom.mjs";
import { clock, decimalsOf, minute, secondOf } from "./format.mjs";
import { HeatMap } from "./heat.mjs";
import { FILL_MAX, SECONDS_MAX } from "./market.mjs";
import { Marks, Shades } from "./marks.mjs";

const ROWS_MAX = SECONDS_MAX + FILL_MAX;

export class PriceChart {
  /** `onMark(id)`: a signal was clicked; `onHover(second or null)`. */
  constructor(element, { onMark, onHover }) {
    this.rows = [];
    this.market = null;
    this.chart = createChart(element, {
      autoSize: true,
      layout: { attributionLogo: false, fontSize: 11, panes: { enableResize: false } },
      crosshair: { mode: CrosshairMode.Normal },
      rightPriceScale: { scaleMargins: { top: 0.12, bottom: 0.12 } },
      timeScale: {
        timeVisible: true,
        secondsVisible: true,
        rightOffset: 8,
        barSpacing: 4,
        minBarSpacing: 0.25,
        tickMarkFormatter: (t, kind) => (kind >= 4 ? clock(t * 1000) : minute(t * 1000)),
      },
      localization: { locale: "en-GB", timeFormatter: (t) => `${clock(t * 1000)} Chicago` },
    });
    // A wider line in the colour of the page under the price: it stays readable on any heat.
    this.casing = this.chart.addSeries(LineSeries, {
      lineWidth: 4,
      priceLineVisible: false,
      lastValueVisible: false,
      crosshairMarkerVisible: false,
    });
    this.line = this.chart.addSeries(LineSeries, {
      lineWidth: 2,
      priceLineVisible: true,
      crosshairMarkerRadius: 3,
    });
    const volume = {
      priceLineVisible: false,
      lastValueVisible: false,
      base: 0,
      priceFormat: { type: "volume" },
    };
    this.buys = this.chart.addSeries(HistogramSeries, volume, 1);
    this.sells = this.chart.addSeries(HistogramSeries, volume, 1);
    this.chart.panes()[0].setStretchFactor(5);
    this.chart.panes()[1].setStretchFactor(1);
    this.heat = new HeatMap(() => this.rows);
    this.shades = new Shades();
    this.marks = new Marks((signal, t) => this.placeOf(signal, t));
    for (const primitive of [this.heat, this.shades, this.marks])
      this.line.attachPrimitive(primitive);
    this.chart.subscribeClick((event) => event.hoveredObjectId && onMark(event.hoveredObjectId));
    this.chart.subscribeCrosshairMove((event) =>
      onHover(event.time === undefined ? null : (this.rows[this.indexOf(event.time)] ?? null)),
    );
    this.restyle();
  }

  restyle() {
    const [text, line, grid] = [colour("dim"), colour("line"), colour("grid")];
    this.chart.applyOptions({
      layout: {
        background: { color: colour("panel") },
        textColor: text,
        panes: { separatorColor: line },
      },
      grid: {
        vertLines: { color: grid, visible: !this.heat.isOn },
        horzLines: { color: grid, visible: !this.heat.isOn },
      },
      rightPriceScale: { borderColor: line },
      timeScale: { borderColor: line },
      crosshair: {
        vertLine: { color: text, labelBackgroundColor: line },
        horzLine: { color: text, labelBackgroundColor: line },
      },
    });
    this.casing.applyOptions({ color: colour("panel") });
    this.line.applyOptions({ color: colour("price"), priceLineColor: text });
    this.buys.applyOptions({ color: colour("buy") });
    this.sells.applyOptions({ color: colour("sell") });
    for (const primitive of [this.heat, this.shades, this.marks]) primitive.restyle();
  }

  /** Show what is known of a market, with room for signals from `earliest` on; `draw` adds what comes. */
  show(market, earliest = null) {
    this.market = market;
    this.earliest = earliest;
    this.rows = filled(market?.seconds ?? [], earliest);
    this.setTick(market?.tick ?? null);
    this.setAll();
    this.chart.timeScale().scrollToRealTime();
  }

  setAll() {
    const points = this.rows.map((row, i) => linePoint(row, this.rows[i + 1]));
    this.casing.setData(points);
    this.line.setData(points);
    this.buys.setData(this.rows.map((row) => bar(row, row.buy, 1)));
    this.sells.setData(this.rows.map((row) => bar(row, row.sell, -1)));
  }

  /** Add the seconds that came since; all anew if it is not just the end that changed. */
  draw() {
    const seconds = this.market?.seconds ?? [];
    const newest = this.rows.at(-1);
    const tick = this.market?.tick ?? null;
    if (tick !== this.tick) this.setTick(tick);
    if (
      !newest ||
      !seconds.length ||
      seconds.at(-1).t < newest.t ||
      this.rows.length > ROWS_MAX ||
      this.hasJumped(seconds, newest)
    ) {
      if (seconds.length || newest) {
        this.rows = filled(seconds, this.earliest);
        this.setAll();
      }
      return;
    }
    let first = seconds.length - 1;
    while (first > 0 && seconds[first - 1].t >= newest.t) first -= 1;
    const more = filled([newest, ...seconds.slice(first)], null).slice(1);
    for (const row of more) this.append(row);
    // The line into a hole was drawn before anybody knew of the hole.
    if (more.some((row) => row.isCut)) this.setAll();
  }

  hasJumped(seconds, newest) {
    return seconds[0].t > newest.t;
  }

  /** Whether a signal is older than everything on the axis, and there is room for it. */
  needsRoom(earliest) {
    const first = this.market?.seconds[0]?.t;
    return (
      first !== undefined &&
      earliest !== null &&
      Math.max(earliest, first - FILL_MAX) < this.rows[0]?.t
    );
  }

  append(row) {
    if (row.t === this.rows.at(-1)?.t) this.rows[this.rows.length - 1] = row;
    else this.rows.push(row);
    this.casing.update(linePoint(row));
    this.line.update(linePoint(row));
    this.buys.update(bar(row, row.buy, 1));
    this.sells.update(bar(row, row.sell, -1));
  }

  setTick(tick) {
    this.tick = this.heat.tick = tick;
    if (!tick) return;
    this.line.applyOptions({
      priceFormat: { type: "price", minMove: tick, precision: decimalsOf(tick) },
    });
  }

  /** Index of the second at or before `t`; −1 before the first. */
  indexOf(t) {
    let [low, high] = [0, this.rows.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.rows[middle].t <= t) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  placeOf(signal, t) {
    const index = this.indexOf(t);
    if (index < 0 || t > this.rows.at(-1).t + 5) return null;
    const isHere = signal.contract.symbol === this.market.symbol;
    const price = isHere ? Number(signal.price) : this.priceNear(index);
    return price === null ? null : { index, price };
  }

  /** Another contract has another scale: its signals stand on this one's line. */
  priceNear(index) {
    for (let i = index; i >= 0; i -= 1)
      if (this.rows[i].mid !== undefined) return this.rows[i].mid ?? this.rows[i].last;
    return null;
  }

  /** Hatch holes of the market, and spans {from, to} in ns with a text. */
  shade(holes, faults) {
    const newest = this.rows.length - 1;
    const first = this.market.seconds[0]?.t ?? null;
    const isRoomBefore = first !== null && this.rows[0].t < first;
    this.shades.set([
      ...(isRoomBefore
        ? [
            {
              from: 0,
              to: this.indexOf(first),
              kind: "before",
              text: "prices of this time are not held",
            },
          ]
        : []),
      ...holes.map(({ from, to }) => ({
        from: this.indexOf(from),
        to: this.indexOf(to),
        kind: "lost",
        text: "not received",
      })),
      ...faults.map(({ from, to, text }) => ({
        from: Math.max(0, this.indexOf(secondOf(from))),
        to: to ? this.indexOf(secondOf(to)) : newest,
        kind: "fault",
        text,
      })),
    ]);
  }

  newest() {
    this.chart.timeScale().scrollToRealTime();
  }

  setHeat(isOn) {
    this.heat.isOn = isOn;
    this.restyle();
    this.chart.priceScale("right").applyOptions({ autoScale: true });
  }
}

/**
 * Rows for each second between: an axis on which a minute is as wide as any other. No message means that
 * nothing changed, so the book stands as it was; what was not received stays empty.
 */
function filled(seconds, earliest) {
  const rows = [];
  if (seconds.length && earliest !== null) {
    for (let t = Math.max(earliest, seconds[0].t - FILL_MAX); t < seconds[0].t; t += 1)
      rows.push({ t });
  }
  for (const second of seconds) {
    const before = rows.at(-1)?.t ?? second.t;
    const kept = second.isCut ? null : rows.at(-1);
    if (second.t - before <= FILL_MAX)
      for (let t = before + 1; t < second.t; t += 1) rows.push(unchanged(kept, t));
    rows.push(second);
  }
  return rows;
}

function unchanged(before, t) {
  if (!before || before.mid === undefined) return { t };
  return { ...before, t, buy: 0, sell: 0, isCut: false };
}

/** A point and the line from it to the next; none into a hole, nobody knows its way. */
function linePoint(row, next) {
  const value = row.mid ?? row.last ?? undefined;
  if (value === undefined) return { time: row.t };
  const isLast = next !== undefined && (next.isCut || next.mid === undefined);
  return isLast ? { time: row.t, value, color: "transparent" } : { time: row.t, value };
}

function bar(row, value, sign) {
  return value ? { time: row.t, value: sign * value } : { time: row.t };
}
