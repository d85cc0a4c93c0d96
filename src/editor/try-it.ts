import type { TryDone, TryForm, TryLine } from "../shared/admin-api.js";
import { describeWithheld, streamLines } from "./admin-api.js";
import { showPrice } from "./models/model-rows.js";
import { make, makeButton, text } from "./red.js";
import { createWorkbench } from "./workbench.js";

/**
 * Makes the box that sends a prompt with the open form's values, and shows the reply as it arrives.
 *
 * @param element the box's parent
 * @param id of the chat node
 * @param read reads the form
 * @returns a function that cancels a running question
 */
export function createTryIt(
  element: HTMLElement,
  id: string,
  read: () => Omit<TryForm, "prompt">,
): { destroy(): void } {
  const label = text("try.prompt");
  const prompt = make("textarea", {
    class: "huggingface-try-prompt",
    rows: "2",
    placeholder: label,
    "aria-label": label,
  });
  const reply = make("div", { class: "huggingface-try-reply", role: "log", "aria-label": text("try.reply") });
  const reasoning = make("div", { class: "huggingface-try-text" });
  const details = make("details", {}, make("summary", {}, text("try.reasoning")), reasoning);
  const calls = make("div", { class: "huggingface-try-text" });
  const figures = make("div", { class: "huggingface-hint", role: "status" });
  let running: JQuery.jqXHR | undefined;
  const button = makeButton(text("try.button"), "fa-play", () => {
    if (running) running.abort();
    else start();
  });

  const show = (line: TryLine): void => {
    if (line.text) reply.append(line.text);
    if (line.reasoning) {
      reasoning.append(line.reasoning);
      details.hidden = false;
    }
    if (line.request) bench.take(line.request);
    if (line.error) fail(`${line.error.message} ${describeWithheld(line)}`.trimEnd());
    if (line.done) showEnd(line.done);
    RED.tray.resize();
  };
  const showEnd = (done: TryDone): void => {
    if (done.reply !== undefined) reply.textContent = JSON.stringify(done.reply, null, 2);
    calls.textContent = done.calls.map((call) => `${call.name}(${JSON.stringify(call.arguments)})`).join("\n");
    calls.hidden = done.calls.length === 0;
    figures.textContent = describe(done);
    bench.show(done);
  };
  const fail = (message: string): void => {
    figures.textContent = message;
    figures.classList.add("huggingface-problem");
  };
  const setRunning = (request: JQuery.jqXHR | undefined): void => {
    running = request;
    button.lastChild?.replaceWith(` ${text(request ? "try.stop" : "try.button")}`);
    button.querySelector("i")?.setAttribute("class", `fa ${request ? "fa-stop" : "fa-play"}`);
  };
  const start = (): void => {
    const form = read();
    bench.clear();
    for (const part of [reply, reasoning, calls, figures]) part.textContent = "";
    figures.classList.remove("huggingface-problem");
    details.hidden = true;
    calls.hidden = true;
    if (prompt.value.trim() === "" && !bench.hasSample() && form.chat["promptType"] === "msg") {
      fail(text("try.blank"));
      prompt.focus();
      return;
    }
    const request = streamLines<TryLine>("try", { ...form, ...bench.sample(), prompt: prompt.value }, show);
    setRunning(request);
    request.fail(({ status, statusText }) => {
      if (statusText === "abort") figures.textContent = text("try.stopped");
      else fail(text(status === 401 || status === 403 ? "test.forbidden" : "test.unreachable", { status }));
    });
    request.always(() => setRunning(undefined));
  };

  details.hidden = true;
  calls.hidden = true;
  element.append(prompt, button, details, reply, calls, figures);
  const bench = createWorkbench(element, id);
  return {
    destroy: () => {
      running?.abort();
      bench.destroy();
    },
  };
}

function describe({ finish_reason = "", usage, timing, cost, ...withheld }: TryDone): string {
  const seconds = (ms: number) => (ms / 1000).toFixed(1);
  const { prompt_tokens: sent, completion_tokens: written } = usage ?? {};
  const { first_ms, total_ms, tokens_per_second } = timing;
  const facts = [
    sent !== undefined && written !== undefined && text("try.tokens", { sent, written }),
    first_ms !== undefined && text("try.first", { seconds: seconds(first_ms) }),
    text("try.total", { seconds: seconds(total_ms) }),
    tokens_per_second !== undefined && text("try.rate", { rate: tokens_per_second }),
    cost !== undefined && showPrice(cost),
    finish_reason,
    describeWithheld(withheld),
  ];
  return facts.filter(Boolean).join(" · ");
}
