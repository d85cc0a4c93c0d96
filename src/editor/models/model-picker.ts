import type { ConfigForm, ModelsResponse } from "../../shared/admin-api.js";
import { describeWithheld, isError, postForm } from "../admin-api.js";
import { dialogButtons, make, text } from "../red.js";
import {
  chooseRows,
  joinModel,
  type ModelColumn,
  type ModelRow,
  type ProviderRow,
  readModelRows,
  showPrice,
  showRate,
  showTokens,
  splitModel,
} from "./model-rows.js";

/** Lines rendered at once; more follow when the list is scrolled. */
const PAGE = 100;

const COLUMNS: { name: ModelColumn; isDescendingFirst?: boolean }[] = [
  { name: "id" },
  { name: "context", isDescendingFirst: true },
  { name: "input" },
  { name: "output" },
  { name: "latency" },
  { name: "throughput", isDescendingFirst: true },
];

/**
 * Opens the list of the server's models over the form.
 *
 * @param form the values of the form, with server and token
 * @param current the model field
 * @param done called with the chosen model, followed by a colon and its provider or policy
 */
export function pickModel(form: ConfigForm, current: string, done: (model: string) => void): void {
  const abort = new AbortController();
  const picker = new ModelPicker(current);
  RED.tray.show({
    title: text("picker.title"),
    buttons: dialogButtons(
      () => picker.chosen,
      (chosen) => chosen && done(chosen),
    ),
    open: (tray) => {
      tray.find(".red-ui-tray-body").append(picker.element);
      void postForm<ModelsResponse>("models", form, abort.signal).then((response) => {
        if (abort.signal.aborted) return;
        if (isError(response)) picker.fail(`${response.error.message} ${describeWithheld(response)}`.trimEnd());
        else picker.fill(readModelRows(response.models));
      });
    },
    resize: () => {},
    close: () => abort.abort(),
  });
}

class ModelPicker {
  readonly element = make("div", { class: "huggingface-form huggingface-picker" });
  readonly #search = make("input", {
    type: "search",
    placeholder: text("picker.search"),
    "aria-label": text("picker.search"),
  });
  readonly #checks = new Map<"tools" | "json" | "images", HTMLInputElement>();
  readonly #count = make("span", { class: "huggingface-hint", role: "status" });
  readonly #body = make("tbody");
  readonly #list = make("div", { class: "huggingface-picker-list" });
  readonly #providers = make("div", { class: "huggingface-picker-providers", role: "radiogroup" });
  readonly #headings = new Map<ModelColumn, HTMLTableCellElement>();
  #rows: ModelRow[] = [];
  #shown: ModelRow[] = [];
  #by: ModelColumn = "id";
  #isDescending = false;
  readonly #current: string;
  #id: string;
  #suffix: string;

  constructor(current: string) {
    const { id, suffix } = splitModel(current);
    this.#current = current;
    this.#id = id;
    this.#suffix = suffix;
    const filters = make("div", { class: "huggingface-picker-filters" }, this.#search);
    for (const name of ["tools", "json", "images"] as const) {
      const check = make("input", { type: "checkbox" });
      check.addEventListener("change", () => this.#show());
      this.#checks.set(name, check);
      filters.append(make("label", { class: "huggingface-check" }, check, text(`picker.${name}`)));
    }
    filters.append(this.#count);
    this.#search.addEventListener("input", () => this.#show());
    const head = make("tr");
    for (const { name, isDescendingFirst = false } of COLUMNS) {
      const button = make(
        "button",
        { type: "button", class: "huggingface-picker-plain huggingface-picker-sort" },
        text(`picker.column.${name}`),
      );
      button.addEventListener("click", () => this.#sort(name, isDescendingFirst));
      const heading = make("th", { scope: "col" }, button);
      this.#headings.set(name, heading);
      head.append(heading);
    }
    this.#list.append(make("table", {}, make("thead", {}, head), this.#body));
    this.#list.addEventListener("scroll", () => this.#more());
    this.#body.addEventListener("keydown", (event) => this.#walk(event));
    this.#search.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown") this.#goTo(0, event);
    });
    this.#providers.setAttribute("aria-label", text("picker.providers"));
    this.element.append(filters, this.#list, this.#providers);
    this.#count.textContent = text("picker.loading");
  }

  /** The model with its suffix; blank for none. */
  get chosen(): string {
    return this.#id && joinModel(this.#id, this.#suffix);
  }

  fill(rows: ModelRow[]): void {
    this.#rows = rows;
    const { id, suffix } = splitModel(this.#current, rows);
    this.#id = id;
    this.#suffix = suffix;
    this.#show();
    this.#showProviders();
    // The tray may still slide in: scrolling to it would move the whole editor.
    this.#search.focus({ preventScroll: true });
  }

  fail(message: string): void {
    this.#count.textContent = message;
    this.#count.classList.add("huggingface-problem");
  }

  #sort(by: ModelColumn, isDescendingFirst: boolean): void {
    this.#isDescending = this.#by === by ? !this.#isDescending : isDescendingFirst;
    this.#by = by;
    this.#show();
  }

  #show(): void {
    const isChecked = (name: "tools" | "json" | "images") => this.#checks.get(name)?.checked ?? false;
    const filter = {
      text: this.#search.value,
      tools: isChecked("tools"),
      json: isChecked("json"),
      images: isChecked("images"),
    };
    this.#shown = chooseRows(this.#rows, filter, this.#by, this.#isDescending);
    this.#count.textContent = `${this.#shown.length} / ${this.#rows.length}`;
    for (const [name, heading] of this.#headings) {
      if (name === this.#by) heading.setAttribute("aria-sort", this.#isDescending ? "descending" : "ascending");
      else heading.removeAttribute("aria-sort");
    }
    this.#body.replaceChildren();
    this.#list.scrollTop = 0;
    this.#more();
  }

  /** Adds lines until the list extends well beyond the visible part. */
  #more(): void {
    const { scrollTop, clientHeight, scrollHeight } = this.#list;
    const isNearEnd = scrollTop + 2 * clientHeight >= scrollHeight;
    const from = this.#body.childElementCount;
    if (from > 0 && !isNearEnd) return;
    this.#body.append(...this.#shown.slice(from, from + PAGE).map((row) => this.#line(row)));
  }

  #line(row: ModelRow): HTMLTableRowElement {
    const badges = (["tools", "json", "images", "audio", "video"] as const)
      .filter((name) => row[name])
      .map((name) => make("span", { class: "huggingface-badge" }, text(`picker.${name}`)));
    const button = make("button", { type: "button", class: "huggingface-picker-plain" }, row.id);
    const numbers = [
      showTokens(row.context),
      showPrice(row.input),
      showPrice(row.output),
      showRate(row.latency),
      showRate(row.throughput),
    ];
    const names = row.providers.map(({ name }) => name).join(", ");
    const providers = make("div", { class: "huggingface-hint" }, names);
    const line = make(
      "tr",
      {},
      make("td", {}, button, ...badges, providers),
      ...numbers.map((value) => make("td", {}, value)),
    );
    const isChosen = row.id === this.#id;
    line.classList.toggle("selected", isChosen);
    button.setAttribute("aria-pressed", String(isChosen));
    line.addEventListener("click", () => this.#choose(row));
    return line;
  }

  /** Moves the focus through the lines, to the first and last one, and from the first back to the search. */
  #walk(event: KeyboardEvent): void {
    const line = (event.target as Element).closest("tr");
    const index = [...this.#body.children].indexOf(line as Element);
    if (event.key === "ArrowUp" && index === 0) this.#search.focus();
    const steps: Record<string, number> = {
      ArrowUp: index - 1,
      ArrowDown: index + 1,
      Home: 0,
      End: this.#shown.length - 1,
    };
    const next = steps[event.key];
    if (next !== undefined) this.#goTo(next, event);
  }

  #goTo(index: number, event: Event): void {
    event.preventDefault();
    const last = this.#body.childElementCount - 1;
    this.#body.children[Math.min(index, last)]?.querySelector("button")?.focus();
  }

  #choose({ id, providers }: ModelRow): void {
    // Without known providers, the old suffix was part of another model's name.
    if (id !== this.#id || providers.length === 0) this.#suffix = "";
    this.#id = id;
    for (const [index, line] of [...this.#body.children].entries()) {
      const isChosen = this.#shown[index]?.id === id;
      line.classList.toggle("selected", isChosen);
      line.querySelector("button")?.setAttribute("aria-pressed", String(isChosen));
    }
    this.#showProviders();
  }

  /** Tells of the chosen model what the list does not: that it is missing there, its licence, and where its page is. */
  #about(row: ModelRow | undefined): HTMLElement[] {
    if (!row) {
      const isMissing = this.#rows.length > 0 && this.#id !== "";
      const message = text("picker.unlisted", { model: this.#id });
      return isMissing ? [make("div", { class: "huggingface-hint huggingface-problem" }, message)] : [];
    }
    const about = make("div", { class: "huggingface-hint huggingface-picker-about" });
    if (row.licence) about.append(`${text("picker.licence", { licence: row.licence })} `);
    // Only Hugging Face lists providers; other servers have names of their own.
    if (row.providers.length > 0 && /^[\w.-]+\/[\w.-]+$/.test(row.id)) {
      const href = `https://huggingface.co/${row.id}`;
      about.append(make("a", { href, target: "_blank", rel: "noopener noreferrer" }, text("picker.page")));
    }
    return about.hasChildNodes() ? [about] : [];
  }

  /** Lists the choices of a provider for the chosen model: the router's own, or one provider. */
  #showProviders(): void {
    const row = this.#rows.find(({ id }) => id === this.#id);
    const choices = row && row.providers.length > 0 ? ["", "fastest", "cheapest", "preferred", ...row.providers] : [];
    const lines = choices.map((choice) => {
      const isProvider = typeof choice !== "string";
      const suffix = isProvider ? choice.name : choice;
      const radio = make("input", { type: "radio", name: "huggingface-provider", value: suffix });
      radio.checked = suffix === this.#suffix;
      radio.addEventListener("change", () => {
        this.#suffix = suffix;
      });
      const label = isProvider ? describeProvider(choice) : text(`picker.policy.${choice || "none"}`);
      return make("label", { class: "huggingface-check" }, radio, label);
    });
    this.#providers.replaceChildren(...this.#about(row), ...lines);
  }
}

function describeProvider(provider: ProviderRow): string {
  const { name, isLive, isFree, context, input, output, cached, latency, throughput } = provider;
  const facts = [
    context !== undefined && text("picker.fact.context", { value: showTokens(context) }),
    input !== undefined &&
      output !== undefined &&
      text("picker.fact.price", { input: showPrice(input), output: showPrice(output) }),
    cached !== undefined && text("picker.fact.cached", { value: showPrice(cached) }),
    isFree && text("picker.fact.free"),
    latency !== undefined && text("picker.fact.latency", { value: showRate(latency) }),
    throughput !== undefined && text("picker.fact.throughput", { value: showRate(throughput) }),
    provider.tools && text("picker.tools"),
    provider.json && text("picker.json"),
    !isLive && text("picker.fact.down"),
  ].filter(Boolean);
  return facts.length > 0 ? `${name}: ${facts.join(", ")}` : name;
}
