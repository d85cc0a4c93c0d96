import { cpus, totalmem } from "node:os";
import type { Start } from "./install";
import { CHUNKS, type Paced, PER_SECOND, ROWS, SMALL_HEAP_MB, type Speed } from "./measure";
import { CONTESTANTS, type Contestant } from "./processes";
import type { Results } from "./results";
import { differences, median, ratios } from "./statistics";
import { targets } from "./targets";

const MB = 1024 * 1024;

/** Describes the machine. */
export function machine({ nodeRed }: Results): string {
  const [cpu] = cpus();
  // Node-RED adds `-git` wherever it finds a clone around it.
  const red = nodeRed ? `, Node-RED ${nodeRed.replace(/-git$/, "")}` : "";
  const memory = `${Math.round(totalmem() / 1024 ** 3)} GB of memory`;
  return `${cpus().length} cores ${cpu?.model.trim()}, ${memory}, Node.js ${process.version.slice(1)}${red}`;
}

/** Writes the results as Markdown. */
export function report(results: Results): string {
  const sections = [head(results), speed(results), paced(results), length(results), start(results), method(results)];
  return `${sections.filter(Boolean).join("\n\n")}\n`;
}

function head(results: Results): string {
  const rows = targets(results).map(({ what, limit, value, middle, unit }) => [
    what,
    `${limit} ${unit}`.trim(),
    `${formatBeside(value, limit)} ${unit}`.trim(),
    middle ? middle.map(format).join(" – ") : "",
    value <= limit ? "met" : "**missed**",
  ]);
  return `# Benchmark

Written by \`npm run bench\` on ${machine(results)}. The load average at the start was ${format(results.load)}: on a busy
machine, times are less reliable. Ratios compare turns that follow each other. _Half of the turns_ is the range of the middle half of them.

![CPU time per chunk](benchmark.svg)

${table(["what", "at most", "measured", "half of the turns", ""], rows)}`;
}

function speed({ speed: all, effort }: Results): string {
  if (!all) return "";
  const rows = named(all).map(([name, its]) => [
    CONTESTANTS[name],
    `${format(median(its.perChunk))} µs`,
    all.floor ? format(median(ratios(its.perChunk, all.floor.perChunk))) : "",
    Math.round(median(its.chunksPerSecond)).toLocaleString("en"),
    `${format(median(its.perPaddedChunk))} µs`,
    all.floor ? format(median(ratios(its.perPaddedChunk, all.floor.perPaddedChunk))) : "",
    all.floor ? `${format(median(differences(its.firstMs, all.floor.firstMs)))} ms` : "",
    `${format(median(its.used) / MB)} MB`,
    `${format(median(its.peak) / MB)} MB`,
  ]);
  const titles = ["", "CPU per chunk", "to the floor", "chunks a second", "no two alike", "to the floor"];
  return `## Replies at full speed

${table([...titles, "first chunk after the floor's", "in use", "peak"], rows)}

In the first three columns, chunks differ only in their text, as most servers write them. In _no two alike_, each has a random
field of its own: OpenAI and Mistral pad theirs. _In use_ is heap and buffers after a forced garbage collection. _Peak_ is the largest resident memory of
the process. Both include Node-RED itself.${runs(all, effort.generations)}`;
}

/** The chat node's ratios to the floor in each run, which has processes of its own. */
function runs({ ours, floor }: Partial<Record<Contestant, Speed>>, count: number): string {
  if (!ours || !floor) return "";
  const ofRuns = (values: number[]) =>
    Array.from({ length: count }, (_, run) => {
      const turns = values.length / count;
      return format(median(values.slice(run * turns, (run + 1) * turns)));
    }).join(", ");
  const plain = ofRuns(ratios(ours.perChunk, floor.perChunk));
  const padded = ofRuns(ratios(ours.perPaddedChunk, floor.perPaddedChunk));
  return `

The chat node to the floor in each of ${count} runs with processes of their own: ${plain}; where no two chunks are alike ${padded}.`;
}

function paced({ paced: all, effort }: Results): string {
  if (!all) return "";
  const rows = named(all).map(([name, turns]) => {
    const middle = (value: (one: Paced) => number) => format(median(turns.map(value)));
    const failure = turns.find((one) => one.failure)?.failure;
    const delay = median(turns.map((one) => one.delayP99));
    return [
      CONTESTANTS[name],
      `${Math.min(...turns.map((one) => one.completed))} of ${effort.streams}${failure ? ` (${failure})` : ""}`,
      `${middle((one) => (one.cpuMs * 1000) / one.chunks)} µs`,
      `${middle((one) => one.perStream / 1024)} KB`,
      // Below the timer's own 1 ms: the event loop was blocked, so there is no sample.
      delay >= 1 ? `${format(delay)} ms` : "no sample",
      `${middle((one) => one.wallMs / 1000)} s`,
    ];
  });
  return `## ${effort.streams.toLocaleString("en")} streams at once

${effort.pacedChunks} chunks each, ${PER_SECOND} a second, every chunk in a write of its own. The figures are medians of ${effort.pacedTurns} turns. A reply is complete if every chunk came, in order; _complete_ is
the worst turn.

${table(["", "complete", "CPU per chunk", "memory of a stream", "event loop delay, p99", "all done after"], rows)}

The CPU time includes connecting and asking. Memory is what a forced garbage collection leaves in the middle of the streams, less what was in use
before the first. The delay is that of a timer of 1 ms, its own 1 ms included, in the worse half of the time.

A sampling profile shows where the chat node takes longer than the floor. About 4 µs a chunk go into asking the question and making its Reply (0.33 ms,
shared by ${effort.pacedChunks} chunks), 2 µs into reading the chunk and making its message, 2 µs into garbage collection: each stream keeps 22 KB more, mostly functions and
the variables that they hold. By the time its next chunk comes, they have left the processor's caches. Streams at full speed do not pay for that.`;
}

function length({ long, conversations }: Results): string {
  if (!long || !conversations) return "";
  const tenths = long.tenths.map(({ cpuMs, used, text }, index) => [
    `${index + 1}0 %`,
    `${format((cpuMs * 1000) / (long.chunks / 10))} µs`,
    `${format(text / MB)} MB`,
    `${format((used - text) / MB)} MB`,
  ]);
  const rows = conversations.map(({ messages, inPrompt, remembered }) => [
    messages.toLocaleString("en"),
    `${format(median(inPrompt))} ms`,
    `${format((median(inPrompt) * 1000) / messages)} µs`,
    `${format(median(remembered))} ms`,
    `${format((median(remembered) * 1000) / messages)} µs`,
  ]);
  return `## Long replies and conversations

One reply of ${long.chunks.toLocaleString("en")} chunks through the chat node, with _Stream_ on. Its text is smaller than the limit of 16 MB.

${table(["of the reply", "CPU per chunk in this tenth", "text so far", "in use beside the text"], tenths)}

CPU time of a question at the end of a conversation, which is in the prompt as an array, or remembered by the node in memory.

${table(["messages", "in the prompt", "per message", "remembered", "per message"], rows)}`;
}

function start({ starts, installed }: Results): string {
  if (!starts || !installed) return "";
  const value = (name: "without" | "ours", field: keyof Start) => median(starts[name].map((one) => one[field]));
  const added = (field: keyof Start) =>
    median(
      differences(
        starts.ours.map((one) => one[field]),
        starts.without.map((one) => one[field]),
      ),
    );
  const row = (what: string, field: keyof Start, unit: string, by: number) => [
    what,
    ...[value("without", field), value("ours", field), added(field)].map((number) => `${format(number / by)} ${unit}`),
  ];
  const rows = [
    row("time until flows run", "ms", "ms", 1),
    row("CPU time until then", "cpuMs", "ms", 1),
    row("resident memory", "rss", "MB", MB),
    row("in use after a forced collection", "used", "MB", MB),
  ];
  const sizes = installed.byPackage.map(([name, bytes]) => [name, `${format(bytes / 1e6)} MB`]);
  return `## Start and size

Node-RED with an empty flow, without these nodes and with them, installed as a user installs them: ${starts.ours.length} starts each, in turns.

${table(["", "without", "with", "added"], rows)}

A production install in an empty folder has ${format(installed.total / 1e6)} MB: the sum of the sizes of all files, not of the blocks on disk (1 MB = 1,000,000 bytes).

${table(["package", "size"], sizes)}`;
}

function method({ effort }: Results): string {
  return `## How it is measured

- One server process sends made-up replies from memory, in the form in which Fireworks sends them through the router: replies of about ${CHUNKS.toLocaleString("en")} chunks of 240 bytes,
  each in an HTTP chunk of its own.
- Every contestant has Node-RED processes of its own, and others for chunks of which no two are alike, so that neither gains from what the other has compiled:
  ${effort.generations} one after the other, with ${effort.rounds} turns each after one to warm up, and ${effort.replies} replies a turn. All contestants run at once and work in turns; the order changes.
- CPU time is \`process.cpuUsage()\` of that process with all its threads, from the question to the last message. The same node behind every contestant checks and counts the chunks.
- Numbers are medians over all turns. Ratios are medians of the ratios within a turn.
- Messages with rows: 200 stream messages of one reply to a message with ${ROWS.toLocaleString("en")} small objects beside the prompt, and as many parts of core's _split_ node.
- The small heap is \`--max-old-space-size=${SMALL_HEAP_MB}\`, replies of ${CHUNKS.toLocaleString("en")} chunks. What the first question adds is what a forced garbage collection leaves.
- The floor sends \`{ _msgid, payload }\` and keeps nothing. The chat node sends its full messages, puts the reply together, watches for silence, searches every chunk for the token, shows its status, and sends the Reply.`;
}

function named<T>(all: Partial<Record<Contestant, T>>): [Contestant, T][] {
  return Object.entries(all) as [Contestant, T][];
}

/** Writes a Markdown table as this project's formatter lays it out; all columns but the first are numbers, at the right. */
function table(titles: string[], rows: string[][]): string {
  const widths = titles.map((title, column) =>
    Math.max(3, title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: string[]) =>
    `| ${cells.map((cell, column) => (column ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0))).join(" | ")} |`;
  const rule = widths.map((width, column) => (column ? `${"-".repeat(width - 1)}:` : "-".repeat(width)));
  return [line(titles), line(rule), ...rows.map(line)].join("\n");
}

/** Formats a number with three significant digits. */
export function format(value: number): string {
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString("en");
  if (Math.abs(value) >= 10) return value.toFixed(1);
  return value.toFixed(2);
}

/** Formats a value with enough digits to distinguish it from its limit. */
function formatBeside(value: number, limit: number): string {
  const text = format(value);
  return Number(text) === limit && value !== limit ? value.toFixed(4) : text;
}
