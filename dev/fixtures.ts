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
  { match: {}, response: (request) => ({ content: aboutMyself(request) }) },
];

function aboutMyself(request: ChatCompletionRequest): string {
  const asked = lastQuestion(request);
  return (
    `You asked: “${asked}” I am a stand-in on your own machine and know only a few answers by heart. ` +
    "Set HF_TOKEN to a Hugging Face token and start again, and a real model will answer."
  );
}

/** What the flow has told of the weather, in a sentence. */
function weatherReport(request: ChatCompletionRequest): string {
  const results = request.messages.filter((message) => message.role === "tool").map(({ content }) => String(content));
  return `This is what your flow says of the weather: ${results.join(" ")}`;
}

function lastQuestion(request: ChatCompletionRequest): string {
  const content = request.messages.findLast((message) => message.role === "user")?.content;
  if (typeof content === "string") return content;
  return (content ?? []).map((part) => (part.type === "text" ? part.text : "")).join("");
}
