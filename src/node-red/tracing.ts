import type { Node } from "node-red";
import { loadModule } from "../client/internal";
import type { QuestionTrace } from "../conversation/trace/question-trace";
import type { ChatMessage } from "./message-reply";
import type { Progress } from "./question-runner";

/** Asks a question with a trace. Where that cannot be loaded, the question is asked without. */
export function beginTrace(
  { id, name }: Node,
  msg: ChatMessage,
  progress: Progress,
  ask: () => Promise<void>,
): Promise<void> {
  const trace = makeTrace({ id, name }, msg);
  if (!trace) return ask();
  progress.trace = trace;
  return trace.run(ask, () => progress.outcome?.completion);
}

function makeTrace(agent: { id: string; name?: string | undefined }, msg: ChatMessage): QuestionTrace | undefined {
  try {
    const load = (): typeof import("../conversation/trace/question-trace") =>
      require("../conversation/trace/question-trace");
    return new (loadModule("tracing", load).QuestionTrace)(agent, Reflect.get(msg, "headers"));
  } catch {
    return undefined;
  }
}
