import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Browser } from '../support/browser.ts';
import {
  answerOf,
  authorization,
  authorizeUrl,
  call,
  redeem,
  refresh,
  signInWith,
} from '../support/builders/authorization.ts';
import { engines } from '../support/engines.ts';
import { openWorld, type ServerProcess } from '../support/world.ts';

const OPERATOR = { accountId: null };

for (const engine of engines) {
  test(`disabling an account ends its sessions, tokens and codes at every server at once, on ${engine}`, async (t) => {
    const world = await openWorld(t, engine);
    const servers = [await world.start(), await world.start()] as const;
    const client = await world.createClient({ firstParty: true });
    const person = await world.createAccount();
    const scope = 'openid offline_access';
    const { browser, tokens } = await signInWith(servers[0], client, person, { scope });
    const silent = async (server: ServerProcess) => {
      const own = Object.assign(new Browser(server.issuer, servers[0].issuer), {
        cookies: new Map(browser.cookies),
      });
      const request = authorization(client, { scope, prompt: 'none' });
      return { request, answer: answerOf(await own.get(authorizeUrl(request))) };
    };
    const userinfo = async (server: ServerProcess) => {
      const headers = { authorization: `Bearer ${tokens.body.access_token}` };
      return (await fetch(`${server.issuer}/me`, { headers })).status;
    };
    const codes = await Promise.all(servers.map(silent));
    for (const server of servers) assert.equal(await userinfo(server), 200);

    await world.accounts.disable(OPERATOR, person.username);
    for (const [index, server] of servers.entries()) {
      assert.equal((await silent(server)).answer.get('error'), 'login_required');
      assert.equal(await userinfo(server), 401);
      const info = await call(server, client, '/token/introspection', { token: tokens.body.access_token });
      assert.equal(info.body.active, false);
      assert.equal((await refresh(server, client, tokens.body.refresh_token)).body.error, 'invalid_grant');
      const { request, answer } = codes[index] as (typeof codes)[number];
      assert.equal((await redeem(server, client, request, answer.get('code'))).body.error, 'invalid_grant');
    }

    // Enabling an account brings nothing back: the user signs in again.
    await world.accounts.enable(OPERATOR, person.username);
    assert.equal((await silent(servers[1])).answer.get('error'), 'login_required');
    assert.equal((await refresh(servers[0], client, tokens.body.refresh_token)).body.error, 'invalid_grant');
    assert.equal(
      (await signInWith(servers[1], client, person, {}, new Browser(servers[1].issuer, servers[0].issuer)))
        .tokens.status,
      200,
    );
  });
}
