import { createHash } from "node:crypto";
import type { NodeAPI } from "node-red";
import { asRecord, type ClientOptions, environmentToken, type ModelEntry, reasonOf } from "../../client/internal";
import { BoundedMap } from "../../conversation/bounded-map";
import {
  type EnvironmentResponse,
  type ErrorResponse,
  type HeadersResponse,
  type LimitsResponse,
  type ModelsResponse,
  type TestOwner,
  type TestResponse,
  UNCHANGED,
} from "../../shared/admin-api";
import { limitsOf, readModel, readServerStreams } from "../config-options";
import { ChatError } from "../errors";
import type { AdminRequest } from "../red";
import { secretHeaderNames } from "../secret-headers";
import { DeployedNodes } from "./deployed";
import { type FormConfig, formClient, mayUseEndpoints, originOf } from "./form-client";
import { addGet, addPost, errorBody, respondWith } from "./routes";
import { mapTexts, Variables } from "./variables";

/** Lists change with the hours; a dialog that is opened again should be quick. */
const FRESH_MS = 5 * 60 * 1000;
const MOST_LISTS = 20;
/** Longest wait for whose token it is. */
const OWNER_MS = 10_000;

/**
 * The routes behind the form of a configuration. A reader of flows gets the list of models of a configuration that is
 * deployed; what takes values from a form wants the right to write. No response has a token in it, or the value of a variable.
 */
export function addConfigRoutes(RED: NodeAPI): void {
  const lists = new BoundedMap<{ at: number; models: ModelEntry[] }>({ count: MOST_LISTS });
  // Somebody who deploys may have changed what the list depends on, on the server too.
  for (const event of ["flows:stopping", "flows:started"]) RED.events.on(event, () => lists.clear());

  const modelsOf = async ({ client, identity }: FormConfig, signal: AbortSignal): Promise<ModelEntry[]> => {
    const key = createHash("sha256")
      .update(`${client.endpoint.origin}${client.endpoint.path} ${identity}`)
      .digest("hex");
    const known = lists.get(key);
    if (known && performance.now() - known.at < FRESH_MS) return known.models;
    const models = await client.models({ signal });
    lists.set(key, { at: performance.now(), models });
    return models;
  };

  /** Runs something with a client of what is in a form; the client ends with it. */
  const withForm = async <T extends object>(
    body: unknown,
    run: (form: FormConfig, variables: Variables) => Promise<T>,
    changes: Partial<ClientOptions> = {},
  ) => {
    const variables = new Variables();
    try {
      const form = formClient(RED, body, new DeployedNodes(RED), variables, changes);
      const response = await run(form, variables).catch((error) => errorBody(RED, variables.hideError(error)));
      await form.client.close();
      return { ...response, ...form.withheld };
    } catch (error) {
      throw variables.hideError(error);
    }
  };

  const list = (body: Record<string, unknown>, signal: AbortSignal) => {
    // Its request names no model, so that no variable in one needs to be hidden among the models.
    const { model: _model, fallback: _fallback, ...def } = asRecord(body["def"]) ?? {};
    return withForm({ ...body, def }, async (form, variables): Promise<ModelsResponse<ModelEntry>> => {
      return { models: mapTexts(await modelsOf(form, signal), (text) => variables.hide(text)) };
    });
  };

  const listDeployed = async ({ params }: AdminRequest, signal: AbortSignal) => {
    const { id } = params;
    const def = new DeployedNodes(RED).get(id, "huggingface-config");
    if (!def) throw new ChatError("config_missing");
    return list({ id, def, token: UNCHANGED }, signal);
  };

  /** Asks Hugging Face whose token it is. Without an answer the test goes on. */
  const ownerOf = async ({ client }: FormConfig, variables: Variables, signal: AbortSignal): Promise<TestOwner> => {
    try {
      const account = await client.account(AbortSignal.any([signal, AbortSignal.timeout(OWNER_MS)]));
      return account ? { account: mapTexts(account, (text) => variables.hide(text)) } : {};
    } catch (error) {
      RED.log.debug(`huggingface-config: no owner of the token: ${variables.hide(client.redact(reasonOf(error)))}`);
      return {};
    }
  };

  const test = ({ body }: AdminRequest, signal: AbortSignal) => {
    const run = async (form: FormConfig, variables: Variables): Promise<TestResponse | (ErrorResponse & TestOwner)> => {
      const owner = await ownerOf(form, variables, signal);
      const result = ask(form, variables).catch((error) => errorBody(RED, variables.hideError(error)));
      return { ...(await result), ...owner };
    };
    const ask = async ({ client, def }: FormConfig, variables: Variables): Promise<TestResponse> => {
      const model = readModel(def);
      if (model === "") throw new ChatError("model_missing");
      const messages = [{ role: "user", content: "Hi" }];
      const stream = readServerStreams(def);
      const completion = await client.complete({ model, messages, stream, max_tokens: 1 }, { signal });
      const { provider, timing } = completion;
      const window = await client.contextWindow(model, completion, signal).catch((error) => {
        RED.log.debug(`huggingface-config: no context window: ${variables.hide(client.redact(reasonOf(error)))}`);
        return undefined;
      });
      return {
        model: variables.hide(client.redact(completion.model ?? model)),
        host: variables.hideParts(client.endpoint.host),
        ms: timing.total_ms,
        ...(provider && { provider: variables.hide(provider) }),
        ...(window !== undefined && { window }),
      };
    };
    // Somebody waits before the form: the first failure is what they want to know.
    return withForm(body, run, { retries: 0 });
  };

  /** Which variable of the environment the token would come from; the token itself stays here. */
  const environment = async ({ params }: AdminRequest): Promise<EnvironmentResponse> => {
    const nodes = new DeployedNodes(RED);
    const deployed = nodes.get(params["id"], "huggingface-config");
    const baseUrl = deployed && new Variables().resolve(deployed["baseUrl"], nodes.lookup(deployed));
    const origin = originOf(baseUrl);
    return { variable: origin && environmentToken(origin, mayUseEndpoints(nodes, deployed))?.name };
  };

  /** Returns the names of the stored secret headers; their values stay here. */
  const headers = async ({ params }: AdminRequest): Promise<HeadersResponse> => ({
    names: secretHeaderNames(RED, params["id"] ?? ""),
  });

  /** What is used of the limits: numbers only. */
  const limits = async ({ params }: AdminRequest): Promise<LimitsResponse> => ({
    limits: (await limitsOf(RED, params["id"])?.use()) ?? [],
  });

  const read = "huggingface-config.read";
  const write = "huggingface-config.write";
  addGet(RED, "/huggingface/models/:id", read, respondWith(RED, listDeployed));
  addGet(RED, "/huggingface/environment/:id", read, respondWith(RED, environment));
  addGet(RED, "/huggingface/headers/:id", read, respondWith(RED, headers));
  addGet(RED, "/huggingface/limits/:id", read, respondWith(RED, limits));
  addPost(
    RED,
    "/huggingface/models",
    write,
    respondWith(RED, ({ body }, signal) => list(asRecord(body) ?? {}, signal)),
  );
  addPost(RED, "/huggingface/test", write, respondWith(RED, test));
}
