/** The only node after each contestant: passes messages to the measuring program. */
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
