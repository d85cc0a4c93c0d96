import { createHash } from "node:crypto";
import type { NodeAPI } from "node-red";
import {
  type ChatClient,
  ChatError,
  type ClientOptions,
  environmentToken,
  type ModelEntry,
  resolveEndpoint,
} from "../../client";
import { type ConfigNode, readModel, readServerStreams } from "../config-options";
import { secretHeaderNames } from "../secret-headers";
import { type FormConfig, formClient } from "./form-client";
import { type AdminRequest, type AdminResponse, errorAnswer, goneSignal } from "./routes";

/** What the picker gets, unless an error. */
interface ModelsAnswer {
  models: ModelEntry[];
}

/** What the test button gets, unless an error. */
interface TestAnswer {
  model: string;
  host: string;
  ms: number;
  provider?: string;
}

/** Lists change with the hours; a dialog that is opened again should be quick. */
const FRESH_MS = 5 * 60 * 1000;
const MOST_LISTS = 20;
/** Where a configuration leads that was never deployed. */
const ROUTER_ORIGIN = resolveEndpoint("").origin;

/**
 * The routes behind the form of a configuration. A reader of flows gets the list of models of a configuration that is
 * deployed; what takes values from a form wants the right to write. No answer holds a token.
 */
export function addConfigRoutes(RED: NodeAPI): void {
  const lists = new Map<string, { at: number; models: ModelEntry[] }>();

  const modelsOf = async (client: ChatClient, owner: string, signal: AbortSignal): Promise<ModelEntry[]> => {
    const key = createHash("sha256").update(`${client.endpoint.origin}${client.endpoint.path} ${owner}`).digest("hex");
    const known = lists.get(key);
    if (known && performance.now() - known.at < FRESH_MS) return known.models;
    const models = await client.models(signal);
    lists.delete(key);
    lists.set(key, { at: performance.now(), models });
    for (const oldest of lists.keys()) {
      if (lists.size <= MOST_LISTS) break;
      lists.delete(oldest);
    }
    return models;
  };

  const listDeployed = async ({ params }: AdminRequest, signal: AbortSignal): Promise<ModelsAnswer> => {
    const node = RED.nodes.getNode(params.id ?? "") as ConfigNode | null | undefined;
    if (typeof node?.client !== "function") throw new ChatError("config_missing");
    return { models: await modelsOf(node.client(), JSON.stringify(node.credentials ?? {}), signal) };
  };

  /** Runs something with a client of what is in a form; the client ends with it. */
  const withForm = async <T extends object>(
    body: unknown,
    run: (form: FormConfig) => Promise<T>,
    changes: Partial<ClientOptions> = {},
  ) => {
    const form = formClient(RED, body, changes);
    const answer = await run(form).catch((error) => errorAnswer(RED, error));
    await form.client.close();
    return { ...answer, ...form.withheld };
  };

  const list = ({ body }: AdminRequest, signal: AbortSignal) =>
    withForm(body, async ({ client }): Promise<ModelsAnswer> => {
      return { models: await modelsOf(client, JSON.stringify(body), signal) };
    });

  const test = ({ body }: AdminRequest, signal: AbortSignal) => {
    const run = async ({ client, def }: FormConfig): Promise<TestAnswer> => {
      const model = readModel(def);
      if (model === "") throw new ChatError("model_missing");
      const messages = [{ role: "user", content: "Hi" }];
      const stream = readServerStreams(def);
      const completion = await client.complete({ model, messages, stream, max_tokens: 1 }, { signal });
      const { provider, timing } = completion;
      return {
        model: completion.model ?? model,
        host: client.endpoint.host,
        ms: timing.total_ms,
        ...(provider && { provider }),
      };
    };
    // Somebody waits before the form: the first failure is what they want to know.
    return withForm(body, run, { retries: 0 });
  };

  /** Which variable of the environment the token would come from; the token itself stays here. */
  const environment = async ({ params }: AdminRequest) => {
    const node = RED.nodes.getNode(params.id ?? "") as ConfigNode | null | undefined;
    const deployed = typeof node?.client === "function" ? node : undefined;
    const origin = deployed ? deployed.origin() : ROUTER_ORIGIN;
    return { variable: origin && environmentToken(origin, deployed?.endpointsUseEnvironment())?.name };
  };

  /** The names of the stored secret headers; their values stay here. */
  const headers = async ({ params }: AdminRequest) => ({ names: secretHeaderNames(RED, params.id ?? "") });

  /** Answers with what a handler makes, or with its error; a browser that has gone ends its work. */
  const answer = (handle: (request: AdminRequest, signal: AbortSignal) => Promise<object>) => {
    return async (request: AdminRequest, response: AdminResponse): Promise<void> => {
      const signal = goneSignal(response);
      const body = await handle(request, signal).catch((error) => errorAnswer(RED, error));
      if (!signal.aborted) response.json(body);
    };
  };

  const { needsPermission } = RED.auth;
  RED.httpAdmin.get(
    "/huggingface/models/:id",
    needsPermission("huggingface-config.read"),
    answer(listDeployed) as never,
  );
  RED.httpAdmin.get(
    "/huggingface/environment/:id",
    needsPermission("huggingface-config.read"),
    answer(environment) as never,
  );
  RED.httpAdmin.get("/huggingface/headers/:id", needsPermission("huggingface-config.read"), answer(headers) as never);
  RED.httpAdmin.post("/huggingface/models", needsPermission("huggingface-config.write"), answer(list) as never);
  RED.httpAdmin.post("/huggingface/test", needsPermission("huggingface-config.write"), answer(test) as never);
}
