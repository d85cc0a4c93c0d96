import type { Node, NodeAPI, NodeDef } from "node-red";
import { asRecord } from "../../client/internal";
import { credentialsOf, evaluateVariable, findNode, settingOf, variableOf } from "../red";

/** Finds the value of a variable; undefined where nobody has set it. */
export type Lookup = (name: string) => unknown;

/** A node as it was deployed: variables in it are not yet replaced. */
export interface DeployedNode extends NodeDef {
  /** The group that it is in. */
  g?: string;
  [property: string]: unknown;
}

/** Where a node stands, as far as its variables depend on it. */
export interface Place {
  id?: unknown;
  name?: unknown;
  z?: unknown;
  g?: unknown;
}

/**
 * What is deployed, running or not: in a subflow, disabled, in safe mode, with stopped flows or beside a type that is
 * missing, Node-RED has no running node to ask.
 */
export class DeployedNodes {
  readonly #RED: NodeAPI;
  readonly #nodes = new Map<unknown, DeployedNode>();

  constructor(RED: NodeAPI) {
    this.#RED = RED;
    RED.nodes.eachNode((node) => this.#nodes.set(node.id, node as DeployedNode));
  }

  get(id: unknown, type: string): DeployedNode | undefined {
    const node = this.#nodes.get(id);
    return node?.type === type ? node : undefined;
  }

  /** Returns credentials as they are stored: variables in them are not yet replaced. */
  credentials(id: string): Record<string, unknown> {
    return credentialsOf(this.#RED, id);
  }

  /** Finds a node that runs and has the contexts of this place: the node itself, or one beside it. */
  runningAt({ id, z }: Place): Node | undefined {
    const beside = [...this.#nodes.values()].filter((node) => z !== undefined && node.z === z);
    for (const candidate of [id, ...beside.map((node) => node.id)]) {
      const running = typeof candidate === "string" ? findNode(this.#RED, candidate) : undefined;
      if (running) return running;
    }
    return undefined;
  }

  /** Finds the variables of a node at this place, as it has them when it runs. */
  lookup(place: Place): Lookup {
    const { id, name, z, g } = place;
    const running = typeof id === "string" ? findNode(this.#RED, id) : undefined;
    if (running) return (variable) => variableOf(this.#RED, running, variable);
    const scope = this.#scopeOf(z, g);
    return (variable) => {
      if (variable === "NR_NODE_NAME") return name;
      return variable === "NR_NODE_ID" ? id : scope.get(variable);
    };
  }

  /** @param depth - groups are in groups; a flow file from elsewhere could say so in a circle */
  #scopeOf(z: unknown, g: unknown, depth = 0): Scope {
    const group = depth < 100 ? this.get(g, "group") : undefined;
    if (group) return this.#scope(group, "GROUP", this.#scopeOf(z, group.g, depth + 1));
    const flow = this.get(z, "tab") ?? this.get(z, "subflow");
    if (flow) return this.#scope(flow, flow.type === "tab" ? "FLOW" : "SUBFLOW", this.#globalScope());
    return this.#globalScope();
  }

  #globalScope(): Scope {
    let scope: Scope = new ProcessScope(this.#RED);
    for (const node of this.#nodes.values()) {
      if (node.type !== "global-config") continue;
      scope = new EnvScope(this.#RED, node["env"], asRecord(this.credentials(node.id)["map"]) ?? {}, {}, scope);
    }
    return scope;
  }

  #scope(node: DeployedNode, kind: string, parent: Scope): Scope {
    const names = { [`NR_${kind}_NAME`]: node["label"] ?? node.name, [`NR_${kind}_ID`]: node.id };
    return new EnvScope(this.#RED, node["env"], this.credentials(node.id), names, parent);
  }
}

interface Scope {
  get(name: string): unknown;
}

/** The environment of the process, but for what the settings file keeps from flows. */
class ProcessScope implements Scope {
  readonly #excluded: unknown;

  constructor(RED: NodeAPI) {
    this.#excluded = settingOf(RED, "envVarExcludes");
  }

  get(name: string): unknown {
    return Array.isArray(this.#excluded) && this.#excluded.includes(name) ? undefined : process.env[name];
  }
}

/**
 * The variables of a group, a tab, a subflow or of all flows, as core's `evaluateEnvProperties` has them. Those by
 * JSONata need a flow that runs.
 */
class EnvScope implements Scope {
  /** Variables whose value is being found: one that stands for itself means that of the scope around. */
  readonly #open = new Set<string>();

  constructor(
    readonly RED: NodeAPI,
    readonly env: unknown,
    readonly credentials: Record<string, unknown>,
    readonly names: Record<string, unknown>,
    readonly parent: Scope,
  ) {}

  get(name: string): unknown {
    if (name.startsWith("$parent.")) return this.parent.get(name.slice("$parent.".length));
    if (Object.hasOwn(this.names, name)) return this.names[name];
    const entries = Array.isArray(this.env) ? this.env.map((entry) => asRecord(entry) ?? {}) : [];
    const entry = entries.findLast((candidate) => candidate["name"] === name);
    if (!entry || this.#open.has(name)) return this.parent.get(name);
    this.#open.add(name);
    try {
      return this.#evaluate(name, entry);
    } catch {
      return undefined;
    } finally {
      this.#open.delete(name);
    }
  }

  #evaluate(name: string, { type, value }: Record<string, unknown>): unknown {
    if (type === "cred") return this.credentials[name];
    if (type === "bool") return value === true || value === "true";
    if (type === "jsonata") return undefined;
    return evaluateVariable(this.RED, value, type, { _flow: { getSetting: (variable) => this.get(variable) } });
  }
}
