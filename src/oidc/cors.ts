import type { EngineClient } from './clients/client-document.ts';

/** A private-use scheme has the origin `null`, which any sandboxed page has too. */
const originOf = (uri: string) => (/^https?:/.test(uri) ? URL.parse(uri)?.origin : undefined);

/**
 * Whether scripts of an origin may call the protocol's endpoints for an application (CORS): the origins of its redirect URIs, and
 * those that it is registered for besides.
 */
export const allowsOrigin = (_ctx: unknown, origin: string, client: EngineClient): boolean =>
  client.cors_origins.includes(origin) || client.redirectUris.some((uri) => originOf(uri) === origin);
