import { readFile } from 'node:fs/promises';
import { LatchkeyError } from '../../kit/errors.ts';
import { MAX_LOGO_BYTES, readDataUri, toLogoUri } from './logo.ts';

const TIMEOUT_MS = 10_000;

/** Stops at the first byte too many: a server may send without an end. */
async function download(url: string): Promise<Buffer> {
  const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (!response.ok || !response.body) throw new Error(`it answers ${response.status}`);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > MAX_LOGO_BYTES) break;
  }
  return Buffer.concat(chunks);
}

/**
 * Reads the logo that an operator names on the command line, once: it is stored, and no server fetches it later.
 * @param place a file, an http or https URL, or a `data:` URL
 * @returns a `data:` URL
 * @throws LatchkeyError invalid_input when it cannot be read, or is no small image
 */
export async function readLogo(place: string): Promise<string> {
  const bytes = readDataUri(place) ?? (await load(place));
  return toLogoUri(bytes);
}

async function load(place: string): Promise<Buffer> {
  try {
    return /^https?:/.test(place) ? await download(place) : await readFile(place);
  } catch (cause) {
    const { message } = ((cause as Error).cause ?? cause) as Error;
    throw new LatchkeyError(
      'invalid_input',
      'logo_unreadable',
      `The logo ${place.slice(0, 200)} cannot be read: ${message}.`,
      { cause },
    );
  }
}
