/**
 * The base URL to which a path belongs: the longest whose own path it begins with, or else the first.
 * @param bases each ends with a slash
 * @returns `pathHasBase`: the path has the base's path in it already
 */
function findBase(bases: URL[], path: string): { base: URL; pathHasBase: boolean } | undefined {
  const matching = bases
    .filter(({ pathname }) => pathname !== '/' && `/${path}/`.startsWith(pathname))
    .sort((a, b) => b.pathname.length - a.pathname.length);
  if (matching[0]) return { base: matching[0], pathHasBase: true };
  return bases[0] && { base: bases[0], pathHasBase: false };
}

/**
 * Where a call goes. The origin and the matching of the path are those of a base URL, whatever the application sent.
 * @param apiBaseUrls of the service
 * @param call `path` without a slash at the matching, `query` with its question mark
 * @returns the origin, and path with query; undefined for a service without an API
 */
export function findTarget(
  apiBaseUrls: readonly string[],
  { path, query }: { path: string; query: string },
): { origin: string; path: string } | undefined {
  const found = findBase(
    apiBaseUrls.map((url) => new URL(url.endsWith('/') ? url : `${url}/`)),
    path,
  );
  if (!found) return undefined;
  const { base, pathHasBase } = found;
  const target = `${pathHasBase ? '/' : base.pathname}${path}`;
  const parsed = new URL(`${base.origin}${target}${query}`);
  // `proxy/target.ts` has already refused such paths. Checked again, so that a credential never depends on that alone.
  if (parsed.origin !== base.origin || parsed.pathname !== target)
    throw new Error('The path of a call leads away from the base URL of its API.');
  return { origin: base.origin, path: `${target}${query}` };
}
