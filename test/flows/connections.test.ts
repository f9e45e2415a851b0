import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  addMotion,
  allow,
  connect,
  connectKey,
  leaveFor,
  startGoogleFor,
} from '../support/builders/connections.ts';
import { signedIn, textOf } from '../support/builders/signed-in.ts';
import { shareServer } from '../support/shared-server.ts';

const PATH = '/account/connections';

describe('connecting an account', () => {
  const shared = shareServer({ config: { allowPrivateServices: true } });
  const rows = (table: string) => shared.server.database.knex(table);

  test('asks Google with PKCE, state and nonce, and keeps what it allowed', async (t) => {
    const google = await startGoogleFor(t, shared.server);
    const browser = await signedIn(shared.server, 'ada');
    const target = await leaveFor(browser, 'google');
    const sent = target.searchParams;
    assert.equal(sent.get('code_challenge_method'), 'S256');
    assert.match(String(sent.get('state')), /^[\w-]{43}$/);
    assert.match(String(sent.get('nonce')), /^[\w-]{43}$/);
    assert.equal(sent.get('access_type'), 'offline');
    assert.equal(sent.get('redirect_uri'), `${shared.server.issuer}/connections/google/callback`);
    const page = await browser.follow(await browser.get(await allow(target)));
    const text = await textOf(page.clone());
    assert.match(text, /The account was connected/);
    assert.match(text, /ada@gmail\.example/);
    assert.match(text, /Calendar, reading; Gmail, reading; Contacts, reading\./);
    assert.match(await textOf(await browser.get(PATH)), /Google Connected ada@gmail\.example/);
    assert.equal(google.counts.codes, 1);
    const [connection] = await rows('T_user_providers');
    assert.equal(connection.access_level, 'read');
    const stored = JSON.stringify([...(await rows('T_oauth_tokens')), ...(await rows('T_upstream_states'))]);
    assert.doesNotMatch(stored, /ya29|1\/\/refresh|4\/code/);
    assert.match(JSON.stringify(await shared.server.sink.to('ada@harbour.example')), /was connected/);

    await t.test('again replaces its credential, and a second account is a second row', async () => {
      const again = await connect(browser, 'google');
      assert.match(await textOf(again), /The account was connected again/);
      assert.equal((await rows('T_user_providers')).length, 1);
      assert.equal((await rows('T_oauth_tokens').where({ is_active: true })).length, 1);
      google.knobs.user = { ...google.knobs.user, sub: '2', email: 'work@gmail.example' };
      assert.match(await textOf(await connect(browser, 'google')), /ada@gmail.*work@gmail/);
      assert.equal((await rows('T_user_providers')).length, 2);
    });

    await t.test('refuses an account that somebody else has connected', async () => {
      const eve = await signedIn(shared.server, 'eve');
      const page = await connect(eve, 'google');
      assert.equal(page.status, 409);
      assert.match(await textOf(page), /connected to another account on this server/);
      assert.equal((await rows('T_user_providers')).length, 2);
    });

    await t.test('says what was not allowed there', async () => {
      google.knobs.unticked = ['https://www.googleapis.com/auth/gmail.readonly'];
      assert.match(await textOf(await connect(browser, 'google')), /Not allowed there: Gmail, reading\./);
      google.knobs.unticked = [];
    });
  });

  test('with a key asks Motion first, and shows why a key was not kept', async (t) => {
    const motion = await addMotion(t, shared.server);
    const browser = await signedIn(shared.server, 'mei');
    const wrong = await connectKey(browser, 'motion', 'no-such-key');
    assert.equal(wrong.status, 400);
    const text = await textOf(wrong.clone());
    assert.match(text, /There is a problem Motion does not accept this key/);
    assert.doesNotMatch(await wrong.text(), /no-such-key/);
    for (const bad of ['', ' ', 'a b', 'ключ', 'x'.repeat(5000), 'a\r\nHost: evil'])
      assert.match(await textOf(await connectKey(browser, 'motion', bad)), /There is a problem/);
    motion.knobs.status = 500;
    assert.match(await textOf(await connectKey(browser, 'motion', motion.apiKey)), /Motion did not answer/);
    motion.knobs.status = undefined;
    motion.knobs.isBusy = true;
    assert.match(await textOf(await connectKey(browser, 'motion', motion.apiKey)), /Motion is busy/);
    motion.knobs.isBusy = false;
    assert.equal((await rows('T_user_providers').where({ provider: 'motion' })).length, 0);
    const page = await connectKey(browser, 'motion', ` ${motion.apiKey}\n`);
    assert.match(await textOf(page), /The account was connected.*ada@motion\.example/);
    assert.doesNotMatch(JSON.stringify(await rows('T_oauth_tokens')), new RegExp(motion.apiKey));
  });

  test('ends with a page that leads on, whatever the service does', async (t) => {
    const google = await startGoogleFor(t, shared.server, 'other');
    const browser = await signedIn(shared.server, 'lin');
    const fails = async (says: RegExp) => {
      const page = await connect(browser, 'other');
      assert.ok(page.status >= 400, `${page.status}`);
      const html = await page.text();
      assert.match(html.replace(/<[^>]+>/g, ' '), says);
      assert.match(html, /href="\/account\/connections\/other"/);
    };
    for (const denies of ['access_denied', 'server_error', '<script>']) {
      google.knobs.denies = denies;
      await fails(denies === 'access_denied' ? /did not get your permission/ : /refused the request/);
    }
    google.knobs.denies = undefined;
    const faults = [
      [{ status: 400, body: { error: 'invalid_grant' } }, /refused the request/],
      [{ status: 500, body: '<html>' }, /cannot accept/],
      [{ status: 200, body: [] }, /cannot accept/],
      [{ status: 200, body: { access_token: 'x', token_type: 'mac' } }, /cannot accept/],
      ['die', /did not answer|cannot accept/],
    ] as const;
    for (const [fault, says] of faults) {
      google.knobs.tokenFault = fault as never;
      await fails(says);
    }
    google.knobs.tokenFault = undefined;
    for (const idToken of [
      { nonce: 'other' },
      { aud: 'other' },
      { iss: 'https://e.example' },
      { exp: 1 },
      { sub: '' },
    ]) {
      google.knobs.idToken = idToken as never;
      await fails(/cannot accept/);
    }
    google.knobs.idToken = {};
    google.knobs.iss = 'https://evil.example';
    await fails(/cannot accept/);
    google.knobs.iss = undefined;
    assert.equal((await rows('T_user_providers').where({ provider: 'other' })).length, 0);
    const refused = await rows('T_auth_audit_log').where({ action: 'connection.refused' });
    assert.ok(refused.length >= 10);
    assert.doesNotMatch(JSON.stringify(refused), /<script>|4\/code/);
    assert.match(await textOf(await connect(browser, 'other')), /The account was connected/);
  });

  test('is ended by its person: revoked there and destroyed here, also when that fails', async (t) => {
    const google = await startGoogleFor(t, shared.server, 'third');
    const browser = await signedIn(shared.server, 'noor');
    const disconnect = async (id: string, by = browser) => {
      const html = await (await by.get(`${PATH}/third`)).text();
      const form = /action="[^"]*\/disconnect">\s*<input type="hidden" name="csrf" value="([^"]+)"/.exec(
        html,
      );
      return by.follow(
        await by.post(`${PATH}/third/disconnect`, { csrf: String(form?.[1]), connection: id }),
      );
    };
    for (const status of [200, 500]) {
      google.knobs.revokeStatus = status;
      google.knobs.user = { ...google.knobs.user, sub: `s${status}` };
      await connect(browser, 'third');
      const { id } = await rows('T_user_providers')
        .where({ provider_user_id: `s${status}` })
        .first();
      const eve = await signedIn(shared.server, `eve${status}`);
      google.knobs.user = { ...google.knobs.user, sub: `eve${status}` };
      await connect(eve, 'third');
      assert.equal((await disconnect(id, eve)).status, 404, 'not by somebody else');
      const page = await disconnect(id);
      assert.match(await textOf(page), status === 200 ? /was destroyed\. Connections/ : /did not confirm it/);
      assert.equal((await rows('T_user_providers').where({ id })).length, 0);
      assert.equal((await rows('T_oauth_tokens').where({ user_provider_id: id })).length, 0);
      assert.equal((await disconnect(id)).status, 403, 'there is no form any more');
    }
    assert.equal(google.counts.revocations, 2);
  });

  test('is offered by no disabled or unknown service', async (t) => {
    await startGoogleFor(t, shared.server, 'fourth');
    await shared.server.services.connections.services.disable({ accountId: null }, 'fourth');
    const browser = await signedIn(shared.server, 'olu');
    assert.doesNotMatch(await (await browser.get(PATH)).text(), /connections\/fourth/);
    for (const name of ['fourth', 'unknown', 'GOOGLE', '__proto__', 'x'.repeat(200)])
      assert.equal((await browser.get(`${PATH}/${name}`)).status, 404, name);
  });
});
