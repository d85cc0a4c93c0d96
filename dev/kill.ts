import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { flowNode, type Message, tab } from "../test/support/node-red";
import { OwnNodeRed } from "../test/support/own-node-red";
import { reply, startServer, type TestServer } from "../test/support/server";

/**
 * Kills a real Node-RED with SIGKILL at random moments, while it answers questions and remembers them in a context store on
 * disk, and checks after each start that the next question of every key works and that no more is lost than the store says.
 *
 *     npm run kill                   1,000 times
 *     npm run kill -- --times 20
 */

const KEYS = 5;
/** Node-REDs at the same time, each with a user directory of its own. */
const AT_ONCE = 2;
/** Kills of one user directory; then a new one has its first start. */
const KILLS_A_DIRECTORY = 25;
/** Longest time from the last check to the kill. */
const LONGEST_MS = 1500;
/** Between two questions of a key. */
const PAUSE_MS = 10;
/** The store writes once a second. */
const FLUSH_S = 1;
/** On a busy machine it writes later. */
const SPARE_MS = 2000;
const PATIENCE_MS = 30_000;

/** An answered question. */
interface Answered {
  turn: number;
  at: number;
}

/** What the kills have come to. */
export interface KillReport {
  kills: number;
  /** User directories, each with a first start. */
  directories: number;
  asked: number;
  /** Answered questions that nobody remembers any more: the store had not written them yet. */
  lost: number;
  /** How long before the kill the oldest of them was answered. */
  oldest_lost_ms: number;
  /** Questions that the limit no longer knows of. */
  uncounted: number;
  /** Longest time until the flows ran. */
  longest_start_ms: number;
  /** Longest wait for the first answer of a key behind that. */
  longest_answer_ms: number;
  problems: string[];
}

/** Kills Node-RED so many times. @param onKill - called after each */
export async function killAtRandom(times: number, onKill?: (report: KillReport) => void): Promise<KillReport> {
  const report: KillReport = {
    kills: 0,
    directories: 0,
    asked: 0,
    lost: 0,
    oldest_lost_ms: 0,
    uncounted: 0,
    longest_start_ms: 0,
    longest_answer_ms: 0,
    problems: [],
  };
  let left = times;
  const lane = async () => {
    while (left > 0) {
      const share = Math.min(left, KILLS_A_DIRECTORY);
      left -= share;
      report.directories++;
      await killOne(share, report, onKill);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  return report;
}

/** Kills the Node-RED of one user directory. */
async function killOne(times: number, report: KillReport, onKill?: (report: KillReport) => void): Promise<void> {
  const victim = new Victim(report);
  const server = await startServer((request, response, index) => {
    victim.remember(request.body.messages);
    return reply("Noted ", "and answered.")(request, response, index);
  });
  const red = new OwnNodeRed(flow(server.url), {
    httpAdminRoot: false,
    // Else each start asks for the version of npm, which costs more than the rest of it.
    externalModules: { palette: { allowInstall: false } },
    contextStorage: { default: { module: "localfilesystem", config: { flushInterval: FLUSH_S } } },
  });
  try {
    for (let kills = 0; kills < times; kills++) {
      await victim.recover(red, server);
      const asking = victim.keys.map((key) => askOn(() => victim.ask(red.url, key)));
      await sleep(Math.random() * LONGEST_MS);
      victim.killedAt = performance.now();
      await red.end("SIGKILL");
      await Promise.all(asking);
      server.requests.length = 0;
      report.kills++;
      onKill?.(report);
    }
    // The last kill, too, must have left something that starts.
    await victim.recover(red, server);
  } finally {
    await red.remove();
    await server.close();
  }
}

/** What one user directory was asked, and what must be left of it after a kill. */
class Victim {
  readonly keys = Array.from({ length: KEYS }, (_, index) => `key${index}`);
  killedAt = 0;
  readonly #report: KillReport;
  /** The last turn of each key that a request has brought from the memory. */
  readonly #remembered = new Map<string, number>();
  readonly #turns = new Map<string, number>();
  readonly #answered = new Map<string, Answered[]>();
  #asked = 0;
  /** What the limit said of itself last. */
  #used = 0;
  /** The first of this start, which is written at once, and when it was. */
  #firstUse: { used: number; at: number } | undefined;

  constructor(report: KillReport) {
    this.#report = report;
  }

  remember(messages: Message[]): void {
    const turns = messages.filter(({ role }) => role === "user").map(turnOf);
    const [key = ""] = String(messages.at(-1)?.["content"]).split(" ");
    this.#remembered.set(key, turns.at(-2) ?? 0);
  }

  /** Starts, and checks that each key is answered and has lost no more than it may. */
  async recover(red: OwnNodeRed, server: TestServer): Promise<void> {
    const report = this.#report;
    const startedAt = performance.now();
    const due = this.#usesDue();
    const before = this.#used;
    this.#firstUse = undefined;
    await red.start();
    let since = performance.now();
    report.longest_start_ms = Math.max(report.longest_start_ms, Math.round(since - startedAt));
    for (const key of this.keys) {
      const problem = await this.ask(red.url, key).catch(String);
      if (problem !== undefined) {
        const open = server.requests.filter((request) => request.open).length;
        this.#tell(key, `${problem}; ${server.requests.length} requests, ${open} open; ${red.output.slice(-2000)}`);
      }
      report.longest_answer_ms = Math.max(report.longest_answer_ms, Math.round(performance.now() - since));
      since = performance.now();
      this.#compare(key);
    }
    const { used = 0 } = this.#firstUse ?? {};
    if (used < due || this.#used > this.#asked) this.#tell("limit", `${used} used, ${due} to ${this.#asked} due`);
    report.uncounted += Math.max(0, before + 1 - used);
  }

  /** Asks the next question of a key. @returns what it was answered, if it was no Reply */
  async ask(url: string, key: string): Promise<string | undefined> {
    const turn = (this.#turns.get(key) ?? 0) + 1;
    this.#turns.set(key, turn);
    this.#asked++;
    this.#report.asked++;
    const question = encodeURIComponent(`${key} ${turn}`);
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const response = await fetch(`${url}/ask?key=${key}&question=${question}`, { signal });
    const text = await response.text();
    if (text !== "Noted and answered.") return text;
    const at = performance.now();
    this.#answered.set(key, [...(this.#answered.get(key) ?? []), { turn, at }]);
    this.#used = Number(response.headers.get("x-used"));
    this.#firstUse ??= { used: this.#used, at };
    return undefined;
  }

  /** Compares what a key remembers with what it was answered. */
  #compare(key: string): void {
    const before = (this.#answered.get(key) ?? []).filter(({ at }) => at < this.killedAt);
    const kept = this.#remembered.get(key) ?? 0;
    const lost = before.filter(({ turn }) => turn > kept);
    this.#report.lost += lost.length;
    const [{ at } = { at: this.killedAt }] = lost;
    this.#report.oldest_lost_ms = Math.max(this.#report.oldest_lost_ms, Math.round(this.killedAt - at));
    const due = before.findLast((answer) => this.#mustBeWritten(answer.at))?.turn ?? 0;
    // Every start asks each key once, so what an earlier start has lost is no longer looked for.
    if (kept < due) this.#tell(key, `remembers ${kept} of ${due}`);
    this.#answered.set(key, (this.#answered.get(key) ?? []).slice(-1));
  }

  /** The count of the first question of a start is written at once, later ones within 10 s, which none of them lives. */
  #usesDue(): number {
    const first = this.#firstUse;
    return first && this.#mustBeWritten(first.at) ? first.used : 0;
  }

  #mustBeWritten(at: number): boolean {
    return at < this.killedAt - FLUSH_S * 1000 - SPARE_MS;
  }

  #tell(what: string, problem: string): void {
    this.#report.problems.push(`${what} after ${this.#report.kills} kills: ${problem}`);
  }
}

/** Asks one question after the other until Node-RED is gone. */
async function askOn(ask: () => Promise<string | undefined>): Promise<void> {
  try {
    for (;;) {
      await ask();
      await sleep(PAUSE_MS);
    }
  } catch {
    // It was killed.
  }
}

const turnOf = ({ content }: Message): number => Number(String(content).split(" ")[1]);

function flow(baseUrl: string) {
  const limits = [{ amount: 1e9, unit: "questions", per: "day" }];
  const response = { statusCode: "", headers: {}, wires: [] };
  return [
    tab(),
    { id: "config", type: "huggingface-config", name: "", model: "test/model", baseUrl, limits },
    flowNode("in", "http in", { url: "/ask", method: "get", wires: [["chat"]] }),
    flowNode("chat", "huggingface-chat", {
      config: "config",
      prompt: "req.query.question",
      conversation: "req.query.key",
      conversationType: "msg",
      wires: [["count"], [], []],
    }),
    flowNode("count", "change", {
      rules: [{ t: "set", p: 'headers["x-used"]', pt: "msg", to: "completion.limits[0].used", tot: "msg" }],
      wires: [["out"]],
    }),
    flowNode("catch", "catch", { scope: null, wires: [["tell"]] }),
    flowNode("tell", "change", {
      rules: [{ t: "set", p: "payload", pt: "msg", to: "error.message", tot: "msg" }],
      wires: [["out"]],
    }),
    flowNode("out", "http response", response),
  ];
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { times: { type: "string", default: "1000" } } });
  const times = Number(values.times);
  if (!(times > 0)) throw new Error("give a number of --times");
  const report = await killAtRandom(times, (soFar) => {
    if (soFar.kills % 50 === 0) console.error(JSON.stringify(soFar));
  });
  console.log(JSON.stringify(report, null, 2));
  process.exitCode = report.problems.length > 0 ? 1 : 0;
}

if (require.main === module) {
  main().catch((error) => {
    console.error(error);
    process.exit(1);
  });
}
