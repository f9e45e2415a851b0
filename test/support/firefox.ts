import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import puppeteer, { type Page } from 'puppeteer-core';

/** The path of Firefox that `npm test` found. Without it the tests in Firefox are skipped and listed as skipped. */
export const firefoxPath = process.env.LATCHKEY_TEST_FIREFOX;

export interface Firefox {
  page: Page;
  /** The address that Firefox passed to the program of that scheme, once it has. */
  openedAddress(): Promise<string>;
}

const PATIENCE_MS = 60_000;

/** Firefox with a new profile, on a device that has a program for that scheme. */
export async function launchFirefox(t: Pick<TestContext, 'after'>, scheme: string): Promise<Firefox> {
  const folder = await mkdtemp(join(tmpdir(), 'firefox-'));
  const [program, opened] = [join(folder, 'program'), join(folder, 'opened')];
  await writeFile(
    program,
    `#!/bin/sh\nprintf %s "$1" >"${opened}.part" && mv "${opened}.part" "${opened}"\n`,
  );
  await chmod(program, 0o755);
  const useProgram = { action: 2, ask: false, handlers: [{ name: 'Program', path: program }] };
  const handlers = { defaultHandlersVersion: {}, mimeTypes: {}, schemes: { [scheme]: useProgram } };
  await writeFile(join(folder, 'handlers.json'), JSON.stringify(handlers));
  const browser = await puppeteer.launch({
    browser: 'firefox',
    executablePath: firefoxPath,
    userDataDir: folder,
    // Otherwise Firefox asks in a dialog of its own, which no script can answer.
    extraPrefsFirefox: { [`network.protocol-handler.external.${scheme}`]: true },
  });
  t.after(async () => {
    await browser.close();
    await rm(folder, { recursive: true, force: true });
  });
  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  return {
    page,
    async openedAddress() {
      const until = Date.now() + PATIENCE_MS;
      for (;;) {
        const address = await readFile(opened, 'utf8').catch(() => undefined);
        if (address !== undefined) return address;
        if (Date.now() > until) throw new Error(`Firefox opened no program; it is at ${page.url()}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    },
  };
}
