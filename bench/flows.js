/** Node-RED treats a node without coordinates as a config node. */
const place = (id, column) => ({ id, z: "tab", x: 150 * column, y: 100 });

/** Makes the same small flow for all: the contestant, a node that counts, and one that reports errors. */
function flow(contestant, url) {
  return [
    { id: "tab", type: "tab", label: "Benchmark" },
    ...nodesOf(contestant, url),
    { ...place("catch", 1), type: "catch", name: "", scope: null, uncaught: false, wires: [["count"]] },
    { ...place("count", 2), type: "bench-count", wires: [] },
  ];
}

function nodesOf(contestant, url) {
  if (contestant === "ours") return ourNodes(url);
  return [contestant === "split" ? split : tenLines(contestant, url)];
}

/** Core's node, one message a character. */
const split = {
  ...place("asked", 1),
  type: "split",
  splt: "1",
  spltType: "len",
  arraySplt: 1,
  arraySpltType: "len",
  stream: false,
  wires: [["count"]],
};

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
