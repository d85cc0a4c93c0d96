import assert from "node:assert/strict";
import { headerSecrets, requestHeaders } from "../../../../src/client/connection/headers";
import { makeRedaction } from "../../../../src/client/redaction";

describe("the secret in the value of a header", () => {
  const BASIC = Buffer.from("user:pass:word9").toString("base64");
  const DIGEST =
    'Digest username="bob", realm="files of bob", nonce="dcd98b7102dd2f0e", uri="/v1/chat/completions", response="6629fae49393a053", opaque=5ccc069c403ebaf9';
  /** `echo` is what the server sends back, `shown` what an error shows of it. */
  const cases: [name: string, value: string, echo: string, shown: string][] = [
    ["authorization", "Bearer hf_abcdefgh", "with Bearer hf_abcdefgh", "with Bearer ***"],
    ["Authorization", "Api-Key s3cret", "my s3cret", "my ***"],
    ["Authorization", "s3cret", "s3cret", "***"],
    ["Authorization", "Token token=s3cretvalue", "s3cretvalue", "***"],
    ["Authorization", "Bearer dGhlIHNlY3JldA==", "dGhlIHNlY3JldA==", "***"],
    ["Authorization", `Basic ${BASIC}`, `${BASIC} user:pass:word9`, "*** user:***"],
    ["Authorization", `basic  ${BASIC}`, "pass:word9", "***"],
    ["Authorization", "Basic dTpwYXNzd29yZA==", "dTpwYXNzd29yZA== dTpwYXNzd29yZA password", "*** *** ***"],
    ["authorization", DIGEST, "6629fae49393a053 dcd98b7102dd2f0e 5ccc069c403ebaf9", "*** *** ***"],
    ["authorization", DIGEST, "bob, files of bob, /v1/chat/completions", "bob, files of bob, /v1/chat/completions"],
    ["authorization", DIGEST.replace("6629", '66\\"29'), '66"29fae49393a053', "***"],
    ["Cookie", "theme=darkmode; sid=abcdefghijklmnop", "sid abcdefghijklmnop in darkmode", "sid *** in ***"],
    ["cookie", 'a="quoted value"', "quoted value", "***"],
    ["cookie", "bare-value", "bare-value", "***"],
    ["x-api-key", "correct horse battery", "correct horse battery", "***"],
    ["x-api-key", "Bearer s3cretvalue", "s3cretvalue", "***"],
    ["xSessionId", "abcd-1234", "abcd-1234", "***"],
    ["x-author", "somebody", "somebody", "somebody"],
  ];
  for (const [name, value, echo, shown] of cases) {
    it(`is hidden: ${name}: ${value} in "${echo}"`, () => {
      assert.equal(makeRedaction(headerSecrets({ [name]: value })).error(echo), shown);
    });
  }

  it("is hidden in replies if it has at least 8 characters, 16 in cookies", () => {
    const { reply } = makeRedaction(
      headerSecrets({
        cookie: "a=short_cookie_15; b=sixteen_letters_",
        "x-key": "eight_88",
        authorization: "Api-Key seven_7",
      }),
    );
    assert.equal(reply("short_cookie_15 sixteen_letters_ eight_88 seven_7"), "short_cookie_15 *** *** seven_7");
  });

  it("is looked for in values of any type", () => {
    assert.doesNotThrow(() => makeRedaction(headerSecrets({ key: 5, token: null, cookie: undefined, auth: {} })));
  });
});

describe("the headers of a request", () => {
  for (const name of ["Host", "host", "Content-Length", "Transfer-Encoding"]) {
    it(`must not contain what would break the request: ${name}`, () => {
      assert.throws(
        () => requestHeaders({ wakeUp: 0, headers: { [name]: "x" } }, undefined),
        /not allowed|not valid|cannot/i,
      );
    });
  }
});
