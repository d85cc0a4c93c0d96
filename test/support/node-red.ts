import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { inspect } from "node:util";
import nodeRed from "node-red";
import { root } from "./root";
import { pollution, SecretWatch } from "./secrets";
import { slowStore } from "./slow-store";

/** The parts of Node-RED's own API that the tests use; the published types lack some of them. */
interface Red {
  init(server: http.Server, settings: object): void;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** a function, whatever the documentation says */
  version(): string;
  httpAdmin: App;
  httpNode: App;
  events: NodeJS.EventEmitter;
  hooks: { add<T = CompleteEvent>(name: string, handler: (event: T) => void): void; remove(name: string): void };
  nodes: { getNode(id: string): RuntimeNode | null | undefined };
  runtime: {
    nodes: { getNodeList(options: object): Promise<NodeSet[]> };
    flows: {
      setFlows(options: object): Promise<unknown>;
      getFlows(options: object): Promise<{ flows: NodeDef[]; rev: string }>;
    };
  };
}
type App = (request: http.IncomingMessage, response: http.ServerResponse, next?: () => void) => void;
interface NodeSet {
  id: string;
  module: string;
  err?: unknown;
  types: string[];
}
interface CompleteEvent {
  msg: Message;
  error?: Error;
  node: { id: string };
}
interface RuntimeEvent {
  id: string;
  payload?: { error?: string; types?: string[]; state?: string };
}

/** A node as it stands in a flow file. */
export interface NodeDef {
  id: string;
  type: string;
  // biome-ignore lint/suspicious/noExplicitAny: every node type has its own properties
  [property: string]: any;
}

// biome-ignore lint/suspicious/noExplicitAny: a message holds anything
export type Message = Record<string, any>;

/** A node that runs. */
// biome-ignore lint/suspicious/noExplicitAny: every node type has its own properties
export type RuntimeNode = Record<string, any> & { id: string; type: string; receive(message: object): void };

export type DeployType = "full" | "nodes" | "flows";

/** One call of `done` by a node. */
export interface Completion {
  msg: Message;
  error: Error | undefined;
  /** `performance.now()` of the call */
  at: number;
}

/** A status that a node showed. */
export interface Status {
  fill?: string;
  shape?: string;
  text?: string;
}

export interface LogEntry {
  level: number;
  /** the node that logged it */
  id?: string;
  type?: string;
  /** the whole entry as text, with stacks, causes and properties */
  text: string;
}

/** Levels of Node-RED's log. */
export const level = { fatal: 10, error: 20, warn: 30, info: 40, debug: 50, trace: 60, audit: 98 } as const;

/** How long tests wait for something by default. */
const patience = 5000;

/** An http response of Node-RED. */
interface Answer {
  url: string;
  headers: http.OutgoingHttpHeaders | undefined;
  body: string;
}

interface Waiter {
  ready(): boolean;
  resolve(): void;
}

/**
 * A real Node-RED with the package's nodes. It records everything until `reset`, so a test
 * sends something first and checks the result afterwards.
 */
export class NodeRed {
  /** where editor and http nodes are, without a slash at its end */
  readonly url: string;
  readonly port: number;
  readonly userDir: string;
  /** Node-RED's own object, for what is not wrapped here */
  readonly red: Red;
  #captured = new Map<string, { msg: Message; at: number }[]>();
  #taken = new Map<string, number>();
  #completions = new Map<string, Completion[]>();
  #statuses = new Map<string, Status[]>();
  readonly #log: LogEntry[];
  readonly #answers: Answer[];
  readonly #secrets = new SecretWatch();
  #flow: NodeDef[] = [];
  readonly #server: http.Server;
  readonly #waiters = new Set<Waiter>();

  constructor(parts: {
    red: Red;
    server: http.Server;
    userDir: string;
    log: LogEntry[];
    answers: Answer[];
    context: Message;
  }) {
    this.red = parts.red;
    this.userDir = parts.userDir;
    this.#log = parts.log;
    this.#answers = parts.answers;
    this.#server = parts.server;
    this.port = (parts.server.address() as AddressInfo).port;
    this.url = `http://127.0.0.1:${this.port}`;
    parts.context.capture = (name: string, msg: Message) => this.#capture(name, msg);
    this.red.hooks.add("onComplete.tests", (event) => this.#complete(event));
    this.red.events.on("node-status", (event: { id: string; status: Status }) => {
      append(this.#statuses, event.id, { ...event.status });
      this.#wake();
    });
  }

  /** Node-RED's version */
  get version(): string {
    return this.red.version();
  }

  /**
   * Deploys a flow and waits until it runs. The flow replaces the one before. `credentials` are by node id and replace all
   * credentials; without them those that are there stay.
   */
  async deploy(flow: NodeDef[], credentials?: Record<string, object>, type: DeployType = "full"): Promise<void> {
    this.#secrets.learn(credentials);
    this.#flow = flow;
    const started = this.#flowsStarted();
    started.catch(() => {});
    await this.red.runtime.flows.setFlows({ flows: { flows: flow, credentials }, deploymentType: type });
    await started;
  }

  /** Returns the flow as the flow file and the editor's API have it. */
  async flowFile(): Promise<NodeDef[]> {
    return (await this.red.runtime.flows.getFlows({})).flows;
  }

  /** Returns the running node, or throws. */
  node(id: string): RuntimeNode {
    const node = this.red.nodes.getNode(id);
    if (!node) throw new Error(`no node ${id} is running`);
    return node;
  }

  /** Hands a message to a node's input as the one before it in a flow would, without a copy. */
  send(nodeId: string, msg: Message = {}): void {
    this.node(nodeId).receive(msg);
  }

  /** Presses the button of an inject node. */
  inject(nodeId: string): void {
    this.node(nodeId).receive({});
  }

  /** Returns all messages that the sinks of this name have received, not copies of them. */
  captured(name: string): Message[] {
    return (this.#captured.get(name) ?? []).map((entry) => entry.msg);
  }

  /** Returns when each of those arrived, by `performance.now()`. */
  times(name: string): number[] {
    return (this.#captured.get(name) ?? []).map((entry) => entry.at);
  }

  /** Waits for the next message, or `count` messages, after those of earlier calls. */
  next(name: string): Promise<Message>;
  next(name: string, count: number, timeoutMs?: number): Promise<Message[]>;
  async next(name: string, count?: number, timeoutMs = patience): Promise<Message | Message[]> {
    const from = this.#taken.get(name) ?? 0;
    const to = from + (count ?? 1);
    this.#taken.set(name, to);
    await this.until(
      () => this.captured(name).length >= to,
      () => `message ${to} at "${name}", got ${this.captured(name).length}${this.#errorsSoFar()}`,
      timeoutMs,
    );
    const messages = this.captured(name).slice(from, to);
    return count === undefined ? (messages[0] as Message) : messages;
  }

  /** Sends "Hi", or another message, to the node `chat` of `chatFlow`, and waits for what leaves at the sink `from`. */
  async ask(message: Message = {}, from: "reply" | "error" = "reply"): Promise<Message> {
    this.send("chat", { payload: "Hi", ...message });
    return this.next(from);
  }

  /** Returns every call of `done` by a node, in order. */
  completions(nodeId: string): Completion[] {
    return [...(this.#completions.get(nodeId) ?? [])];
  }

  /** Waits until a node has called `done` this many times. */
  async completed(nodeId: string, count = 1, timeoutMs = patience): Promise<Completion[]> {
    await this.until(
      () => this.completions(nodeId).length >= count,
      () => `${count} calls of done by ${nodeId}, got ${this.completions(nodeId).length}${this.#errorsSoFar()}`,
      timeoutMs,
    );
    return this.completions(nodeId);
  }

  /** Returns every status that a node has shown, in order. */
  statuses(nodeId: string): Status[] {
    return [...(this.#statuses.get(nodeId) ?? [])];
  }

  /** Returns the log, down to trace and with the audit log. */
  get log(): LogEntry[] {
    return [...this.#log];
  }

  /** Returns the whole log as one text, to search for what must not be in it. */
  get logText(): string {
    return this.#log.map((entry) => entry.text).join("\n");
  }

  /** Returns a node's log entries of this level or a more severe one. */
  logOf(nodeId: string, gravest: number = level.trace): LogEntry[] {
    return this.#log.filter((entry) => entry.id === nodeId && entry.level <= gravest);
  }

  /** Waits for something that follows from a message, a `done`, a status or a log line. */
  async until(ready: () => boolean, what: string | (() => string), timeoutMs = patience): Promise<void> {
    if (ready()) return;
    await new Promise<void>((resolve, reject) => {
      const finish = (error?: Error): void => {
        clearTimeout(timer);
        clearInterval(poll);
        this.#waiters.delete(waiter);
        if (error) reject(error);
        else resolve();
      };
      const waiter = { ready, resolve: finish };
      const text = (): string => (typeof what === "string" ? what : what());
      const timer = setTimeout(() => finish(new Error(`waited ${timeoutMs} ms for ${text()}`)), timeoutMs);
      const poll = setInterval(() => ready() && finish(), 20);
      this.#waiters.add(waiter);
    });
  }

  /**
   * Stops all flows and forgets what was captured: for `afterEach`.
   *
   * @throws Error if a secret has leaked, or a prototype was changed
   */
  async reset(): Promise<void> {
    const found = await this.#leaked();
    await this.deploy([], {});
    found.push(...this.#captures());
    this.#secrets.forget();
    this.forget();
    if (found.length > 0) throw new Error([...new Set(found)].join("\n"));
  }

  /** Finds secrets in the flow file and the context stores, while the flow runs. */
  async #leaked(): Promise<string[]> {
    this.#secrets.learn();
    if (this.#secrets.isIdle) return [];
    const contexts = this.#flow.flatMap(({ id }) => this.red.nodes.getNode(id)?.context?.() ?? []);
    const stores = contexts.flatMap((context) => [context, context.flow, context.global]).filter(Boolean);
    const kept = stores.flatMap((store) => store.keys("memory").map((key: string) => [key, store.get(key, "memory")]));
    return [
      ...this.#secrets.find("the flow file", await this.flowFile()),
      ...this.#secrets.find("a context store", kept),
      ...this.#secrets.find("the slow context store", slowStore.all),
      ...this.#secrets.find("the context store on disk", filesIn(path.join(this.userDir, "context"))),
    ];
  }

  /** Finds secrets in captures and logs. */
  #captures(): string[] {
    return [
      ...pollution(),
      ...this.#secrets.find("a message", this.#captured),
      ...this.#secrets.find("what done was called with", this.#completions),
      ...this.#secrets.find("a status", this.#statuses),
      ...this.#secrets.find("the log", this.#log),
      ...this.#secrets.find("an admin answer", this.#answers),
    ];
  }

  /** Clears captures and logs; the flows keep running. */
  forget(): void {
    const found = this.#captures();
    this.#answers.length = 0;
    this.#captured.clear();
    this.#taken.clear();
    this.#completions.clear();
    this.#statuses.clear();
    this.#log.length = 0;
    if (found.length > 0) throw new Error(found.join("\n"));
  }

  /** Ends Node-RED for good. It cannot be started again in this process. */
  async stop(): Promise<void> {
    await this.red.stop();
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    rmSync(this.userDir, { recursive: true, force: true, maxRetries: 5 });
  }

  #capture(name: string, msg: Message): void {
    append(this.#captured, name, { msg, at: performance.now() });
    this.#wake();
  }

  #complete(event: CompleteEvent): void {
    append(this.#completions, event.node.id, { msg: event.msg, error: event.error, at: performance.now() });
    this.#wake();
  }

  #wake(): void {
    for (const waiter of [...this.#waiters]) if (waiter.ready()) waiter.resolve();
  }

  /** Returns the errors so far, which mostly explain why a message never arrived. */
  #errorsSoFar(): string {
    const errors = this.#log.filter((entry) => entry.level <= level.error).map((entry) => entry.text);
    return errors.length > 0 ? `; the log says:\n${errors.join("\n")}` : "";
  }

  /** Waits for the flows, which start after `setFlows` returns, or not at all if a type is missing, without an error. */
  #flowsStarted(): Promise<void> {
    const { events } = this.red;
    return new Promise((resolve, reject) => {
      const finish = (error?: Error): void => {
        clearTimeout(timer);
        events.off("flows:started", started);
        events.off("runtime-event", failed);
        if (error) reject(error);
        else resolve();
      };
      const started = (): void => finish();
      const failed = (event: RuntimeEvent): void => {
        const { error, types = [] } = event.payload ?? {};
        if (event.id === "runtime-state" && error)
          finish(new Error(`the flow does not start: ${error} ${types.join(", ")}`));
      };
      // A node may take up to 15 s to close.
      const timer = setTimeout(() => finish(new Error("the flow did not start within 19 s")), 19_000);
      events.on("flows:started", started);
      events.on("runtime-event", failed);
    });
  }
}

function append<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}

let running: Promise<NodeRed> | undefined;

/** Returns the Node-RED of this process, started at the first call. Node-RED is a singleton, so all tests share it. */
export function getNodeRed(): Promise<NodeRed> {
  running ??= launch();
  return running;
}

/** Returns the shared Node-RED with an empty flow. */
export async function startNodeRed(): Promise<NodeRed> {
  const shared = await getNodeRed();
  await shared.reset();
  return shared;
}

/** Ends the Node-RED of this process, if there is one. */
export async function stopNodeRed(): Promise<void> {
  const started = running;
  running = undefined;
  if (started) await (await started.catch(() => undefined))?.stop();
}

async function launch(): Promise<NodeRed> {
  const red = nodeRed as unknown as Red;
  const userDir = mkdtempSync(path.join(tmpdir(), "huggingface-test-"));
  const log: LogEntry[] = [];
  const context: Message = {};
  const answers: Answer[] = [];
  const server = http.createServer((request, response) => {
    keepAnswer(request, response, answers);
    red.httpAdmin(request, response, () => red.httpNode(request, response));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  red.init(server, settings(userDir, log, context));
  const started = new Promise<void>((resolve) => red.events.once("flows:started", () => resolve()));
  await red.start();
  await started;
  await checkNodesLoaded(red);
  return new NodeRed({ red, server, userDir, log, answers, context });
}

function settings(userDir: string, log: LogEntry[], context: Message): object {
  return {
    userDir,
    nodesDir: root,
    flowFile: "flows.json",
    credentialSecret: "a secret for tests",
    uiHost: "127.0.0.1",
    httpAdminRoot: "/",
    httpNodeRoot: "/",
    lang: "en-US",
    functionGlobalContext: context,
    functionExternalModules: false,
    contextStorage: {
      default: "memory",
      memory: { module: "memory" },
      // Without a cache, get and set are asynchronous, which is harder for nodes.
      file: { module: "localfilesystem", config: { cache: false } },
      slow: { module: () => slowStore },
    },
    telemetry: { enabled: false, updateNotification: false },
    externalModules: { palette: { allowInstall: false } },
    editorTheme: { tours: false, projects: { enabled: false }, palette: { catalogues: [] } },
    // A log without "console" prints nothing.
    logging: { tests: { level: "trace", metrics: false, audit: true, handler: () => recorder(log) } },
  };
}

/** Keeps log entries as text, since their objects may change later. */
function recorder(log: LogEntry[]): (entry: LogEntry) => void {
  return (entry) => {
    const text = inspect(entry, { depth: 8, maxStringLength: 100_000, breakLength: Number.POSITIVE_INFINITY });
    const { id, type } = entry;
    log.push({ level: entry.level, text, ...(id && { id }), ...(type && { type }) });
  };
}

/** The editor's own files. */
const STATIC = /^\/(vendor|red|locales|icons|core|types|plugins|nodes|resources|theme)\b|^\/$/;

/** Records the response of an admin route or http node. */
function keepAnswer({ url = "" }: http.IncomingMessage, response: http.ServerResponse, answers: Answer[]): void {
  if (STATIC.test(url)) return;
  const answer: Answer = { url: url.split("?")[0] ?? "", headers: undefined, body: "" };
  answers.push(answer);
  const take = (piece: unknown) => {
    answer.headers ??= response.getHeaders();
    if (typeof piece === "string" || Buffer.isBuffer(piece)) answer.body += piece.toString();
  };
  const { write, end } = response;
  response.write = (...args: unknown[]) => {
    take(args[0]);
    return write.apply(response, args as never);
  };
  response.end = (...args: unknown[]) => {
    take(args[0]);
    return end.apply(response, args as never);
  };
}

/** Returns the texts of all files in a folder and below it. */
function filesIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(path.join(entry.parentPath, entry.name), "utf8"));
}

/** Fails with the reason if nodes fail to load, which Node-RED ignores. */
async function checkNodesLoaded(red: Red): Promise<void> {
  const { name } = require(path.join(root, "package.json")) as { name: string };
  const ours = (await red.runtime.nodes.getNodeList({})).filter((set) => set.module === name);
  const broken = ours.filter((set) => set.err).map((set) => `${set.id}: ${set.err}`);
  if (ours.length === 0 || broken.length > 0) {
    throw new Error(`Node-RED did not load our nodes (npm run build?) ${broken.join("; ")}`);
  }
}

/** Makes a tab. Catch, Complete and Status nodes see only nodes on a tab. */
export const tabId = "tab";

export function tab(id = tabId): NodeDef {
  return { id, type: "tab", label: id, disabled: false, info: "", env: [] };
}

let column = 0;

/** Makes a flow node on a tab. Without coordinates, Node-RED would treat it as a config node. */
export function flowNode(id: string, type: string, properties: Message = {}): NodeDef {
  column = (column + 40) % 2000;
  return { id, type, z: tabId, x: 100 + column, y: 100, wires: [], ...properties };
}

/** A core function node that captures what it gets under a name. */
export function sink(id: string, name: string = id, properties: Message = {}): NodeDef {
  const func = `global.get("capture")(${JSON.stringify(name)}, msg);`;
  const defaults = { name, func, outputs: 1, timeout: 0, noerr: 0, initialize: "", finalize: "", libs: [] };
  return flowNode(id, "function", { ...defaults, wires: [[]], ...properties });
}

/** A core catch node and its sink. `scope` is a list of node ids, null for all of the tab. */
export function catchInto(name: string, scope: string[] | null = null): NodeDef[] {
  return into(name, flowNode(`${name}-catch`, "catch", { name: "", scope, uncaught: false }));
}

/** A core complete node for these nodes, and its sink. */
export function completeInto(name: string, scope: string[]): NodeDef[] {
  return into(name, flowNode(`${name}-complete`, "complete", { name: "", scope }));
}

/** A core status node and its sink. `scope` is a list of node ids, null for all of the tab. */
export function statusInto(name: string, scope: string[] | null = null): NodeDef[] {
  return into(name, flowNode(`${name}-status`, "status", { name: "", scope }));
}

function into(name: string, node: NodeDef): NodeDef[] {
  return [{ ...node, wires: [[`${name}-sink`]] }, sink(`${name}-sink`, name)];
}

/**
 * The flow of most tests: a config node "config", a chat node "chat" with its outputs captured as "reply", "stream" and
 * "calls", and what Catch, Complete and Status nodes see of it as "error", "complete" and "status".
 */
export function chatFlow(baseUrl: string, chat: Message = {}, config: Message = {}): NodeDef[] {
  return [
    tab(),
    { id: "config", type: "huggingface-config", name: "", model: "test/model", baseUrl, ...config },
    flowNode("chat", "huggingface-chat", {
      name: "",
      config: "config",
      wires: [["reply-sink"], ["stream-sink"], ["calls-sink"]],
      ...chat,
    }),
    sink("reply-sink", "reply"),
    sink("stream-sink", "stream"),
    sink("calls-sink", "calls"),
    ...catchInto("error", ["chat"]),
    ...completeInto("complete", ["chat"]),
    ...statusInto("status", ["chat"]),
  ];
}

/** A core tls-config node of the id `tls`, which has more fields than it needs. */
export function tlsConfig(properties: Message = {}): NodeDef {
  const blank = { cert: "", key: "", ca: "", certname: "", keyname: "", caname: "", servername: "", alpnprotocol: "" };
  return { id: "tls", type: "tls-config", name: "", ...blank, verifyservercert: true, ...properties };
}

/** A core http proxy node of the id `proxy`. */
export function proxyNode(properties: Message): NodeDef {
  return { id: "proxy", type: "http proxy", name: "", noproxy: [], ...properties };
}
