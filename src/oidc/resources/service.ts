import type { Knex } from 'knex';
import { type Actor, recordEventIn } from '../../audit/index.ts';
import type { Driver } from '../../database/driver/contract.ts';
import { inTransaction, isDuplicate } from '../../database/transaction.ts';
import { LatchkeyError, refuse } from '../../kit/errors.ts';
import { createFreshCache } from '../../kit/fresh-cache.ts';
import { parse } from '../../kit/parse.ts';
import {
  isIdentifier,
  MAX_JWT_TTL_SECONDS,
  type ResourceChange,
  type ResourceInput,
  resourceChange,
  resourceInput,
} from './input.ts';
import { metadataUrl } from './metadata.ts';
import {
  findActiveResource,
  findHostedResource,
  findResourceRow,
  insertResource,
  listAuthorizationTypes,
  listHostedIdentifiers,
  listResourceRows,
  parseTypes,
  type Resource,
  type ResourceRow,
  updateResource,
} from './store.ts';

/** A resource as commands and pages show it. */
export interface ResourceDocument {
  identifier: string;
  name: string;
  scope: string;
  token_format: ResourceRow['token_format'];
  /** Undefined for opaque tokens. */
  signing_alg: ResourceRow['signing_alg'] | undefined;
  /** Seconds; undefined: the server's own setting. */
  access_token_ttl: number | undefined;
  client_id: string | undefined;
  /** Where its metadata is published (RFC 9728); undefined: the API does that itself. */
  metadata_url: string | undefined;
  /** What the consent page says, by type of authorization details (RFC 9396); undefined: it has none. */
  authorization_details_types: Record<string, string> | undefined;
  is_active: boolean;
}

export interface ResourceDeps {
  knex: Knex;
  driver: Driver;
  issuer: string;
  /** Finds an application by its client_id. */
  findClient(source: Knex, clientId: string): Promise<{ metadata: string } | undefined>;
}

export type FindResource = (identifier: string) => Promise<Resource | undefined>;

const toDocumentAt =
  (issuer: string) =>
  (row: ResourceRow): ResourceDocument => ({
    identifier: row.identifier,
    name: row.name,
    scope: JSON.parse(row.scopes).join(' '),
    token_format: row.token_format,
    signing_alg: row.token_format === 'jwt' ? row.signing_alg : undefined,
    access_token_ttl: row.access_token_ttl ?? undefined,
    client_id: row.client_id ?? undefined,
    metadata_url: row.hosts_metadata ? metadataUrl(issuer, row.id) : undefined,
    authorization_details_types: row.authorization_types === null ? undefined : parseTypes(row),
    is_active: Boolean(row.is_active),
  });

function checkLifetime({
  token_format,
  access_token_ttl,
}: Pick<ResourceRow, 'token_format' | 'access_token_ttl'>) {
  if (token_format === 'jwt' && (access_token_ttl ?? 0) > MAX_JWT_TTL_SECONDS)
    refuse(
      'jwt_lifetime_too_long',
      `A JWT lives at most ${MAX_JWT_TTL_SECONDS} seconds, because it cannot be revoked. Choose a shorter --ttl, or --format opaque.`,
    );
}

const toTypes = (types: Record<string, string>) =>
  Object.keys(types).length > 0 ? JSON.stringify(types) : null;

/** APIs that applications name in the parameter `resource` (RFC 8707). Each change is committed together with its audit event. */
export function createResources({ knex, driver, issuer, findClient }: ResourceDeps) {
  const toDocument = toDocumentAt(issuer);
  const findFresh = createFreshCache<Resource>((identifier) => findActiveResource(driver, identifier));
  const findHostedFresh = createFreshCache<Resource>((id) => findHostedResource(driver, id));

  async function getRow(source: Knex, identifier: string): Promise<ResourceRow> {
    const row = await findResourceRow(source, identifier);
    if (row) return row;
    throw new LatchkeyError(
      'not_found',
      'resource_not_found',
      `There is no resource with the identifier ${identifier}.`,
    );
  }

  async function checkClient(source: Knex, clientId: string | null | undefined): Promise<void> {
    if (clientId === null || clientId === undefined) return;
    const client = await findClient(source, clientId);
    if (!client || JSON.parse(client.metadata).resource_server !== true)
      refuse(
        'resource_client_unsuitable',
        `${clientId} is no application that was registered with --resource-server. Register one, and name its client_id.`,
      );
  }

  /** Changes a resource. @param changesOf computes the columns to change from the current row */
  const change = (
    actor: Actor,
    identifier: string,
    action: string,
    changesOf: (row: ResourceRow, trx: Knex.Transaction) => Promise<Partial<ResourceRow>>,
  ): Promise<ResourceDocument> =>
    inTransaction(knex, async (trx) => {
      await updateResource(trx, identifier, await changesOf(await getRow(trx, identifier), trx));
      await recordEventIn(trx, { action, actorId: actor.accountId, target: identifier });
      return toDocument(await getRow(trx, identifier));
    });

  return {
    /** Finds an active resource, from a cache that is at most one second old. */
    find: (identifier: string): Promise<Resource | undefined> =>
      isIdentifier(identifier) ? findFresh(identifier) : Promise.resolve(undefined),

    /** An active resource whose metadata we publish. @param id of its row */
    findHosted: (id: string): Promise<Resource | undefined> =>
      /^[\da-f-]{36}$/.test(id) ? findHostedFresh(id) : Promise.resolve(undefined),

    listAuthorizationTypes: (): Promise<string[]> => listAuthorizationTypes(knex),

    listHosted: (): Promise<string[]> => listHostedIdentifiers(knex),

    /** @throws LatchkeyError invalid_input, conflict */
    async create(actor: Actor, resource: ResourceInput): Promise<ResourceDocument> {
      const input = parse(resourceInput, resource);
      const { identifier } = input;
      // A token for this server itself could be taken for a proof of identity.
      if (identifier === issuer || identifier.startsWith(`${issuer}/`))
        refuse('resource_is_issuer', 'The identifier of a resource is not an address of Latchkey itself.');
      const columns = {
        identifier,
        name: input.name ?? identifier,
        scopes: JSON.stringify(input.scope),
        token_format: input.format,
        signing_alg: input.alg,
        access_token_ttl: input.ttl,
        client_id: input.clientId,
        hosts_metadata: input.hostsMetadata,
        authorization_types: toTypes(input.authorizationTypes),
        is_active: true,
      };
      checkLifetime(columns);
      return inTransaction(knex, async (trx) => {
        await checkClient(trx, input.clientId);
        await insertResource(trx, columns);
        await recordEventIn(trx, {
          action: 'resource.created',
          actorId: actor.accountId,
          target: identifier,
          details: { scope: input.scope.join(' '), format: input.format },
        });
        return toDocument(await getRow(trx, identifier));
      }).catch((error) => {
        if (!isDuplicate(error)) throw error;
        throw new LatchkeyError(
          'conflict',
          'resource_exists',
          `There is a resource with the identifier ${identifier} already.`,
          { cause: error },
        );
      });
    },

    /** Disabled ones too, the oldest first. */
    list: async (): Promise<ResourceDocument[]> => (await listResourceRows(knex)).map(toDocument),

    /** @throws LatchkeyError not_found */
    show: async (identifier: string): Promise<ResourceDocument> => toDocument(await getRow(knex, identifier)),

    /** Changes the members that are given. @throws LatchkeyError not_found, invalid_input */
    async update(actor: Actor, identifier: string, changes: ResourceChange): Promise<ResourceDocument> {
      const input = parse(resourceChange, changes);
      return change(actor, identifier, 'resource.updated', async (row, trx) => {
        await checkClient(trx, input.clientId);
        const columns = {
          name: input.name ?? row.name,
          scopes: input.scope ? JSON.stringify(input.scope) : row.scopes,
          token_format: input.format ?? row.token_format,
          signing_alg: input.alg ?? row.signing_alg,
          access_token_ttl: input.ttl === undefined ? row.access_token_ttl : input.ttl,
          client_id: input.clientId === undefined ? row.client_id : input.clientId,
          hosts_metadata: input.hostsMetadata ?? row.hosts_metadata,
          authorization_types: input.authorizationTypes
            ? toTypes(input.authorizationTypes)
            : row.authorization_types,
        };
        checkLifetime(columns);
        return columns;
      });
    },

    /** No server issues tokens for it after a second, and its opaque tokens are no longer active. @throws LatchkeyError not_found */
    disable: (actor: Actor, identifier: string) =>
      change(actor, identifier, 'resource.disabled', async () => ({ is_active: false })),

    /** @throws LatchkeyError not_found */
    enable: (actor: Actor, identifier: string) =>
      change(actor, identifier, 'resource.enabled', async () => ({ is_active: true })),
  };
}

export type Resources = ReturnType<typeof createResources>;
