import { MAX_PAUSE_SECONDS } from './limits.ts';

/** Pauses kept in memory. Above this, the oldest is dropped. */
const MAX_PAUSES = 10_000;

/** Seconds, for a number or a date (RFC 9110 section 10.2.3). */
export function readRetryAfter(value: string | string[] | undefined): number {
  const text = String(value ?? '');
  const seconds = /^\d+$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.min(Math.max(1, Math.ceil(seconds)), MAX_PAUSE_SECONDS) : 1;
}

/** Connections for which a service has asked to wait. Not shared between servers: each learns of a pause from the service's next 429. */
export function createPauses() {
  const ends = new Map<string, number>();
  return {
    add(connectionId: string, seconds: number, now = Date.now()): void {
      ends.delete(connectionId);
      const [oldest] = ends.keys();
      if (ends.size >= MAX_PAUSES && oldest !== undefined) ends.delete(oldest);
      ends.set(connectionId, now + seconds * 1000);
    },

    /** @returns the seconds that are left, or undefined */
    find(connectionId: string, now = Date.now()): number | undefined {
      const end = ends.get(connectionId);
      if (end === undefined) return undefined;
      if (end > now) return Math.ceil((end - now) / 1000);
      ends.delete(connectionId);
      return undefined;
    },
  };
}

/** For how long a credential that was refused right after its refresh is not refreshed because of another refusal. */
const REFUSED_MS = 60_000;

/** Versions of credentials that services refuse although they are new: another refresh for each call would not help. */
export function createRefusedVersions() {
  const refused = new Map<string, { version: number; until: number }>();
  return {
    add(connectionId: string, version: number): void {
      if (refused.size >= MAX_PAUSES) refused.clear();
      refused.set(connectionId, { version, until: Date.now() + REFUSED_MS });
    },
    has(connectionId: string, version: number): boolean {
      const found = refused.get(connectionId);
      return found !== undefined && found.version === version && found.until > Date.now();
    },
  };
}
