const { createRequire } = require("node:module");
const { StringDecoder } = require("node:string_decoder");

// Uses the versions of our nodes; those of other contestants may be older.
const requireOurs = createRequire(require.resolve("../../../package.json"));
const { createParser } = requireOurs("eventsource-parser");
const { Agent } = requireOurs("undici");

/** The necessary minimum: plain undici, the parser, `JSON.parse`, and one `send` of the smallest message. */
module.exports = (RED) => {
  RED.nodes.registerType("bench-floor", function BenchFloor(def) {
    RED.nodes.createNode(this, def);
    const agent = new Agent({ headersTimeout: 0, bodyTimeout: 0, keepAliveTimeout: 30_000 });
    const { origin, pathname } = new URL(`${def.url}/chat/completions`);
    const headers = { "content-type": "application/json" };
    this.on("input", ({ _msgid, payload }, send, done) => {
      const decoder = new StringDecoder("utf8");
      const onEvent = ({ data }) => {
        if (data === "[DONE]") return;
        const text = JSON.parse(data).choices[0].delta.content;
        if (text) send({ _msgid, payload: text });
      };
      const parser = createParser({ onEvent });
      const body = JSON.stringify({ model: "bench", messages: [{ role: "user", content: payload }], stream: true });
      agent.dispatch(
        { origin, path: pathname, method: "POST", headers, body },
        {
          onRequestStart() {},
          onResponseStart() {},
          onResponseData: (_, bytes) => parser.feed(decoder.write(bytes)),
          onResponseEnd: () => {
            send({ _msgid, payload: "", complete: true });
            done();
          },
          onResponseError: (_, error) => done(error),
        },
      );
    });
    this.on("close", (done) => agent.destroy().then(done, done));
  });
};
