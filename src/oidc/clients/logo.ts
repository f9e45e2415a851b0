import { refuse } from '../../kit/errors.ts';

/** The largest logo. It is small because the logo is part of the page that shows it. */
export const MAX_LOGO_BYTES = 32 * 1024;

/** No comment is read as a part of a longer one: there would be as many readings as there are ways to group comments. */
const isSvg = (bytes: Buffer) =>
  /^\s*(<\?xml[^>]*>\s*)?(<!--(?:(?!-->).)*-->\s*|<!DOCTYPE[^>]*>\s*)*<svg[\s>]/s.test(bytes.toString());

/** The kinds of images that every browser shows, by how they begin. */
const KINDS: [type: string, begins: (bytes: Buffer) => boolean][] = [
  ['image/png', (bytes) => bytes.toString('latin1', 0, 8) === '\x89PNG\r\n\x1a\n'],
  ['image/jpeg', (bytes) => bytes.toString('latin1', 0, 3) === '\xff\xd8\xff'],
  ['image/gif', (bytes) => /^GIF8[79]a/.test(bytes.toString('latin1', 0, 6))],
  ['image/webp', (bytes) => /^RIFF....WEBP/s.test(bytes.toString('latin1', 0, 12))],
  ['image/svg+xml', isSvg],
];

/** @returns the image as a `data:` URL @throws LatchkeyError invalid_input when it is none, or too large */
export function toLogoUri(bytes: Buffer): string {
  if (bytes.length > MAX_LOGO_BYTES)
    refuse(
      'logo_too_large',
      `A logo has at most ${MAX_LOGO_BYTES / 1024} kB. This one has ${Math.ceil(bytes.length / 1024)} kB.`,
    );
  const type = KINDS.find(([, begins]) => begins(bytes))?.[0];
  if (!type) refuse('logo_not_an_image', 'A logo is a PNG, JPEG, GIF, WebP or SVG image.');
  return `data:${type};base64,${bytes.toString('base64')}`;
}

const DATA = /^data:image\/[a-z+]+;base64,([A-Za-z0-9+/]+={0,2})$/;

/** Decodes the image of a `data:` URL, or returns undefined. */
export function readDataUri(uri: string): Buffer | undefined {
  const [, base64] = DATA.exec(uri) ?? [];
  return base64 === undefined ? undefined : Buffer.from(base64, 'base64');
}

/** Checks the image of a `data:` URL. @throws LatchkeyError invalid_input */
export function checkLogoUri(uri: string): string {
  const bytes = readDataUri(uri);
  if (!bytes)
    refuse(
      'logo_not_stored',
      'A logo is a data: URL with an image in base64. The command makes one of a file.',
    );
  return toLogoUri(bytes);
}

/** What people read instead of the `data:` URL: `image/png, 2 kB`. */
export function describeLogo(uri: string): string {
  const type = uri.slice('data:'.length, uri.indexOf(';'));
  return `${type}, ${Math.ceil((readDataUri(uri)?.length ?? 0) / 1024)} kB`;
}
