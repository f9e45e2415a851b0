import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { Browser, formOf } from '../support/browser.ts';
import {
  answerOf,
  authorization,
  authorizeUrl,
  call,
  redeem,
  refresh,
  signInWith,
  walk,
} from '../support/builders/authorization.ts';
import { SECRETS } from '../support/databases.ts';
import { dump, found } from '../support/rows.ts';
import { openWorld } from '../support/world.ts';

/** A browser that records the secrets it receives: cookies, ids of interactions, form tokens. */
class Witness extends Browser {
  readonly secrets: Map<string, string>;

  constructor(origin: string, secrets: Map<string, string>) {
    super(origin);
    this.secrets = secrets;
  }

  override async request(url: string, init: RequestInit = {}): Promise<Response> {
    const response = await super.request(url, init);
    const note = (what: string, value: string | undefined) =>
      value && value.length > 12 && this.secrets.set(`${what} #${this.secrets.size}`, value);
    for (const [name, { value }] of this.cookies) note(`cookie ${name}`, decodeURIComponent(value));
    note('interaction', response.headers.get('location')?.match(/\/(?:interaction|auth)\/([\w-]{20,})/)?.[1]);
    const html = response.headers.get('content-type')?.includes('html') ? await response.clone().text() : '';
    for (const [, name, value] of html.matchAll(/name="(csrf|xsrf)" value="([^"]+)"/g))
      note(`form token ${name}`, value);
    return response;
  }
}

describe('a database file and a log', () => {
  test('contain no code, token, cookie or password that a server issued or received', async (t) => {
    const world = await openWorld(t, 'sqlite');
    const server = await world.start({ LATCHKEY_LOG_LEVEL: 'trace' });
    const client = await world.createClient({
      scope: 'openid profile email offline_access',
      grantTypes: ['authorization_code', 'refresh_token', 'client_credentials'],
      postLogoutRedirectUris: ['https://fieldnotes.example/bye'],
    });
    const person = await world.createAccount();
    const secrets = new Map<string, string>([
      ['password', person.password],
      ['client secret', String(client.client_secret)],
      ['key ring', SECRETS[0] as string],
    ]);
    const note = (what: string, value: unknown) =>
      typeof value === 'string' && secrets.set(`${what} #${secrets.size}`, value);
    const tokens = (body: Record<string, unknown>) => {
      for (const what of ['access_token', 'refresh_token', 'id_token']) note(what, body[what]);
    };
    const witness = () => new Witness(server.issuer, secrets);

    // Sign in and allow, refresh, introspect and revoke tokens, and use a refresh token twice.
    const asked = { scope: 'openid profile email offline_access', prompt: 'consent' };
    const {
      browser,
      request,
      answer,
      tokens: first,
    } = await signInWith(server, client, person, asked, witness());
    note('code', answer.get('code'));
    note('verifier', request.verifier);
    tokens(first.body);
    const second = await refresh(server, client, first.body.refresh_token);
    tokens(second.body);
    await call(server, client, '/token/introspection', { token: second.body.access_token });
    await fetch(`${server.issuer}/me`, {
      headers: { authorization: `Bearer ${second.body.access_token}` },
    });
    await call(server, client, '/token/revocation', { token: second.body.access_token });
    await refresh(server, client, first.body.refresh_token);
    const machine = await call(server, client, '/token', { grant_type: 'client_credentials' });
    assert.equal(machine.status, 200);
    tokens(machine.body);
    // Codes: one that is not redeemed, one that is redeemed twice, one that is made up.
    for (const times of [0, 2]) {
      const again = authorization(client, { scope: 'openid', prompt: 'consent' });
      const code = answerOf(await walk(browser, again, person)).get('code');
      note('code', code);
      for (let time = 0; time < times; time += 1) tokens((await redeem(server, client, again, code)).body);
    }
    const invented = 'Zm9yZ2VkLWNvZGUtdGhhdC1uby1zZXJ2ZXItbWFkZQ';
    note('invented code', invented);
    await redeem(server, client, request, invented);
    // Fail to sign in, leave a request open, deny one, and sign out with its confirmation page.
    const failed = 'a wrong password of somebody';
    note('wrong password', failed);
    const stranger = witness();
    const { action, fields } = await formOf(
      await stranger.follow(await stranger.get(authorizeUrl(authorization(client)))),
    );
    await stranger.post(action, { ...fields, username: 'ada', password: failed });
    await walk(witness(), authorization(client), person, 'deny');
    const query = new URLSearchParams({
      client_id: client.client_id,
      post_logout_redirect_uri: 'https://fieldnotes.example/bye',
    });
    const half = await browser.get(`/session/end?${query}`);
    const look = async (when: string) => {
      assert.deepEqual(found(JSON.stringify(await dump(world.database)), secrets), [], `tables, ${when}`);
    };
    await look('while signing out');
    const out = await formOf(half);
    const bye = await browser.post(out.action, { ...out.fields, logout: 'yes' });
    assert.match(bye.headers.get('location') ?? '', /bye/);

    await look('at the end');
    assert.ok(secrets.size > 25, `${secrets.size} secrets were watched`);
    const folder = dirname(world.storage.url.slice('sqlite:'.length));
    const files = readdirSync(folder).filter((name) => name.startsWith('test.sqlite'));
    assert.ok(files.includes('test.sqlite-wal'));
    for (const name of files)
      assert.deepEqual(found(readFileSync(join(folder, name), 'latin1'), secrets), [], name);
    await server.kill('SIGTERM');
    assert.ok(server.output().includes('"path":"/token"'), 'the log has the requests');
    assert.deepEqual(found(server.output(), secrets), [], 'log');
  });
});
