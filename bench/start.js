const { startRed } = require("./red");

/** Starts Node-RED with a user directory, and reports the cost until its flows run. */
startRed({ userDir: process.argv[2] }).then(async (red) => {
  const ms = performance.now();
  const { user, system } = process.cpuUsage();
  const { rss } = process.memoryUsage();
  gc();
  gc();
  const { heapUsed, external } = process.memoryUsage();
  const sets = (await red.runtime.nodes.getNodeList({})).filter(({ types }) =>
    types.some((type) => /^huggingface-/.test(type)),
  );
  const result = { ms, cpuMs: (user + system) / 1000, rss, used: heapUsed + external, sets: sets.length };
  process.stdout.write(JSON.stringify(result), () => process.exit());
});
