/** Numbers and instants as text. Instants arrive as decimal strings of ns since the epoch. */

const ZONE = "America/Chicago";
const clockForm = new Intl.DateTimeFormat("en-GB", {
  timeZone: ZONE,
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});
const minuteForm = new Intl.DateTimeFormat("en-GB", {
  timeZone: ZONE,
  hour: "2-digit",
  minute: "2-digit",
});
const dayForm = new Intl.DateTimeFormat("en-CA", { timeZone: ZONE, dateStyle: "short" });
const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** ms since the epoch of an instant in ns; a double holds ms exactly, ns it does not. */
export function msOf(ns) {
  const text = String(ns);
  return text.length > 6 ? Number(text.slice(0, -6)) : 0;
}

/** Whole seconds since the epoch. */
export function secondOf(ns) {
  return Math.floor(msOf(ns) / 1000);
}

/** Earlier, same or later as a negative number, 0 or a positive one: instants as text. */
export function compareNs(a, b) {
  return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
}

/** `08:31:02` on the exchange's clock. */
export function clock(ms) {
  return clockForm.format(ms);
}

/** `08:31:02.123`. */
export function clockMs(ms) {
  return `${clockForm.format(ms)}.${String(Math.floor(ms) % 1000).padStart(3, "0")}`;
}

export function minute(ms) {
  return minuteForm.format(ms);
}

export function day(ms) {
  return dayForm.format(ms);
}

/** Both clocks to the last digit, for the tooltip: `2026-04-06 08:31:02 CT · 2026-04-06 13:31:02.123456789 UTC`. */
export function bothClocks(ns) {
  const ms = msOf(ns);
  const fraction = String(ns).slice(-9).padStart(9, "0");
  const utc = new Date(ms).toISOString();
  return `${day(ms)} ${clock(ms)} Chicago · ${utc.slice(0, 10)} ${utc.slice(11, 19)}.${fraction} UTC`;
}

export function count(value) {
  return whole.format(value);
}

/** `+120`, `−35`, `0`. */
export function signed(value, digits = 0) {
  const text = Math.abs(value).toFixed(digits);
  return Number(text) === 0
    ? text
    : `${value > 0 ? "+" : "−"}${digits ? text : count(Math.abs(value))}`;
}

/** `83` of 0.8312. Never 0 or 100 of what is not: `<1`, `>99`. */
export function percent(share) {
  const value = share * 100;
  if (value > 0 && value < 0.5) return "<1";
  if (value < 100 && value >= 99.5) return ">99";
  return value.toFixed(0);
}

/** A small share in words of a count: `1 in 8,100`. */
export function oneIn(share) {
  if (!(share > 0)) return "none of";
  return share >= 0.5 ? `${percent(share)} % of` : `1 in ${count(Math.round(1 / share))} of`;
}

/** `28.9 M` of 28,861,500. */
export function compact(value) {
  const size = Math.abs(value);
  if (size >= 1e9) return `${(value / 1e9).toFixed(2)} bn`;
  if (size >= 1e6) return `${(value / 1e6).toFixed(1)} M`;
  if (size >= 1e4) return `${(value / 1e3).toFixed(0)} k`;
  return count(value);
}

/** At most three figures that matter: `3`, `0.42`, `1,240`. */
export function figure(value) {
  const size = Math.abs(value);
  if (Number.isInteger(value) || size >= 100) return count(value);
  return value.toFixed(size >= 10 ? 1 : 2);
}

/** `3 s`, `4 min`, `2 h`. */
export function duration(seconds) {
  if (seconds < 60 || (seconds < 100 && seconds % 60))
    return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

/** `0.8 ms`, `12 ms`, `3.4 s`. */
export function latency(ms) {
  if (ms >= 1000) return `${(ms / 1000).toFixed(ms >= 10_000 ? 0 : 1)} s`;
  return `${ms.toFixed(ms < 10 ? 1 : 0)} ms`;
}

/** Digits behind the point that prices of this tick need. */
export function decimalsOf(tick) {
  for (let digits = 0; digits < 9; digits += 1) {
    if (Math.abs(tick * 10 ** digits - Math.round(tick * 10 ** digits)) < 1e-6) return digits;
  }
  return 9;
}

/** A price with the digits of its tick: `5001.50`. */
export function priceText(value, tick) {
  if (value === null || value === undefined) return "–";
  return value.toFixed(tick ? decimalsOf(tick) : 2);
}
