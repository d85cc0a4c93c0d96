import type { Contestant } from "./processes";
import { format, machine } from "./report";
import type { Results } from "./results";
import { median } from "./statistics";

const LABELS: Record<Contestant, string> = {
  floor: "floor",
  ours: "huggingface chat",
  inference: "@huggingface/inference",
  openai: "openai",
  ai: "ai + openai-compatible",
};
const WIDTH = 720;
const LEFT = 190;
const RIGHT = 90;
const BAR = 14;
const ROW = 46;
const TOP = 64;

/** Draws the CPU time per chunk of all contestants as bars, in an SVG without external styles. */
export function chart(results: Results): string {
  const rows = Object.entries(results.speed ?? {}).map(([name, speed]) => ({
    name: name as Contestant,
    alike: median(speed.perChunk),
    padded: median(speed.perPaddedChunk),
  }));
  const most = Math.max(...rows.flatMap(({ alike, padded }) => [alike, padded]));
  const height = TOP + rows.length * ROW + 30;
  const bars = rows.map((row, index) => {
    const y = TOP + index * ROW;
    const color = row.name === "ours" ? "#d9820a" : "#5b7fa6";
    const isOurs = row.name === "ours" ? ' font-weight="bold"' : "";
    return [
      `<text x="${LEFT - 10}" y="${y + BAR + 5}" text-anchor="end"${isOurs}>${LABELS[row.name]}</text>`,
      bar(y, row.alike, most, color, 1),
      bar(y + BAR + 2, row.padded, most, color, 0.55),
    ].join("\n");
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="sans-serif" font-size="13" fill="#222">
<title>CPU time per streamed chunk</title>
<rect width="${WIDTH}" height="${height}" fill="#fff"/>
<text x="${WIDTH / 2}" y="22" text-anchor="middle" font-size="16">CPU time per streamed chunk in Node-RED, µs (less is better)</text>
<text x="${WIDTH / 2}" y="42" text-anchor="middle" fill="#555">dark: chunks that differ only in their text · light: no two chunks alike</text>
${bars.join("\n")}
<text x="${WIDTH / 2}" y="${height - 10}" text-anchor="middle" font-size="11" fill="#555">${escapeXml(machine(results))}</text>
</svg>
`;
}

function bar(y: number, value: number, most: number, color: string, opacity: number): string {
  const width = ((WIDTH - LEFT - RIGHT) * value) / most;
  return (
    `<rect x="${LEFT}" y="${y}" width="${width.toFixed(1)}" height="${BAR}" fill="${color}" fill-opacity="${opacity}"/>` +
    `<text x="${(LEFT + width + 6).toFixed(1)}" y="${y + 12}" font-size="12">${format(value)}</text>`
  );
}

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
