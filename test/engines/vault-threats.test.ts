import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { beginCalls, CALENDARS, problemOf, startWithGoogle } from '../support/builders/proxied-calls.ts';
import { SECRETS } from '../support/databases.ts';
import { engines } from '../support/engines.ts';
import { receiveAll, sendRaw } from '../support/raw-http.ts';
import { runToExit } from '../support/world.ts';

const OPERATOR = { accountId: null };
const WRITE = 'openid connections:google.write';

/** A server that nothing may ever reach. */
async function startCanary() {
  let requests = 0;
  const canary = createServer((_req, res) => {
    requests += 1;
    res.end();
  });
  await new Promise<void>((done) => canary.listen(0, '127.0.0.1', done));
  const { port } = canary.address() as AddressInfo;
  return { host: `127.0.0.1:${port}`, count: () => requests, close: () => canary.close() };
}

for (const engine of engines)
  describe(`attacks on the vault on ${engine}`, () => {
    let started: Awaited<ReturnType<typeof startWithGoogle>>;
    const ends: (() => unknown)[] = [];
    before(async () => {
      started = await startWithGoogle(
        { after: (end: unknown) => void ends.push(end as () => unknown) },
        engine,
      );
    });
    after(async () => {
      for (const end of ends) await end();
    });
    const rows = (table: string) => started.server.database.knex(table);

    test('lead no call to another origin, by its path, Host, redirect or request target', async (t) => {
      const { server, google } = started;
      const { call, token } = await beginCalls(started, { scope: WRITE });
      const canary = await startCanary();
      t.after(canary.close);
      const reached = google.requests.length;
      const paths = [
        '../admin',
        'a/%2e%2e/admin',
        'a/..%2f..%2fadmin',
        `/${canary.host}/x`,
        `%2f%2f${canary.host}/x`,
        `a\\${canary.host}`,
        'a%5c..%5cadmin',
        'a%0d%0aHost:%20elsewhere',
        'a\tb',
      ];
      for (const path of paths) {
        const request = `GET /connections/google/proxy/${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\n\r\n`;
        const answer = await receiveAll(sendRaw(server.issuer, request));
        assert.match(answer, /^HTTP\/1\.1 4\d\d /, path);
      }
      assert.equal(google.requests.length, reached, 'nothing of it has reached the service');
      for (const target of [`http://${canary.host}/x`, `//${canary.host}/connections/google/proxy/x`])
        await receiveAll(
          sendRaw(
            server.issuer,
            `GET ${target} HTTP/1.1\r\nHost: ${canary.host}\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\n\r\n`,
          ),
        );
      assert.equal((await call(`v1/x@${canary.host}/echo`)).status, 200);
      const redirect = await call(`v1/redirect?to=http://${canary.host}/`);
      assert.deepEqual(
        [redirect.status, redirect.headers.get('location'), redirect.headers.get('upstream-location')],
        [302, null, `http://${canary.host}/`],
      );
      assert.equal(google.requests.at(-1)?.headers.host, new URL(google.url).host);
      assert.equal(canary.count(), 0);
    });

    test('pass on no cookie and no header of one connection, in either direction', async () => {
      const { server, google } = started;
      const { token, call } = await beginCalls(started, { scope: WRITE });
      const headers = [
        'Host: elsewhere.example',
        `Authorization: Bearer ${token}`,
        'Cookie: session=mine',
        'Proxy-Authorization: Basic eDp5',
        'TE: trailers',
        'Upgrade: websocket',
        'X-Secret-Hop: 1',
        'Connection: close, X-Secret-Hop',
      ];
      await receiveAll(
        sendRaw(
          server.issuer,
          `GET /connections/google/proxy/v1/echo HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`,
        ),
      );
      const sent = google.requests.at(-1)?.headers ?? {};
      assert.match(String(sent.authorization), /^Bearer ya29-/);
      assert.equal(sent.host, new URL(google.url).host);
      for (const name of ['cookie', 'proxy-authorization', 'te', 'upgrade', 'x-secret-hop'])
        assert.equal(sent[name], undefined, name);
      const page = await call('v1/page');
      for (const name of ['set-cookie', 'clear-site-data']) assert.equal(page.headers.get(name), null, name);
      assert.match(String(page.headers.get('content-security-policy')), /sandbox/);
    });

    test('stop the start of a server whose key for a credential is missing', async () => {
      const { server } = started;
      const { connectionId, call } = await beginCalls(started);
      const row = () => rows('T_oauth_tokens').where({ active_slot: connectionId });
      const { access_token_sealed: sealed } = await row().first();
      await row().update({ access_token_sealed: sealed.replace(/^v1\.\w+/, 'v1.00000000') });
      await problemOf(await call(CALENDARS), 503, 'credential_key_missing');
      const env = { LATCHKEY_DATABASE_URL: server.storage.url, LATCHKEY_PORT: '0' };
      const { code, output } = await runToExit({ ...env, LATCHKEY_SECRETS: SECRETS.join() });
      assert.match(output, /^1 credential is sealed with a key that is not in LATCHKEY_SECRETS\. Add/);
      assert.deepEqual([code, output.trim().split('\n').length], [1, 1]);
      await row().update({ access_token_sealed: sealed });
      assert.equal((await call(CALENDARS)).status, 200);
    });

    for (const status of [200, 500])
      test(`leave nothing of a connection that was ended, when the service answers ${status}`, async () => {
        const { server, google } = started;
        const { connections, accounts, background } = server.services;
        google.knobs.revokeStatus = status;
        const ways = {
          'by its owner': async (person: { id: string }, id: string) => {
            const ended = await connections.disconnect({ accountId: person.id, id }, { actorId: person.id });
            assert.equal(ended?.isRevoked, status === 200);
          },
          'with an account that an administrator deletes': ({ username }: { username: string }) =>
            accounts.delete(OPERATOR, username),
          'with an account that its owner has closed': async ({ id }: { id: string }) => {
            const due = { closing_at: new Date(Date.now() - 1000) };
            await rows('T_accounts').where({ id }).update(due);
            assert.equal(await accounts.closing.deleteClosed(), 1);
          },
        };
        for (const [way, end] of Object.entries(ways)) {
          const { person, connectionId, call } = await beginCalls(started);
          const opened = await connections.vault.open(connectionId);
          const revocations = google.counts.revocations;
          await end(person, connectionId);
          await background.drain(5000);
          assert.equal(google.counts.revocations, revocations + 1, way);
          assert.equal(google.isRefreshable(String(opened?.refreshToken)), status !== 200, way);
          assert.equal((await rows('T_user_providers').where({ id: connectionId })).length, 0, way);
          const left = await rows('T_oauth_tokens').where({ user_provider_id: connectionId });
          assert.equal(left.length, 0, way);
          const calls = google.requests.length;
          assert.ok([401, 403].includes((await call(CALENDARS)).status), way);
          assert.equal(google.requests.length, calls, way);
        }
        google.knobs.revokeStatus = 200;
      });
  });
