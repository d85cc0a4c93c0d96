const { OpenAI } = require("openai");

module.exports = (RED) => {
  RED.nodes.registerType("bench-openai", function BenchOpenAI(def) {
    RED.nodes.createNode(this, def);
    const client = new OpenAI({ baseURL: def.url, apiKey: "none" });
    this.on("input", async ({ _msgid, payload }, send, done) => {
      try {
        const messages = [{ role: "user", content: payload }];
        const stream = await client.chat.completions.create({ model: "bench", messages, stream: true });
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
