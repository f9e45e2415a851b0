/** `YYYY-MM-DD HH:MM:SS.sss` in UTC: an instant as SQLite stores it and as MySQL binds it. */
export function toText(instant: Date): string {
  const iso = instant.toISOString();
  return `${iso.slice(0, 10)} ${iso.slice(11, 23)}`;
}

/** An instant as any engine returns it: a Date, or text as `toText` writes it. */
export function toDate(value: unknown): Date {
  return value instanceof Date ? value : new Date(`${String(value).replace(' ', 'T')}Z`);
}

/** Converts seconds since 1970, as JWTs count (RFC 7519 section 2). */
export function fromEpoch(seconds: number): Date {
  return new Date(seconds * 1000);
}

export function toEpoch(instant: Date): number {
  return Math.floor(instant.getTime() / 1000);
}
