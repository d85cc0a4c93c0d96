import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { root } from "./support/root";

const pkg = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));

/** What people type who look for such nodes. */
const SEARCHED = [
  "ai",
  "llm",
  "gpt",
  "chatgpt",
  "openai",
  "ollama",
  "llama",
  "llama.cpp",
  "vllm",
  "lm studio",
  "agent",
  "mcp",
  "chat",
  "chatbot",
  "huggingface",
  "hugging face",
  "Hugging Face",
  "inference endpoints",
  "huggingface-chat",
  "node-red-huggingface",
];

/**
 * Searches as the tab "Install" of Node-RED's palette manager does (`addToIndex` and the search box in
 * `editor-client/src/js/ui/palette-editor.js`): in the name, the keywords and the types of nodes, all of them joined.
 */
function isFound(term: string): boolean {
  const index = [pkg.name, ...pkg.keywords, ...Object.keys(pkg["node-red"].nodes)].join(",").toLowerCase();
  return term
    .trim()
    .toLowerCase()
    .split(",")
    .some((part) => index.includes(part.trim()));
}

describe("who looks for such nodes", () => {
  for (const term of SEARCHED) {
    it(`finds them in the palette manager with "${term}"`, () => assert.ok(isFound(term)));
  }

  it("does not find them with what they are not", () => {
    for (const term of ["mqtt", "image generation", "whisper"]) assert.equal(isFound(term), false, term);
  });

  it("reads in the description, at most 250 characters long, what they are", () => {
    assert.ok(pkg.description.length <= 250, `${pkg.description.length} characters`);
    for (const word of ["AI", "LLM", "Hugging Face", "OpenAI", "Ollama", "llama.cpp", "vLLM", "LM Studio"]) {
      assert.ok(pkg.description.includes(word), word);
    }
  });
});
