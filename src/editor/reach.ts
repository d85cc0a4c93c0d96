import { isAtHome } from "../shared/home-host.js";
import { DEMO_URL } from "../shared/limits.js";
import { type EditedNode, text } from "./red.js";
import { isVariable } from "./validators.js";

/** A configuration, as far as it says where its questions go. */
export interface Reach {
  baseUrl: unknown;
  /** Id of the configuration that is asked otherwise. */
  otherwise: unknown;
}

/** Where the questions of a configuration go. */
export interface ReachTexts {
  /** Of its own server; "" where that is not known. */
  own: string;
  /** A warning where they may leave the own network after all; "" for none. */
  otherwise: string;
}

/** Says whether questions stay in the own network. @param other - the configuration that is asked otherwise */
export function reachTexts({ baseUrl }: Pick<Reach, "baseUrl">, other: Pick<Reach, "baseUrl"> | undefined): ReachTexts {
  const own = hostOf(baseUrl);
  const away = other && hostOf(other.baseUrl);
  const isHome = own !== undefined && isAtHome(own);
  return {
    own: own === undefined ? "" : isHome ? text("reach.home") : text("reach.away", { host: own }),
    otherwise: isHome && away && !isAtHome(away) ? text("reach.otherwise", { host: away }) : "",
  };
}

/** The router where nothing is set; undefined for what is no address, or known at run time only. */
function hostOf(baseUrl: unknown): string | undefined {
  const written = String(baseUrl ?? "").trim();
  if (written === DEMO_URL) return "localhost";
  if (isVariable(written)) return undefined;
  try {
    return new URL(written || "https://router.huggingface.co").hostname || undefined;
  } catch {
    return undefined;
  }
}

/**
 * Returns the id of the configuration that is chosen in a chat node's form. In a subflow, Node-RED offers those that an instance
 * chooses as `${NAME}`: that stands for the one that the subflow itself has there.
 */
export function chosenConfig(node: EditedNode): string {
  const chosen = String($("#node-input-config").val() ?? "");
  const { env = [] } = RED.nodes.subflow(node.z) ?? {};
  const found = env.find(({ name, type }) => type === "huggingface-config" && chosen === `\${${name}}`);
  return found ? String(found.value ?? "") : chosen;
}

/** Returns the configuration of an id, as the editor has it. */
export function configOf(id: unknown): Reach | undefined {
  const node = RED.nodes.node(String(id ?? ""));
  return node ? { baseUrl: node["baseUrl"], otherwise: node["otherwise"] } : undefined;
}

/** Shows the texts; the warning stands out. */
export function showReach(own: JQuery, warning: JQuery, { own: said, otherwise }: ReachTexts): void {
  if (own.is(warning)) own.text([said, otherwise].filter(Boolean).join(" "));
  else own.text(said);
  if (!own.is(warning)) warning.text(otherwise);
  warning.toggleClass("huggingface-problem", otherwise !== "");
}
