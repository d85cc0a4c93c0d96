import { flowNode, type Message, type NodeDef } from "./node-red";
import { chunk, type Handler, reply, sse, status, type TestServer } from "./server";
import { callRound, linkOut, tool } from "./tools";

/** A mistake that a person makes with the nodes for the first time, and what the person sees of it. */
export interface Mistake {
  what: string;
  chat?: Message;
  config?: Message;
  /** Where the configuration leads; the stand-in server unless said. */
  url?: (server: TestServer) => string;
  token?: string;
  nodes?: NodeDef[];
  /** The prompt; "Hi" unless said. */
  payload?: string;
  /** Answers the questions; `numberedReplies` unless said. Keeps no state, since both tests use it. */
  handler?: Handler;
  /** Why the editor marks a node as invalid, before it is deployed; absent where it marks none. */
  mark?: RegExp;
  /** What stands below the chat node. */
  status: string;
  /** What stands below the tool node. */
  atTool?: string;
  /** The first 30 characters in the debug sidebar. */
  sidebar: string;
  /** What is in the whole text and fixes the mistake. */
  cure: RegExp;
}

/** The model calls the tool in each round. */
export const called = callRound({ id: "c1", name: "weather" });
/** The model calls the tool in the first round only. */
export const calledOnce: Handler = (request, response, index) =>
  (index === 0 ? called : reply("sunny"))(request, response, index);
/** A chat node with the tool. */
export const picked = { tools: ["tool"], toolTimeout: 0.2 };
/** Only output 1 is wired, to the node that shows the reply. */
export const unwired = { wires: [["reply-sink"], [], []] };

/** Mistakes that end in an error. */
export const ERRORS: Mistake[] = [
  {
    what: "no configuration",
    chat: { config: "" },
    mark: /Configuration/,
    status: "no configuration",
    sidebar: "No configuration chosen, or it",
    cure: /Choose a Hugging Face configuration .* deploy/,
  },
  {
    what: "no model",
    config: { model: "" },
    mark: /Model/,
    status: "no model set",
    sidebar: "No model set. Enter a model ID",
    cure: /in the configuration or in the node/,
  },
  {
    what: "no token",
    handler: status(401, { error: "Invalid username or password." }),
    status: "token missing (401)",
    sidebar: "Token missing (401): Invalid u",
    cure: /Enter one in the configuration/,
  },
  {
    what: "a wrong token",
    token: "hf_wrong",
    handler: status(401, { error: "Bad credentials" }),
    status: "token refused (401)",
    sidebar: "Token refused (401): Bad crede",
    cure: /Enter a valid token in the configuration/,
  },
  {
    what: "a server that is down",
    url: () => "http://127.0.0.1:1",
    status: "nothing answers at the address",
    sidebar: "Nothing answers at 127.0.0.1:1",
    cure: /Check that the server runs, and the base URL/,
  },
  {
    what: "a typo in the host",
    url: () => "http://olama.invalid:11434",
    status: "host not found",
    sidebar: "Host not found: olama.invalid:",
    cure: /Check the base URL/,
  },
  {
    what: "an address without http://",
    url: () => "localhost:11434",
    mark: /base URL/i,
    status: "base URL not valid",
    sidebar: 'Base URL not valid: "localhost',
    cure: /begins with http:\/\//,
  },
  {
    what: "a wrong path",
    handler: status(404, { error: "Not Found" }),
    status: "nothing at address (404)",
    sidebar: "Nothing at this address (404):",
    cure: /Check the base URL/,
  },
  {
    what: "https to a server that speaks http",
    url: ({ url }) => url.replace("http:", "https:"),
    status: "server wants http, not https",
    sidebar: "No https at this port of 127.0",
    cure: /Use http:\/\/ in the base URL/,
  },
  {
    what: "the address of a web page",
    handler: (_, response) => response.writeHead(200, { "content-type": "text/html" }).end("<html>Hi</html>"),
    status: "web page instead of a reply",
    sidebar: 'Web page instead of a reply: "',
    cure: /Check the base URL: it may lack \/v1/,
  },
  {
    what: "too many requests",
    handler: status(429, { error: "slow down" }, { "retry-after": "12" }),
    status: "rate limit, 12 s",
    sidebar: "Rate limit (429): slow down. T",
    cure: /Try again in 12 s/,
  },
  {
    what: "a server that says nothing",
    config: { timeout: 1 },
    handler: () => {},
    status: "no reply within 1 s",
    sidebar: "No reply within 1 s from 127.0",
    cure: /longer Timeout in the configuration/,
  },
  {
    what: "a blank prompt",
    payload: "",
    status: "nothing to ask",
    sidebar: "Nothing to ask: msg.payload is",
    cure: /Put the prompt there, or choose where it is/,
  },
  {
    what: "a prompt elsewhere than where the node looks",
    chat: { prompt: "question" },
    status: "nothing to ask",
    sidebar: "Nothing to ask: msg.question i",
    cure: /Put the prompt there, or choose/,
  },
  {
    what: "a template with a mistake",
    chat: { prompt: "{{#payload}}", promptType: "template" },
    status: "mistake in the template",
    sidebar: "Mistake in the template of the",
    cure: /field Prompt: .*payload/,
  },
  {
    what: "an expression with a mistake",
    chat: { prompt: "payload[", promptType: "jsonata" },
    mark: /Prompt/,
    status: "cannot be read: jsonata payload[",
    sidebar: "Cannot read jsonata payload[ (",
    cure: /field Prompt\): Expected/,
  },
  {
    what: "a word for a number in the form",
    chat: { temperature: "warm" },
    mark: /Temperature/,
    status: "not a number: Temperature",
    sidebar: 'Temperature is "warm", which i',
    cure: /Correct it, or leave it blank/,
  },
  {
    what: "a variable that nobody has set",
    chat: { maxTokens: `\${NOT_SET_AT_ALL}` },
    status: "variable not set: NOT_SET_AT_ALL",
    sidebar: "Variable not set: NOT_SET_AT_A",
    cure: /named in the field Max\. tokens\. Set it/,
  },
  {
    what: "JSON by a schema that is not there",
    chat: { format: "json_schema" },
    mark: /Properties: is missing/,
    status: "no JSON schema",
    sidebar: "No JSON schema: the reply is t",
    cure: /Enter it in the node/,
  },
  {
    what: "a schema with a typo",
    chat: { format: "json_schema", schema: '{"type":"strin"}' },
    mark: /type/,
    status: "JSON schema not valid",
    sidebar: "JSON schema not valid: type: n",
    cure: /not a type: it must be one of string/,
  },
  {
    what: "two tools of one name",
    chat: { tools: ["tool", "twin"] },
    nodes: [tool([]), flowNode("twin", "huggingface-tool", { name: "weather" })],
    status: "duplicate tool: weather",
    sidebar: "Tool name used twice: weather.",
    cure: /Rename one/,
  },
  {
    what: "a tool whose name has a space",
    chat: { tools: ["tool"] },
    nodes: [tool([], { name: "get weather" })],
    mark: /Function/,
    status: "tool name not valid",
    sidebar: 'Tool name not valid: "get weat',
    cure: /Use 1 to 64 letters/,
  },
];

/** Mistakes that end in a warning. */
export const WARNINGS: Mistake[] = [
  {
    what: "a tool whose link out node is in link mode",
    chat: picked,
    nodes: [tool(["out"]), linkOut("link")],
    handler: calledOnce,
    status: "no return from weather",
    atTool: "no return",
    sidebar: "No return from tool weather wi",
    cure: /"Return to calling link node"/,
  },
  {
    what: "picked tools that are all disabled",
    chat: picked,
    nodes: [tool([], { d: true })],
    status: "no tools available",
    sidebar: "No tools available: every pick",
    cure: /Enable them/,
  },
  {
    what: "calls at output 3, which is not wired",
    chat: { ...unwired, functions: [{ name: "weather", description: "", parameters: "" }] },
    handler: called,
    status: "tool calls: output 3 not wired",
    sidebar: "Output 3 is not wired, and the",
    cure: /Wire it/,
  },
  {
    what: "a stream at output 2, which is not wired",
    chat: { ...unwired, stream: true },
    status: "stream: output 2 not wired",
    sidebar: "Output 2 is not wired, and str",
    cure: /Wire it/,
  },
  {
    what: "msg.topic typed as text",
    chat: { conversation: "msg.topic" },
    mark: /the same for every message/,
    status: "one conversation for all",
    sidebar: "One conversation for all messa",
    cure: /Choose the type/,
  },
  {
    what: "a conversation key that the message lacks",
    chat: { conversation: "user", conversationType: "msg" },
    status: "no conversation key",
    sidebar: 'No conversation key: "Conversa',
    cure: /Set it in the flow before this node/,
  },
  {
    what: "a store that does not exist",
    chat: { conversation: "all", store: "disk" },
    mark: /Context store/,
    status: "no store disk",
    sidebar: 'No context store "disk": conve',
    cure: /Add it to contextStorage/,
  },
  {
    what: "output 1 wired to the own input",
    chat: { wires: [["chat"], [], []] },
    status: "loop: the reply comes back",
    sidebar: "Loop: a reply came back to thi",
    cure: /Remove the wire/,
  },
  {
    what: "a reply that max. tokens cut off",
    handler: (_, response) => sse(response, [chunk("Hel"), chunk(undefined, { finish_reason: "length" })]),
    status: "reply cut off (length)",
    sidebar: "Reply cut off (length): it rea",
    cure: /Raise "Max\. tokens"/,
  },
];
