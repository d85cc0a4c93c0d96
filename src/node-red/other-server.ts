import type { NodeAPI } from "node-red";
import type { MessageOptions, Question } from "../conversation/request/build";
import type { Otherwise } from "../conversation/run/otherwise";
import { UnsupportedParams } from "../conversation/run/unsupported-params";
import { isAtHome } from "../shared/home-host";
import type { ConfigNode, ConfigSettings } from "./config-options";
import { ChatError } from "./errors";
import { findNode } from "./red";

/** Makes a question for a configuration. */
export type Build = (options: MessageOptions, settings: ConfigSettings) => Question;

/** The servers that a chat node asks when its own cannot be reached: of each what it does not take. */
export class OtherServers {
  readonly #RED: NodeAPI;
  /** By the id of the configuration. */
  readonly #unsupported = new Map<string, UnsupportedParams>();

  constructor(RED: NodeAPI) {
    this.#RED = RED;
  }

  /**
   * Returns where the questions of a configuration go when its server is away; undefined for nowhere.
   *
   * @param options - those of the message
   * @param build - makes the question for another configuration
   */
  of(
    config: ConfigNode,
    { circuit, otherwise: id, client }: ConfigSettings,
    options: MessageOptions,
    build: Build,
  ): Otherwise | undefined {
    if (!circuit) return undefined;
    const other = findOther(this.#RED, id);
    return {
      circuit,
      from: config.name || client.endpoint.host,
      to: other?.name || other?.host() || id,
      site: () => {
        const settings = usable(other, config);
        // Only that configuration knows the names of its server's models.
        const fields = { ...options.fields, model: settings.model };
        const { request, output } = build({ ...options, fields }, settings);
        const unsupported = this.#unsupported.get(id) ?? new UnsupportedParams();
        this.#unsupported.set(id, unsupported);
        const { fallback, stickyProvider, traceContent } = settings;
        return { client: settings.client, request, output, fallback, stickyProvider, traceContent, unsupported };
      },
    };
  }
}

/** Returns the configuration of an id; undefined where it is missing or something else. */
export function findOther(RED: NodeAPI, id: string): ConfigNode | undefined {
  const node = findNode<ConfigNode>(RED, id);
  return typeof node?.open === "function" ? node : undefined;
}

/** @throws ChatError for a configuration that is missing, disabled, the same one, or the demo, which answers nothing */
function usable(other: ConfigNode | undefined, config: ConfigNode): ConfigSettings {
  if (!other || other === config) throw new ChatError("config_missing");
  const settings = other.settings ?? other.open();
  if (settings.isDemo) throw new ChatError("base_url_invalid", { url: settings.client.baseUrl });
  return settings;
}

/** Returns the host that questions leave the own network for, though their own server is in it; undefined for none. */
export function hostBeyondHome(config: ConfigNode, other: ConfigNode | undefined): string | undefined {
  const [own, away] = [config.origin(), other?.origin()].map((origin) => origin && new URL(origin).hostname);
  return own && away && isAtHome(own) && !isAtHome(away) ? other?.host() : undefined;
}
