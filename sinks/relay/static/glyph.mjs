/** Marks of signals: shape and letter by kind, colour by side, opacity by confidence. Canvas and SVG alike. */

import { el } from "./dom.mjs";
import { kindOf } from "./words.mjs";

const TURN = 2 * Math.PI;

/** Corners of a shape in a circle of radius 1 around the origin; [] is the circle. `sign` −1: upside down. */
export function corners(shape, sign = 1) {
  const flip = ([x, y]) => [x, sign < 0 ? -y : y];
  switch (shape) {
    case "triangle":
      return [
        [0, -1.15],
        [1.1, 0.8],
        [-1.1, 0.8],
      ].map(flip);
    case "diamond":
      return [
        [0, -1.15],
        [1.15, 0],
        [0, 1.15],
        [-1.15, 0],
      ];
    case "square":
      return [
        [-0.9, -0.9],
        [0.9, -0.9],
        [0.9, 0.9],
        [-0.9, 0.9],
      ];
    case "parallelogram":
      return [
        [-0.55, -0.85],
        [1.25, -0.85],
        [0.55, 0.85],
        [-1.25, 0.85],
      ];
    case "hexagon":
      return around(6, 1.05, 0);
    case "pentagon":
      return around(5, 1.05, -TURN / 4);
    case "cross":
      return [
        [-0.4, -1.1],
        [0.4, -1.1],
        [0.4, -0.4],
        [1.1, -0.4],
        [1.1, 0.4],
        [0.4, 0.4],
        [0.4, 1.1],
        [-0.4, 1.1],
        [-0.4, 0.4],
        [-1.1, 0.4],
        [-1.1, -0.4],
        [-0.4, -0.4],
      ];
    case "star":
      return around(10, 1.2, -TURN / 4, 0.68);
    default:
      return [];
  }
}

function around(n, radius, start, inner = 1) {
  return Array.from({ length: n }, (_, i) => {
    const r = i % 2 && inner !== 1 ? radius * inner : radius;
    return [r * Math.cos(start + (i * TURN) / n), r * Math.sin(start + (i * TURN) / n)];
  });
}

/** Opacity of a confidence: never so faint that a mark is missed. */
export function opacityOf(probability) {
  return 0.3 + 0.7 * Math.min(1, Math.max(0, probability));
}

/** Put a mark's outline on a canvas path. */
export function trace(context, shape, x, y, size, sign) {
  const points = corners(shape, sign);
  context.beginPath();
  if (!points.length) context.arc(x, y, size, 0, TURN);
  points.forEach(([dx, dy], i) => {
    if (i) context.lineTo(x + dx * size, y + dy * size);
    else context.moveTo(x + dx * size, y + dy * size);
  });
  context.closePath();
}

const SVG = "http://www.w3.org/2000/svg";

/** A mark for a list: an SVG of 16 × 16 in the current colour. */
export function glyph(kind, { sign = 1, opacity = 1 } = {}) {
  const { shape, letter } = kindOf(kind);
  const svg = svgElement("svg", { viewBox: "-8 -8 16 16", "aria-hidden": "true", class: "glyph" });
  const points = corners(shape, sign);
  const given = {
    fill: "currentColor",
    "fill-opacity": opacity,
    stroke: "currentColor",
    "stroke-width": 0.8,
  };
  const outline = points.length
    ? svgElement("polygon", {
        points: points.map(([x, y]) => `${(x * 6).toFixed(1)},${(y * 6).toFixed(1)}`).join(" "),
        ...given,
      })
    : svgElement("circle", { r: 6, ...given });
  const text = svgElement("text", {
    y: shape === "triangle" ? (sign > 0 ? 4 : 2) : 3,
    "text-anchor": "middle",
    "font-size": 8,
    "font-weight": 700,
    class: "glyph-letter",
  });
  text.textContent = letter;
  svg.append(outline, text);
  return svg;
}

function svgElement(name, given) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(given)) element.setAttribute(key, value);
  return element;
}

/** Glyph and name of every kind, for keys beside the chart and in the help. */
export function keyOfMarks(kinds, { isTold = false } = {}) {
  return Object.entries(kinds).map(([kind, { name, text }]) =>
    el("span", {}, glyph(kind, { opacity: 0.15 }), isTold ? `${name}: ${text}` : name),
  );
}
