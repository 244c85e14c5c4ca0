/** The client's side of ifd.v1, frame by frame. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Protocol } from "../../../sinks/relay/static/protocol.mjs";

function client() {
  const told = { messages: [], gaps: [], epochs: [], notices: [], tokens: 0, readies: 0 };
  const sent = [];
  const protocol = new Protocol(
    {
      message: (channel, root, data, how) =>
        told.messages.push([channel, root, data.seq, Boolean(how.isOld)]),
      gap: (channel, root, from, to, why) => told.gaps.push([`${channel}/${root}`, from, to, why]),
      begin: (epoch) => told.epochs.push(epoch),
      ready: () => (told.readies += 1),
      token: () => (told.tokens += 1),
      server: () => {},
      notice: (text) => told.notices.push(text),
      bye: () => {},
    },
    (frame) => sent.push(frame),
  );
  const hear = (frame) => protocol.frame(JSON.stringify(frame));
  return { protocol, told, sent, hear };
}

const hello = (more = {}) => ({
  op: "hello",
  server_time_ns: "1",
  heartbeat_ms: 5000,
  epoch: "g1",
  auth_required: false,
  limits: { frame_bytes: 4096 },
  channels: [],
  ...more,
});
const update = (seq, root = "ES", channel = "signals", epoch = "g1") => ({
  op: "update",
  channel,
  root,
  epoch,
  seq,
  prev_seq: seq - 1,
  ts_published_ns: "1",
  ts_relayed_ns: "2",
  data: { seq },
});
const snapshot = (seqs, last = seqs.at(-1) ?? 0, root = "ES") => ({
  op: "snapshot",
  channel: "signals",
  root,
  epoch: "g1",
  seq: last,
  data: seqs.map((seq) => ({ seq })),
});

function connect(one, more) {
  one.protocol.opened();
  one.hear(hello(more));
}

test("it subscribes to every channel once the relay has said hello", () => {
  const one = client();
  connect(one);
  assert.deepEqual(
    one.sent.map((frame) => frame.channels[0]),
    ["signals", "executions", "outcomes", "gaps", "pressure", "status"],
  );
  assert.ok(one.sent.every((frame) => frame.roots[0] === "*"));
});

test("it is ready when all of them are acknowledged", () => {
  const one = client();
  connect(one);
  for (const { id } of one.sent.slice(0, 5)) one.hear({ op: "ack", id, result: [] });
  assert.equal(one.told.readies, 0);
  one.hear({ op: "ack", id: one.sent[5].id, result: [] });
  assert.equal(one.told.readies, 1);
});

test("updates are passed on once and in order", () => {
  const one = client();
  connect(one);
  for (const seq of [1, 2, 2, 1, 3]) one.hear(update(seq));
  assert.deepEqual(
    one.told.messages.map((m) => m[2]),
    [1, 2, 3],
  );
  assert.equal(one.protocol.counters.repeated, 2);
});

test("a skipped seq is a gap even if the relay does not say so", () => {
  const one = client();
  connect(one);
  one.hear(update(1));
  one.hear(update(4));
  assert.deepEqual(one.told.gaps, [["signals/ES", 2, 3, "missing"]]);
});

test("a gap that the relay tells is told once", () => {
  const one = client();
  connect(one);
  one.hear(update(1));
  one.hear({ op: "gap", channel: "signals", root: "ES", from_seq: 2, to_seq: 3 });
  one.hear(update(4));
  assert.deepEqual(one.told.gaps, [["signals/ES", 2, 3, "missing"]]);
});

test("what is older than the first snapshot is before, not missing", () => {
  const one = client();
  connect(one);
  one.hear(snapshot([11, 12]));
  assert.deepEqual(one.told.gaps, [["signals/ES", 1, 10, "before"]]);
  assert.deepEqual(
    one.told.messages.map((m) => m[2]),
    [11, 12],
  );
});

test("after a cut it resumes where it was, and repeats are dropped", () => {
  const one = client();
  connect(one);
  for (const seq of [1, 2, 3]) one.hear(update(seq));
  one.sent.length = 0;
  connect(one);
  assert.deepEqual(one.sent[0].resume, { epoch: "g1", seq: { "signals/ES": 3 } });
  one.hear({
    op: "ack",
    id: one.sent[0].id,
    result: [],
    recovered: { "signals/ES": { recovered: true, seq: 5, oldest_seq: 1 } },
  });
  for (const seq of [4, 5, 6]) one.hear(update(seq));
  assert.deepEqual(
    one.told.messages.map((m) => [m[2], m[3]]),
    [
      [1, false],
      [2, false],
      [3, false],
      [4, true],
      [5, true],
      [6, false],
    ],
  );
});

test("a snapshot instead of a resume shows what is not recovered", () => {
  const one = client();
  connect(one);
  one.hear(update(1));
  connect(one);
  one.hear(snapshot([50, 51]));
  assert.deepEqual(one.told.gaps, [["signals/ES", 2, 49, "not recovered"]]);
});

test("a snapshot that overlaps brings only what is new", () => {
  const one = client();
  connect(one);
  for (const seq of [1, 2, 3]) one.hear(update(seq));
  connect(one);
  one.hear(snapshot([2, 3, 4]));
  assert.deepEqual(
    one.told.messages.map((m) => m[2]),
    [1, 2, 3, 4],
  );
  assert.deepEqual(one.told.gaps, []);
});

test("another epoch starts counting anew", () => {
  const one = client();
  connect(one);
  one.hear(update(7));
  one.hear({ op: "epoch", epoch: "g2" });
  one.hear(update(1, "ES", "signals", "g2"));
  assert.deepEqual(one.told.epochs, ["g1", "g2"]);
  assert.deepEqual(
    one.told.messages.map((m) => m[2]),
    [7, 1],
  );
});

test("hello of a relay with another epoch voids what was seen", () => {
  const one = client();
  connect(one);
  one.hear(update(7));
  one.sent.length = 0;
  connect(one, { epoch: "g2" });
  assert.deepEqual(one.sent[0].resume, { epoch: "g2", seq: {} });
});

test("a relay that has nothing yet takes nothing away", () => {
  const one = client();
  connect(one);
  one.hear(update(7));
  one.sent.length = 0;
  connect(one, { epoch: null });
  assert.deepEqual(one.sent[0].resume, { epoch: "g1", seq: { "signals/ES": 7 } });
});

test("resume of many roots stays within what the relay reads", () => {
  const one = client();
  connect(one);
  for (let n = 0; n < 500; n += 1) one.hear(update(1, `R${n}ééé`));
  one.sent.length = 0;
  connect(one);
  for (const frame of one.sent)
    assert.ok(new TextEncoder().encode(JSON.stringify(frame)).length < 4096);
  assert.ok(Object.keys(one.sent[0].resume.seq).length > 100);
});

test("a heartbeat that knows more makes it ask again", () => {
  const one = client();
  connect(one);
  for (const { id } of [...one.sent]) one.hear({ op: "ack", id, result: [] });
  one.hear(update(1));
  one.sent.length = 0;
  const heartbeat = (seq) =>
    one.hear({ op: "heartbeat", server_time_ns: "1", epoch: "g1", seq: { "signals/ES": seq } });
  heartbeat(1);
  assert.equal(one.sent.length, 0);
  heartbeat(3);
  assert.deepEqual(one.sent[0].resume.seq, { "signals/ES": 1 });
});

test("a token is asked for once and sent first", () => {
  const one = client();
  connect(one, { auth_required: true });
  assert.equal(one.told.tokens, 1);
  assert.equal(one.sent.length, 0);
  one.protocol.useToken("secret");
  assert.deepEqual([one.sent[0].op, one.sent[0].token], ["auth", "secret"]);
  one.hear({ op: "ack", id: one.sent[0].id, result: [] });
  assert.equal(one.sent[1].op, "subscribe");
});

test("a refused subscription and an unknown frame are no end", () => {
  const one = client();
  connect(one);
  one.hear({
    op: "ack",
    id: one.sent[0].id,
    result: [{ channel: "signals", root: "*", ok: false, reason: "no" }],
  });
  one.hear({ op: "later", x: 1 });
  assert.deepEqual(one.told.notices, ["signals/* refused: no"]);
  assert.equal(one.protocol.counters.unknown, 1);
});

test("random cuts, repeats and snapshots never double or hide anything", () => {
  let state = 1;
  const random = (n) => (state = (state * 48271) % 2147483647) % n;
  for (let trial = 0; trial < 200; trial += 1) {
    const one = client();
    connect(one);
    let [relay, held] = [0, 1];
    for (let step = 0; step < 60; step += 1) {
      const what = random(10);
      if (what < 6) {
        relay += 1;
        one.hear(update(relay));
      } else if (what === 6) held = Math.min(relay, held + random(4));
      else {
        relay += random(5);
        held = Math.max(held, relay - 3);
        connect(one);
        const resume = one.sent.at(-6).resume?.seq["signals/ES"] ?? 0;
        if (resume >= held - 1)
          for (let seq = resume + 1; seq <= relay; seq += 1) one.hear(update(seq));
        else one.hear(snapshot(Array.from({ length: relay - held + 1 }, (_, i) => held + i)));
      }
    }
    const seen = one.told.messages.map((m) => m[2]);
    const missing = one.told.gaps.flatMap(([, from, to]) =>
      Array.from({ length: to - from + 1 }, (_, i) => from + i),
    );
    const all = [...seen, ...missing].sort((a, b) => a - b);
    assert.deepEqual(
      all,
      Array.from({ length: one.protocol.last.get("signals/ES") ?? 0 }, (_, i) => i + 1),
    );
    assert.deepEqual(
      seen,
      [...seen].sort((a, b) => a - b),
    );
  }
});
