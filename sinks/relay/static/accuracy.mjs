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

/** Mean markout in ticks by horizon with its 95 % interval, of outcomes: each signal once a horizon. */
export function markoutOf(outcomes) {
  const newest = new Map();
  for (const one of outcomes) {
    const key = `${one.signal_id}/${one.horizon_s}`;
    const held = newest.get(key);
    if (!held || one.revision >= held.revision) newest.set(key, one);
  }
  const sums = new Map();
  for (const one of newest.values()) {
    const sum = sums.get(one.horizon_s) ?? { n: 0, total: 0, squares: 0, hits: 0 };
    sum.n += 1;
    sum.total += one.markout_ticks;
    sum.squares += one.markout_ticks ** 2;
    sum.hits += one.hit ? 1 : 0;
    sums.set(one.horizon_s, sum);
  }
  return [...sums.entries()]
    .sort((a, b) => a[0] - b[0])
    .map(([horizon, { n, total, squares, hits }]) => {
      const mean = total / n;
      const variance = n > 1 ? Math.max(0, (squares - n * mean * mean) / (n - 1)) : null;
      const half = variance === null ? null : Z_95 * Math.sqrt(variance / n);
      return {
        horizon,
        mean,
        low: half === null ? null : mean - half,
        high: half === null ? null : mean + half,
        count: n,
        hitRatio: hits / n,
      };
    });
}
