import assert from "node:assert/strict";
import fc from "fast-check";
import { requestHeaders } from "../../../../src/client/connection/headers";
import { headerProblem } from "../../../../src/editor/validators";

/** Stands in for the form's translation function. */
const page = globalThis as unknown as { RED?: object | undefined };

describe("the name of a header", () => {
  const own = page.RED;
  before(() => {
    page.RED = { _: (key: string) => key };
  });
  after(() => {
    page.RED = own;
  });

  const isRefused = (name: string): boolean => {
    try {
      requestHeaders({ wakeUp: 0, headers: { [name]: "value" } }, undefined);
      return false;
    } catch {
      return true;
    }
  };

  it("is marked in the form exactly if the client refuses it", () => {
    const known = [
      "Connection",
      "content-length",
      "Content-Type",
      "expect",
      "Keep-Alive",
      "proxy-authorization",
      "Host",
    ];
    const others = ["transfer-encoding", "Upgrade", "authorization", "x-api-key", "te", "trailer", "a b", "é", ""];
    const names = fc.oneof(fc.constantFrom(...known, ...others), fc.string(), fc.string({ unit: "grapheme" }));
    fc.assert(
      fc.property(names, (name) => {
        fc.pre(name !== "__proto__");
        assert.equal(headerProblem(name) !== undefined, isRefused(name), JSON.stringify(name));
      }),
      { numRuns: 500, examples: [...known, ...others].map((name): [string] => [name]) },
    );
  });
});
