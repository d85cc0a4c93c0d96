import type { ChatCompletionRequest, Fixture } from "@copilotkit/aimock";

/**
 * What the stand-in answers. The first fixture that fits counts. Each reply is long enough to be seen coming in, and
 * suits a question of the examples; any other question is told whom it has reached.
 */
export const fixtures: Fixture[] = [
  {
    match: { userMessage: /show me an error/i },
    response: {
      status: 400,
      error: { message: "You asked for an error, and this is one.", type: "invalid_request_error" },
    },
  },
  {
    match: { userMessage: /what is node-red/i },
    response: {
      content:
        "Node-RED is a tool with which you wire together devices, web services and programs, by drawing flows in a browser.",
    },
  },
  {
    match: { userMessage: /story/i },
    response: {
      content:
        "Once there was a lighthouse that was afraid of the dark. " +
        "Every evening it lit its lamp only so as not to be alone. " +
        "Out at sea the ships saw the light, and thought: how brave it is!",
    },
  },
  {
    match: { userMessage: /^(hello|hi)\b/i },
    response: { content: "Hello! I am only a stand-in for a model, but I stream like one. What shall we talk about?" },
  },
  {
    match: { userMessage: /weather in Paris and in Oslo/i, hasToolResult: false },
    response: {
      toolCalls: [
        { name: "get_weather", arguments: '{"city":"Paris"}' },
        { name: "get_weather", arguments: '{"city":"Oslo"}' },
      ],
    },
  },
  {
    match: { userMessage: /weather in/i, hasToolResult: true },
    response: (request) => ({ content: weatherReport(request) }),
  },
  {
    match: { userMessage: /in the greenhouse/i, hasToolResult: false },
    response: {
      toolCalls: [
        { name: "get_temperature", arguments: "{}" },
        { name: "get_door", arguments: "{}" },
      ],
    },
  },
  {
    match: { userMessage: /in the greenhouse/i, hasToolResult: true },
    response: (request) => ({ content: `This is what your sensors say: ${toolResults(request).join(" ")}` }),
  },
  {
    match: { userMessage: /heating in the parlour/i, hasToolResult: false },
    response: { toolCalls: [{ name: "set_heating", arguments: '{"room":"parlour","celsius":21}' }] },
  },
  {
    match: { userMessage: /heating in the parlour/i, toolResultContains: "There is no room" },
    response: { toolCalls: [{ name: "set_heating", arguments: '{"room":"living room","celsius":21}' }] },
  },
  {
    match: { userMessage: /heating in the parlour/i, hasToolResult: true },
    response: (request) => ({
      content: `There is no parlour, so I took the living room. ${toolResults(request).at(-1)}`,
    }),
  },
  {
    match: { userMessage: /unlock the garage and the back door/i, hasToolResult: false },
    response: {
      toolCalls: [
        { name: "unlock_door", arguments: '{"door":"garage"}' },
        { name: "unlock_door", arguments: '{"door":"back door"}' },
      ],
    },
  },
  {
    match: { userMessage: /unlock the/i, hasToolResult: true },
    response: (request) => ({ content: `This is what came of it: ${toolResults(request).join(" ")}` }),
  },
  { match: { userMessage: /"boiler room":/ }, response: (request) => ({ content: boilerReport(request) }) },
  {
    match: { userMessage: /three red mugs and a dozen plates/i },
    response: { content: letterAsOrder({ article: "plate", count: "a dozen" }) },
  },
  {
    match: { userMessage: /cannot be used:\n- items\.1\.count must be integer/ },
    response: { content: letterAsOrder({ article: "plate", count: 12 }) },
  },
  {
    match: { userMessage: /what time is it in Tokyo and in Lima/i, hasToolResult: false },
    response: {
      toolCalls: [
        { name: "get_time", arguments: '{"zone":"Asia/Tokyo"}' },
        { name: "get_time", arguments: '{"zone":"America/Lima"}' },
      ],
    },
  },
  {
    match: { userMessage: /what time is it/i, hasToolResult: true },
    response: (request) => ({
      content: `These are the times in Tokyo and in Lima: ${toolResults(request).join(" and ")}`,
    }),
  },
  {
    match: { userMessage: /^my name is/i },
    response: (request) => ({ content: `Nice to meet you, ${nameOf(request)}!` }),
  },
  { match: { userMessage: /^what is my name/i }, response: (request) => ({ content: aboutTheName(request) }) },
  {
    match: { userMessage: /said in this note/i },
    response: { content: '{"title":"Greenhouse","tasks":["water the tomatoes"],"people":["Ada"]}' },
  },
  {
    match: { userMessage: /what is in this picture/i },
    response: (request) => ({ content: aboutThePicture(request) }),
  },
  {
    match: { userMessage: /^summarise in one sentence/i, model: "openai/gpt-oss-120b" },
    response: { status: 429, error: { message: "This model has no room for you now.", type: "rate_limit_error" } },
  },
  {
    match: { userMessage: /^summarise in one sentence/i },
    response: {
      content: "Node-RED, made at IBM in 2013 and open source since then, lets you draw flows in a browser.",
    },
  },
  {
    match: { userMessage: /lowest number of a question/i },
    response: (request) => ({ content: lowestQuestion(request) }),
  },
  { match: {}, response: (request) => ({ content: aboutMyself(request) }) },
];

function aboutMyself(request: ChatCompletionRequest): string {
  const asked = lastQuestion(request);
  return (
    `You asked: “${asked}” I am a stand-in on your own machine and know only a few answers by heart. ` +
    "Set HF_TOKEN to a Hugging Face token and start again, and a real model will answer."
  );
}

function userTexts(request: ChatCompletionRequest): string[] {
  return request.messages.filter(({ role }) => role === "user").map(({ content }) => String(content));
}

/** Returns the name that the user gave in this conversation. */
function nameOf(request: ChatCompletionRequest): string | undefined {
  return userTexts(request)
    .map((text) => /^my name is (\w+)/i.exec(text)?.[1])
    .findLast(Boolean);
}

function aboutTheName(request: ChatCompletionRequest): string {
  const name = nameOf(request);
  return name ? `Your name is ${name}.` : "You have not told me your name.";
}

/** Returns how many images have arrived, since a stand-in cannot see. */
function aboutThePicture(request: ChatCompletionRequest): string {
  const content = request.messages.at(-1)?.content;
  const pictures = Array.isArray(content) ? content.filter(({ type }) => type === "image_url").length : 0;
  return pictures > 0 ? `I have got ${pictures} picture, and take it for a red square.` : "There is no picture.";
}

function lowestQuestion(request: ChatCompletionRequest): string {
  const numbers = userTexts(request).map((text) => Number(/this is question (\d+)/i.exec(text)?.[1]));
  return `The lowest number is ${Math.min(...numbers)}.`;
}

/** Returns the weather that the flow reported, in a sentence. */
function weatherReport(request: ChatCompletionRequest): string {
  return `This is what your flow says of the weather: ${toolResults(request).join(" ")}`;
}

/** The answer to the readings of the boiler room's flow. */
function boilerReport(request: ChatCompletionRequest): string {
  const { "boiler room": celsius } = JSON.parse(lastQuestion(request)) as { "boiler room": number };
  const alarm = celsius > 60;
  const reason = alarm ? `The boiler room has ${celsius} degrees, which is too hot.` : "All temperatures are usual.";
  return JSON.stringify({ alarm, reason });
}

/** The order in the letter, with an item that is easy to misread. */
function letterAsOrder(plates: object): string {
  return JSON.stringify({ customer: "Ada Lovelace", items: [{ article: "red mug", count: 3 }, plates] });
}

function toolResults(request: ChatCompletionRequest): string[] {
  return request.messages.filter(({ role }) => role === "tool").map(({ content }) => String(content));
}

function lastQuestion(request: ChatCompletionRequest): string {
  const content = request.messages.findLast((message) => message.role === "user")?.content;
  if (typeof content === "string") return content;
  return (content ?? []).map((part) => (part.type === "text" ? part.text : "")).join("");
}
