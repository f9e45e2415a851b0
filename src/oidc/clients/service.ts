import type { Knex } from 'knex';
import { type Actor, recordEventIn } from '../../audit/index.ts';
import { toDate, toEpoch } from '../../database/instants.ts';
import { LatchkeyError, refuse } from '../../kit/errors.ts';
import { digest, randomToken, uuidv7 } from '../../kit/ids.ts';
import { parse } from '../../kit/parse.ts';
import { type ClientChange, type ClientInput, clientChange, clientInput } from './schema.ts';

interface Metadata {
  grant_types: string[];
  post_logout_redirect_uris: string[];
  id_token_signed_response_alg: string;
  display_code: boolean;
}

export interface ClientRow {
  id: string;
  created_at: Date | string;
  client_id: string;
  client_name: string;
  client_type: 'public' | 'confidential';
  redirect_uris: string;
  allowed_scopes: string;
  require_pkce: boolean | number;
  is_first_party: boolean | number;
  is_active: boolean | number;
  metadata: string;
}

/** The members of RFC 7591 section 3.2.1, and ours. */
export type ClientDocument = Record<string, unknown> & { client_id: string; client_secret?: string };

/** Where a display client's code is shown: the redirect URI that it uses. */
export const displayUri = (issuer: string) => `${issuer}/code`;

export function toDocument(row: ClientRow, issuer: string): ClientDocument {
  const metadata: Metadata = JSON.parse(row.metadata);
  const redirectUris: string[] = JSON.parse(row.redirect_uris);
  const isPublic = row.client_type === 'public';
  return {
    client_id: row.client_id,
    client_id_issued_at: toEpoch(toDate(row.created_at)),
    client_name: row.client_name,
    redirect_uris: metadata.display_code ? [displayUri(issuer)] : redirectUris,
    post_logout_redirect_uris: metadata.post_logout_redirect_uris,
    grant_types: metadata.grant_types,
    response_types: metadata.grant_types.includes('authorization_code') ? ['code'] : [],
    token_endpoint_auth_method: isPublic ? 'none' : 'client_secret_basic',
    // RFC 8252: private-use schemes belong to native applications; all other redirect URIs stay exact.
    application_type: redirectUris.every((uri) => /^https?:/.test(uri)) ? 'web' : 'native',
    id_token_signed_response_alg: metadata.id_token_signed_response_alg,
    scope: JSON.parse(row.allowed_scopes).join(' '),
    require_pkce: Boolean(row.require_pkce),
    is_first_party: Boolean(row.is_first_party),
    display_code: metadata.display_code,
    is_active: Boolean(row.is_active),
  };
}

function checkShape(input: {
  redirectUris: unknown[];
  displayCode: boolean;
  public: boolean;
  grantTypes: string[];
}): void {
  const usesCode = input.grantTypes.includes('authorization_code');
  if (input.displayCode && input.redirectUris.length > 0)
    refuse(
      'display_client_with_redirect_uri',
      'A display client has no redirect URI. Leave out one of the two.',
    );
  if (input.displayCode && !usesCode)
    refuse('display_client_without_code', 'A display client needs the grant type authorization_code.');
  if (usesCode && !input.displayCode && input.redirectUris.length === 0) {
    refuse(
      'redirect_uri_missing',
      'An application that people sign in to needs a redirect URI. Add --redirect-uri, or --display-code to show its code.',
    );
  }
  if (input.public && input.grantTypes.includes('client_credentials')) {
    refuse(
      'public_client_with_client_credentials',
      'A public application cannot use client_credentials: it has no secret.',
    );
  }
  if (input.grantTypes.includes('refresh_token') && !usesCode)
    refuse('refresh_token_without_code', 'refresh_token needs authorization_code beside it.');
}

/** Applications: registered, changed, disabled, their secrets rotated; each change and its audit row in one transaction. */
export function createClients(deps: { knex: Knex; issuer: string }) {
  const { knex, issuer } = deps;

  async function get(source: Knex, clientId: string): Promise<ClientRow> {
    const row = await source<ClientRow>('T_oauth_clients').where({ client_id: clientId }).first();
    if (!row)
      throw new LatchkeyError(
        'not_found',
        'client_not_found',
        `There is no application with the client_id ${clientId}.`,
      );
    return row;
  }

  async function addSecret(trx: Knex.Transaction, id: string, description: string): Promise<string> {
    const secret = randomToken();
    const row = {
      id: uuidv7(),
      created_at: new Date(),
      client_id: id,
      secret_hash: digest(secret),
      description,
      is_active: true,
    };
    await trx('T_oauth_client_secrets').insert(row);
    return secret;
  }

  /** Changes one row and tells of it. `set` gives the columns. */
  function change(
    actor: Actor,
    clientId: string,
    action: string,
    set: (row: ClientRow) => object,
  ): Promise<ClientDocument> {
    return knex.transaction(async (trx) => {
      const row = await get(trx, clientId);
      await trx('T_oauth_clients')
        .where({ id: row.id })
        .update({ ...set(row), updated_at: new Date() });
      await recordEventIn(trx, { action, actorId: actor.accountId, clientId });
      return toDocument(await get(trx, clientId), issuer);
    });
  }

  return {
    /** @returns the document with its `client_secret`, which is told this once @throws LatchkeyError invalid_input */
    create(actor: Actor, given: ClientInput): Promise<ClientDocument> {
      const input = parse(clientInput, given);
      const grantTypes = input.grantTypes ?? ['authorization_code', 'refresh_token'];
      checkShape({ ...input, grantTypes });
      if (input.public && !input.requirePkce)
        refuse('public_client_without_pkce', 'A public application cannot do without PKCE.');
      const metadata: Metadata = {
        grant_types: grantTypes,
        post_logout_redirect_uris: input.postLogoutRedirectUris,
        id_token_signed_response_alg: input.idTokenSignedResponseAlg,
        display_code: input.displayCode,
      };
      const id = uuidv7();
      const row = {
        id,
        created_at: new Date(),
        client_id: id,
        client_name: input.name,
        client_type: input.public ? 'public' : 'confidential',
        redirect_uris: JSON.stringify(input.redirectUris),
        allowed_scopes: JSON.stringify(input.scope),
        require_pkce: input.requirePkce,
        is_first_party: input.firstParty,
        is_active: true,
        created_by: actor.accountId,
        registered_via: 'admin',
        metadata: JSON.stringify(metadata),
      };
      return knex.transaction(async (trx) => {
        await trx('T_oauth_clients').insert(row);
        const secret = input.public ? undefined : await addSecret(trx, id, 'first');
        await recordEventIn(trx, {
          action: 'client.created',
          actorId: actor.accountId,
          clientId: id,
          details: { name: input.name },
        });
        const document = toDocument(row as ClientRow, issuer);
        return secret ? { ...document, client_secret: secret, client_secret_expires_at: 0 } : document;
      });
    },

    async list(): Promise<ClientDocument[]> {
      const rows = await knex<ClientRow>('T_oauth_clients').orderBy('id');
      return rows.map((row) => toDocument(row, issuer));
    },

    /** @throws LatchkeyError not_found */
    async show(clientId: string): Promise<ClientDocument> {
      return toDocument(await get(knex, clientId), issuer);
    },

    /** @throws LatchkeyError not_found, invalid_input */
    async update(actor: Actor, clientId: string, given: ClientChange): Promise<ClientDocument> {
      const input = parse(clientChange, given);
      return change(actor, clientId, 'client.updated', (row) => {
        const metadata: Metadata = JSON.parse(row.metadata);
        if (input.postLogoutRedirectUris) metadata.post_logout_redirect_uris = input.postLogoutRedirectUris;
        if (input.idTokenSignedResponseAlg)
          metadata.id_token_signed_response_alg = input.idTokenSignedResponseAlg;
        const redirectUris = input.redirectUris ?? JSON.parse(row.redirect_uris);
        checkShape({
          redirectUris,
          displayCode: metadata.display_code,
          public: row.client_type === 'public',
          grantTypes: metadata.grant_types,
        });
        if (row.client_type === 'public' && input.requirePkce === false)
          refuse('public_client_without_pkce', 'A public application cannot do without PKCE.');
        return {
          metadata: JSON.stringify(metadata),
          redirect_uris: JSON.stringify(redirectUris),
          client_name: input.name ?? row.client_name,
          is_first_party: input.firstParty ?? row.is_first_party,
          require_pkce: input.requirePkce ?? row.require_pkce,
          allowed_scopes: input.scope ? JSON.stringify(input.scope) : row.allowed_scopes,
        };
      });
    },

    /** Nothing of it works any more within a second, on every server. @throws LatchkeyError not_found */
    disable: (actor: Actor, clientId: string) =>
      change(actor, clientId, 'client.disabled', () => ({ is_active: false })),
    enable: (actor: Actor, clientId: string) =>
      change(actor, clientId, 'client.enabled', () => ({ is_active: true })),

    /**
     * A new secret beside the newest of the old ones; an older one stops working.
     * @returns the document with the new `client_secret` @throws LatchkeyError not_found, invalid_input
     */
    rotateSecret(actor: Actor, clientId: string): Promise<ClientDocument> {
      return knex.transaction(async (trx) => {
        // The row's lock: of two rotations at once the second sees the secret of the first.
        await trx('T_oauth_clients').where({ client_id: clientId }).update({ updated_at: new Date() });
        const row = await get(trx, clientId);
        if (row.client_type === 'public')
          refuse('public_client_without_secret', 'A public application has no secret.');
        const active = await trx('T_oauth_client_secrets')
          .where({ client_id: row.id, is_active: true })
          .orderBy('id', 'desc');
        const older = active.slice(1).map((secret) => secret.id);
        await trx('T_oauth_client_secrets').whereIn('id', older).update({ is_active: false });
        const secret = await addSecret(trx, row.id, 'rotated');
        await recordEventIn(trx, { action: 'client.secret_rotated', actorId: actor.accountId, clientId });
        return { ...toDocument(row, issuer), client_secret: secret, client_secret_expires_at: 0 };
      });
    },
  };
}

export type Clients = ReturnType<typeof createClients>;
