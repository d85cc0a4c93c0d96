/** Node-RED takes a node without a place on the canvas for a config node. */
const place = (id, column) => ({ id, z: "tab", x: 150 * column, y: 100 });

/** The same small flow for everybody: the contestant, a node that counts, and one that tells of errors. */
function flow(contestant, url) {
  return [
    { id: "tab", type: "tab", label: "Benchmark" },
    ...(contestant === "ours" ? ourNodes(url) : [tenLines(contestant, url)]),
    { ...place("catch", 1), type: "catch", name: "", scope: null, uncaught: false, wires: [["count"]] },
    { ...place("count", 2), type: "bench-count", wires: [] },
  ];
}

const tenLines = (contestant, url) => ({ ...place("asked", 1), type: `bench-${contestant}`, url, wires: [["count"]] });

function ourNodes(url) {
  const wires = [["count"], ["count"], []];
  const chat = { ...place("asked", 1), type: "huggingface-chat", name: "", config: "config", stream: true, wires };
  return [
    { id: "config", type: "huggingface-config", name: "", model: "bench", baseUrl: url, maxConcurrent: 1000 },
    chat,
    { ...chat, ...place("remembers", 1), conversation: "bench", maxMessages: 100_000 },
  ];
}

module.exports = { flow };
