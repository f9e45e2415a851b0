import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createEditor, OPERATOR, only, signInForClaims, wait } from '../support/builders/client-claims.ts';
import { engines } from '../support/engines.ts';
import { startServer } from '../support/server.ts';

for (const engine of engines) {
  describe(`the claims of an application on ${engine}`, () => {
    test('are in the ID token, in userinfo or in both, at the sign-in and after a refresh', async (t) => {
      const server = await startServer(t, engine);
      const person = await createEditor(server);
      const claims = [
        'teams=roles',
        'login=username@userinfo',
        'mail=email@id_token',
        'tenant=value:Acme & Co',
        'https://acme.example/admin=json:true@id_token',
        'level=json:[1,"two"]@userinfo',
      ];
      const client = await server.createClient({ claims });
      assert.deepEqual(client.claims, claims);
      const names = ['teams', 'login', 'mail', 'tenant', 'https://acme.example/admin', 'level'];
      const first = await signInForClaims(server, client, person);
      for (const { idToken, userinfo: answer } of [first, await first.refresh()]) {
        assert.deepEqual(only(idToken, names), {
          teams: ['editor'],
          mail: 'ada@harbour.example',
          tenant: 'Acme & Co',
          'https://acme.example/admin': true,
        });
        assert.deepEqual(only(answer, names), {
          teams: ['editor'],
          login: 'ada',
          tenant: 'Acme & Co',
          level: [1, 'two'],
        });
        assert.deepEqual(answer.roles, ['editor'], 'the claim that is read has its own name, too');
      }
    });

    test('are those of that application alone', async (t) => {
      const server = await startServer(t, engine);
      const person = await createEditor(server);
      const [one, other, none] = [
        await server.createClient({ claims: ['tenant=value:one', 'teams=roles'] }),
        await server.createClient({ claims: ['tenant=value:other'] }),
        await server.createClient(),
      ];
      for (let round = 0; round < 2; round += 1) {
        const [first, second, third] = await Promise.all(
          [one, other, none].map((client) => signInForClaims(server, client, person)),
        );
        for (const place of ['idToken', 'userinfo'] as const) {
          assert.deepEqual(only(first?.[place] ?? {}, ['tenant', 'teams']), {
            tenant: 'one',
            teams: ['editor'],
          });
          assert.deepEqual(only(second?.[place] ?? {}, ['tenant', 'teams']), { tenant: 'other' });
          assert.deepEqual(only(third?.[place] ?? {}, ['tenant', 'teams']), {});
        }
      }
    });

    test('stay at a simultaneous change of something else', async (t) => {
      const server = await startServer(t, engine);
      const client = await server.createClient();
      for (const round of ['one', 'two', 'three', 'four', 'five']) {
        const [claims, corsOrigins] = [[`tenant=value:${round}`], [`https://${round}.example`]];
        await Promise.all(
          [{ claims }, { corsOrigins }].map((changes) =>
            server.clients.update(OPERATOR, client.client_id, changes),
          ),
        );
        const shown = await server.clients.show(client.client_id);
        assert.deepEqual([shown.claims, shown.cors_origins], [claims, corsOrigins]);
      }
    });

    test('change with the next token after an update, and stay at an update of something else', async (t) => {
      const server = await startServer(t, engine);
      const person = await createEditor(server);
      const client = await server.createClient({ claims: ['tenant=value:one'] });
      const session = await signInForClaims(server, client, person);
      const update = (changes: object) => server.clients.update(OPERATOR, client.client_id, changes);
      assert.deepEqual((await update({ name: 'Notes' })).claims, ['tenant=value:one']);
      await update({ claims: ['tenant=value:two', 'teams=roles'] });
      await wait();
      const changed = await session.refresh();
      assert.deepEqual(only(changed.idToken, ['tenant', 'teams']), { tenant: 'two', teams: ['editor'] });
      assert.deepEqual((await update({ claims: [] })).claims, []);
      await wait();
      const next = await signInForClaims(server, client, person);
      assert.deepEqual(only({ ...next.idToken, ...next.userinfo }, ['tenant', 'teams']), {});
      const rows = await server.database
        .knex('T_auth_audit_log')
        .where({ action: 'client.updated', client_id: client.client_id })
        .orderBy('id')
        .pluck('details');
      assert.deepEqual(
        rows.map((details) => details && JSON.parse(details)),
        [null, { claims: ['tenant=value:two', 'teams=roles'] }, { claims: [] }],
      );
    });
  });
}
