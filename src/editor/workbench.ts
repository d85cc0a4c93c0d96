import type { NextMessageResponse, TryDone, TryForm, TryRequest } from "../shared/admin-api.js";
import { isError, postForm } from "./admin-api.js";
import { asCurl, asJson } from "./curl.js";
import { make, makeButton, text } from "./red.js";

/** In characters of data URIs: Node-RED takes requests of 5 MB. */
const MOST_OF_FILES = 4 * 1024 * 1024;
/** What browsers call WAV and MP3. */
const SOUND = /^audio\/(?:(?:x-|vnd\.)?wave?|mpeg|mp3)$/;

/** What the try-it box asks with, beside its text. */
export interface Workbench {
  sample(): Pick<TryForm, "message" | "images" | "audio" | "runTools" | "wantsRequest">;
  /** True if there is something to ask without a text. */
  hasSample(): boolean;
  /** Forgets the request of the question before. */
  clear(): void;
  take(request: TryRequest): void;
  show(done: TryDone): void;
  destroy(): void;
}

/**
 * Makes what stands below the try-it box, folded: a whole message, images and sound, tools, and the request to copy.
 *
 * @param box the try-it box, which takes dropped files, too
 * @param id of the chat node
 */
export function createWorkbench(box: HTMLElement, id: string): Workbench {
  const abort = new AbortController();
  const note = make("div", { class: "huggingface-hint", role: "status" });
  const outcome = make("div", { class: "huggingface-try-text" });
  outcome.hidden = true;
  const say = (message: string, isProblem = false) => {
    note.textContent = message;
    note.classList.toggle("huggingface-problem", isProblem);
    RED.tray.resize();
  };

  const message = make("textarea", {
    class: "huggingface-try-message",
    rows: "3",
    spellcheck: "false",
    placeholder: '{ "payload": "" }',
    "aria-label": text("try.message"),
  });
  let waiting: AbortController | undefined;
  const next = makeButton(text("try.next"), "fa-crosshairs", () => {
    if (waiting) waiting.abort();
    else void takeNext();
  });
  const takeNext = async () => {
    const stop = new AbortController();
    waiting = stop;
    abort.signal.addEventListener("abort", () => stop.abort(), { once: true });
    next.classList.add("selected");
    say(text("try.waiting"));
    const response = await postForm<NextMessageResponse>("next", { id }, stop.signal);
    waiting = undefined;
    next.classList.remove("selected");
    if (stop.signal.aborted) say("");
    else if (isError(response)) {
      say(response.error.code === "invalid_input" ? text("questions.deploy") : response.error.message, true);
    } else {
      message.value = response.message;
      say("");
    }
  };

  let files: string[] = [];
  const isImage = (uri: string) => uri.startsWith("data:image/");
  const images = () => files.filter(isImage);
  const sounds = () => files.filter((uri) => !isImage(uri));
  const count = make("span", { class: "huggingface-hint" });
  const clear = makeButton(text("try.clear"), "fa-times", () => setFiles([]));
  const setFiles = (all: string[]) => {
    const isTooMuch = all.reduce((sum, { length }) => sum + length, 0) > MOST_OF_FILES;
    if (!isTooMuch) files = all;
    say(isTooMuch ? text("try.tooBig") : "", isTooMuch);
    const counts = [
      images().length > 0 && text("try.imagesCount", { count: images().length }),
      sounds().length > 0 && text("try.soundCount", { count: sounds().length }),
    ];
    count.textContent = counts.filter(Boolean).join(" · ") || text("try.imagesTip");
    clear.hidden = files.length === 0;
    RED.tray.resize();
  };
  const add = async (given: FileList | null | undefined) => {
    const isUsed = ({ type }: File) => type.startsWith("image/") || SOUND.test(type);
    const all = [...(given ?? [])];
    const read = await Promise.all(all.filter(isUsed).map(dataUri));
    if (read.length > 0) setFiles([...files, ...read]);
    const other = all.find((file) => !isUsed(file));
    if (other) say(text("try.otherFile", { name: other.name }), true);
  };
  const accept = "image/*,audio/wav,audio/mpeg,.wav,.mp3";
  const picker = make("input", { type: "file", accept, multiple: "", "aria-label": text("try.images") });
  picker.addEventListener("change", () => {
    void add(picker.files);
    picker.value = "";
  });

  const tools = make("input", { type: "checkbox" });
  const toolsLine = make("label", { class: "huggingface-check" }, tools, text("try.runTools"));
  toolsLine.title = text("try.runToolsTip");

  let request: TryRequest | undefined;
  const copy = (write: (request: TryRequest) => string) => (event: Event) => {
    if (!request) return say(text("try.notSent"));
    RED.clipboard.copyText(write(request), $(event.currentTarget as HTMLElement), text("try.copied"));
    say(text("try.copied"));
  };
  const copyButton = (key: string, write: (request: TryRequest) => string) => {
    const button = makeButton(text(key), "fa-clipboard", () => {});
    button.addEventListener("click", copy(write));
    return button;
  };

  const line = (...parts: (Node | string)[]) => make("div", { class: "huggingface-workbench-line" }, ...parts);
  const details = make(
    "details",
    { class: "huggingface-workbench" },
    make("summary", {}, text("try.more")),
    make("div", { class: "huggingface-hint" }, text("try.messageTip")),
    message,
    line(next),
    line(picker, count, clear),
    line(toolsLine),
    line(copyButton("try.copyRequest", asJson), copyButton("try.copyCurl", asCurl)),
    note,
  );
  details.addEventListener("toggle", () => RED.tray.resize());
  box.after(outcome, details);
  setFiles([]);
  for (const place of [box, details]) {
    place.addEventListener("dragover", (event) => {
      // The editor itself takes files that are dropped, as flows.
      event.preventDefault();
      event.stopPropagation();
    });
    place.addEventListener("drop", (event) => {
      event.preventDefault();
      event.stopPropagation();
      details.open = true;
      void add(event.dataTransfer?.files);
    });
  }

  return {
    sample: () => ({
      ...(message.value.trim() !== "" && { message: message.value }),
      ...(images().length > 0 && { images: images() }),
      ...(sounds().length > 0 && { audio: sounds() }),
      runTools: tools.checked,
      wantsRequest: true,
    }),
    hasSample: () => message.value.trim() !== "" || files.length > 0,
    clear: () => {
      request = undefined;
      outcome.hidden = true;
      if (!waiting) say("");
    },
    take: (sent) => {
      request = sent;
    },
    show: (done) => {
      outcome.textContent = outcomeOf(done).join("\n");
      outcome.hidden = outcome.textContent === "";
    },
    destroy: () => abort.abort(),
  };
}

/** Tells what a question did beside the reply: calls that were carried out, what was remembered, and warnings. */
function outcomeOf({ ran = [], conversation, warnings = [] }: TryDone): string[] {
  const calls = ran.map(({ name, arguments: given, result, error }) =>
    text("try.ran", { name, arguments: JSON.stringify(given), result: result ?? error ?? "" }),
  );
  return [...calls, ...(conversation ? [text("try.conversation", conversation)] : []), ...warnings];
}

function dataUri(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}
