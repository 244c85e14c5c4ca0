/** Are signals right as often as they say, and what does the market do after one? Nothing is made up. */

import { count, duration, signed } from "./format.mjs";

const Z_95 = 1.959964;

/** Rows of /v1/reliability by horizon. */
export function byHorizon(bins) {
  const found = new Map();
  for (const bin of bins) {
    if (!found.has(bin.horizon_s)) found.set(bin.horizon_s, []);
    found.get(bin.horizon_s).push(bin);
  }
  return found;
}

/** Mean markout in ticks by horizon with its 95 % interval, of the horizons of /v1/accuracy where
 * any is known; beside it the mean of seconds without a signal. */
export function markoutOf(horizons) {
  return horizons
    .map(({ score }) => score)
    .filter((score) => score.count > 0)
    .map((score) => {
      const mean = score.markout_mean_ticks;
      const half = score.markout_error_ticks === null ? null : Z_95 * score.markout_error_ticks;
      return {
        horizon: score.horizon_s,
        mean,
        low: half === null ? null : mean - half,
        high: half === null ? null : mean + half,
        control: score.control_markout_mean_ticks,
        count: score.count,
        hitRatio: score.hit_ratio,
      };
    });
}

/** How many outcomes of signals are not known, by reason, over all horizons; samples apart. */
export function unknownOf(horizons) {
  const found = new Map();
  for (const { score } of horizons)
    for (const [why, count] of Object.entries(score.unknown))
      if (why !== "sampled") found.set(why, (found.get(why) ?? 0) + count);
  return found;
}

/** What following signals would have made at the last horizon; it says that it is a simulation. */
export function simulatedText(horizons) {
  const made = horizons.at(-1)?.followed;
  if (!made?.trades) return null;
  const how = `one contract a signal, in after ${duration(made.enter_s)}, out after ${duration(made.leave_s)}, spread and fees paid`;
  const range =
    made.low_ticks === null ? "" : ` (${signed(made.low_ticks, 1)} to ${signed(made.high_ticks, 1)})`;
  const money = Object.entries(made.by_currency).map(
    ([currency, gain]) => `, ${signed(gain.mean, 2)} ${currency}`,
  );
  return `Simulation (${how}): ${signed(made.mean_ticks, 1)} ticks${range}${money.join("")} a trade of ${count(made.trades)}`;
}

/** Whether more followed where more was stated, at the longest horizon where that can be told. */
export function informationText(horizons) {
  const told = horizons.filter(({ information }) => (information?.coefficient ?? null) !== null);
  if (!told.length) return null;
  const { score, information } = told.at(-1);
  const range =
    information.low === null
      ? ""
      : ` (${signed(information.low, 2)} to ${signed(information.high, 2)})`;
  return `Rank correlation of probability and markout after ${duration(score.horizon_s)}: ${signed(information.coefficient, 2)}${range}, ${count(information.count)} signals beside ${count(information.control_count)} controls of the same root, half hour and spread`;
}
