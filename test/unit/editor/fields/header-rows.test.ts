import assert from "node:assert/strict";
import { readSecretHeaders, writeSecretHeaders } from "../../../../src/editor/fields/header-rows";

describe("the credentials of secret headers", () => {
  it("are the headers themselves if all values were typed, and nothing without headers", () => {
    const headers = { "X-A": "one", "X-B": "two" };
    const written = { secretHeaders: JSON.stringify(headers), secretHeadersEdited: "" };
    assert.deepEqual(writeSecretHeaders(headers), written);
    assert.deepEqual(readSecretHeaders(written), headers);
    assert.deepEqual(writeSecretHeaders({}), { secretHeaders: "", secretHeadersEdited: "" });
  });

  it("leave stored values unchanged, and list their names", () => {
    const headers = { "X-New": { stored: "X-Old" }, "X-B": "two" };
    const written = writeSecretHeaders(headers);
    assert.equal(written.secretHeaders, undefined);
    assert.deepEqual(readSecretHeaders({ secretHeadersEdited: written.secretHeadersEdited ?? "" }), headers);
  });

  it("are unknown if nothing was changed since the deploy, and none if they are not JSON", () => {
    assert.equal(readSecretHeaders({ has_secretHeaders: true }), undefined);
    assert.equal(readSecretHeaders(undefined), undefined);
    assert.deepEqual(readSecretHeaders({ secretHeaders: "{" }), {});
    assert.deepEqual(readSecretHeaders({ secretHeaders: "" }), {});
  });
});
