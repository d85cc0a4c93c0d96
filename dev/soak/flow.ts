import type { NodeDef } from "../node-red";

/** The chat nodes: one with tools, streams and memory at a server that is mostly well, one at a server that is not. */
export const CHATS = ["chat-good", "chat-bad"] as const;

/** @param revision - another one makes Node-RED take the chat nodes for changed */
export function soakFlow(urls: { good: string; bad: string }, revision: number): NodeDef[] {
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
    { ...config, id: "good", baseUrl: urls.good, retries: 2, timeout: 1 },
    { ...config, id: "bad", baseUrl: urls.bad, retries: 1, timeout: 0.3 },
    {
      ...chat,
      id: "chat-good",
      config: "good",
      name: `revision ${revision}`,
      tools: ["tool"],
      functions: [{ name: "other", description: "", parameters: "" }],
      conversation: "topic",
      conversationType: "msg",
      maxMessages: 8,
    },
    { ...chat, id: "chat-bad", config: "bad", chunk: "interval", chunkInterval: 20 },
    { ...place, id: "tool", type: "huggingface-tool", name: "own", wires: [["back"]] },
    { ...place, id: "back", type: "link out", mode: "return", links: [], wires: [] },
    sink("reply"),
    sink("stream"),
    sink("calls"),
    { ...place, id: "catch", type: "catch", scope: [...CHATS], wires: [["error"]] },
    sink("error"),
  ];
}
