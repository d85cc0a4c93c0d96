const { mkdtempSync, rmSync } = require("node:fs");
const { tmpdir } = require("node:os");
const path = require("node:path");
const { monitorEventLoopDelay } = require("node:perf_hooks");
const { flow } = require("./flows");
const { piece, text } = require("./recording");
const { deploy, packageRoot, startRed } = require("./red");

/**
 * Runs a Node-RED with one contestant. Only this process is measured: the server and the controlling program
 * are other processes.
 */
const { contestant, url } = JSON.parse(process.argv[2]);

/** Running questions, by message id. */
const running = new Map();
/** Called for every chunk. */
let onChunk = () => {};
let lastId = 0;

/** Receives what the contestant sends; a chunk out of order is an error. */
function onMessage(msg) {
  if (contestant === "split") {
    countPart();
    return;
  }
  const run = running.get(msg._msgid);
  if (!run) throw new Error(`a message of a question that has ended: ${JSON.stringify(msg).slice(0, 200)}`);
  if (msg.error) finish(run, new Error(msg.error.message));
  else if (msg.completion) finish(run, msg.payload === text(run.chunks) ? undefined : new Error("a wrong reply"));
  else if (msg.complete) {
    // Our Reply follows the closing message of the stream.
    if (contestant !== "ours") finish(run);
  } else if (msg.payload === piece(run.chunks)) {
    if (run.chunks++ === 0) run.firstAt = performance.now();
    onChunk();
  } else finish(run, new Error(`chunk ${run.chunks} is ${JSON.stringify(msg.payload).slice(0, 80)}`));
}

/** Core's node gives each part an id of its own. */
function countPart() {
  const [run] = running.values();
  if (++run.chunks === run.count) finish(run);
}

function finish(run, error) {
  running.delete(run.id);
  if (error) run.reject(error);
  else if (run.chunks !== run.count) run.reject(new Error(`${run.chunks} chunks of ${run.count}`));
  else run.resolve({ firstMs: run.firstAt - run.startedAt });
}

/**
 * Asks one question.
 *
 * @param {unknown} payload - its end says what the server is to send
 * @param {number} count - chunks that are to come
 * @param {object} beside - further properties of the message
 */
function ask(red, payload, count, nodeId = "asked", beside = {}) {
  return new Promise((resolve, reject) => {
    const id = `question-${lastId++}`;
    running.set(id, { id, count, chunks: 0, firstAt: 0, startedAt: performance.now(), resolve, reject });
    red.nodes.getNode(nodeId).receive({ _msgid: id, topic: "", payload, ...beside });
  });
}

/** Returns the CPU time of all threads of this process so far, in ms. */
function cpuMs() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Returns the heap in use after a forced collection, in bytes. */
function used() {
  gc();
  gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const commands = {
  /** Replies one after the other, each at full speed. */
  async replies(red, { kind, chunks, times }) {
    const firstMs = [];
    let count = 0;
    const cpu = cpuMs();
    const startedAt = performance.now();
    for (let at = 0; at < times; at++) {
      // Different lengths, so that garbage collections fall on different places of the replies.
      const length = Math.round(chunks * (0.75 + ((at * 7) % 16) / 32));
      firstMs.push((await ask(red, `bench:${kind}:${length}`, length)).firstMs);
      count += length;
    }
    return { cpuMs: cpuMs() - cpu, wallMs: performance.now() - startedAt, chunks: count, firstMs };
  },

  /** Many replies at once, each as fast as a model writes. */
  async paced(red, { streams, chunks, perSecond }) {
    const before = used();
    const delay = monitorEventLoopDelay({ resolution: 1 });
    let count = 0;
    let perStream = 0;
    let cpuOfGc = 0;
    let delayP99 = 0;
    onChunk = () => {
      count++;
      // Excludes connecting and the measurement of memory.
      if (count === streams * 5) delay.enable();
      if (count !== Math.floor((streams * chunks) / 2)) return;
      const cpu = cpuMs();
      perStream = (used() - before) / streams;
      cpuOfGc = cpuMs() - cpu;
      delayP99 = delay.percentile(99);
      setImmediate(() => delay.reset());
    };
    const cpu = cpuMs();
    const startedAt = performance.now();
    const payload = `bench:paced:${chunks}:${perSecond}`;
    const results = await Promise.allSettled(Array.from({ length: streams }, () => ask(red, payload, chunks)));
    delay.disable();
    onChunk = () => {};
    const failed = results.filter(({ status }) => status === "rejected");
    return {
      completed: streams - failed.length,
      failure: failed[0]?.reason.message,
      cpuMs: cpuMs() - cpu - cpuOfGc,
      wallMs: performance.now() - startedAt,
      chunks: count,
      perStream,
      // Takes the worse half: a blocked event loop may leave no sample in the other.
      delayP99: Math.max(delayP99, delay.percentile(99)) / 1e6,
    };
  },

  /** One very long reply, measured at every tenth of it. */
  async long(red, { chunks }) {
    const tenths = [];
    let count = 0;
    let length = 0;
    let cpu = cpuMs();
    onChunk = () => {
      length += piece(count).length;
      if (++count % (chunks / 10) !== 0) return;
      const segment = cpuMs() - cpu;
      tenths.push({ cpuMs: segment, used: used(), text: length });
      cpu = cpuMs();
    };
    const before = used();
    await ask(red, `bench:flood:${chunks}`, chunks);
    onChunk = () => {};
    return { before, tenths, after: used() };
  },

  /** Questions at the end of a conversation, in the prompt or remembered. */
  async conversation(red, { messages, times }) {
    const question = "bench:flood:20";
    const said = (at) => `Message ${at}: what I said then, and what came of it, in some hundred characters of text.`;
    const role = (at) => (at % 2 ? "assistant" : "user");
    const prompt = Array.from({ length: messages - 1 }, (_, at) => ({ role: role(at), content: said(at) }));
    prompt.push({ role: "user", content: question });
    const inPrompt = [];
    const remembered = [];
    for (let at = 0; at < times; at++) {
      const cpu = cpuMs();
      await ask(red, prompt, 20);
      inPrompt.push(cpuMs() - cpu);
    }
    await ask(red, prompt, 20, "remembers");
    for (let at = 0; at < times; at++) {
      const cpu = cpuMs();
      await ask(red, question, 20, "remembers");
      remembered.push(cpuMs() - cpu);
    }
    return { inPrompt, remembered };
  },

  /** Messages that carry rows beside their text: CPU time of each, of ours or of core's split node. */
  async rows(red, { rows, messages }) {
    const beside = { rows: Array.from({ length: rows }, (_, at) => ({ id: at, name: `row ${at}`, value: at / 7 })) };
    const payload = contestant === "split" ? "x".repeat(messages) : `bench:flood:${messages}`;
    const cpu = cpuMs();
    await ask(red, payload, messages, "asked", beside);
    return (cpuMs() - cpu) / messages;
  },

  /** Replies at full speed, all at once. @returns how many came whole */
  async together(red, { streams, chunks }) {
    const asked = Array.from({ length: streams }, () => ask(red, `bench:flood:${chunks}`, chunks));
    const results = await Promise.allSettled(asked);
    return results.filter(({ status }) => status === "fulfilled").length;
  },

  /** What the first question of a process leaves in the heap, in bytes. */
  async first(red) {
    const before = used();
    await ask(red, "bench:flood:20", 20);
    return used() - before;
  },

  /** What this process takes. */
  async memory(red) {
    return { used: used(), peak: process.resourceUsage().maxRSS * 1024, nodeRed: red.version() };
  },
};

async function main() {
  const userDir = mkdtempSync(path.join(tmpdir(), "huggingface-bench-"));
  process.on("exit", () => rmSync(userDir, { recursive: true, force: true }));
  const own = contestant === "ours" ? packageRoot : path.join(__dirname, "nodes", contestant);
  const red = await startRed({ userDir, nodesDir: [own, path.join(__dirname, "nodes/count")], bench: { onMessage } });
  // There must be a token, since our node searches every delta for it.
  await deploy(red, flow(contestant, url), {
    config: { token: "hf_no-token-of-anybody-but-as-long" },
  });
  process.on("message", async ({ command, options }) => {
    try {
      process.send({ result: await commands[command](red, options) });
    } catch (error) {
      process.send({ error: error.message });
    }
  });
  process.on("disconnect", () => process.exit());
  process.send({ result: "ready" });
}

main();
