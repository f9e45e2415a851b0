/** In memory. The oldest are forgotten first. */
const MOST = 10_000;

/**
 * Connections for which a service has asked to wait. Each server finds out by itself: a service answers 429 again to whoever
 * asks too soon.
 */
export function createPauses() {
  const ends = new Map<string, number>();
  return {
    add(connectionId: string, seconds: number, now = Date.now()): void {
      const [oldest] = ends.keys();
      if (ends.size >= MOST && oldest !== undefined) ends.delete(oldest);
      ends.delete(connectionId);
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
