import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { root } from "./support/root";

const read = (file: string): string => readFileSync(path.join(root, file), "utf8");
const pages = [
  ...readdirSync(root).filter((file) => file.endsWith(".md")),
  ...readdirSync(path.join(root, "docs"))
    .filter((file) => file.endsWith(".md"))
    .map((file) => `docs/${file}`),
];

/** Returns the anchors of a page's headings, as GitHub makes them. */
function anchorsOf(page: string): string[] {
  return [...read(page).matchAll(/^#+ (.*)$/gm)].map(
    ([, heading = ""]) =>
      `#${heading
        .toLowerCase()
        .replace(/[^\w\- ]/g, "")
        .replace(/ /g, "-")}`,
  );
}

describe("the documents", () => {
  it("have every file of the code on the map, and no other", () => {
    const map = read("docs/architecture.md");
    const files = readdirSync(path.join(root, "src"), { recursive: true, encoding: "utf8" }).filter((file) =>
      /[\\/].*\.ts$/.test(file),
    );
    const missing = files.filter((file) => !map.includes(`${path.basename(file)}\``));
    assert.deepEqual(missing, []);
    const named = [...map.matchAll(/[\w-]+\.ts(?=`)/g)].map(([name]) => name);
    const gone = named.filter((name) => !files.some((file) => path.basename(file) === name));
    assert.deepEqual(gone, []);
  });

  it("lead nowhere that is not there", () => {
    for (const page of pages) {
      const text = read(page);
      const links = [...text.matchAll(/\]\((?!https?:)([^)#]*)(#[^)]*)?\)|src="([^"]+)"/g)];
      for (const [, file, anchor, image] of links) {
        const target = path.join(path.dirname(page), image ?? (decodeURIComponent(file ?? "") || path.basename(page)));
        assert.ok(existsSync(path.join(root, target)), `${page}: ${target}`);
        if (!anchor) continue;
        assert.ok(anchorsOf(target).includes(anchor), `${page}: ${target}${anchor}`);
      }
    }
  });

  it("have what the help in every language links to", () => {
    const files = readdirSync(path.join(root, "nodes/locales"), { recursive: true, encoding: "utf8" });
    const links = files
      .filter((file) => file.endsWith(".html"))
      .flatMap((file) => [...read(`nodes/locales/${file}`).matchAll(/\/blob\/main\/([\w./-]+)(#[\w-]+)?\)/g)]);
    assert.ok(links.length > 40, `${links.length} links`);
    for (const [link, page = "", anchor] of links) {
      assert.ok(existsSync(path.join(root, page)), link);
      if (anchor) assert.ok(anchorsOf(page).includes(anchor), link);
    }
  });

  it("name only commands that there are", () => {
    const { scripts } = JSON.parse(read("package.json"));
    const known = [...Object.keys(scripts), "pack"];
    for (const page of pages) {
      for (const [, name = ""] of read(page).matchAll(/npm (?:run )?(?:-s )?([a-z][\w:-]*)/g)) {
        if (/^(install|picks|version|publish|login|whoami|view|outdated|audit|ci|does|loads?|offers)$/.test(name))
          continue;
        assert.ok(known.includes(name), `${page}: npm ${name}`);
      }
    }
  });
});
