/** The list's filter: `root=ES side=buy kind=sweep,iceberg min_confidence=0.7` as in the API, and bare words. */

import { STRENGTHS, strengthRank } from "./words.mjs";

const NAMES = ["root", "side", "kind", "strength", "change", "min_confidence"];

/** {test, error}: what to keep; an error names the word it is about. */
export function parseFilter(text) {
  const tests = [];
  for (const word of text.trim().split(/\s+/).filter(Boolean)) {
    const [, name, value] = /^([a-z_]+)[=:](.*)$/.exec(word) ?? [];
    if (name === undefined) {
      tests.push((signal) => mentions(signal, word.toLowerCase()));
      continue;
    }
    if (!NAMES.includes(name)) return refused(`${name}: expected one of ${NAMES.join(", ")}`);
    if (name === "min_confidence") {
      const least = Number(value);
      if (value === "" || !(least >= 0 && least <= 1))
        return refused(`min_confidence: expected 0 to 1, found ${value || "nothing"}`);
      tests.push((signal) => signal.probability >= least);
    } else if (value) {
      const wanted = value.toLowerCase().split(",").filter(Boolean);
      if (name === "strength" && wanted.some((one) => !strengthRank(one.toUpperCase()))) {
        return refused(`strength: expected one of ${STRENGTHS.join(", ")}`);
      }
      tests.push((signal) => wanted.includes(String(signal[name]).toLowerCase()));
    }
  }
  return { test: (signal) => tests.every((one) => one(signal)), error: "", isEmpty: !tests.length };
}

function refused(error) {
  return { test: () => true, error, isEmpty: true };
}

function mentions(signal, word) {
  const spoken = [
    signal.root,
    signal.contract.symbol,
    signal.kind,
    signal.side,
    signal.action,
    signal.strength,
    signal.change,
    signal.id,
  ];
  return spoken.some((one) =>
    String(one).toLowerCase().replaceAll("_", "").includes(word.replaceAll("_", "")),
  );
}
