import { FUNCTION_NAME } from "../../src/shared/limits";

/** Checks of a history by the rules of the contract, and as strict servers make them before a model sees it. */

/** A message as it is sent. */
// biome-ignore lint/suspicious/noExplicitAny: tests look into it freely
export type SentMessage = Record<string, any>;

/** Returns what a server would say of a history; undefined where it takes it. */
export type Check = (messages: SentMessage[]) => string | undefined;

const NOT_ALTERNATING = "conversation roles must alternate user/assistant/user/assistant/...";
const REASONING = ["reasoning_content", "reasoning", "reasoning_text", "thinking", "reasoning_details"];

/** The messages behind an optional system message. */
function afterSystem(messages: SentMessage[]): SentMessage[] {
  return messages[0]?.role === "system" ? messages.slice(1) : messages;
}

/** What both Mistral's and Gemma's templates ask for: results, and messages with calls, are not counted. */
function alternates(messages: SentMessage[]): boolean {
  return messages
    .filter(({ role, tool_calls }) => role !== "tool" && tool_calls === undefined)
    .every(({ role }, at) => (role === "user") === (at % 2 === 0));
}

function isBlank(content: unknown): boolean {
  return content === null || content === undefined || (typeof content === "string" && content.trim() === "");
}

function isObjectText(text: unknown): boolean {
  try {
    const value = JSON.parse(String(text));
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

function isText(content: unknown): boolean {
  return typeof content === "string" && content !== "";
}

/**
 * Mistral: mistral-common's `validator.py` (order of roles, numbers of calls and results, names, ids of version 3, last
 * role), the template of Mistral-Small-3.1, and what its API says of ids that no call has and of fields it does not know.
 */
export const mistral: Check = (messages) => {
  const said = afterSystem(messages);
  if (!alternates(said)) return `After the optional system message, ${NOT_ALTERNATING}`;
  let before = "";
  let open: string[] = [];
  for (const message of said) {
    const { role, content, tool_calls, tool_call_id, ...others } = message;
    const [unknown] = Object.keys(others);
    if (unknown !== undefined) return `Extra inputs are not permitted: ${unknown}`;
    if (role === "user" && before === "tool") return "Unexpected role 'user' after role 'tool'";
    if (role === "tool") {
      if (!/^[a-zA-Z0-9]{9}$/.test(tool_call_id))
        return `Tool call id was ${tool_call_id} but must be a-z, A-Z, 0-9, with a length of 9.`;
      if (!open.includes(tool_call_id)) return `Unexpected tool call id ${tool_call_id} in tool results`;
      open = open.filter((id) => id !== tool_call_id);
    } else if (open.length > 0) {
      return "Not the same number of function calls and responses";
    }
    if (role === "assistant") {
      if (isBlank(content) && !tool_calls?.length)
        return "Assistant message must have either content or tool_calls, but not none.";
      for (const { id, function: called } of tool_calls ?? []) {
        if (!/^[a-zA-Z0-9]{9}$/.test(id))
          return `Tool call id was ${id} but must be a-z, A-Z, 0-9, with a length of 9.`;
        if (!FUNCTION_NAME.test(called.name)) return `Function name was ${called.name} but must be a-z, A-Z, 0-9`;
      }
      open = (tool_calls ?? []).map(({ id }: SentMessage) => id);
    }
    if (
      role === "user" &&
      Array.isArray(content) &&
      !content.every(({ type }) => type === "text" || type === "image_url")
    ) {
      return "Only text and image blocks are supported in message content!";
    }
    before = role;
  }
  if (open.length > 0) return "Not the same number of function calls and responses";
  return before === "user" || before === "tool" ? undefined : `Expected last role User or Tool but got ${before}`;
};

/**
 * Gemma 3: its own template, and vLLM's `tool_chat_template_gemma3_pythonic.jinja` for calls. `content: null` beside calls,
 * which that template refuses too, is left to the answer of the server.
 */
export const gemma: Check = (messages) => {
  const said = afterSystem(messages);
  if (!alternates(said)) return `C${NOT_ALTERNATING.slice(1)}`;
  for (const { role, content, tool_calls } of said) {
    if (!["user", "assistant", "tool"].includes(role)) return `Unknown role ${role}`;
    if (content === null && tool_calls?.length) continue;
    if (typeof content !== "string" && !Array.isArray(content)) return "Invalid content type";
  }
  return undefined;
};

/** Llama 3.1: its own template, and vLLM's `tool_chat_template_llama3.1_json.jinja`, which parse the arguments first. */
export const llama: Check = (messages) => {
  const said = afterSystem(messages);
  if (said.length === 0) return "Cannot put tools in the first user message when there's no first user message!";
  // The template takes the first message for the user's, whatever it is.
  if (said[0]?.role !== "user") return "The first message is not the user's";
  for (const { role, content, tool_calls } of said) {
    if (tool_calls === undefined) {
      if (typeof content !== "string" && !Array.isArray(content)) return "'NoneType' object is not iterable";
      continue;
    }
    if (tool_calls.length > 1) return "This model only supports single tool-calls at once!";
    if (role !== "assistant") return `Unexpected tool_calls in a message of ${role}`;
    for (const { function: called } of tool_calls) {
      if (!isObjectText(called.arguments)) return `arguments are no mapping: ${called.arguments}`;
    }
  }
  return undefined;
};

/** OpenAI's API, by its error messages. */
export const openai: Check = (messages) => {
  let open: string[] | undefined;
  for (const [at, { role, content, tool_calls, tool_call_id }] of messages.entries()) {
    if (role === "tool") {
      if (!open) return "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'";
      if (!open.includes(tool_call_id))
        return `Invalid parameter: 'tool_call_id' of '${tool_call_id}' not found in 'tool_calls' of previous message.`;
      open = open.filter((id) => id !== tool_call_id);
      if (typeof content !== "string") return `Invalid type for 'messages[${at}].content'`;
      continue;
    }
    if (open?.length)
      return `An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. ${open}`;
    open = undefined;
    if (role !== "assistant") {
      if (content == null) return `Invalid value for 'content': expected a string, got null. ('messages[${at}]')`;
      continue;
    }
    if (content == null && !tool_calls)
      return `Invalid value for 'content': expected a string, got null. ('messages[${at}]')`;
    if (!tool_calls) continue;
    if (tool_calls.length === 0) return `Invalid 'messages[${at}].tool_calls': empty array.`;
    for (const { id, type, function: called } of tool_calls) {
      if (!isText(id) || id.length > 40) return `Invalid 'messages[${at}].tool_calls[0].id': string too long. ${id}`;
      if (type !== "function") return `Invalid value: '${type}'. Supported values are: 'function'`;
      if (!/^[a-zA-Z0-9_-]+$/.test(called.name) || called.name.length > 64)
        return `Invalid 'messages[${at}].tool_calls[0].function.name': ${called.name}`;
      if (typeof called.arguments !== "string")
        return `Invalid type for 'messages[${at}].tool_calls[0].function.arguments'`;
    }
    open = tool_calls.map(({ id }: SentMessage) => id);
  }
  return open?.length ? `tool_call_ids did not have response messages: ${open}` : undefined;
};

/** The order of messages that every server takes, whoever wrote them. */
export const order: Check = (messages) => {
  let before: SentMessage = { role: "" };
  let open: string[] = [];
  for (const message of afterSystem(messages)) {
    const { role, content, tool_calls, tool_call_id } = message;
    if (role === "tool") {
      if (!open.includes(tool_call_id)) return `a result of no open call: ${tool_call_id}`;
      open.splice(open.indexOf(tool_call_id), 1);
      if (typeof content !== "string") return "the content of a result is no text";
    } else if (open.length > 0) {
      return `calls without results right behind them: ${open}`;
    }
    if (role === "user" && (before.role === "user" || before.role === "tool")) return `user follows ${before.role}`;
    if (role === "assistant" && isBlank(content) && !tool_calls?.length) return "an empty message of the assistant";
    if (role === "assistant") open = (tool_calls ?? []).map(({ id }: SentMessage) => id);
    if (role !== "assistant" || !tool_calls?.length) {
      const thought = REASONING.find((field) => field in message);
      if (thought) return `${thought} in a message without calls`;
    }
    for (const { function: called } of tool_calls ?? []) {
      if (!isObjectText(called.arguments)) return `arguments are no object: ${called.arguments}`;
    }
    before = message;
  }
  return open.length > 0 ? `calls without results: ${open}` : undefined;
};

/** Names that the API takes. */
export const names: Check = (messages) =>
  messages
    .flatMap(({ tool_calls }) => tool_calls ?? [])
    .map((call: SentMessage) => call.function.name)
    .find((name: string) => !FUNCTION_NAME.test(name));
