import assert from "node:assert/strict";
import { CLIENT_SUMMARIES } from "../../../src/client/errors/summaries";
import { CLIENT_ERRORS } from "../../../src/client/errors/table";
import { CONVERSATION_ERRORS, CONVERSATION_SUMMARIES } from "../../../src/conversation/errors";
import { ChatError, NODE_RED_ERRORS, NODE_RED_SUMMARIES, REWORDED } from "../../../src/node-red/errors";
import { sentencesOf } from "../../support/error-tables";

/** What fills the places: as short as it mostly is. */
const PARAMS: Record<string, string | number> = {
  status: 401,
  message: "Said.",
  host: "router.huggingface.co",
  model: "org/model",
  seconds: 12,
  count: 451,
  used: 5,
  amount: 5,
  until: "2026-11-27 00:00",
  name: "msg.topic",
  property: "msg.topic",
  field: "Seed",
  reason: "length",
  url: "tower:1234",
  location: "https://b.example",
  date: "2026-11-26",
  proxy: "proxy:3128",
  megabytes: 16,
  levels: 500,
  encoding: "zstd",
  needed: "20.18.1",
  version: "18.0.0",
  undici: "8.1.0",
  module: "undici",
  type: "bigint",
  role: "robot",
  value: "hot",
  choices: "a, b",
  index: "[0]",
  title: "Sign in",
  refusal: "No.",
  problems: "a is missing",
  store: "file",
};

/** Errors that are a fact without a cure that we could name: the server says what is wrong, or nothing can be done. */
const WITHOUT_ADVICE = [
  "mcp_refused",
  "mcp_interrupted",
  "answer_too_deep",
  "answer_too_long",
  "refused",
  "cancelled",
  "property_failed",
  "template_failed",
  "n_not_one",
];

type Row = [key: string, first30: string, status: string];

// What Node-RED's sidebar shows of the message, and what stands under the node.
const rows: Row[] = [
  ["request_unsendable", "Message cannot be sent: it can", "message cannot be sent"],
  ["base_url_invalid", 'Base URL not valid: "tower:123', "base URL not valid"],
  ["base_url_socket", 'Base URL is a unix socket ("to', "base URL is a unix socket"],
  ["base_url_credentials", "Password in the base URL: it h", "password in the base URL"],
  ["token_invalid", "Token not valid: it holds char", "token not valid"],
  ["header_invalid", "Header not valid: msg.topic ha", "header not valid: msg.topic"],
  ["header_reserved", "Header not allowed: the connec", "header not allowed: msg.topic"],
  ["proxy_invalid", "Proxy address not valid: tower", "proxy address not valid"],
  ["refused", "Request rejected (401): Said.", "request rejected (401)"],
  ["too_large", "Question too large (401): Said", "question too large (401)"],
  ["token_missing", "Token missing (401): Said. Ent", "token missing (401)"],
  ["token_refused", "Token refused (401): Said. Ent", "token refused (401)"],
  ["forbidden", "Access denied (401): Said. Giv", "access denied (401)"],
  ["forbidden_elsewhere", "Access denied (401): Said. Che", "access denied (401)"],
  ["queue_full", "Queue full: 451 questions are ", "queue full, 451 waiting"],
  ["rate_limited", "Rate limit (401): Said. Send q", "rate limit (401)"],
  ["rate_limited_until", "Rate limit (401): Said. Try ag", "rate limit, 12 s"],
  ["credits_used_up", "Credits used up (401): Said. B", "credits used up (401)"],
  ["quota_used_up", "Quota used up (401): Said. Rai", "quota used up (401)"],
  ["model_not_found", "Model not available (401): Sai", "model not available (401)"],
  ["path_not_found", "Nothing at this address (401):", "nothing at address (401)"],
  ["gone", "Address retired (401): Said. U", "address retired (401)"],
  ["server_timeout", "Server too slow (401): Said. T", "server too slow (401)"],
  ["server_timeout_until", "Server too slow (401): Said. T", "server too slow, 12 s"],
  ["silent", "No reply within 12 s from rout", "no reply within 12 s"],
  ["silent_at_home", "No reply within 12 s from rout", "no reply within 12 s"],
  ["silent_midway", "Reply stalled: nothing came fr", "reply stalled for 12 s"],
  ["server_failed", "Server error (401): Said. Try ", "server error (401)"],
  ["server_busy", "Server not ready (401): Said. ", "server not ready (401)"],
  ["server_busy_until", "Server not ready (401): Said. ", "server not ready, 12 s"],
  ["not_supported", "Not supported (401): Said. Use", "not supported (401)"],
  ["tools_unsupported", "No tools here (401): Said. Tur", "no tools here (401)"],
  ["images_unsupported", "No images here (401): Said. Us", "no images here (401)"],
  ["sound_unsupported", "No sound here (401): Said. Use", "no sound here (401)"],
  ["template_refused", "Chat template error (401): Sai", "chat template error (401)"],
  ["redirected", "Redirected (401) to https://b.", "redirected (401)"],
  ["unexpected_status", "Unexpected status 401: Said. C", "unexpected status 401"],
  ["host_unknown", "Host not found: router.hugging", "host not found"],
  ["connection_refused", "Nothing answers at router.hugg", "nothing answers at the address"],
  ["connection_failed", "Connection failed to router.hu", "connection failed"],
  ["connection_closed", "Connection closed by router.hu", "connection closed"],
  ["connection_timeout", "No connection in time to route", "no connection in time"],
  ["connection_cut", "Connection lost: router.huggin", "connection lost in the reply"],
  ["files_exhausted", "Too many open files: Node-RED ", "too many open files"],
  ["connection_lost", "Connection lost: length, durin", "connection lost in the reply"],
  ["certificate", "Certificate not accepted: that", "certificate not accepted"],
  ["certificate_date", "Certificate not valid on 2026-", "certificate date not valid"],
  ["tls_missing", "No https at this port of route", "server wants http, not https"],
  ["tls_expected", "Only https at this port of rou", "server wants https, not http"],
  ["tls_failed", "No secure connection to router", "TLS failed"],
  ["http2_only", "Only HTTP/2 at router.huggingf", "server speaks only HTTP/2"],
  ["proxy_unreachable", "Proxy not reachable: proxy:312", "proxy not reachable"],
  ["proxy_failed", "Proxy cannot reach the server:", "proxy cannot reach the server"],
  ["proxy_unfit", "Proxy does not fit: proxy:3128", "proxy does not fit"],
  ["proxy_refused", "Proxy refused the request: pro", "proxy refused the request"],
  ["reply_error", "Error in the reply: Said. Try ", "error in the reply"],
  ["reply_senseless", "Not a chat completion from rou", "answer is not a completion"],
  ["reply_web_page", 'Web page instead of a reply: "', "web page instead of a reply"],
  ["reply_without_calls", "Tool calls missing: the reply ", "tool calls missing"],
  ["reply_incomplete", "Reply incomplete: router.huggi", "reply incomplete"],
  ["reply_damaged", "Reply damaged: that of router.", "reply damaged"],
  ["reply_too_long", "Reply too long: more than 16 M", "reply longer than 16 MB"],
  ["encoding_unknown", "Unknown compression (zstd) in ", "unknown compression"],
  ["node_too_old", "Node.js 20.18.1 or newer is ne", "needs Node.js 20.18.1"],
  ["webassembly_missing", "Node.js runs without WebAssemb", "needs WebAssembly"],
  ["undici_unfit", "The package undici 8.1.0 is in", "needs undici 7"],
  ["module_failed", "Package incomplete: undici cou", "package incomplete"],
  ["models_unavailable", "router.huggingface.co gives no", "no list of models"],
  ["internal", "Internal error: length. Please", "internal error"],
  ["cancelled", "The question was cancelled.", "cancelled"],
  ["model_missing", "No model set. Enter a model ID", "no model set"],
  ["prompt_empty", "Nothing to ask: msg.topic is e", "nothing to ask"],
  ["prompt_buffer", "msg.topic is a Buffer that is ", "prompt is a Buffer of bytes"],
  ["media_no_place", "msg.topic is an image or sound", "image or sound not allowed"],
  ["prompt_unsendable", "msg.topic cannot be sent: it i", "prompt cannot be sent"],
  ["list_too_long", "Too many items in msg.topic: 4", "too many items"],
  ["message_not_object", "msg.topic is not a message. A ", "not a message"],
  ["message_role", 'msg.topic has the role "robot"', "unknown role"],
  ["message_content", "msg.topic has no content that ", "message without content"],
  ["message_part", "msg.topic is not a content par", "not a content part"],
  ["message_image", "msg.topic is not an image that", "not an image"],
  ["message_tool_call_id", "msg.topic is a tool message wi", "tool_call_id missing"],
  ["image_path", "Path in place of an image: msg", "path in place of an image"],
  ["image_too_big", "The image in msg.topic has 16 ", "image too big, 16 MB"],
  ["options_not_object", "msg.huggingface is of type big", "msg.huggingface not an object"],
  ["option_forbidden", "msg.topic is not allowed: a me", "not allowed in a message"],
  ["option_number", 'msg.topic is "hot", which is n', "not a number: msg.topic"],
  ["option_boolean", 'msg.topic is "hot". It must be', "not true or false: msg.topic"],
  ["option_text", "msg.topic must be text.", "not text: msg.topic"],
  ["option_stop", "msg.topic must be a text or an", "not text: msg.topic"],
  ["option_choice", 'msg.topic is "hot". Choose one', "unknown choice: msg.topic"],
  ["n_not_one", "n is above 1, but a question h", "n above 1"],
  ["extra_reserved", "Not allowed: msg.topic in the ", "not allowed: msg.topic"],
  ["json_invalid", "msg.topic is not valid JSON: l", "JSON not valid: msg.topic"],
  ["not_an_object", "msg.topic must be an object, w", "not an object: msg.topic"],
  ["env_missing", "Variable not set: msg.topic, n", "variable not set: msg.topic"],
  ["images_invalid", "msg.topic is not a PNG, JPEG, ", "not an image"],
  ["sound_invalid", "Not a sound that can be sent: ", "not WAV or MP3"],
  ["sound_too_big", "Sound too big: msg.topic has 1", "sound too big, 16 MB"],
  ["tool_not_declared", "Not a tool: msg.huggingface.to", "not a tool"],
  ["tool_twice", "Tool name used twice: msg.topi", "duplicate tool: msg.topic"],
  ["tool_schema", "Tool schema not valid: the par", "tool schema wrong: msg.topic"],
  ["tool_name_missing", "No tool named: the tool choice", "no tool named"],
  ["function_name", 'Tool name not valid: "msg.topi', "tool name not valid"],
  ["functions_not_list", "The declared functions must be", "functions not a list"],
  ["schema_missing", "No JSON schema: the reply is t", "no JSON schema"],
  ["schema_invalid", "JSON schema not valid: length.", "JSON schema not valid"],
  ["limit_questions", "Limit reached: 5 of 5 question", "limit: 5 questions"],
  ["limit_usd", "Limit reached: 5 of 5 USD. It ", "limit: 5 USD"],
  ["limit_tokens", "Limit reached: 5 of 5 tokens. ", "limit: 5 tokens"],
  ["too_many_steps", "Too many tool rounds: the mode", "too many tool rounds (451)"],
  ["output_invalid", "Not the JSON asked for: a is m", "reply is not the JSON wanted"],
  ["call_truncated", "Tool call cut off (length): th", "tool call cut off (length)"],
  ["output_refused", "Refused by the model: No. Chan", "refused by the model"],
  ["output_truncated", "JSON cut off (length): the rep", "JSON cut off (length)"],
  ["output_filtered", "JSON held back (length): the s", "JSON held back (length)"],
  ["config_missing", "No configuration chosen, or it", "no configuration"],
  ["control_invalid", "Neither true nor false: msg.to", "not true or false: msg.topic"],
  ["property_failed", "Cannot read msg.topic (field m", "cannot be read: msg.topic"],
  ["property_promise", "Promise in msg.topic (field ms", "promise in msg.topic"],
  ["template_failed", "Mistake in the template of the", "mistake in the template"],
  ["output_path", "No place for the reply: msg.to", "no place for the reply"],
  ["message_locked", "Message is read-only: msg.msg.", "message is read-only"],
  ["output_unusable", "No place for the reply: msg.to", "no place for the reply"],
  ["tls_invalid", "TLS configuration not valid: i", "TLS configuration not valid"],
  ["secret_withheld", "Deploy first: the value of msg", "deploy first"],
  ["other_withheld", "Deploy first: what the questio", "deploy first"],
  ["answer_too_long", "Answer too long: more than 16 ", "answer longer than 16 MB"],
  ["answer_too_deep", "Answer not used: it is nested ", "answer nested too deep"],
  ["mcp_url_invalid", 'Server URL not valid: "tower:1', "server URL not valid"],
  ["mcp_url_credentials", "Password in the Server URL: it", "password in the server URL"],
  ["mcp_login", "Token missing (401): the MCP s", "token missing (401)"],
  ["mcp_token_refused", "Token refused (401) by the MCP", "token refused (401)"],
  ["mcp_forbidden", "Access denied (401) by the MCP", "access denied (401)"],
  ["mcp_rate_limited", "Rate limit (401) of the MCP se", "rate limit (401)"],
  ["mcp_not_found", "No MCP server at this address ", "no MCP server there (401)"],
  ["mcp_silent", "No answer within 12 s from the", "no answer within 12 s"],
  ["mcp_interrupted", "Call interrupted: the connecti", "call interrupted"],
  ["mcp_unreachable", "MCP server not reached: router", "no way to the MCP server"],
  ["mcp_status", "MCP server error (401) of rout", "error of the server (401)"],
  ["mcp_redirected", "Redirected (401) to https://b.", "redirected (401)"],
  ["mcp_refused", "MCP server refused the request", "refused by the MCP server"],
  ["mcp_endless", "List of tools does not end: ro", "list of tools does not end"],
  ["mcp_senseless", "Not an MCP server at router.hu", "not an MCP server"],
  ["context_unreadable", "Context store failed: msg.topi", "context store failed"],
  ["output_failed", "Context store failed: the repl", "context store failed"],
  ["memory_unreadable", "Context store failed: the conv", "context store failed"],
  ["memory_unwritable", "Context store failed: the conv", "context store failed"],
];

describe("errors where they are shown", () => {
  const sentences = new Map([
    ...[CLIENT_ERRORS, CONVERSATION_ERRORS, NODE_RED_ERRORS].flatMap((table) => [...sentencesOf(table)]),
    ...Object.entries(REWORDED),
  ]);
  const summaries: Record<string, string> = { ...CLIENT_SUMMARIES, ...CONVERSATION_SUMMARIES, ...NODE_RED_SUMMARIES };

  it("are all in this table", () => {
    assert.deepEqual([...sentences.keys()].sort(), rows.map(([key]) => key).sort());
    assert.deepEqual(Object.keys(summaries).sort(), [...sentences.keys()].sort());
  });

  for (const [key, first30, status] of rows) {
    it(`begin with the news: ${key} is "${first30}" and "${status}"`, () => {
      const error = new ChatError(key as "cancelled", PARAMS);
      assert.equal(error.message.slice(0, 30), first30);
      assert.equal(String(error.cause), status);
      assert.equal(error.summary, status);
      assert.ok(status.length <= 30, `${status.length} characters`);
      assert.match(status, /^[a-zN]|^(JSON|TLS)/, "no sentence, so it begins small");
    });
  }

  /** What a cure begins with: a verb in the imperative, or where it lies. */
  const ADVICE =
    /\b(Enter|Paste|Correct|Remove|Check|Send|Shorten|Give|Buy|Raise|Try again|Use|Set|Choose|Turn|Close|Update|Start|Run|Write|Copy|Make|Convert|Read|Put|Rename|Allow|Describe|Change|Wait|Deploy|Look|Let|Please report|Go to|Leave)\b|must be|[aA] message is|A part is|\bor leave\b|allowed|install/;
  for (const [key, sentence] of sentences) {
    if (WITHOUT_ADVICE.includes(key)) continue;
    it(`say what to do: ${key}`, () => assert.match(sentence, ADVICE));
  }
});

describe("the cause of an error", () => {
  const error = new ChatError("token_refused", { status: 401, message: "Said." }, { status: 401 });

  it("is a short line as text, which Node-RED's sidebar shows, also in another language", () => {
    assert.equal(`${error.cause}`, "token refused (401)");
    error.summary = "Token abgelehnt (401)";
    assert.equal(String(error.cause), "Token abgelehnt (401)");
  });

  it("is plain data where it is cloned, written as JSON or compared", () => {
    const plain = { retryable: false, status: 401 };
    assert.deepEqual(error.cause, plain);
    assert.deepEqual(structuredClone(error.cause), plain);
    assert.equal(JSON.stringify(error.cause), JSON.stringify(plain));
    assert.deepEqual(Object.keys(error.cause), Object.keys(plain));
  });
});
