import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { type Browser, type BrowserContext, chromium } from "playwright-core";

/** Where Chrome, Chromium and Edge are installed outside the PATH. */
const INSTALLED: Partial<Record<NodeJS.Platform, string[]>> = {
  darwin: ["Google Chrome", "Chromium", "Microsoft Edge"].map(
    (name) => `/Applications/${name}.app/Contents/MacOS/${name}`,
  ),
  win32: ["ProgramFiles", "ProgramFiles(x86)", "LocalAppData"].flatMap((folder) =>
    [
      "Google/Chrome/Application/chrome.exe",
      "Chromium/Application/chrome.exe",
      "Microsoft/Edge/Application/msedge.exe",
    ].map((file) => join(process.env[folder] ?? "", file)),
  ),
};

/** Finds the Chromium to test with: `CHROMIUM_PATH`, on the PATH, or where systems install it. */
export function findChromium(): string | undefined {
  const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge"];
  const onPath = (process.env.PATH ?? "").split(delimiter).flatMap((dir) => names.map((name) => join(dir, name)));
  return [process.env.CHROMIUM_PATH ?? "", ...onPath, ...(INSTALLED[process.platform] ?? [])].find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return path !== "";
  } catch {
    return false;
  }
}

/**
 * For `before`: skips the suite, with the reason, if there is no Chromium. Not every contributor has one,
 * and all other tests are worth running without it. CI installs it, and fails if it cannot.
 */
export function skipWithoutChromium(context: Mocha.Context): void {
  if (findChromium()) return;
  console.log("      SKIPPED: no Chromium found. Install one, or set CHROMIUM_PATH to its executable.");
  // What runs in a browser cannot be tried without one; where it must be tried, in CI, its absence is a failure of CI.
  context.skip();
}

let running: Promise<Browser> | undefined;

/** A context of its own in the browser of this process, which is started when it is first asked for. */
export async function newContext(options?: Parameters<Browser["newContext"]>[0]): Promise<BrowserContext> {
  running ??= chromium.launch({
    executablePath: findChromium() ?? "",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-sync",
      "--disable-background-networking",
      "--disable-component-update",
    ],
  });
  return (await running).newContext(options);
}

/** Ends the browser of this process, if there is one. */
export async function closeBrowser(): Promise<void> {
  const started = running;
  running = undefined;
  if (started) await (await started.catch(() => undefined))?.close();
}
