// Runs first in every script, and in any Node.js: an old one would only report a syntax error.

/** The oldest version of each line that the tests' tools support, or a later one. */
const OLDEST = ["20.19.0", "22.12.0"];

const numbers = (version) => version.split(".").map(Number);

function isGood(version) {
  const [major, minor] = numbers(version);
  const lines = OLDEST.map(numbers);
  const line = lines.find((oldest) => oldest[0] === major);
  return line ? minor >= line[1] : major > lines[lines.length - 1][0];
}

const running = process.versions.node;
if (!isGood(running)) {
  const needed = OLDEST.map((version) => version.replace(/\.0$/, "")).join(" or ");
  console.error(`Node.js ${running} is too old to work on this project: it needs ${needed}, or a later version.`);
  process.exit(1);
}
