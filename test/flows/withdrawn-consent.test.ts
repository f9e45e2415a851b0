import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { call, refresh, signInWith } from '../support/builders/authorization.ts';
import { begin, OFFLINE } from '../support/builders/consent.ts';
import { OPERATOR } from '../support/builders/invitation.ts';
import { openLink, resetLink, send } from '../support/builders/password-reset.ts';

type Begun = Awaited<ReturnType<typeof begin>>;

describe('what withdraws remembered consent', () => {
  type Event = (signedIn: Begun & Awaited<ReturnType<typeof signInWith>>) => Promise<unknown>;
  const wait = () => new Promise((resolve) => setTimeout(resolve, 1000));
  const events: Record<string, [Event, isWithdrawn: boolean]> = {
    'signing out': [
      async ({ browser, server, tokens }) => {
        const hint = new URLSearchParams({ id_token_hint: String(tokens.body.id_token) });
        await browser.follow(await browser.get(`/session/end?${hint}`));
        assert.equal((await server.database.knex('T_user_sessions').where({ is_active: true })).length, 0);
      },
      false,
    ],
    'the end of every session by the operator': [
      ({ server, ada }) => server.services.sessions.endAll(OPERATOR, ada.id),
      false,
    ],
    'signing out everywhere, as after a new password': [
      ({ server, ada }) =>
        server.database.knex.transaction((trx) => server.services.signOutEverywhere(trx, ada.id)),
      true,
    ],
    'the revocation of the refresh token by the application': [
      async ({ server, client, tokens }) => {
        const token = tokens.body.refresh_token;
        assert.equal((await call(server, client, '/token/revocation', { token })).status, 200);
      },
      false,
    ],
    'the reuse of a refresh token': [
      async ({ server, client, tokens }) => {
        const token = tokens.body.refresh_token;
        assert.equal((await refresh(server, client, token)).status, 200);
        assert.equal((await refresh(server, client, token)).body.error, 'invalid_grant');
      },
      false,
    ],
    'disabling the application': [
      async ({ server, client }) => {
        await server.clients.disable(OPERATOR, client.client_id);
        await server.clients.enable(OPERATOR, client.client_id);
        await wait();
      },
      false,
    ],
    'disabling the account': [
      async ({ server, ada }) => {
        await server.accounts.disable(OPERATOR, ada.username);
        await server.accounts.enable(OPERATOR, ada.username);
      },
      true,
    ],
    'a first confirmation of the address by a password reset': [
      async ({ server, ada }) => {
        const owner = await openLink(server, await resetLink(server, `${ada.username}@harbour.example`));
        await send(owner.browser, owner.page, { password: ada.password });
      },
      true,
    ],
    'another application with the same client_id': [
      async ({ server, client }) => {
        await server.database.knex('T_oauth_clients').where({ client_id: client.client_id }).delete();
        await wait();
        await server.createClient({ clientId: client.client_id });
      },
      true,
    ],
  };

  for (const [what, [run, isWithdrawn]] of Object.entries(events))
    test(`${what} ${isWithdrawn ? 'withdraws it' : 'leaves it'}`, async (t) => {
      const { server, client, ada } = await begin(t, { refreshOverlap: 0 });
      const signedIn = await signInWith(server, client, ada, OFFLINE);
      await run({ server, client, ada, ...signedIn });
      const rows = await server.database.knex('T_consents');
      assert.equal(rows.length, isWithdrawn ? 0 : 1);
      const { refresh_token } = signedIn.tokens.body;
      if (isWithdrawn) assert.ok([400, 401].includes((await refresh(server, client, refresh_token)).status));
    });
});
