import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { toDate, toEpoch } from '../../src/database/instants.ts';
import { UnitOfWork, withUnit } from '../../src/database/unit-of-work.ts';
import type { Payload } from '../../src/oidc/storage/models.ts';
import { storageOf } from '../support/builders/token-storage.ts';
import { engines } from '../support/engines.ts';

const DAY = 86_400;

for (const engine of engines) {
  describe(`sessions on ${engine}`, () => {
    const storage = storageOf(engine);

    /** A stored session, and functions that act as requests which have read it. */
    async function begin(authorizations: Record<string, unknown> = {}) {
      const { of, request, fresh, database } = storage();
      const sessions = of('Session');
      const [id, uid] = [fresh('Session'), fresh('Session')];
      const payload: Payload = { kind: 'Session', exp: 4_000_000_000, uid, loginTs: 1, authorizations };
      const ttl = Number(payload.exp) - Math.floor(Date.now() / 1000);
      await request(() => sessions.upsert(id, { ...payload, jti: id }, ttl));
      /** Reads the session in a new unit. @returns a function that writes in that unit and commits it */
      const overlapping = async (sessionId = id) => {
        const unit = new UnitOfWork(database.driver);
        const read = await withUnit(unit, () => sessions.find(sessionId));
        return async (change: (read: Payload) => Promise<void>) => {
          await withUnit(unit, () => change(read as Payload));
          assert.equal(await unit.commit(), undefined);
        };
      };
      const row = () => database.knex('T_user_sessions').where({ uid });
      return { sessions, request, id, uid, payload, overlapping, row, fresh };
    }

    test('a session is found by its id and by its uid, which does not reveal the id', async () => {
      const { sessions, request, id, uid, payload } = await begin({ a: { sid: '1' } });
      assert.deepEqual(await request(() => sessions.find(id)), { ...payload, jti: id });
      assert.deepEqual(await request(() => sessions.findByUid(uid)), payload);
      assert.equal(await request(() => sessions.find(uid)), undefined);
    });

    test('a new id takes the place of the old one in the same row', async () => {
      const { sessions, request, id, row, overlapping, fresh } = await begin({ a: { sid: '1' } });
      const next = fresh('Session');
      const write = await overlapping();
      await write(async (read) => {
        await sessions.destroy(id);
        await sessions.upsert(next, { ...read, jti: next, accountId: storage().accountId }, DAY);
      });
      assert.equal(await request(() => sessions.find(id)), undefined);
      const found = await request(() => sessions.find(next));
      assert.deepEqual([found?.jti, found?.accountId], [next, storage().accountId]);
      assert.equal((await row()).length, 1);
    });

    test('a session that is only used again is written when its expiry moved by a minute or by a hundredth', async () => {
      const { sessions, id, row, overlapping, payload } = await begin({ a: { sid: '1' } });
      const expires = async () => toEpoch(toDate((await row())[0].expires_at)) - Number(payload.exp);
      const later = async (seconds: number, ttl: number, more: Payload = {}) => {
        const write = await overlapping();
        await write((read) =>
          sessions.upsert(id, { ...read, exp: Number(payload.exp) + seconds, ...more }, ttl),
        );
        return expires();
      };
      assert.equal(await later(59, DAY), 0, 'not for the expiry alone');
      assert.equal(await later(60, DAY), 60, 'a minute');
      assert.equal(await later(64, 500), 60, 'less than a hundredth');
      assert.equal(await later(65, 500), 65, 'a hundredth');
      assert.equal(await later(-3600, DAY), -3600, 'an earlier expiry');
      assert.equal(await later(66, DAY, { loginTs: 2 }), 66, 'another sign-in');
      assert.equal(await later(67, DAY, { authorizations: { a: { sid: '2' } } }), 67, 'another application');
    });

    test('an id that was replaced is not restored by a request that had read the session under it', async () => {
      const { sessions, request, id, overlapping, fresh } = await begin();
      const [rotating, late] = [await overlapping(), await overlapping()];
      const next = fresh('Session');
      await rotating((read) => sessions.upsert(next, { ...read, jti: next }, DAY));
      await late((read) => sessions.upsert(id, { ...read, loginTs: 2, jti: id }, DAY));
      assert.equal(await request(() => sessions.find(id)), undefined, 'a stolen cookie opens nothing');
      assert.equal((await request(() => sessions.find(next)))?.jti, next);
    });

    test('a session that was ended is not restored by a request that had read it', async () => {
      const { sessions, request, id, uid, row, overlapping, fresh } = await begin();
      const [touching, renaming] = [await overlapping(), await overlapping()];
      await request(() => sessions.destroy(id));
      await touching((read) => sessions.upsert(id, { ...read, loginTs: 2, jti: id }, DAY));
      const next = fresh('Session');
      await renaming(async (read) => {
        await sessions.destroy(id);
        await sessions.upsert(next, { ...read, jti: next }, DAY);
      });
      for (const one of [id, next]) assert.equal(await request(() => sessions.find(one)), undefined);
      assert.equal(await request(() => sessions.findByUid(uid)), undefined);
      assert.deepEqual(
        (await row()).map(({ is_active }) => Boolean(is_active)),
        [false],
      );
    });

    test('a session that was created and ended in one request is not written', async () => {
      const { sessions, request, fresh } = await begin();
      const id = fresh('Session');
      await request(async () => {
        await sessions.upsert(id, { kind: 'Session', exp: 4e9, uid: fresh('Session'), jti: id }, DAY);
        await sessions.destroy(id);
      });
      assert.equal(await request(() => sessions.find(id)), undefined);
    });

    test('overlapping requests lose no application that one of them adds, changes or removes', async () => {
      const { sessions, request, id, overlapping } = await begin({
        kept: { sid: 'k' },
        changed: { sid: 'c', grantId: 'g1', persistsLogout: true },
        gone: { sid: 'g' },
      });
      const writers = await Promise.all(Array.from({ length: 12 }, () => overlapping()));
      await Promise.all(
        writers.map((write, index) =>
          write(async (read) => {
            const authorizations = read.authorizations as Record<string, unknown>;
            authorizations[`new-${index}`] = { sid: String(index), grantId: `grant-${index}` };
            if (index === 3) delete authorizations.gone;
            if (index === 5) authorizations.changed = { sid: 'c', grantId: 'g2' };
            await sessions.upsert(id, { ...read, jti: id }, DAY);
          }),
        ),
      );
      const { authorizations } = (await request(() => sessions.find(id))) as { authorizations: object };
      const added = Array.from({ length: 12 }, (_, index) => [
        `new-${index}`,
        { sid: String(index), grantId: `grant-${index}` },
      ]);
      assert.deepEqual(authorizations, {
        kept: { sid: 'k' },
        changed: { sid: 'c', grantId: 'g2' },
        ...Object.fromEntries(added),
      });
    });
  });
}
