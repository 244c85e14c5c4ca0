/** What became of signals, once that is measured: reliability and markout, from history. */

import {
  byHorizon,
  informationText,
  markoutOf,
  simulatedText,
  unknownOf,
} from "./accuracy.mjs";
import { colour, el } from "./dom.mjs";
import { count, duration, percent, signed } from "./format.mjs";
import { Plot, whiskers } from "./plots.mjs";

const ASK_AGAIN_MS = 60_000;
/** Ends of intervals: they reach the scale, whiskers draw them. */
const UNDRAWN = { stroke: "transparent", points: { show: false } };

export class Outcomes {
  /** Two elements to draw in; `ask(path)` reads REST, `onRead` is called when an answer is there. */
  constructor(reliability, markout, ask, onRead) {
    [this.reliability, this.markout, this.ask, this.onRead] = [reliability, markout, ask, onRead];
    this.asked = {};
    this.found = {};
    this.plots = {};
  }

  restyle() {
    for (const plot of Object.values(this.plots)) plot.restyle();
  }

  /** Read a path while its tab is looked at, once a minute. */
  async read(name, path) {
    if (performance.now() - (this.asked[name] ?? -Infinity) < ASK_AGAIN_MS) return;
    this.asked[name] = performance.now();
    try {
      this.found[name] = { value: await this.ask(path) };
    } catch (error) {
      this.found[name] = { error: error.message };
    }
    this.onRead();
  }

  drawReliability() {
    this.read("reliability", "/v1/reliability");
    const { value, error } = this.found.reliability ?? {};
    const view = this.reliability;
    if (!value?.bins?.length) {
      delete this.plots.reliability;
      view.replaceChildren(
        el(
          "p",
          {},
          error
            ? `History cannot be read: ${error}`
            : value
              ? `${value.text[0].toUpperCase()}${value.text.slice(1)}. Once the market after a signal is measured, this compares what signals said with how often they were right.`
              : "Asking…",
        ),
      );
      return;
    }
    const horizons = byHorizon(value.bins);
    this.horizon = horizons.has(this.horizon) ? this.horizon : horizons.keys().next().value;
    if (!this.plots.reliability) this.makeReliability(view, horizons, value.count);
    const bins = horizons.get(this.horizon);
    const xs = bins.map((bin) => bin.probability_mean);
    this.plots.reliability.set([
      xs,
      xs,
      bins.map((bin) => bin.hit_ratio),
      bins.map((bin) => bin.hit_ratio_low),
      bins.map((bin) => bin.hit_ratio_high),
    ]);
  }

  makeReliability(view, horizons, total) {
    const choose = el(
      "select",
      {
        "aria-label": "Horizon",
        onchange: (event) => {
          this.horizon = Number(event.target.value);
          this.drawReliability();
        },
      },
      ...[...horizons.keys()].map((horizon) => el("option", { value: horizon }, duration(horizon))),
    );
    const place = el("div.plot");
    view.replaceChildren(
      el(
        "p.plot-head",
        {},
        choose,
        ` ${count(total)} outcomes. How often signals were right, by what they said; on the dashed line as often as they said.`,
      ),
      place,
    );
    this.plots.reliability = new Plot(place, 170, () => ({
      scales: { x: { time: false, range: [0, 1] }, y: { range: [0, 1] } },
      axes: [{ values: shares }, { values: shares, size: 46 }],
      series: [
        {},
        { stroke: colour("dim"), dash: [4, 4], points: { show: false } },
        { stroke: colour("buy"), width: 2, points: { show: true, size: 7 } },
        UNDRAWN,
        UNDRAWN,
      ],
      hooks: { draw: [whiskers(3, 4, () => colour("buy"))] },
    }));
  }

  drawMarkout() {
    this.read("markout", "/v1/accuracy");
    const { value, error } = this.found.markout ?? {};
    const view = this.markout;
    const horizons = value?.horizons ?? [];
    const points = markoutOf(horizons);
    if (!points.length) {
      delete this.plots.markout;
      view.replaceChildren(
        el(
          "p",
          {},
          error
            ? `History cannot be read: ${error}`
            : value
              ? `No outcomes yet${unknownText(horizons)}. Once they are measured, this shows how the price went on after signals, in ticks and in their direction.`
              : "Asking…",
        ),
      );
      return;
    }
    if (!this.plots.markout) this.makeMarkout(view);
    this.told.textContent = toldOf(points, horizons);
    const more = [simulatedText(horizons), informationText(horizons)].filter((text) => text);
    this.more.textContent = more.join(" · ");
    this.more.hidden = more.length === 0;
    this.plots.markout.set([
      points.map((p) => Math.log10(p.horizon)),
      points.map((p) => p.mean),
      points.map((p) => p.low),
      points.map((p) => p.high),
      points.map((p) => p.control),
    ]);
  }

  makeMarkout(view) {
    const place = el("div.plot");
    this.told = el("p");
    this.more = el("p");
    view.replaceChildren(this.told, place, this.more);
    const at = (value) => duration(10 ** value);
    this.plots.markout = new Plot(place, 150, () => ({
      scales: { x: { time: false }, y: { range: (_, low, high) => withZero(low, high) } },
      axes: [
        { splits: (plot) => plot.data[0], values: (_, ticks) => ticks.map(at) },
        { values: (_, ticks) => ticks.map((t) => signed(t, 1)), size: 46 },
      ],
      series: [
        {},
        { stroke: colour("buy"), width: 2, points: { show: true, size: 7 } },
        UNDRAWN,
        UNDRAWN,
        { stroke: colour("dim"), dash: [4, 4], points: { show: false } },
      ],
      hooks: { draw: [whiskers(2, 3, () => colour("buy"))] },
    }));
  }
}

/** The figures of the curve. */
function toldOf(points, horizons) {
  const curve = points.map(
    (p) =>
      `${duration(p.horizon)}: ${signed(p.mean, 1)} ticks, ${percent(p.hitRatio)} % right of ${count(p.count)}`,
  );
  return curve.join(" · ") + unknownText(horizons);
}

function unknownText(horizons) {
  const unknown = [...unknownOf(horizons)].map(([why, n]) => `${count(n)} ${why}`);
  return unknown.length ? ` (not known: ${unknown.join(", ")})` : "";
}

/** A range around what is drawn that shows where zero is. */
function withZero(low, high) {
  const [from, to] = [Math.min(0, low ?? 0), Math.max(0, high ?? 0)];
  const margin = (to - from) * 0.1 || 1;
  return [from - margin, to + margin];
}

function shares(_, ticks) {
  return ticks.map((tick) => `${percent(tick)} %`);
}
