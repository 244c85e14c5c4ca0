/** Small charts: latency, reliability, markout. */

import uPlot from "./vendor/uPlot.esm.js";
import { colour } from "./dom.mjs";

/** A chart in `element` of the given height; drawn anew by `set`, which is cheap. */
export class Plot {
  constructor(element, height, options) {
    this.element = element;
    this.height = height;
    this.options = options;
    new ResizeObserver(() => this.resize()).observe(element);
  }

  set(data) {
    this.data = data;
    if (this.plot) this.plot.setData(data);
    else this.make();
  }

  make() {
    const width = this.element.clientWidth;
    if (!width || !this.data) return;
    const axis = {
      stroke: colour("dim"),
      grid: { stroke: colour("grid"), width: 1 },
      ticks: { stroke: colour("line"), width: 1 },
      font: "11px sans-serif",
    };
    const { axes = [{}, {}], ...rest } = this.options();
    this.plot = new uPlot(
      {
        width: width - 12,
        height: this.height,
        axes: axes.map((one) => ({ ...axis, ...one })),
        cursor: { drag: { x: false, y: false } },
        legend: { show: false },
        ...rest,
      },
      this.data,
      this.element,
    );
  }

  resize() {
    const width = this.element.clientWidth;
    if (!width) return;
    if (!this.plot) this.make();
    else if (this.plot.width !== width - 12)
      this.plot.setSize({ width: width - 12, height: this.height });
  }

  restyle() {
    this.plot?.destroy();
    this.plot = null;
    if (this.data) this.make();
  }
}

/** Bars from low to high through each point, as a hook of uPlot. */
export function whiskers(lowIndex, highIndex, stroke) {
  return (plot) => {
    const { ctx } = plot;
    ctx.save();
    ctx.strokeStyle = stroke();
    ctx.lineWidth = devicePixelRatio;
    plot.data[0].forEach((at, i) => {
      const [low, high] = [plot.data[lowIndex][i], plot.data[highIndex][i]];
      if (low === null || low === undefined) return;
      const x = Math.round(plot.valToPos(at, "x", true));
      ctx.beginPath();
      ctx.moveTo(x, plot.valToPos(low, "y", true));
      ctx.lineTo(x, plot.valToPos(high, "y", true));
      ctx.stroke();
    });
    ctx.restore();
  };
}
