const { InferenceClient } = require("@huggingface/inference");

module.exports = (RED) => {
  RED.nodes.registerType("bench-inference", function BenchInference(def) {
    RED.nodes.createNode(this, def);
    const client = new InferenceClient(undefined, { endpointUrl: def.url });
    this.on("input", async ({ _msgid, payload }, send, done) => {
      try {
        const stream = client.chatCompletionStream({ model: "bench", messages: [{ role: "user", content: payload }] });
        for await (const { choices } of stream) {
          const text = choices[0]?.delta.content;
          if (text) send({ _msgid, payload: text });
        }
        send({ _msgid, payload: "", complete: true });
        done();
      } catch (error) {
        done(error);
      }
    });
  });
};
