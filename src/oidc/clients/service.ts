import type { Knex } from 'knex';
import { parseScopes } from '../../access/scopes.ts';
import { type Actor, recordEventIn } from '../../audit/index.ts';
import { isDuplicate } from '../../database/transaction.ts';
import { LatchkeyError, refuse } from '../../kit/errors.ts';
import { parse } from '../../kit/parse.ts';
import type { Secrets } from '../../kit/secrets.ts';
import { endpointsOf } from '../endpoints.ts';
import { secretStorageOf } from './auth-methods.ts';
import { type ClientDocument, toDocument } from './client-document.ts';
import { authMethodOf, changeColumns, toColumns } from './client-metadata.ts';
import { type ClientSettings, checkCombination, checkServer } from './combinations.ts';
import { listFrontPages } from './front-pages.ts';
import { hasUsers } from './grant-types.ts';
import { type ClientChange, type ClientInput, clientChange, clientInput } from './input.ts';
import { addSecret, disableOlderSecrets, disableSecrets } from './secret-store.ts';
import {
  type ClientRow,
  findClient,
  findLogo,
  insertClient,
  listAllowedScopes,
  listClients,
  type Refusal,
  updateClient,
} from './store.ts';
import { findWarnings } from './warnings.ts';

const withSecret = (document: ClientDocument, secret: string): ClientDocument => ({
  ...document,
  client_secret: secret,
  client_secret_expires_at: 0,
});

/** Registers applications, changes and disables them. Each change is committed together with its audit event. */
export function createClients(deps: {
  knex: Knex;
  issuer: string;
  secrets: Pick<Secrets, 'seal'>;
  settings?: ClientSettings;
}) {
  const { knex, issuer, secrets, settings = { implicitGrant: false } } = deps;

  async function getClient(source: Knex, clientId: string): Promise<ClientRow> {
    const row = await findClient(source, clientId);
    if (row) return row;
    throw new LatchkeyError(
      'not_found',
      'client_not_found',
      `There is no application with the client_id ${clientId}.`,
    );
  }

  /** @returns undefined for a method that needs no secret */
  async function addFirstSecret(trx: Knex.Transaction, id: string, method: string) {
    if (secretStorageOf(method) === 'none') return undefined;
    return addSecret(trx, secrets, { id, method }, 'first');
  }

  /**
   * Changes a client, and records it in the audit log in the same transaction.
   * @param changesOf computes the columns to change from the current row
   * @param details for the audit event
   */
  function change(
    actor: Actor,
    clientId: string,
    action: string,
    changesOf: (row: ClientRow, trx: Knex.Transaction) => Partial<ClientRow> | Promise<Partial<ClientRow>>,
    details?: Record<string, unknown>,
  ): Promise<ClientDocument> {
    return knex.transaction(async (trx) => {
      // Locks the row first: of two changes at once, the second then keeps what the first has changed in the same column.
      await updateClient(trx, clientId, {});
      const row = await getClient(trx, clientId);
      await updateClient(trx, clientId, await changesOf(row, trx));
      await recordEventIn(trx, { action, actorId: actor.accountId, clientId, details });
      return toDocument(await getClient(trx, clientId), issuer);
    });
  }

  return {
    /** The applications that people can open in a browser, by name. */
    listFrontPages: () => listFrontPages(knex, issuer),

    findLogo: (clientId: string) => findLogo(knex, clientId),

    endpoints: endpointsOf(issuer),

    /**
     * @returns the document with its `client_secret`, which cannot be shown again; public clients have none
     * @throws LatchkeyError invalid_input
     */
    create(actor: Actor, client: ClientInput): Promise<ClientDocument> {
      const input = parse(clientInput, client);
      const isOnlyApi = input.resourceServer && input.redirectUris.length === 0 && !input.displayCode;
      const grantTypes = input.grantTypes ?? (isOnlyApi ? [] : ['authorization_code', 'refresh_token']);
      const scope = input.scope ?? (hasUsers(grantTypes) ? ['openid', 'profile', 'email'] : []);
      const columns = toColumns(input, { grantTypes, scope });
      checkServer(input, settings);
      checkCombination(columns, input);
      const method = authMethodOf(columns);
      return knex
        .transaction(async (trx) => {
          const row = await insertClient(
            trx,
            { ...columns, created_by: actor.accountId, registered_via: 'admin' },
            input.clientId,
          );
          const secret = await addFirstSecret(trx, row.id, method);
          await recordEventIn(trx, {
            action: 'client.created',
            actorId: actor.accountId,
            clientId: row.client_id,
            details: { name: input.name, claims: input.claims.length > 0 ? input.claims : undefined },
          });
          const document = {
            ...toDocument(row, issuer),
            ...(await findWarnings(trx, {
              scopes: scope,
              allowed: scope,
              uris: [...input.redirectUris, ...input.postLogoutRedirectUris],
              claims: input.claims,
            })),
          };
          return secret ? withSecret(document, secret) : document;
        })
        .catch((error) => {
          if (!isDuplicate(error)) throw error;
          throw new LatchkeyError(
            'conflict',
            'client_id_taken',
            `The client_id ${input.clientId} is taken. Choose another one.`,
            { cause: error },
          );
        });
    },

    /** Every scope that an active application may request or serves, without wildcards. */
    listScopes: async (): Promise<string[]> =>
      [...new Set((await listAllowedScopes(knex)).flat())].filter((scope) => !scope.includes('*')),

    /** Every application, disabled ones too, the oldest first. */
    async list(): Promise<ClientDocument[]> {
      return (await listClients(knex)).map((row) => toDocument(row, issuer));
    },

    /** An application. `last_refused` is its latest request that was refused, or null. @throws LatchkeyError not_found */
    async show(clientId: string): Promise<ClientDocument> {
      const row = await getClient(knex, clientId);
      const lastRefused: Refusal | null = row.last_refused ? JSON.parse(row.last_refused) : null;
      return { ...toDocument(row, issuer), last_refused: lastRefused };
    },

    /**
     * Changes the members that are given; a list replaces the stored one. An application that becomes public loses its
     * secrets; one that becomes confidential gets a secret, which cannot be shown again.
     * @throws LatchkeyError not_found, invalid_input
     */
    async update(actor: Actor, clientId: string, changes: ClientChange): Promise<ClientDocument> {
      const input = parse(clientChange, changes);
      let secret: string | undefined;
      const document = await change(
        actor,
        clientId,
        'client.updated',
        async (row, trx) => {
          const columns = changeColumns(row, input);
          checkServer(input, settings);
          checkCombination(columns, input);
          const method = authMethodOf(columns);
          if (secretStorageOf(method) !== secretStorageOf(authMethodOf(row))) {
            await disableSecrets(trx, row.id);
            secret = await addFirstSecret(trx, row.id, method);
          }
          return columns;
        },
        input.claims && { claims: input.claims },
      );
      const changed = {
        ...document,
        ...(await findWarnings(knex, {
          scopes: input.scope ?? [],
          allowed: parseScopes(String(document.scope)),
          uris: [...(input.redirectUris ?? []), ...(input.postLogoutRedirectUris ?? [])],
          claims: input.scope || input.claims ? (document.claims as string[]) : [],
        })),
      };
      return secret ? withSecret(changed, secret) : changed;
    },

    /** Every server refuses the application within a second. @throws LatchkeyError not_found */
    disable: (actor: Actor, clientId: string) =>
      change(actor, clientId, 'client.disabled', () => ({ is_active: false })),

    /** @throws LatchkeyError not_found */
    enable: (actor: Actor, clientId: string) =>
      change(actor, clientId, 'client.enabled', () => ({ is_active: true })),

    /**
     * Adds a secret. The newest earlier one stays valid beside it; any older one stops working.
     * @returns the document with the new `client_secret` @throws LatchkeyError not_found, invalid_input
     */
    rotateSecret(actor: Actor, clientId: string): Promise<ClientDocument> {
      return knex.transaction(async (trx) => {
        // Locks the row first: of two rotations at once, the second then sees the secret that the first has added.
        await updateClient(trx, clientId, {});
        const row = await getClient(trx, clientId);
        const method = authMethodOf(row);
        if (method === 'none') refuse('public_client_without_secret', 'A public application has no secret.');
        if (secretStorageOf(method) === 'none')
          refuse(
            'client_without_secret',
            `The application authenticates with ${method} and has no secret. Its keys are changed with: latchkey client update ${clientId} --jwks FILE`,
          );
        await disableOlderSecrets(trx, row.id);
        const secret = await addSecret(trx, secrets, { id: row.id, method }, 'rotated');
        await recordEventIn(trx, { action: 'client.secret_rotated', actorId: actor.accountId, clientId });
        return withSecret(toDocument(row, issuer), secret);
      });
    },
  };
}

export type Clients = ReturnType<typeof createClients>;
