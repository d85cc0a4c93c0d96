import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { isDeepStrictEqual } from "node:util";
import { dashboardFlow, readExamples } from "../dev/examples";
import { CHAT_DEFAULTS } from "./support/defaults";
import type { NodeDef } from "./support/node-red";
import { root } from "./support/root";
import { parseYaml } from "./support/yaml";

const read = (file: string): string => readFileSync(path.join(root, file), "utf8");

/** Returns the blocks of code in one language on a page. */
const blocks = (file: string, language: string): string[] =>
  [...read(file).matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, "gms"))].map(([, text = ""]) => text);

describe("the recipe with Docker", () => {
  const [text = ""] = blocks("docs/docker.md", "yaml");
  const compose = parseYaml(text);

  it("is a compose file of Node-RED, llama.cpp and Mosquitto, with volumes that it declares", () => {
    assert.deepEqual(Object.keys(compose), ["services", "volumes"]);
    assert.deepEqual(Object.keys(compose.services), ["node-red", "model", "mosquitto"]);
    for (const [name, service] of Object.entries<Record<string, unknown>>(compose.services)) {
      assert.match(String(service["image"]), /^[\w./-]+:[\w.]+$/, name);
      for (const volume of service["volumes"] as string[]) {
        assert.ok((volume.split(":")[0] ?? "") in compose.volumes, volume);
      }
      for (const other of (service["depends_on"] as string[] | undefined) ?? []) assert.ok(other in compose.services);
    }
  });

  it("opens the editor on this machine alone, and nothing else", () => {
    const ports = Object.values<{ ports?: string[] }>(compose.services).flatMap(({ ports = [] }) => ports);
    assert.deepEqual(ports, ["127.0.0.1:1880:1880"]);
  });

  it("names the address at which the model is", () => {
    const port = /--port (\d+)/.exec(compose.services.model.command)?.[1];
    assert.ok(read("docs/docker.md").includes(`\`http://model:${port}/v1\``));
    assert.match(compose.services.model.command, /--host 0\.0\.0\.0\b/);
  });

  it("has a Node-RED that the package is tested with", () => {
    assert.match(compose.services["node-red"].image, /^nodered\/node-red:(4\.1|5\.0)$/);
  });
});

describe("the flow for a dashboard", () => {
  const flow: NodeDef[] = JSON.parse(readFileSync(dashboardFlow, "utf8"));
  const [base] = flow.filter(({ type }) => type === "ui-base");

  it("gives each browser only what is its own", () => {
    assert.equal(base?.["includeClientData"], true);
    assert.ok(base?.["acceptsClientConfig"].includes("ui-template"));
    const [page] = flow.filter(({ type }) => type === "ui-template");
    // With it on, what the page shows would go back to the model.
    assert.equal(page?.["passthru"], false);
  });

  it("has the configuration of the examples, all fields, and no token", () => {
    const [config] = flow.filter(({ type }) => type === "huggingface-config");
    assert.ok(readExamples().some((example) => example.flow.some((node) => isDeepStrictEqual(node, config))));
    const [chat] = flow.filter(({ type }) => type === "huggingface-chat");
    for (const field of Object.keys(CHAT_DEFAULTS)) assert.ok(chat && field in chat, field);
    for (const { credentials } of flow) assert.equal(credentials, undefined);
  });
});

describe("the page for Hugging Face's documentation", () => {
  const page = read("docs/integration.md");

  it("has the parts of its template, in their order", () => {
    const headings = [...page.matchAll(/^#+ .*$/gm)].map(([heading]) => heading);
    assert.deepEqual(headings, ["# Node-RED", "## Overview", "## Prerequisites", "## Configuration", "## Resources"]);
  });

  it("has no links that work only here", () => {
    for (const [, target = ""] of page.matchAll(/\]\(([^)]+)\)/g)) assert.match(target, /^https:\/\//);
  });

  it("has a flow whose wires lead to its nodes, in the order question, model, reply", () => {
    const [text = ""] = blocks("docs/integration.md", "json");
    const flow: { id: string; type: string; z?: string; config?: string; wires?: string[][] }[] = JSON.parse(text);
    const byId = new Map(flow.map((node) => [node.id, node]));
    const next = (type: string) => {
      const [[id = ""] = []] = flow.find((node) => node.type === type)?.wires ?? [];
      return byId.get(id)?.type;
    };
    assert.equal(next("inject"), "huggingface-chat");
    assert.equal(next("huggingface-chat"), "debug");
    const chat = flow.find(({ type }) => type === "huggingface-chat");
    assert.equal(byId.get(chat?.config ?? "")?.type, "huggingface-config");
    assert.doesNotMatch(text, /hf_[A-Za-z0-9]{4}/);
  });

  it("says, as README does, that Hugging Face has not made it", () => {
    for (const file of ["README.md", "docs/integration.md"]) assert.match(read(file), /not made by Hugging Face/, file);
  });
});
