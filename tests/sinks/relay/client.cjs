// A client on Node's `ws`: `node client.cjs URL LAST`. It is cut after every third message, comes
// back with what it has, and prints the seqs it saw and then how a bad frame is answered.
const WebSocket = require("ws");
const [url, last] = [process.argv[2], Number(process.argv[3])];
const seen = [];
let epoch = null;

function follow() {
  const socket = new WebSocket(url, "ifd.v1");
  let count = 0;
  socket.on("message", (data, isBinary) => {
    const frame = JSON.parse(data);
    if (isBinary) throw new Error("a binary frame");
    if (frame.op === "hello") {
      const ask = { op: "subscribe", id: 1, channels: ["signals"], roots: ["*"] };
      if (seen.length) ask.resume = { epoch, seq: { "signals/ES": seen.at(-1) } };
      socket.send(JSON.stringify(ask));
    } else if (frame.op === "ack" && frame.recovered && !frame.recovered["signals/ES"].recovered) {
      throw new Error("not recovered");
    } else if (frame.op === "snapshot") {
      epoch = frame.epoch;
      for (const value of frame.data) seen.push(value.seq);
    } else if (frame.op === "update") {
      seen.push(frame.seq);
      if (frame.seq === last) socket.send("{");
      else if (++count === 3) socket.terminate();
    } else if (frame.op === "bye") {
      console.log(JSON.stringify({ seen, bye: frame.code, protocol: socket.protocol }));
    }
  });
  socket.on("close", (code) => {
    if (code !== 4500) setTimeout(follow, 10);
  });
}

follow();
