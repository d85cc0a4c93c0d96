import assert from "node:assert/strict";
import { allowedSilence, isAtHome } from "../../../src/shared/home-host";

/** Hosts as a base URL has them. */
const AT_HOME = [
  ...["localhost", "LOCALHOST", "a.localhost", "127.0.0.1", "127.9.8.7", "0.0.0.0", "2130706433", "[::1]", "[::]"],
  ...["10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.9.9", "192.168.178.20", "169.254.1.2"],
  ...["[fc00::1]", "[fdab:1:2::3]", "[fe80::1]", "[febf::1]", "[::ffff:192.168.1.2]", "[::ffff:10.0.0.1]"],
  ...["nas", "ollama", "my-pc", "x", "nas.local", "NAS.Local.", "pi.lan", "a.b.lan", "pc.home.arpa"],
  "host.docker.internal",
];
const ELSEWHERE = [
  ...["router.huggingface.co", "x.endpoints.huggingface.cloud", "example.com", "8.8.8.8", "11.0.0.1", "126.0.0.1"],
  ...["172.15.0.1", "172.32.0.1", "192.169.1.1", "169.253.1.1", "100.64.0.1", "1.10.0.1"],
  ...["[2001:db8::1]", "[fec0::1]", "[fb00::1]", "[::ffff:8.8.8.8]", "[::2]", "[2001:fe80::1]"],
  ...["local", "lan"].map((name) => `${name}.com`),
  ...["10.example.com", "127.0.0.1.example.com", "nas.local.example.com", "notlocal.org", "host.docker.internal.com"],
  ...["gateway.docker.internal.org", "localhost.example.com", "x.internal"],
];

describe("a server at home", () => {
  const hostOf = (host: string) => new URL(`http://${host}:8080/v1`).hostname;

  for (const host of AT_HOME) {
    it(`is at ${host}: it gets 300 s until the first piece, and 30 s between pieces`, () => {
      assert.equal(isAtHome(hostOf(host)), true);
      assert.deepEqual(allowedSilence(hostOf(host)), { first: 300, later: 30 });
    });
  }

  for (const host of ELSEWHERE) {
    it(`is not at ${host}: it gets 30 s`, () => {
      assert.equal(isAtHome(hostOf(host)), false);
      assert.deepEqual(allowedSilence(hostOf(host)), { first: 30, later: 30 });
    });
  }

  it("is not at a host without a name", () => assert.equal(isAtHome(""), false));

  it("gets what the user has set, whatever its host", () => {
    for (const seconds of [0, 0.3, 30, 900]) {
      for (const host of ["nas", "example.com"]) {
        assert.deepEqual(allowedSilence(host, seconds), { first: seconds, later: seconds });
      }
    }
  });
});
