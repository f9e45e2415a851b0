/**
 * The base URL to which a path belongs: the longest whose own path it begins with, or else the first.
 * @param bases each ends with a slash
 * @returns `includesBase`: the path has the base's path in it already
 */
function findBase(bases: URL[], path: string): { base: URL; includesBase: boolean } | undefined {
  const beginning = bases
    .filter(({ pathname }) => pathname !== '/' && `/${path}/`.startsWith(pathname))
    .sort((a, b) => b.pathname.length - a.pathname.length);
  if (beginning[0]) return { base: beginning[0], includesBase: true };
  return bases[0] && { base: bases[0], includesBase: false };
}

/**
 * Where a call goes. The origin and the beginning of the path are those of a base URL, whatever the application sent.
 * @param apiBaseUrls of the service
 * @param call `path` without a slash at the beginning, `query` with its question mark
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
  const { base, includesBase } = found;
  const target = `${includesBase ? '/' : base.pathname}${path}`;
  const parsed = new URL(`${base.origin}${target}${query}`);
  // The proxy has refused every path for which this is so. A credential must not depend on that alone.
  if (parsed.origin !== base.origin || parsed.pathname !== target)
    throw new Error('The path of a call leads away from the base URL of its API.');
  return { origin: base.origin, path: `${target}${query}` };
}
