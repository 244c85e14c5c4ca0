/** What the socket tells goes into the books; what changed is marked to be drawn. */

import { LatencyWindow } from "./latency.mjs";
import { nowMs } from "./link.mjs";
import { marketOf, note, page, sawOpen } from "./page.mjs";
import { kindOf, sideOf, words } from "./words.mjs";
import { percent } from "./format.mjs";

/** ms of an instant in ns, with fractions: differences of clocks are less than a millisecond. */
export function preciseMs(ns) {
  return Number(BigInt(ns) / 1000n) / 1000;
}

export function spoken(signal) {
  return `${signal.contract.symbol} ${sideOf(signal.side).name}, ${kindOf(signal.kind).name}, ${percent(signal.probability)} percent, ${words(signal.strength)}`;
}

/** `does`: chooseRoot(root), announce(text), tell(signal), askToken(reason), reset(), tape. */
export function intake(does) {
  const take = {
    signals(signal, how) {
      page.gaps.found("signals", signal.root, signal.seq);
      const what = page.book.offer(signal);
      const market = marketOf(signal.root);
      if (signal.contract.symbol === market.symbol) market.knowTick(Number(signal.contract.tick));
      if (!how.isOld && what === "opened") {
        sawOpen(signal.id);
        does.tell(signal);
        does.announce(spoken(signal));
      } else if (!how.isOld && signal.change === "retracted")
        does.announce(`Retracted: ${spoken(signal)}`);
      page.mark("signals", "chart", "roots", "why");
    },
    executions(execution) {
      page.gaps.found("executions", execution.root, execution.seq);
      does.tape.add(execution);
      page.mark("tape");
    },
    gaps(gap) {
      page.gaps.take(gap);
      page.mark("quality", "chart", "top");
    },
    outcomes() {
      // The plots ask history, which has all of them; this page would have those of its own time.
    },
    pressure(value, how, root) {
      const isNew = marketOf(root).take(value);
      page.pressureMs.set(root, page.now);
      const isChosen = root === page.chosenRoot;
      if (isChosen) page.mark("pressure");
      if (isNew) page.mark("roots", ...(isChosen ? ["chart"] : []));
    },
    status(status) {
      page.feeds.take(status, page.now);
      page.mark("top", "quality", ...(page.chosenRoot === null ? ["chart"] : []));
    },
  };

  return {
    take,
    message(channel, root, data, how) {
      page.now = nowMs();
      if (!how.isOld && how.publishedNs && how.publishedNs !== "0") {
        page.latencies.add(page.now + page.serverClock.offsetMs - preciseMs(how.publishedNs));
      }
      take[channel]?.(data, how, root);
      if (page.chosenRoot === null && page.markets.size)
        does.chooseRoot(page.markets.keys().next().value);
    },
    gap(channel, root, from, to, why) {
      page.gaps.missing(channel, root, from, to, why, nowMs());
      if (why !== "before")
        does.announce(`${to - from + 1} messages of ${root} ${channel} are missing`);
      page.mark("signals", "quality", "top");
    },
    /** Another run numbers anew: what was shown of the last one has no place beside it. */
    begin(epoch, isFirst) {
      const isSeen = page.book.size > 0 || page.markets.size > 0;
      page.book.clear();
      page.gaps.clear();
      page.markets.clear();
      page.seenMs.clear();
      page.pressureMs.clear();
      page.feeds.clear();
      page.latencies = new LatencyWindow();
      page.epoch = epoch;
      page.chosenRoot = page.chosenId = null;
      if (!isFirst && isSeen)
        note(
          `A new run of the data flow began (${epoch}); what was shown of the last one is gone.`,
        );
      does.reset();
    },
    ready() {
      page.mark("top", "quality");
    },
    /** The connection was cut: prices between its end and the next one's begin never come. */
    lost() {
      for (const market of page.markets.values()) market.cut();
    },
    state(state) {
      page.link = { ...state, sinceMs: nowMs() };
      page.mark("top", "quality", "signals", "chart");
    },
    server(ns, sentMs) {
      page.serverClock.take(preciseMs(ns), sentMs, nowMs());
    },
    token: (reason) => does.askToken(reason),
    notice: note,
  };
}
