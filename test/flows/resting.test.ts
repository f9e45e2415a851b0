import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { descriptions } from '../../migrations/descriptions/index.ts';
import { createSecrets } from '../../src/kit/secrets.ts';
import { Unit, withUnit } from '../../src/kit/unit-of-work.ts';
import { createStorage } from '../../src/oidc/storage/index.ts';
import { Browser } from '../support/browser.ts';
import { engines } from '../support/engines.ts';
import { invite, open, signUp } from '../support/newcomer.ts';
import { newcomer, signInPage } from '../support/passkeys.ts';
import { resetLink } from '../support/recovery.ts';
import {
  answerOf,
  authorization,
  authorizeUrl,
  redeem,
  refresh,
  signInWith,
  walk,
} from '../support/relying-party.ts';
import { secondFactorOf, withApp } from '../support/second-factor.ts';
import { SECRETS, startServer, type TestServer } from '../support/server.ts';
import { payloadOf } from '../support/storage.ts';
import { dump, found } from '../support/tables.ts';

const DIGEST = /^[\w-]{43}$/;
const BCRYPT = /^[0-9a-f]{8}:\$2b\$\d\d\$.{53}$/;
const SEALED = /^v1\.[0-9a-f]{8}\.[\w-]{16}\.[\w-]*\.[\w-]{22}$/;

/** Columns whose values look like secrets and are none: names that open nothing. */
const NAMES = ['T_user_sessions.uid', '.session_uid', 'T_auth_audit_log.target'];
/** What nothing writes yet. */
const UNWRITTEN = ['T_oauth_client_secrets.secret_sealed', 'T_authorization_requests.payload'];

/** Uses every part of the system. @returns what people and applications were handed */
async function useAll(server: TestServer): Promise<Map<string, string>> {
  const handed = new Map<string, string>();
  const note = (what: string, value: unknown) => void handed.set(`${what} #${handed.size}`, String(value));
  const scope = 'openid offline_access';
  const client = await server.createClient({
    grantTypes: ['authorization_code', 'refresh_token'],
    postLogoutRedirectUris: ['https://fieldnotes.example/bye'],
  });
  note('client secret', client.client_secret);
  const ada = await server.createAccount();
  note('password', ada.password);
  const { browser, tokens, answer } = await signInWith(server, client, ada, { scope, prompt: 'consent' });
  note('code', answer.get('code'));
  for (const what of ['access_token', 'refresh_token']) note(what, tokens.body[what]);
  const second = await refresh(server, client, tokens.body.refresh_token);
  note('refresh token', second.body.refresh_token);
  // A second use, of which evidence rests.
  const again = authorization(client, { scope: 'openid', prompt: 'consent' });
  const code = answerOf(await walk(browser, again, ada)).get('code');
  for (let time = 0; time < 2; time += 1) await redeem(server, client, again, code);
  // The replay ended all that was given; tokens that are alive.
  const alive = await signInWith(server, client, ada, { scope, prompt: 'consent' });
  for (const what of ['access_token', 'refresh_token']) note(what, alive.tokens.body[what]);
  // Signing out, up to the question.
  const hint = { id_token_hint: String(tokens.body.id_token), client_id: client.client_id };
  await browser.get(`/session/end?${new URLSearchParams(hint)}`);
  for (const [name, { value }] of browser.cookies) if (value.length > 20) note(name, value);
  // One who came by an invitation with a key, one with a password, one on the way.
  await newcomer(server, 'mei');
  const invitation = await invite(server);
  note('invitation', invitation.code);
  const { browser: third, page } = await open(server, invitation.code);
  await signUp(third, page, { username: 'ines', email: 'ines@harbour.example' });
  await signInPage(server, client);
  await new Browser(server.issuer).get(authorizeUrl(authorization(client)));
  note('link', /[\w-]{24}$/.exec(await resetLink(server, 'ada@harbour.example'))?.[0] ?? 'no link');
  note('app', await withApp(server, ada));
  for (const one of await secondFactorOf(server).recoveryCodes.make(ada.id)) note('recovery code', one);
  return handed;
}

/** What is stored by parts of the engine that are not switched on. */
async function storeTheRest(server: TestServer): Promise<void> {
  const { database, issuer } = server;
  const storage = createStorage({
    ...{ secrets: createSecrets(SECRETS), issuer },
    clients: { find: async () => undefined },
  });
  const { id } = await database.knex('T_accounts').first('id');
  const unit = new Unit(database.hot);
  await withUnit(unit, async () => {
    for (const name of [
      'DeviceCode',
      'BackchannelAuthenticationRequest',
      'PushedAuthorizationRequest',
      'ReplayDetection',
      'InitialAccessToken',
    ]) {
      const payload = payloadOf(name, id);
      const jti = `${name}-that-somebody-was-handed-00000000000`;
      await (storage(name) as unknown as { upsert(id: string, payload: unknown): Promise<void> }).upsert(
        jti,
        {
          ...payload,
          ...(name === 'DeviceCode' || name.startsWith('Back') ? { userCode: 'WXYZ-ABCD', jti } : { jti }),
        },
      );
    }
  });
  assert.equal(await unit.commit(), undefined);
}

for (const engine of engines) {
  describe(`how secrets rest on ${engine}`, () => {
    test('is as docs/DATABASE.md says, in every row of a system that was used', async (t) => {
      const server = await startServer(t, engine);
      const handed = await useAll(server);
      await storeTheRest(server);
      const tables = await dump(server.database);
      assert.deepEqual(found(JSON.stringify(tables), handed), []);

      const secrets = createSecrets(SECRETS);
      const nameOf = (table: string) =>
        Object.keys(descriptions).find((name) => name.toLowerCase() === table.toLowerCase()) ?? '';
      const seen = new Set<string>();
      for (const [there, rows] of Object.entries(tables)) {
        const table = nameOf(there);
        const told = descriptions[table]?.secrets ?? {};
        for (const row of rows) {
          for (const [column, value] of Object.entries(row)) {
            if (typeof value !== 'string') continue;
            const where = `${table}.${column}`;
            const resting = told[column];
            if (resting?.member !== undefined) {
              const sealed = JSON.parse(value)[resting.member];
              if (sealed === undefined) continue;
              assert.match(sealed, SEALED, where);
              seen.add(where);
              const id = String(table === 'T_user_sessions' ? row.uid : row.id);
              secrets.open(sealed, { table, column, id });
            } else if (resting?.rests === 'hashed') {
              assert.match(value, column === 'password_hash' ? BCRYPT : DIGEST, where);
              seen.add(where);
            } else if (resting?.rests === 'sealed') {
              assert.match(value, SEALED, where);
              seen.add(where);
              const id = String(row.id);
              secrets.open(value, { table, column, id });
              assert.throws(() => secrets.open(value, { table, column, id: `${id}0` }), where);
            } else if (resting === undefined && !NAMES.some((name) => where.endsWith(name))) {
              for (const form of [DIGEST, BCRYPT, SEALED])
                assert.doesNotMatch(value, form, `${where} looks like a secret and is not in the table`);
            }
          }
        }
      }
      const expected = Object.entries(descriptions).flatMap(([table, { secrets: own = {} }]) =>
        Object.entries(own)
          .filter(([, { rests }]) => rests !== 'plain')
          .map(([column]) => `${table}.${column}`),
      );
      assert.deepEqual(
        expected.filter((column) => !seen.has(column)).toSorted(),
        UNWRITTEN.toSorted(),
        'columns of the table that this test saw no value of',
      );
    });
  });
}
