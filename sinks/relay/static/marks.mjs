/** Signals on the price line, and the times that are not to be trusted, as primitives of the chart. */

import { colour } from "./dom.mjs";
import { secondOf } from "./format.mjs";
import { opacityOf, trace } from "./glyph.mjs";
import { kindOf, lifeOf, sideOf } from "./words.mjs";

const SIZE = 7;
const NEAR = 11;
const MARKS_MAX = 200;

export class Marks {
  constructor(placeOf) {
    this.placeOf = placeOf;
    this.signals = [];
    this.drawn = [];
    this.chosen = null;
    this.views = [
      { zOrder: () => "top", renderer: () => ({ draw: (target) => this.draw(target) }) },
    ];
  }

  attached({ chart, series, requestUpdate }) {
    this.chart = chart;
    this.series = series;
    this.requestUpdate = requestUpdate;
    this.restyle();
  }

  restyle() {
    this.colours = { buy: colour("buy"), sell: colour("sell"), none: colour("dim") };
    this.halo = colour("panel");
    this.ink = colour("text");
  }

  paneViews() {
    return this.views;
  }

  /** Newest first; the oldest beyond the bound are on the list only. */
  set(signals, chosen) {
    this.signals = signals.slice(0, MARKS_MAX);
    this.chosen = chosen;
    this.requestUpdate?.();
  }

  hitTest(x, y) {
    const hit = this.drawn.find((mark) => Math.hypot(mark.x - x, mark.y - y) < NEAR);
    return hit
      ? {
          externalId: hit.id,
          zOrder: "top",
          cursorStyle: "pointer",
          itemType: "marker",
          hitTestPriority: 2,
        }
      : null;
  }

  draw(target) {
    target.useMediaCoordinateSpace(({ context, mediaSize }) => {
      this.drawn = [];
      const taken = new Map();
      const scale = this.chart.timeScale();
      for (const signal of [...this.signals].reverse()) {
        const place = this.placeOf(signal, secondOf(signal.ts_opened));
        if (!place) continue;
        const x = scale.logicalToCoordinate(place.index);
        const priceY = this.series.priceToCoordinate(place.price);
        if (x === null || priceY === null || x < -NEAR || x > mediaSize.width + NEAR) continue;
        const { sign } = sideOf(signal.side);
        // Buys stand below the price and sells above: the price stays readable. Neighbours are stacked.
        const slot = `${Math.round(x / (2 * SIZE))}/${sign}`;
        const stacked = taken.get(slot) ?? 0;
        taken.set(slot, stacked + 1);
        const y = priceY + (sign >= 0 ? 1 : -1) * (16 + stacked * (2 * SIZE + 4));
        this.drawn.push({ id: signal.id, x, y });
        this.mark(context, signal, x, y, priceY, sign);
      }
    });
  }

  mark(context, signal, x, y, priceY, sign) {
    const life = lifeOf(signal);
    const { shape, letter } = kindOf(signal.kind);
    const hue = this.colours[signal.side] ?? this.colours.none;
    const size = signal.id === this.chosen ? SIZE + 2.5 : SIZE;
    context.save();
    context.lineWidth = 1;
    context.strokeStyle = hue;
    context.globalAlpha = 0.7;
    context.beginPath();
    context.moveTo(x, priceY);
    context.lineTo(x, y - Math.sign(y - priceY) * size);
    context.stroke();
    trace(context, shape, x, y, size + 2, sign);
    context.globalAlpha = 1;
    context.fillStyle = this.halo;
    context.fill();
    trace(context, shape, x, y, size, sign);
    context.globalAlpha = life === "retracted" ? 0 : opacityOf(signal.probability);
    context.fillStyle = hue;
    context.fill();
    context.globalAlpha = life === "open" ? 1 : 0.75;
    context.lineWidth = signal.id === this.chosen ? 2 : 1.2;
    context.strokeStyle = signal.id === this.chosen ? this.ink : hue;
    context.stroke();
    context.fillStyle = life === "retracted" || signal.probability < 0.45 ? this.ink : this.halo;
    context.globalAlpha = 1;
    context.font = `700 ${size + 2}px sans-serif`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(letter, x, y + (shape === "triangle" ? sign * 1.5 : 0.5));
    if (life === "retracted") {
      context.strokeStyle = this.ink;
      context.lineWidth = 1.5;
      context.beginPath();
      context.moveTo(x - size - 3, y + size + 2);
      context.lineTo(x + size + 3, y - size - 2);
      context.stroke();
    }
    context.restore();
  }
}

/** Hatched spans: seconds not received, and times in which the data was at fault. */
export class Shades {
  constructor() {
    this.spans = [];
    this.views = [
      { zOrder: () => "normal", renderer: () => ({ draw: (target) => this.draw(target) }) },
    ];
  }

  attached({ chart, requestUpdate }) {
    this.chart = chart;
    this.requestUpdate = requestUpdate;
    this.restyle();
  }

  restyle() {
    this.colours = {
      before: [colour("grid"), colour("dim")],
      lost: [colour("lost"), colour("dim")],
      fault: [colour("shade"), colour("warn")],
    };
  }

  paneViews() {
    return this.views;
  }

  /** [{from, to, kind: lost or fault, text}], from and to as index of a second. */
  set(spans) {
    this.spans = spans;
    this.requestUpdate?.();
  }

  draw(target) {
    target.useMediaCoordinateSpace(({ context, mediaSize: { width, height } }) => {
      const scale = this.chart.timeScale();
      for (const { from, to, kind, text } of this.spans) {
        const left = Math.max(0, scale.logicalToCoordinate(from) ?? 0);
        const right = Math.min(width, scale.logicalToCoordinate(to) ?? width);
        if (!(right - left >= 1) || left > width) continue;
        this.hatch(context, left, right, height, this.colours[kind], kind !== "before");
        if (right - left < 30) continue;
        context.fillStyle = this.colours[kind][1];
        context.font = "11px sans-serif";
        context.textBaseline = "top";
        context.fillText(text, left + 4, height - 16, right - left - 8);
      }
    });
  }

  hatch(context, left, right, height, [soft, hard], isHatched) {
    context.save();
    context.beginPath();
    context.rect(left, 0, right - left, height);
    context.clip();
    context.fillStyle = soft;
    context.fillRect(left, 0, right - left, height);
    context.strokeStyle = hard;
    context.globalAlpha = 0.25;
    context.beginPath();
    for (let x = left - height; isHatched && x < right; x += 9) {
      context.moveTo(x, height);
      context.lineTo(x + height, 0);
    }
    context.stroke();
    context.restore();
  }
}
