const { createOpenAICompatible } = require("@ai-sdk/openai-compatible");
const { streamText } = require("ai");

module.exports = (RED) => {
  RED.nodes.registerType("bench-ai", function BenchAi(def) {
    RED.nodes.createNode(this, def);
    const model = createOpenAICompatible({ name: "bench", baseURL: def.url })("bench");
    this.on("input", async ({ _msgid, payload }, send, done) => {
      try {
        const { textStream } = streamText({ model, messages: [{ role: "user", content: payload }] });
        for await (const text of textStream) send({ _msgid, payload: text });
        send({ _msgid, payload: "", complete: true });
        done();
      } catch (error) {
        done(error);
      }
    });
  });
};
