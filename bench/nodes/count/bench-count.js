/** The one node behind each contestant: it hands what comes to the program that measures. */
module.exports = (RED) => {
  RED.nodes.registerType("bench-count", function BenchCount(def) {
    RED.nodes.createNode(this, def);
    const { onMessage } = RED.settings.bench;
    this.on("input", (msg, _send, done) => {
      onMessage(msg);
      done();
    });
  });
};
