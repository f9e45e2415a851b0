import type { Driver } from '../../database/driver/contract.ts';
import { type Row, selectOne, sql } from '../../database/statements.ts';
import type { ClientSource } from '../storage/index.ts';
import { OWN_CLIENT_ID, ownClient } from './own-client.ts';
import { type ClientRow, toDocument } from './service.ts';

/** How long another server may go on with what it read: a disabled application is dead within a second. */
const FRESH_MS = 900;
const MOST = 1000;
const CLIENT_ID = /^[\x21-\x7e]{1,255}$/;

const SELECT_CLIENT = selectOne({
  columns: `id, created_at, client_id, client_name, client_type, redirect_uris, allowed_scopes, require_pkce,
    is_first_party, is_active, metadata`,
  from: 'T_oauth_clients',
  where: sql`client_id = ${'client_id'} AND is_active = true`,
});

/** The two newest secrets of a client in one row. */
const SELECT_SECRETS = selectOne({
  columns: 'a.secret_hash AS first, b.secret_hash AS second',
  from: `T_oauth_client_secrets a
    LEFT JOIN T_oauth_client_secrets b ON b.client_id = a.client_id AND b.id < a.id AND b.is_active = true`,
  where: sql`a.client_id = ${'id'} AND a.is_active = true`,
  orderBy: 'a.id DESC, b.id DESC',
});

type Document = Record<string, unknown>;

/** The document as the engine wants it: the digests in the secret's place, and no scope list of its own. */
function forEngine(row: Row, secrets: Row | undefined, issuer: string): Document {
  const { scope, is_active, client_id_issued_at, ...document } = toDocument(
    row as unknown as ClientRow,
    issuer,
  );
  const hashes = [secrets?.first, secrets?.second].filter((hash) => typeof hash === 'string');
  return {
    ...document,
    allowed_scopes: scope,
    ...(document.token_endpoint_auth_method === 'none' ? {} : { client_secret: hashes.join(' ') || 'none' }),
  };
}

/** Applications as the engine asks for them at each request, read again when older than a second. */
export function createClientSource(deps: { driver: Driver; issuer: string }): ClientSource {
  const cache = new Map<string, { at: number; document: Promise<Document | undefined> }>();

  async function read(clientId: string): Promise<Document | undefined> {
    const row = await deps.driver.readOne(SELECT_CLIENT, { client_id: clientId });
    if (!row) return undefined;
    const secrets =
      row.client_type === 'public'
        ? undefined
        : await deps.driver.readOne(SELECT_SECRETS, { id: String(row.id) });
    return forEngine(row, secrets, deps.issuer);
  }

  const own = Promise.resolve(ownClient(deps.issuer));
  return {
    find(clientId) {
      if (clientId === OWN_CLIENT_ID) return own;
      if (!CLIENT_ID.test(clientId)) return Promise.resolve(undefined);
      const known = cache.get(clientId);
      if (known && Date.now() - known.at < FRESH_MS) return known.document;
      cache.delete(clientId);
      if (cache.size >= MOST) cache.delete(cache.keys().next().value as string);
      const document = read(clientId);
      cache.set(clientId, { at: Date.now(), document });
      document.then(
        // Unknown ids are not kept: a stranger could push the real ones out.
        (found) => found || cache.delete(clientId),
        () => cache.delete(clientId),
      );
      return document;
    },
  };
}
