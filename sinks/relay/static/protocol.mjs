/**
 * Client side of `ifd.v1`: frames in, calls out. No socket and no clock, so that tests can drive it.
 *
 * It promises its listener every message of an event channel once and in order, or a gap that says
 * which are missing. `seq` per `channel/root` is the only thing it trusts.
 */

export const EVENTS = ["signals", "executions", "outcomes", "gaps"];
export const STATES = ["pressure", "status"];

export class Protocol {
  /**
   * `listener`: message(channel, root, data, how), gap(channel, root, from, to, why), begin(epoch, root),
   * ready(), token(reason), server(ns, sentMs), notice(text), bye(frame). `send` takes an object.
   */
  constructor(listener, send) {
    this.listener = listener;
    this.send = send;
    this.epoch = null;
    this.last = new Map();
    this.replayedTo = new Map();
    this.token = null;
    this.nextId = 1;
    this.asked = new Map();
    this.counters = { frames: 0, repeated: 0, unknown: 0 };
  }

  /** A connection was made; what was asked on the one before gets no answer. */
  opened() {
    this.asked.clear();
    this.isSubscribed = this.isWaitingForToken = false;
  }

  /** A token was given: used now if the relay waits for one, and at each connection to come. */
  useToken(token) {
    this.token = token;
    if (this.isWaitingForToken) this.authenticate();
  }

  authenticate() {
    this.isWaitingForToken = false;
    this.ask({ op: "auth", token: this.token }, () => this.subscribe());
  }

  /** A channel a frame: with a desk's worth of roots all in one would be longer than the relay reads. */
  subscribe() {
    this.waiting = EVENTS.length + STATES.length;
    for (const channel of [...EVENTS, ...STATES]) {
      const wanted = { op: "subscribe", channels: [channel], roots: ["*"] };
      if (this.epoch !== null && EVENTS.includes(channel)) wanted.resume = this.resumeOf(channel);
      this.ask(wanted, (frame) => this.onSubscribed(frame));
    }
  }

  /** Where to go on. A root left out for want of room comes from its beginning; repeats are dropped. */
  resumeOf(channel) {
    const seq = {};
    let room = (this.limits?.frame_bytes ?? 4_096) - 300;
    for (const [name, last] of this.last) {
      if (!name.startsWith(`${channel}/`)) continue;
      room -= new TextEncoder().encode(JSON.stringify(name)).length + String(last).length + 2;
      if (room < 0) break;
      seq[name] = last;
    }
    return { epoch: this.epoch, seq };
  }

  ping(sentMs) {
    this.ask({ op: "ping" }, (frame) => this.listener.server(frame.server_time_ns, sentMs));
  }

  ask(frame, onAnswer) {
    const id = this.nextId++;
    this.asked.set(id, onAnswer);
    this.send({ id, ...frame });
  }

  frame(text) {
    const frame = JSON.parse(text);
    this.counters.frames += 1;
    const take = this[`on_${frame.op}`];
    if (take) take.call(this, frame);
    else this.counters.unknown += 1;
  }

  on_hello(frame) {
    this.listener.server(frame.server_time_ns, null);
    this.heartbeatMs = frame.heartbeat_ms;
    this.limits = frame.limits;
    this.adopt(frame.epoch);
    if (!frame.auth_required) this.subscribe();
    else if (this.token) this.authenticate();
    else {
      this.isWaitingForToken = true;
      this.listener.token("");
    }
  }

  on_ack(frame) {
    const answer = this.asked.get(frame.id);
    this.asked.delete(frame.id);
    const refused = (frame.result ?? []).filter((one) => one.ok === false);
    for (const one of refused) {
      this.listener.notice(
        `${one.channel}/${one.root} refused: ${one.reason ?? "no reason given"}`,
      );
    }
    answer?.(frame);
  }

  on_pong(frame) {
    const answer = this.asked.get(frame.id);
    this.asked.delete(frame.id);
    answer?.(frame);
  }

  onSubscribed(frame) {
    this.waiting -= 1;
    for (const [name, one] of Object.entries(frame.recovered ?? {})) {
      // What follows up to here was sent before: its age says nothing of the way it came now.
      this.replayedTo.set(name, one.seq);
    }
    if (this.waiting > 0) return;
    this.isSubscribed = true;
    this.listener.ready();
  }

  on_epoch(frame) {
    this.adopt(frame.epoch);
  }

  /** Another generation numbers anew: nothing of the last one has a meaning in it. */
  adopt(epoch) {
    if (epoch === null || epoch === undefined || epoch === this.epoch) return;
    const isFirst = this.epoch === null;
    this.epoch = epoch;
    this.last.clear();
    this.replayedTo.clear();
    this.listener.begin(epoch, isFirst);
  }

  on_snapshot(frame) {
    this.adopt(frame.epoch);
    if (STATES.includes(frame.channel)) {
      for (const data of frame.data) this.pass(frame.channel, frame.root, data, { isOld: true });
      return;
    }
    const name = `${frame.channel}/${frame.root}`;
    const first = frame.data.length ? frame.data[0].seq : frame.seq + 1;
    const known = this.last.get(name) ?? 0;
    if (frame.seq < known) {
      // The relay knows less than we do of a channel it calls unrecovered: it began anew.
      this.last.set(name, frame.seq);
    }
    if (first > known + 1) {
      const why = known ? "not recovered" : "before";
      this.listener.gap(frame.channel, frame.root, known + 1, first - 1, why);
      this.last.set(name, first - 1);
    }
    for (const data of frame.data)
      this.event(name, frame.channel, frame.root, data, { isOld: true });
    if (frame.seq > (this.last.get(name) ?? 0)) this.last.set(name, frame.seq);
  }

  on_update(frame) {
    this.adopt(frame.epoch);
    const name = `${frame.channel}/${frame.root}`;
    const isOld = frame.seq <= (this.replayedTo.get(name) ?? 0) && frame.seq > 0;
    const how = { isOld, publishedNs: frame.ts_published_ns, relayedNs: frame.ts_relayed_ns };
    if (STATES.includes(frame.channel)) this.pass(frame.channel, frame.root, frame.data, how);
    else this.event(name, frame.channel, frame.root, frame.data, how);
  }

  event(name, channel, root, data, how) {
    const last = this.last.get(name) ?? 0;
    if (data.seq <= last) {
      this.counters.repeated += 1;
      return;
    }
    if (data.seq > last + 1) {
      this.listener.gap(channel, root, last + 1, data.seq - 1, last ? "missing" : "before");
    }
    this.last.set(name, data.seq);
    this.pass(channel, root, data, how);
  }

  pass(channel, root, data, how) {
    this.listener.message(channel, root, data, how);
  }

  on_gap(frame) {
    const name = `${frame.channel}/${frame.root}`;
    const last = this.last.get(name) ?? 0;
    if (frame.to_seq <= last) return;
    this.listener.gap(
      frame.channel,
      frame.root,
      Math.max(frame.from_seq, last + 1),
      frame.to_seq,
      "missing",
    );
    this.last.set(name, frame.to_seq);
  }

  on_heartbeat(frame) {
    this.listener.server(frame.server_time_ns, null);
    this.adopt(frame.epoch);
    // All that was sent before the heartbeat came before it: more than we have was never sent to us.
    const isBehind = Object.entries(frame.seq).some(
      ([name, seq]) => seq > (this.last.get(name) ?? 0),
    );
    if (isBehind && this.isSubscribed) {
      this.isSubscribed = false;
      this.subscribe();
    }
  }

  on_rate_limited(frame) {
    this.listener.notice(
      `the relay asks for fewer frames; it listens again in ${frame.retry_after_ms} ms`,
    );
  }

  on_error(frame) {
    this.asked.delete(frame.id);
    this.listener.notice(`the relay: ${frame.message}`);
  }

  on_bye(frame) {
    this.listener.bye(frame);
  }
}
