import type { NodeDef } from "../node-red";

/** Where the servers of the soak test are. The router's name leads to one on this machine, by this proxy. */
export interface Urls {
  good: string;
  bad: string;
  router: string;
  proxy: string;
}

/** A kind of chat node. */
interface Kind {
  /** The beginning of its nodes' ids, and the id of its configuration. */
  name: string;
  /** How many of 20 nodes are of this kind. */
  nodes: number;
  /** Its share of the questions, in percent. */
  share: number;
  server: Exclude<keyof Urls, "proxy">;
  config: Record<string, unknown>;
  chat: Record<string, unknown>;
}

const limit = (amount: number, unit: string, per: string) => [{ amount, unit, per }];
const memory = { conversation: "topic", conversationType: "msg" };
const toRouter = { proxy: "proxy", tls: "tls" };

/**
 * The kinds of chat nodes: with tools, streams and memory at a healthy server; the same at the router, with a limit in USD, and
 * with one that is soon reached; at a failing server; and there with memory, where the router is asked otherwise.
 */
const KINDS: readonly Kind[] = [
  {
    name: "good",
    nodes: 8,
    share: 45,
    server: "good",
    config: { retries: 2, timeout: 1, limits: limit(1e9, "tokens", "day") },
    chat: {
      ...memory,
      tools: ["tool"],
      functions: [{ name: "other", description: "", parameters: "" }],
      maxMessages: 8,
    },
  },
  {
    name: "routed",
    nodes: 3,
    share: 20,
    server: "router",
    config: { retries: 1, timeout: 1, ...toRouter, limits: limit(1e9, "usd", "day") },
    chat: { ...memory, tools: ["tool"], statusShows: "cost" },
  },
  {
    name: "capped",
    nodes: 2,
    share: 8,
    server: "router",
    config: { retries: 1, timeout: 1, ...toRouter, limits: limit(0.02, "usd", "minute") },
    chat: { ...memory },
  },
  {
    name: "bad",
    nodes: 3,
    share: 13,
    server: "bad",
    config: { retries: 1, timeout: 0.3, limits: limit(500, "questions", "minute") },
    chat: { chunk: "interval", chunkInterval: 20 },
  },
  {
    name: "moved",
    nodes: 4,
    share: 14,
    server: "bad",
    config: { retries: 0, timeout: 0.3, otherwise: "routed" },
    chat: { ...memory, tools: ["tool"], store: "disk", statusShows: "cost" },
  },
];

const nodesOf = ({ name, nodes }: Kind) => Array.from({ length: nodes }, (_, index) => `chat-${name}-${index + 1}`);

/** The ids of all chat nodes. */
export const CHATS: readonly string[] = KINDS.flatMap(nodesOf);

/** The chat node that a redeploy of changed nodes alone restarts. */
export const CHANGED = "chat-good-1";

/** Returns the id of a random chat node, by the shares of the kinds. */
export function randomChat(): string {
  let left = Math.random() * KINDS.reduce((sum, { share }) => sum + share, 0);
  const kind = KINDS.find(({ share }) => {
    left -= share;
    return left < 0;
  });
  const ids = kind ? nodesOf(kind) : CHATS;
  return ids[Math.floor(Math.random() * ids.length)] ?? CHANGED;
}

/** @param revision - a new one makes Node-RED treat the changed chat node as changed */
export function soakFlow(urls: Urls, revision: number): NodeDef[] {
  const place = { z: "tab", x: 100, y: 100 };
  const config = { type: "huggingface-config", model: "test/model", maxConcurrent: 8 };
  const chat = { ...place, type: "huggingface-chat", stream: true, wires: [["reply"], ["stream"], ["calls"]] };
  const sink = (id: string) => ({
    ...place,
    id,
    type: "function",
    func: `global.get("soak").${id}(msg);`,
    outputs: 0,
    wires: [],
  });
  return [
    { id: "tab", type: "tab", label: "Soak" },
    { id: "proxy", type: "http proxy", name: "", url: urls.proxy, noproxy: [] },
    // The server has the router's name, but not its certificate.
    { id: "tls", type: "tls-config", name: "", cert: "", key: "", ca: "", verifyservercert: false },
    ...KINDS.map((kind) => ({ ...config, ...kind.config, id: kind.name, baseUrl: urls[kind.server] })),
    ...KINDS.flatMap((kind) => nodesOf(kind).map((id) => ({ ...chat, ...kind.chat, id, config: kind.name }))).map(
      (node) => (node.id === CHANGED ? { ...node, name: `revision ${revision}` } : node),
    ),
    { ...place, id: "tool", type: "huggingface-tool", name: "own", wires: [["back"]] },
    { ...place, id: "back", type: "link out", mode: "return", links: [], wires: [] },
    sink("reply"),
    sink("stream"),
    sink("calls"),
    { ...place, id: "catch", type: "catch", scope: [...CHATS], wires: [["error"]] },
    sink("error"),
  ];
}
