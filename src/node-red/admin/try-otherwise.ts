import type { NodeAPI } from "node-red";
import { asRecord } from "../../client/internal";
import type { Question } from "../../conversation/request/build";
import { Circuit } from "../../conversation/run/circuit";
import type { Otherwise, Site } from "../../conversation/run/otherwise";
import { UnsupportedParams } from "../../conversation/run/unsupported-params";
import { isDemoAddress, limitsOf, readFallback, readModel, readOtherwise, readStickyProvider } from "../config-options";
import { ChatError } from "../errors";
import type { DeployedNodes } from "./deployed";
import { type FormConfig, formClient } from "./form-client";
import { priced } from "./try-cost";
import type { Variables } from "./variables";

/** Makes a question for the server of a form, with this model in place of those of node and message. */
export type BuildForForm = (form: FormConfig, model?: string) => Question;

/**
 * The configuration that is asked where the one of the form cannot be reached, as its own form has it. What was read from
 * contexts, variables and memory for a server that was deployed goes only to another one that was.
 */
export class TryOtherwise {
  readonly #RED: NodeAPI;
  readonly #first: FormConfig;
  readonly #body: unknown;
  readonly #nodes: DeployedNodes;
  readonly #variables: Variables;
  #form: FormConfig | undefined;

  /** @param body - its `ConfigForm`; undefined for one that the editor does not have */
  constructor(RED: NodeAPI, first: FormConfig, body: unknown, nodes: DeployedNodes, variables: Variables) {
    this.#RED = RED;
    this.#first = first;
    this.#body = body;
    this.#nodes = nodes;
    this.#variables = variables;
  }

  /** The form of the server, once it has been asked. */
  get form(): FormConfig | undefined {
    return this.#form;
  }

  /** Returns where the question goes otherwise; undefined for nowhere. Its first server is always asked first. */
  of(build: BuildForForm): Otherwise | undefined {
    const id = readOtherwise(this.#first.def);
    if (id === "") return undefined;
    const { name } = asRecord(asRecord(this.#body)?.["def"]) ?? {};
    return {
      circuit: new Circuit(),
      from: this.#first.def.name || this.#first.client.endpoint.host,
      to: String(name || id),
      site: () => this.#site(build),
    };
  }

  async close(): Promise<void> {
    await this.#form?.client.close();
  }

  /** @throws ChatError where it may not be asked, or cannot */
  #site(build: BuildForForm): Site {
    const { id } = asRecord(this.#body) ?? {};
    if (!this.#body || id === this.#first.id) throw new ChatError("config_missing");
    const form = formClient(this.#RED, this.#body, this.#nodes, this.#variables);
    this.#form = form;
    if (this.#first.isTrusted && !form.isTrusted) throw new ChatError("other_withheld");
    if (isDemoAddress(form.def.baseUrl)) throw new ChatError("base_url_invalid", { url: form.client.baseUrl });
    form.client.meter = priced(limitsOf(this.#RED, id)?.meter);
    return {
      client: form.client,
      // Only that configuration knows the names of its server's models.
      ...build(form, readModel(form.def)),
      fallback: readFallback(form.def),
      stickyProvider: readStickyProvider(form.def),
      unsupported: new UnsupportedParams(),
    };
  }
}
