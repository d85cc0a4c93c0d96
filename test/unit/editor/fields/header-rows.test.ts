import assert from "node:assert/strict";
import { readSecretHeaders, writeSecretHeaders } from "../../../../src/editor/fields/header-rows";

describe("the credentials of secret headers", () => {
  it("are the headers themselves where all values were typed, and nothing where there are none", () => {
    const headers = { "X-A": "one", "X-B": "two" };
    const written = { secretHeaders: JSON.stringify(headers), secretHeadersEdited: "" };
    assert.deepEqual(writeSecretHeaders(headers), written);
    assert.deepEqual(readSecretHeaders(written), headers);
    assert.deepEqual(writeSecretHeaders({}), { secretHeaders: "", secretHeadersEdited: "" });
  });

  it("leave stored values where they are, and name them", () => {
    const headers = { "X-New": { stored: "X-Old" }, "X-B": "two" };
    const written = writeSecretHeaders(headers);
    assert.equal(written.secretHeaders, undefined);
    assert.deepEqual(readSecretHeaders({ secretHeadersEdited: written.secretHeadersEdited ?? "" }), headers);
  });

  it("are unknown where nothing was changed since the deploy, and none where they are no JSON", () => {
    assert.equal(readSecretHeaders({ has_secretHeaders: true }), undefined);
    assert.equal(readSecretHeaders(undefined), undefined);
    assert.deepEqual(readSecretHeaders({ secretHeaders: "{" }), {});
    assert.deepEqual(readSecretHeaders({ secretHeaders: "" }), {});
  });
});
