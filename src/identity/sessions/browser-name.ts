import Bowser from 'bowser';

const MAX_NAME_LENGTH = 40;

/** Keeps only letters, digits and plain punctuation: for an unknown program, the parser returns a piece of what it sent. */
const clean = (name: string | undefined) =>
  name?.replaceAll(/[^\p{L}\p{N} ._+/-]/gu, '').slice(0, MAX_NAME_LENGTH);

/**
 * Names the browser and its system, such as "Firefox on Windows". A program can claim to be any browser, so the name is
 * for its owner to recognize, and decides nothing.
 * @param userAgent the User-Agent header
 */
export function nameBrowser(userAgent: string | null | undefined): string {
  const found = userAgent ? Bowser.getParser(userAgent) : undefined;
  const browser = clean(found?.getBrowserName()) || 'Unknown browser';
  const system = clean(found?.getOSName());
  return system ? `${browser} on ${system}` : browser;
}
