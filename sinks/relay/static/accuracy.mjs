/** Are signals right as often as they say, and what does the market do after one? Nothing is made up. */

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
