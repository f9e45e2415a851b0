import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { call } from '../support/builders/authorization.ts';
import { engines } from '../support/engines.ts';
import { openWorld } from '../support/world.ts';

/** A token of the right length and kind whose time part has characters that a database may reject. */
const strange = (letter: string) =>
  ['\0', '\ud800', '%', "'"].map((bad) => `${letter}0mgx${bad}2b4c`.slice(0, 9));

for (const engine of engines) {
  describe(`made-up tokens on ${engine}`, () => {
    test('are unknown, whatever they contain', async (t) => {
      const world = await openWorld(t, engine);
      const server = await world.start();
      const client = await world.createClient({ firstParty: true });
      for (const start of strange('a')) {
        const token = start + 'A'.repeat(43);
        const body = new URLSearchParams({ access_token: token });
        const info = await fetch(`${server.issuer}/me`, { method: 'POST', body });
        assert.equal(info.status, 401, JSON.stringify(token));
        assert.equal((await call(server, client, '/token/introspection', { token })).body.active, false);
      }
      for (const [kind, letter, member] of [
        ['authorization_code', 'c', 'code'],
        ['refresh_token', 'r', 'refresh_token'],
      ] as const)
        for (const start of strange(letter)) {
          const answer = await call(server, client, '/token', {
            grant_type: kind,
            [member]: start + 'A'.repeat(43),
            redirect_uri: (client.redirect_uris as string[])[0],
            code_verifier: 'v'.repeat(43),
          });
          assert.deepEqual([answer.status, answer.body.error], [400, 'invalid_grant']);
        }
    });
  });
}
