import assert from "node:assert/strict";
import fc from "fast-check";
import { isSecretHeader } from "../../../../src/client/connection/headers";
import { isSecretName, readSecretHeaders, writeSecretHeaders } from "../../../../src/editor/fields/header-rows";

describe("a header that holds a secret, by its name", () => {
  const secret = [
    "Authorization",
    "Proxy-Authorization",
    "Cookie",
    "X-Api-Key",
    "X-API-Key",
    "xApiKey",
    "x.api_key",
    "apikey",
    "X-Auth",
    "X-AuthToken",
    "X-Access-Token",
    "X-Amz-Signature",
    "cf-access-jwt-assertion",
    "X-Session-Id",
    "SID",
    "X-DB-Password",
    "X-Credentials",
  ];
  const plain = [
    "X-Portkey-Provider",
    "X-Keycloak-Realm",
    "x-author",
    "X-Team",
    "User-Agent",
    "tokenizer",
    "X-Passage",
    "",
  ];
  for (const name of secret) it(`${name} is one`, () => assert.equal(isSecretName(name), true));
  for (const name of plain) it(`${name || "a blank one"} is none`, () => assert.equal(isSecretName(name), false));

  it("is the same to the client", () => {
    const part = fc.constantFrom(
      "api",
      "API",
      "Key",
      "key",
      "X",
      "x",
      "Auth",
      "or",
      "JWT",
      "-",
      "_",
      ".",
      "Session",
      "Id",
      "id",
      "",
    );
    const names = fc.oneof(
      fc.array(part, { maxLength: 6 }).map((parts) => parts.join("")),
      fc.string(),
    );
    fc.assert(
      fc.property(names, (name) => assert.equal(isSecretName(name), isSecretHeader(name), name)),
      { numRuns: 2000 },
    );
  });
});

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
