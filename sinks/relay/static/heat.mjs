/** Resting liquidity behind the price: a cell for each second and level, as a primitive of the chart. */

import { colour } from "./dom.mjs";

const COLUMNS_MAX = 600;
const SHADES = 24;
/** Quiet grey-blue, then green-blue, then pale yellow: brightness alone tells the order. */
const RAMPS = {
  dark: [
    [16, 24, 38],
    [28, 52, 92],
    [34, 96, 122],
    [72, 150, 132],
    [226, 214, 132],
  ],
  light: [
    [240, 244, 248],
    [196, 219, 233],
    [122, 178, 199],
    [52, 120, 140],
    [22, 52, 84],
  ],
};

export class HeatMap {
  constructor(rowsOf) {
    this.rowsOf = rowsOf;
    this.isOn = true;
    this.tick = null;
    this.version = -1;
    this.views = [
      { zOrder: () => "bottom", renderer: () => ({ draw: (target) => this.draw(target) }) },
    ];
  }

  attached({ chart, series, requestUpdate }) {
    this.chart = chart;
    this.series = series;
    this.requestUpdate = requestUpdate;
    this.restyle();
  }

  restyle() {
    const ramp = RAMPS[document.documentElement.dataset.theme === "light" ? "light" : "dark"];
    this.shades = Array.from({ length: SHADES }, (_, i) => shade(ramp, i / (SHADES - 1)));
    this.bidColour = colour("buy");
    this.askColour = colour("sell");
  }

  paneViews() {
    return this.views;
  }

  /** Keep the newest levels in sight. */
  autoscaleInfo(from, to) {
    if (!this.isOn || !this.tick) return null;
    const rows = this.rowsOf();
    const levels = rows[Math.min(rows.length - 1, Math.floor(to))]?.levels;
    if (!levels) return null;
    const prices = levels.prices;
    return {
      priceRange: {
        minValue: Math.min(...prices) - this.tick,
        maxValue: Math.max(...prices) + this.tick,
      },
    };
  }

  draw(target) {
    const range = this.chart?.timeScale().getVisibleLogicalRange();
    if (!this.isOn || !range || !this.tick) return;
    target.useBitmapCoordinateSpace(
      ({ context, horizontalPixelRatio: rx, verticalPixelRatio: ry }) => {
        this.paint(context, range, rx, ry);
      },
    );
  }

  paint(context, range, rx, ry) {
    const rows = this.rowsOf();
    const from = Math.max(0, Math.floor(range.from));
    const to = Math.min(rows.length - 1, Math.ceil(range.to));
    if (to < from) return;
    const step = Math.max(1, Math.ceil((to - from) / COLUMNS_MAX));
    const scale = this.chart.timeScale();
    const y = (price) => this.series.priceToCoordinate(price);
    const top = this.sizeOf(rows, from, to);
    for (let i = from - (from % step); i <= to; i += step) {
      const levels = (rows[i] ?? rows[from])?.levels;
      const [x, next] = [scale.logicalToCoordinate(i), scale.logicalToCoordinate(i + step)];
      if (!levels || x === null || next === null) continue;
      const half = (next - x) / 2 / step;
      const [left, right] = [Math.round((x - half) * rx), Math.round((next - half) * rx)];
      for (let n = 0; n < levels.prices.length; n += 1) {
        const [high, low] = [
          y(levels.prices[n] + this.tick / 2),
          y(levels.prices[n] - this.tick / 2),
        ];
        if (high === null || low === null) continue;
        const strength = Math.min(1, Math.log1p(Math.abs(levels.sizes[n])) / top);
        context.fillStyle = this.shades[Math.round(strength ** 2.2 * (SHADES - 1))];
        const topEdge = Math.round(high * ry);
        context.fillRect(
          left,
          topEdge,
          Math.max(1, right - left),
          Math.max(1, Math.round(low * ry) - topEdge),
        );
      }
    }
  }

  /** Logarithm of the size that is as bright as it gets: nearly the largest in sight. */
  sizeOf(rows, from, to) {
    const step = Math.max(1, Math.floor((to - from) / 60));
    const sizes = [];
    for (let i = from; i <= to; i += step) {
      for (const size of rows[i]?.levels?.sizes ?? []) sizes.push(Math.abs(size));
    }
    sizes.sort((a, b) => a - b);
    return Math.log1p(sizes[Math.floor(0.985 * (sizes.length - 1))] || 10);
  }
}

function shade(ramp, share) {
  const at = share * (ramp.length - 1);
  const low = Math.min(ramp.length - 2, Math.floor(at));
  const mixed = ramp[low].map((value, i) =>
    Math.round(value + (ramp[low + 1][i] - value) * (at - low)),
  );
  return `rgb(${mixed.join(" ")})`;
}
