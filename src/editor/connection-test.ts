import type { ConfigForm, TestResponse } from "../shared/admin-api.js";
import { describeWithheld, isError, postForm } from "./admin-api.js";
import { make, makeButton, text } from "./red.js";

/**
 * Makes the button that asks for one token with what is in the form right now, and shows what came of it.
 *
 * @param element what the button is put into
 * @param read reads the form
 * @returns what ends a test that runs
 */
export function createConnectionTest(element: HTMLElement, read: () => ConfigForm): { destroy(): void } {
  const abort = new AbortController();
  const result = make("div", { class: "huggingface-hint huggingface-test-result", role: "status" });
  const button = makeButton(text("test.button"), "fa-plug", () => void test());
  const test = async () => {
    button.disabled = true;
    show(text("test.running"), "");
    const response = await postForm<TestResponse>("test", read(), abort.signal);
    button.disabled = false;
    if (isError(response)) {
      show(response.error.message, "huggingface-problem");
    } else {
      const { model, host, ms, provider = host } = response;
      show(text("test.reached", { model, provider, seconds: (ms / 1000).toFixed(1) }), "huggingface-good");
    }
    result.append(` ${describeWithheld(response)}`.trimEnd());
    RED.tray.resize();
  };
  const show = (message: string, kind: string) => {
    result.className = `huggingface-hint huggingface-test-result ${kind}`;
    result.textContent = message;
  };
  element.append(button, result);
  return { destroy: () => abort.abort() };
}
