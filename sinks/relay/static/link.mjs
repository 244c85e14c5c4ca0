/** The socket: connects, comes back with growing patience, stops when told not to come back. */

import { Protocol } from "./protocol.mjs";

const WAIT_MS_MIN = 500;
const WAIT_MS_MAX = 10_000;
/** From 4500 on a close means: the same again would end the same. */
const FINAL = 4500;
const UNAUTHORIZED = 4501;
const PING_MS = 10_000;

/** Wall time in ms with fractions; `Date.now()` has none. */
export function nowMs() {
  return performance.timeOrigin + performance.now();
}

export class Link {
  /** `listener`: as of Protocol, with state({name, text, retryMs}) and lost(). */
  constructor(url, listener) {
    this.url = url;
    this.listener = listener;
    this.failures = 0;
    this.askedToWaitMs = 0;
    this.protocol = new Protocol(
      { ...bound(listener), bye: (frame) => this.onBye(frame), ready: () => this.onReady() },
      (frame) => this.send(frame),
    );
  }

  connect() {
    clearTimeout(this.timer);
    this.listener.state({ name: this.failures ? "reconnecting" : "connecting" });
    const socket = new WebSocket(this.url, "ifd.v1");
    this.socket = socket;
    socket.onopen = () => this.protocol.opened();
    socket.onmessage = (event) => {
      this.heardMs = nowMs();
      this.protocol.frame(event.data);
    };
    socket.onclose = (event) => socket === this.socket && this.onClose(event);
  }

  /** A person gave a token. Before that nobody knocks again: it would be shut out each time. */
  useToken(token) {
    if (!this.isStopped) return void this.protocol.useToken(token);
    this.isStopped = false;
    this.protocol.token = token;
    this.connect();
  }

  send(frame) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(frame));
  }

  onReady() {
    this.failures = 0;
    this.listener.state({ name: "connected" });
    clearInterval(this.pinging);
    this.pinging = setInterval(() => this.ping(), PING_MS);
    this.ping();
    this.listener.ready();
  }

  ping() {
    // A connection can be dead without a close: nothing heard for three heartbeats is one.
    const silentMs = nowMs() - this.heardMs;
    if (silentMs > 3 * Math.max(this.protocol.heartbeatMs ?? 0, PING_MS))
      this.socket.close(4000, "silent");
    else this.protocol.ping(nowMs());
  }

  onBye(frame) {
    this.askedToWaitMs = frame.reconnect_after_ms ?? 0;
    this.lastReason = frame.reason;
  }

  onClose(event) {
    clearInterval(this.pinging);
    this.listener.lost();
    const reason = event.reason || this.lastReason || "";
    this.lastReason = "";
    if (event.code === UNAUTHORIZED || this.protocol.isWaitingForToken) {
      const isRefused = !this.protocol.isWaitingForToken;
      this.isStopped = true;
      this.protocol.token = null;
      this.listener.state({ name: "locked" });
      this.listener.token(isRefused ? reason || "the relay refused the token" : "");
      return;
    }
    if (event.code >= FINAL) {
      this.isStopped = true;
      const text = `The relay closed the connection for good (${event.code}${reason ? `: ${reason}` : ""}). Reload the page to try again.`;
      this.listener.state({ name: "stopped", text });
      return;
    }
    this.failures += 1;
    const patience = Math.min(WAIT_MS_MAX, WAIT_MS_MIN * 2 ** (this.failures - 1));
    // Spread: all pages of a desk lose the relay at the same moment.
    const retryMs = this.askedToWaitMs + patience * (0.5 + Math.random() / 2);
    this.askedToWaitMs = 0;
    this.listener.state({ name: "offline", text: reason, retryMs });
    this.timer = setTimeout(() => this.connect(), retryMs);
  }
}

function bound(listener) {
  const names = ["message", "gap", "begin", "token", "server", "notice"];
  return Object.fromEntries(names.map((name) => [name, (...given) => listener[name](...given)]));
}
