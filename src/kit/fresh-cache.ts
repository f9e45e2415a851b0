/** After this time a value is read again, so that every server notices a change within a second. */
const FRESH_MS = 900;
const MAX_VALUES = 1000;

/**
 * Keeps what `read` finds for a moment, for rows that requests read often and administrators change rarely.
 * @param read resolves with undefined for a key that does not exist. That is not kept: requests with made-up keys could
 *   push out the real ones
 */
export function createFreshCache<T>(read: (key: string) => Promise<T | undefined>) {
  const cache = new Map<string, { readAt: number; value: Promise<T | undefined> }>();
  const find = (key: string): Promise<T | undefined> => {
    const cached = cache.get(key);
    if (cached && Date.now() - cached.readAt < FRESH_MS) return cached.value;
    cache.delete(key);
    if (cache.size >= MAX_VALUES) cache.delete(cache.keys().next().value as string);
    const value = read(key);
    cache.set(key, { readAt: Date.now(), value });
    value.then(
      (found) => found || cache.delete(key),
      () => cache.delete(key),
    );
    return value;
  };
  return Object.assign(find, {
    /** Lets this server read the value again at its next use. */
    forget: (key: string): void => void cache.delete(key),
  });
}
