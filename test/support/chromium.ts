import { after, type TestContext } from 'node:test';
import { type Browser, type BrowserContext, chromium } from 'playwright-core';

/** The path of Chromium that `npm test` found. Without it the browser tests are skipped and listed as skipped. */
export const executablePath = process.env.LATCHKEY_TEST_CHROMIUM;

const QUIET = [
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
];

/** How long a click or a navigation may take. A page that waits for the processor is slow, not broken. */
const PATIENCE_MS = 90_000;

let launched: Promise<Browser> | undefined;
after(async () => (await launched)?.close());

/** The browser that all tests of a file share. Pages that a test opened are closed when it ends. */
export async function launch(t: Pick<TestContext, 'after'>): Promise<Browser> {
  launched ??= chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu', ...QUIET],
  });
  const browser = await launched;
  t.after(() => Promise.all(browser.contexts().map((context) => context.close())));
  return browser;
}

export interface Watched {
  context: BrowserContext;
  /** Errors in the browser's console, including violations of the Content-Security-Policy. */
  complaints: string[];
  /** Every host that received a request. */
  hosts: Set<string>;
}

/** Opens a context that records every console error and every host. */
export async function watch(
  browser: Browser,
  options: Parameters<Browser['newContext']>[0] = {},
): Promise<Watched> {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(PATIENCE_MS);
  const complaints: string[] = [];
  const hosts = new Set<string>();
  context.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  context.on('weberror', (error) => complaints.push(String(error.error())));
  context.on('request', (request) => hosts.add(new URL(request.url()).host));
  return { context, complaints, hosts };
}
