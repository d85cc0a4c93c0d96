import assert from "node:assert/strict";
import { windowInList } from "../../../../src/client/models/window";
import type { ModelEntry } from "../../../../src/client/types";

describe("the context window in the router's list of models", () => {
  const models = [
    { id: "org/other", providers: [{ provider: "fast", context_length: 1 }] },
    {
      id: "org/model",
      providers: [
        { provider: "fast", context_length: 8192 },
        { provider: "large", context_length: 131_072 },
        { provider: "silent" },
      ],
    },
  ] as ModelEntry[];

  const cases: [what: string, model: string, provider: string | undefined, window: number | undefined][] = [
    ["is that of the provider that has replied", "org/model", "large", 131_072],
    ["is that of the provider in the model's name, where the reply names none", "org/model:fast", undefined, 8192],
    ["is that of the provider that has replied, whatever the name says", "org/model:fastest", "large", 131_072],
    ["is unknown where the provider tells none", "org/model", "silent", undefined],
    ["is unknown for another provider", "org/model", "elsewhere", undefined],
    ["is unknown without a provider", "org/model", undefined, undefined],
    ["is unknown for a model that is not in the list", "org/missing", "fast", undefined],
  ];
  for (const [what, model, provider, window] of cases) {
    it(what, () => assert.equal(windowInList(models, model, provider), window));
  }
});
