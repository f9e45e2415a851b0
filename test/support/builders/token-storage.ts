import { randomBytes } from 'node:crypto';
import { after, before, type TestContext } from 'node:test';
import { UnitOfWork, withUnit } from '../../../src/database/unit-of-work.ts';
import { uuidv7 } from '../../../src/kit/ids.ts';
import { createSecrets } from '../../../src/kit/secrets.ts';
import { createStorage } from '../../../src/oidc/storage/index.ts';
import type { Payload } from '../../../src/oidc/storage/models.ts';
import { SECRETS } from '../databases.ts';
import type { EngineName } from '../engines.ts';
import { openWorld } from '../world.ts';

/** What the engine calls on the storage of a model. */
interface ModelStorage {
  find(id: string): Promise<Payload | undefined>;
  findByUid(uid: string): Promise<Payload | undefined>;
  findByUserCode(userCode: string): Promise<Payload | undefined>;
  upsert(id: string, payload: Payload, ttl?: number): Promise<void>;
  consume(id: string): Promise<void>;
  destroy(id: string): Promise<void>;
  revokeByGrantId(grantId: string): Promise<void>;
}

/** The members that the engine stores for a model. */
export function payloadOf(name: string, accountId: string): Payload {
  const common = { kind: name, iat: 1_800_000_000, exp: 4_000_000_000 };
  if (name === 'PushedAuthorizationRequest') return { ...common, request: 'a.b.c' };
  if (/Registration|InitialAccess/.test(name)) return { ...common, clientId: 'fieldnotes' };
  if (name === 'ClientCredentials') return { ...common, clientId: 'fieldnotes', scope: 'openid' };
  const owned = { ...common, accountId, clientId: 'fieldnotes' };
  if (name === 'Grant') return { ...owned, openid: { scope: 'openid' } };
  return {
    ...owned,
    // The grant is the user's answer, which comes later.
    ...(/DeviceCode|Backchannel/.test(name) ? {} : { grantId: uuidv7() }),
    scope: 'openid',
    ...(/Code$|Backchannel/.test(name) ? { nonce: randomBytes(9).toString('hex') } : {}),
    ...(/DeviceCode/.test(name) ? { userCode: randomBytes(4).toString('hex') } : {}),
  };
}

/** Calls `openStorage` once for all tests of a suite. */
export function storageOf(engine: EngineName) {
  const ends: (() => unknown)[] = [];
  let opened: Awaited<ReturnType<typeof openStorage>>;
  before(async () => {
    opened = await openStorage({ after: (end: unknown) => void ends.push(end as () => unknown) }, engine);
  });
  after(async () => {
    for (const end of ends) await end();
  });
  return () => opened;
}

/** The engine's storage on a new database, and requests like the server's: a unit of work each, committed at the end. */
async function openStorage(t: Pick<TestContext, 'after'>, engine: EngineName) {
  const world = await openWorld(t, engine);
  const { database } = world;
  const accountId = uuidv7();
  await database.knex('T_accounts').insert({
    id: accountId,
    created_at: new Date(),
    username: 'ada',
    email_verified: false,
    scopes: '[]',
    is_active: true,
  });
  const storage = createStorage({
    secrets: createSecrets(SECRETS),
    config: { issuer: 'https://id.harbour.example', refreshOverlap: 10 },
    clients: { find: async () => undefined },
  });
  async function run<T>(work: () => Promise<T>) {
    const unit = new UnitOfWork(database.driver);
    const result = await withUnit(unit, work);
    return { result, guard: await unit.commit() };
  }
  return {
    database,
    url: world.storage.url,
    accountId,
    of: (name: string) => storage(name) as unknown as ModelStorage,
    /** @throws Error when a guard failed */
    async request<T>(work: () => Promise<T>): Promise<T> {
      const { result, guard } = await run(work);
      if (guard) throw new Error(`the guard ${guard} failed`);
      return result;
    },
    /** @returns the guard that failed, or undefined */
    attempt: async (work: () => Promise<unknown>) => (await run(work)).guard,
    fresh: (name: string) => (name === 'Grant' ? uuidv7() : randomBytes(32).toString('base64url')),
  };
}
