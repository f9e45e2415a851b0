import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { UnitOfWork, withUnit } from '../../src/database/unit-of-work.ts';
import { uuidv7 } from '../../src/kit/ids.ts';
import { models, type Payload } from '../../src/oidc/storage/models.ts';
import { payloadOf, storageOf } from '../support/builders/token-storage.ts';
import { engines } from '../support/engines.ts';
import { dump, found } from '../support/rows.ts';

const names = Object.keys(models).filter((name) => name !== 'ReplayDetection');

for (const engine of engines) {
  describe(`the engine's storage on ${engine}`, () => {
    const storage = storageOf(engine);

    for (const name of names) {
      test(`${name}: is written once, found unchanged, updated, and not found once destroyed`, async () => {
        const { of, request, accountId, fresh } = storage();
        const [id, payload] = [fresh(name), payloadOf(name, accountId)];
        const given = { ...payload, jti: id };
        await request(() => of(name).upsert(id, given));
        assert.deepEqual(await request(() => of(name).find(id)), given);
        await request(async () => {
          await of(name).find(id);
          await of(name).upsert(id, { ...given, exp: Number(given.exp) + 60, extra: ['a', { b: 1 }] });
        });
        const changed = await request(() => of(name).find(id));
        assert.deepEqual([changed?.extra, changed?.exp], [['a', { b: 1 }], Number(given.exp) + 60]);
        await request(() => of(name).destroy(id));
        assert.equal(await request(() => of(name).find(id)), undefined);
        // Created, changed and destroyed in one unit, it is never written.
        const short = fresh(name);
        await request(async () => {
          await of(name).upsert(short, { ...payload, jti: short });
          await of(name).upsert(short, { ...payload, jti: short, extra: 1 });
          await of(name).destroy(short);
          assert.equal(await of(name).find(short), undefined);
        });
        assert.equal(await request(() => of(name).find(short)), undefined);
        const long = fresh(name);
        const other = { ...payloadOf(name, accountId), jti: long };
        await request(() => of(name).upsert(long, other));
        await request(async () => {
          await of(name).find(long);
          await of(name).upsert(long, { ...other, extra: 2 });
          await of(name).destroy(long);
        });
        assert.equal(await request(() => of(name).find(long)), undefined);
      });
    }

    for (const name of names.filter((one) => models[one]?.consumable)) {
      test(`${name}: is consumed by one of 20 requests at once, and no upsert restores it`, async () => {
        const { of, request, attempt, accountId, fresh } = storage();
        const id = fresh(name);
        const given = { ...payloadOf(name, accountId), jti: id };
        await request(() => of(name).upsert(id, given));
        const guards = await Promise.all(
          Array.from({ length: 20 }, () => attempt(() => of(name).consume(id))),
        );
        assert.equal(guards.filter((guard) => guard === undefined).length, 1);
        assert.equal(guards.filter((guard) => guard === 'consume').length, 19);
        const consumed = await request(() => of(name).find(id));
        assert.equal(typeof consumed?.consumed, 'number');
        // Not even an upsert that did not read it first: it is refused.
        await assert.rejects(request(() => of(name).upsert(id, { ...given, extra: 1 })));
        await request(async () => {
          const { consumed: _, ...payload } = (await of(name).find(id)) as Payload;
          await of(name).upsert(id, payload);
        });
        assert.equal((await request(() => of(name).find(id)))?.consumed, consumed?.consumed);

        const both = fresh(name);
        const second = { ...payloadOf(name, accountId), jti: both };
        await request(() => of(name).upsert(both, second));
        await request(async () => {
          await of(name).consume(both);
          await of(name).upsert(both, { ...second, extra: 1 });
        });
        const after = await request(() => of(name).find(both));
        assert.deepEqual([typeof after?.consumed, after?.extra], ['number', 1]);

        const ended = fresh(name);
        await request(() => of(name).upsert(ended, { ...payloadOf(name, accountId), jti: ended }));
        const once = await Promise.all(
          [1, 2].map(() =>
            attempt(async () => {
              await of(name).consume(ended);
              await of(name).destroy(ended);
              // A request that comes after the row was deleted fails at once.
            }).catch(() => 'consume'),
          ),
        );
        assert.deepEqual(once.toSorted(), ['consume', undefined]);
        assert.equal(await request(() => of(name).find(ended)), undefined);
      });
    }

    for (const name of names.filter((one) => models[one]?.grantable && one !== 'ClientCredentials')) {
      test(`${name}: revoking a grant removes its rows, and no others`, async () => {
        const { of, request, accountId, fresh } = storage();
        const [mine, other] = [fresh(name), fresh(name)];
        const [revoked, grantId] = [uuidv7(), uuidv7()];
        for (const jti of [revoked, grantId])
          await request(() => of('Grant').upsert(jti, { ...payloadOf('Grant', accountId), jti }));
        const payload = payloadOf(name, accountId);
        await request(() => of(name).upsert(mine, { ...payload, jti: mine, grantId: revoked }));
        await request(() => of(name).upsert(other, { ...payloadOf(name, accountId), jti: other, grantId }));
        await request(() => of('Grant').destroy(revoked));
        await request(() => of(name).revokeByGrantId(revoked));
        assert.equal(await request(() => of(name).find(mine)), undefined);
        assert.equal((await request(() => of(name).find(other)))?.grantId, grantId);
      });
    }

    test('a device code is answered by one of 20 requests at once, and its user code is used up', async () => {
      const { of, request, attempt, accountId, fresh } = storage();
      const id = fresh('DeviceCode');
      const waiting = { ...payloadOf('DeviceCode', accountId), jti: id };
      await request(() => of('DeviceCode').upsert(id, waiting));
      const guards = await Promise.all(
        Array.from({ length: 20 }, (_none, index) =>
          attempt(async () => {
            const payload = (await of('DeviceCode').find(id)) as Payload;
            const answer = index % 2 ? { error: 'access_denied' } : { grantId: uuidv7() };
            await of('DeviceCode').upsert(id, { ...payload, ...answer, inFlight: true });
          }),
        ),
      );
      assert.equal(guards.filter((guard) => guard === undefined).length, 1);
      assert.equal(guards.filter((guard) => guard === 'answer').length, 19);
      const first = (await request(() => of('DeviceCode').find(id))) as Payload;
      assert.equal(first.grantId === undefined, first.error === 'access_denied');
      assert.equal(await request(() => of('DeviceCode').findByUserCode(String(waiting.userCode))), undefined);
      // A browser that opened the code before leaves the answer as it is.
      await request(async () => {
        await of('DeviceCode').find(id);
        await of('DeviceCode').upsert(id, { ...waiting, inFlight: true });
      });
      const last = await request(() => of('DeviceCode').find(id));
      assert.deepEqual([last?.grantId, last?.error], [first.grantId, first.error]);
    });

    test('a device code is found by its user code, and can be updated then', async () => {
      const { of, request, accountId, fresh } = storage();
      const id = fresh('DeviceCode');
      const given = { ...payloadOf('DeviceCode', accountId), jti: id };
      await request(() => of('DeviceCode').upsert(id, given));
      await request(async () => {
        const payload = await of('DeviceCode').findByUserCode(String(given.userCode));
        assert.deepEqual(payload, given);
        await of('DeviceCode').upsert(id, { ...given, extra: 1 });
      });
      assert.equal((await request(() => of('DeviceCode').find(id)))?.extra, 1);
      assert.equal(await request(() => of('DeviceCode').findByUserCode('OTHER')), undefined);
    });

    test('access tokens and client credentials share a table and do not see each other', async () => {
      const { of, request, accountId, fresh } = storage();
      const id = fresh('AccessToken');
      await request(() => of('AccessToken').upsert(id, { ...payloadOf('AccessToken', accountId), jti: id }));
      assert.equal(await request(() => of('ClientCredentials').find(id)), undefined);
    });

    test('of 20 proofs with one id at once one is accepted, whatever the request does afterwards', async () => {
      const { of, database, fresh } = storage();
      const id = fresh('ReplayDetection');
      const payload = { kind: 'ReplayDetection', iss: 'one', jti: id, exp: 4e9 };
      const results = await Promise.allSettled(
        Array.from({ length: 20 }, () =>
          withUnit(new UnitOfWork(database.driver), () => of('ReplayDetection').upsert(id, payload)),
        ),
      );
      assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
      assert.equal((await database.knex('T_replay_detections')).length, 1);
    });

    test('a revoked grant is a tombstone that no later write brings back', async () => {
      const { of, request, accountId, database } = storage();
      const id = uuidv7();
      const given = { ...payloadOf('Grant', accountId), jti: id };
      await request(() => of('Grant').upsert(id, given));
      // Two requests that overlap: one has read the grant when the other revokes it.
      const slow = new UnitOfWork(database.driver);
      await withUnit(slow, () => of('Grant').find(id));
      await request(() => of('Grant').destroy(id));
      await withUnit(slow, () => of('Grant').upsert(id, { ...given, extra: 1 }));
      await slow.commit();
      const [row] = await database.knex('T_grants').where({ id });
      assert.ok(row.revoked_at);
      assert.equal(await request(() => of('Grant').find(id)), undefined);
    });

    test('no row contains a code, token or secret as it was issued', async () => {
      const { of, request, accountId, database, fresh } = storage();
      const secrets = new Map<string, string>();
      for (const name of names.filter((one) => one !== 'Grant')) {
        const id = fresh(name);
        secrets.set(`${name} jti`, id);
        const payload = { ...payloadOf(name, accountId), jti: id };
        if (payload.userCode) secrets.set(`${name} user code`, payload.userCode);
        await request(() => of(name).upsert(id, payload));
      }
      const { interaction, session } = { interaction: fresh('I'), session: fresh('S') };
      const hidden = { deviceCode: fresh('d'), parJti: fresh('p') };
      const cookie = fresh('c');
      await request(() =>
        of('Interaction').upsert(interaction, {
          kind: 'Interaction',
          exp: 4e9,
          cid: 'x',
          params: { client_id: 'a' },
          ...hidden,
          jti: interaction,
          returnTo: `https://x/auth/${interaction}`,
          session: { cookie, uid: 'u' },
        }),
      );
      const state = { secret: fresh('x'), clientId: 'a' };
      await request(() =>
        of('Session').upsert(session, {
          kind: 'Session',
          exp: 4e9,
          uid: fresh('u'),
          jti: session,
          loginTs: 1,
          state,
        }),
      );
      assert.deepEqual((await request(() => of('Session').find(session)))?.state, state);
      const again = await request(() => of('Interaction').find(interaction));
      assert.deepEqual([again?.deviceCode, again?.parJti], Object.values(hidden));
      for (const [what, value] of Object.entries({ interaction, session, cookie, ...hidden }))
        secrets.set(what, value);
      secrets.set('form token of the sign-out', state.secret);
      assert.deepEqual(found(JSON.stringify(await dump(database)), secrets), []);
    });
  });
}
