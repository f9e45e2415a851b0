import type { Knex } from 'knex';
import { type Actor, recordEventIn } from '../../audit/index.ts';
import type { Driver } from '../../database/driver/contract.ts';
import { inTransaction, isDuplicate } from '../../database/transaction.ts';
import { LatchkeyError } from '../../kit/errors.ts';
import { createFreshCache } from '../../kit/fresh-cache.ts';
import type { GuardedFetch } from '../../kit/guarded-fetch.ts';
import { parse } from '../../kit/parse.ts';
import type { Secrets } from '../../kit/secrets.ts';
import { applyChange, findChanged } from './changes.ts';
import { moveUrls, type NewService, toDraft } from './drafts.ts';
import { checkCombination, createServiceSchema } from './input.ts';
import { toChange } from './metadata.ts';
import { type ResealedServices, resealSecrets } from './reseal.ts';
import { SERVICE_NAME, type Service } from './service-config.ts';
import { type ServiceDocument, toDocument } from './service-document.ts';
import {
  findServiceRow,
  insertService,
  listServiceRows,
  lockService,
  openSecret,
  readService,
  type ServiceRow,
  toColumns,
  toService,
  updateService,
} from './store.ts';

export interface ConnectionServicesDeps {
  knex: Knex;
  driver: Driver;
  secrets: Secrets;
  issuer: string;
  /** Whether URLs may use http and lead into private networks. */
  allowPrivate: boolean;
  /** Fetches the metadata that an issuer publishes. */
  fetch: GuardedFetch;
}

/** The services at which people can connect an account. Each change is committed together with its audit event. */
export function createConnectionServices(deps: ConnectionServicesDeps) {
  const { knex, driver, secrets, issuer, allowPrivate } = deps;
  const schema = createServiceSchema(allowPrivate);

  const findFresh = createFreshCache<Service>(async (name) => {
    const row = await readService(driver, name);
    if (!row) return undefined;
    try {
      return { ...toService(row), clientSecret: openSecret(row, secrets) };
    } catch (cause) {
      throw new LatchkeyError(
        'unavailable',
        'service_secret_damaged',
        `The client secret of the service ${name} does not open. Set it again: latchkey service update ${name} --client-secret-stdin.`,
        { cause },
      );
    }
  });

  /** Finds a service, from a cache that is at most one second old. Includes disabled ones, so that users can still disconnect. */
  const findAny = (name: string): Promise<Service | undefined> =>
    SERVICE_NAME.test(name) ? findFresh(name) : Promise.resolve(undefined);

  async function getRow(source: Knex, nameOrId: string): Promise<ServiceRow> {
    const row = await findServiceRow(source, nameOrId);
    if (row) return row;
    throw new LatchkeyError('not_found', 'service_not_found', `There is no service ${nameOrId}.`);
  }

  /** Takes the row, changes it, and records that. */
  const change = (
    actor: Actor,
    nameOrId: string,
    action: string,
    work: (trx: Knex.Transaction, row: ServiceRow) => Promise<string[] | undefined>,
  ): Promise<ServiceDocument> =>
    inTransaction(knex, async (trx) => {
      await lockService(trx, nameOrId);
      const row = await getRow(trx, nameOrId);
      const changed = await work(trx, row);
      const target = row.service_name;
      const details = changed && { changed };
      await recordEventIn(trx, { action, actorId: actor.accountId, target, details });
      return toDocument(await getRow(trx, row.id), issuer);
    }).then((document) => {
      // This server need not wait for a second, as the others do.
      findFresh.forget(document.name);
      return document;
    });

  const setActive = (actor: Actor, nameOrId: string, action: string, is_active: boolean) =>
    change(actor, nameOrId, action, async (trx, { id }) => {
      await updateService(trx, id, { is_active }, undefined, secrets);
      return undefined;
    });

  return {
    findAny,

    /** Finds a service that is active; undefined when it is disabled. */
    async find(name: string): Promise<Service | undefined> {
      const service = await findAny(name);
      return service?.isActive ? service : undefined;
    },

    /** The active services by name, without their secrets. */
    async listActive(): Promise<Service[]> {
      const rows = await listServiceRows(knex);
      return rows.filter((row) => row.is_active).map(toService);
    },

    /** Seals every client secret with the newest key. */
    reseal: (): Promise<ResealedServices> => resealSecrets(knex, secrets),

    /** Disabled ones too, by name. */
    list: async (): Promise<ServiceDocument[]> =>
      (await listServiceRows(knex)).map((row) => toDocument(row, issuer)),

    /** @throws LatchkeyError not_found */
    show: async (nameOrId: string): Promise<ServiceDocument> =>
      toDocument(await getRow(knex, nameOrId), issuer),

    /** @throws LatchkeyError invalid_input, conflict */
    async add(actor: Actor, input: NewService): Promise<ServiceDocument> {
      const service = parse(schema, await toDraft(input, deps));
      checkCombination(service, service.clientSecret !== undefined);
      const { name, clientSecret } = service;
      return inTransaction(knex, async (trx) => {
        await insertService(trx, toColumns({ ...service, isActive: true }), clientSecret, secrets);
        await recordEventIn(trx, {
          action: 'service.added',
          actorId: actor.accountId,
          target: name,
          details: { auth_type: service.authType, api_base_urls: service.apiBaseUrls },
        });
        return toDocument(await getRow(trx, name), issuer);
      }).catch((error) => {
        if (!isDuplicate(error)) throw error;
        throw new LatchkeyError('conflict', 'service_exists', `There is a service ${name} already.`, {
          cause: error,
        });
      });
    },

    /** Changes what is given; single values are stronger than the description. @throws LatchkeyError not_found, invalid_input */
    update(
      actor: Actor,
      nameOrId: string,
      { preset, baseUrl, metadata, change: values }: Omit<NewService, 'name'>,
    ): Promise<ServiceDocument> {
      const described = metadata === undefined ? {} : toChange(metadata);
      const secret = values.clientSecret ?? described.clientSecret ?? undefined;
      return change(actor, nameOrId, 'service.updated', async (trx, row) => {
        const before = toService(row);
        const { isActive, ...input } = before;
        const urls = baseUrl === undefined ? {} : moveUrls(preset ?? before.name, baseUrl, deps);
        const service = parse(schema, [urls, described, values].reduce(applyChange, input));
        checkCombination(service, secret !== undefined || row.client_secret_sealed !== null);
        const columns = toColumns({ ...service, isActive });
        await updateService(trx, row.id, columns, secret, secrets);
        return findChanged(toColumns(before), columns, secret !== undefined);
      });
    },

    /**
     * From now on, nobody can connect to it or use it. Other servers follow within a second.
     * @throws LatchkeyError not_found
     */
    disable: (actor: Actor, nameOrId: string) => setActive(actor, nameOrId, 'service.disabled', false),

    /** @throws LatchkeyError not_found */
    enable: (actor: Actor, nameOrId: string) => setActive(actor, nameOrId, 'service.enabled', true),
  };
}

export type ConnectionServices = ReturnType<typeof createConnectionServices>;
