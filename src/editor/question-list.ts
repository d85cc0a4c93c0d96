import type { KeptTexts, QuestionFigures, QuestionsResponse, TextsLine } from "../shared/admin-api.js";
import { isError, streamLines } from "./admin-api.js";
import { showPrice } from "./models/model-rows.js";
import { make, text } from "./red.js";

/** Between two looks at the last questions, while they are shown. */
const LOOK_MS = 2000;
const COLUMNS = ["time", "model", "tokens", "cost", "first", "total", "rounds", "status"];

/** What an editor keeps of texts: it goes on when the form is closed, and ends with the page. */
interface Keeping {
  request: JQuery.jqXHR;
  until: number;
  kept: KeptTexts[];
}
const keepings = new Map<string, Keeping>();

/**
 * Makes the list of a node's last questions, folded. It asks Node-RED only while it is open.
 *
 * @param before the element that it stands behind
 * @param id of the chat node
 */
export function createQuestionList(before: HTMLElement, id: string): { open(): void; destroy(): void } {
  const body = make("tbody");
  const head = make("tr", {}, ...COLUMNS.map((name) => make("th", { scope: "col" }, text(`questions.column.${name}`))));
  const list = make(
    "div",
    { class: "huggingface-questions-list", tabindex: "0", role: "region", "aria-label": text("questions.title") },
    make("table", {}, make("thead", {}, head), body),
  );
  const note = make("div", { class: "huggingface-hint", role: "status" });
  const box = make("input", { type: "checkbox" });
  const dot = make("i", { class: "fa fa-circle huggingface-keeping-dot", "aria-hidden": "true" });
  const keepLine = make("label", { class: "huggingface-check" }, box, text("questions.keep"), dot);
  const keepNote = make("div", { class: "huggingface-hint" });
  const texts = make("div", { class: "huggingface-questions-texts" });
  const details = make(
    "details",
    { class: "huggingface-questions" },
    make("summary", {}, text("questions.title")),
    list,
    note,
    keepLine,
    keepNote,
    texts,
  );
  let timer: ReturnType<typeof setInterval> | undefined;

  const showKeeping = (problem = "") => {
    const keeping = keepings.get(id);
    box.checked = keeping !== undefined;
    dot.hidden = keeping === undefined;
    const time = keeping?.until ? new Date(keeping.until).toLocaleTimeString() : "";
    keepNote.textContent = problem || (time ? text("questions.keeping", { time }) : text("questions.keepTip"));
    keepNote.classList.toggle("huggingface-problem", problem !== "");
    texts.replaceChildren(...(keeping?.kept ?? []).toReversed().map(keptLine));
    RED.tray.resize();
  };
  const look = () => {
    $.getJSON(`huggingface/questions/${encodeURIComponent(id)}`, (response: Partial<QuestionsResponse>) => {
      const { questions = [] } = response;
      body.replaceChildren(...questions.toReversed().map(questionLine));
      list.hidden = questions.length === 0;
      const empty = questions.length === 0 ? text("questions.none") : "";
      note.textContent = isError(response) ? text("questions.deploy") : empty;
      RED.tray.resize();
    }).fail(({ status }) => {
      note.textContent = text(status === 401 || status === 403 ? "test.forbidden" : "test.unreachable", { status });
    });
  };
  box.addEventListener("change", () => {
    keepings.get(id)?.request.abort();
    if (box.checked) keep(id, showKeeping);
    else keepings.delete(id);
    showKeeping();
  });
  details.addEventListener("toggle", () => {
    clearInterval(timer);
    if (!details.open) return RED.tray.resize();
    look();
    showKeeping();
    timer = setInterval(() => {
      look();
      showKeeping(keepNote.classList.contains("huggingface-problem") ? (keepNote.textContent ?? "") : "");
    }, LOOK_MS);
  });
  list.hidden = true;
  dot.hidden = true;
  before.after(details);
  return {
    open: () => {
      details.open = true;
      details.scrollIntoView({ block: "nearest" });
      details.querySelector("summary")?.focus();
    },
    destroy: () => clearInterval(timer),
  };
}

/** Lets Node-RED keep the texts of a node, and takes them as they come. */
function keep(id: string, show: (problem?: string) => void): void {
  const keeping: Keeping = {
    until: 0,
    kept: [],
    request: streamLines<TextsLine>("texts", { id }, ({ until, kept, error }) => {
      if (until) keeping.until = until;
      if (kept) keeping.kept = [...keeping.kept, kept].slice(-50);
      if (error) show(error.code === "invalid_input" ? text("questions.deploy") : error.message);
    }),
  };
  keepings.set(id, keeping);
  const isOwn = () => keepings.get(id) === keeping;
  keeping.request.fail(({ status, statusText }) => {
    if (statusText === "abort" || !isOwn()) return;
    keepings.delete(id);
    show(text(status === 401 || status === 403 ? "test.forbidden" : "test.unreachable", { status }));
  });
  keeping.request.done(() => {
    if (isOwn()) keepings.delete(id);
  });
}

function questionLine(figures: QuestionFigures): HTMLTableRowElement {
  const {
    at,
    model = "",
    provider,
    prompt_tokens: sent,
    completion_tokens: written,
    cost,
    first_ms,
    total_ms,
  } = figures;
  const seconds = (ms: number | undefined) => (ms === undefined ? "" : (ms / 1000).toFixed(1));
  const cells = [
    new Date(at).toLocaleTimeString(),
    provider ? `${model} (${provider})` : model,
    sent === undefined || written === undefined ? "" : text("questions.tokens", { sent, written }),
    showPrice(cost),
    seconds(first_ms),
    seconds(total_ms),
    String(figures.rounds),
    figures.ended,
  ];
  const line = make("tr", {}, ...cells.map((cell) => make("td", {}, cell)));
  line.lastElementChild?.classList.toggle("huggingface-problem", figures.hasFailed);
  return line;
}

function keptLine({ at, prompt, reply }: KeptTexts): HTMLElement {
  const part = (key: string, content: string) =>
    make("div", {}, make("strong", {}, `${text(key)}: `), make("span", { class: "huggingface-try-text" }, content));
  const time = make("div", { class: "huggingface-hint" }, new Date(at).toLocaleTimeString());
  return make("div", {}, time, part("questions.prompt", prompt), part("questions.reply", reply));
}
