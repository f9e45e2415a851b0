import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digest, uuidv7 } from '../../src/kit/ids.ts';
import { NEW_PASSWORD } from '../support/builders/password-reset.ts';
import { engines } from '../support/engines.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { rounds } from '../support/world.ts';

type Owner = { id: string; email: string };

/** A link, without the mail. @returns its token */
async function linkTo(server: TestServer, { id, email }: Owner, purpose: string): Promise<string> {
  const token = uuidv7();
  await server.database.knex('T_account_links').insert({
    id: uuidv7(),
    created_at: new Date(),
    account_id: id,
    purpose,
    token_hash: digest(token),
    email,
    expires_at: new Date(Date.now() + 3_600_000),
  });
  return token;
}

const credentialOf = (accountId: string) => ({
  kind: 'passkey' as const,
  keyId: uuidv7(),
  publicKey: 'x',
  attestationType: 'none',
  signCount: 0,
  challenge: { id: '', accountId, userHandle: null, allowedKeyIds: null },
  authenticator: { aaguid: '', transports: [], device_type: 'singleDevice' as const, backed_up: false },
});

/** How somebody who created the account with another person's address tries to keep it. */
const ATTACKS: Record<string, (server: TestServer, owner: Owner) => Promise<() => Promise<unknown>>> = {
  'another address is confirmed': async (server, { id }) => {
    const token = await linkTo(server, { id, email: `${id}@elsewhere.example` }, 'verify_email');
    return () => server.recovery.verifyEmail(token, id);
  },
  'a passkey is added by a recovery link': async (server, owner) => {
    const token = await linkTo(server, owner, 'enrol_passkey');
    const options = { endOthers: false };
    return () => server.recovery.recoverWithPasskey(token, credentialOf(owner.id), options);
  },
};

for (const engine of engines)
  for (const [what, prepare] of Object.entries(ATTACKS))
    test(`a takeover by the owner of the mailbox is whole if ${what} at the same moment, on ${engine}`, async (t) => {
      const server = await startServer(t, engine);
      const { knex } = server.database;
      for (let round = 0; round < rounds(12); round += 1) {
        const email = `owner${round}@harbour.example`;
        const { id } = await server.createAccount(`mallory${round}`);
        await knex('T_accounts').where({ id }).update({ email });
        const token = await linkTo(server, { id, email }, 'reset_password');
        const attack = await prepare(server, { id, email });
        const reset = () => server.recovery.resetPassword(token, NEW_PASSWORD);
        const first = round % 2 === 0 ? [reset(), attack()] : [attack(), reset()].reverse();
        const [taken] = await Promise.allSettled(first);
        const account = await knex('T_accounts').where({ id }).first('email', 'email_verified');
        const keys = await knex('T_webauthn_credentials').where({ account_id: id }).whereNull('deleted_at');
        // Otherwise the account has another address by now, and nothing was changed.
        if (taken?.status === 'fulfilled')
          assert.deepEqual(
            { email: account.email, isConfirmed: Boolean(account.email_verified), keys: keys.length },
            { email, isConfirmed: true, keys: 0 },
          );
        else assert.match(String(taken?.reason), /This link no longer works/);
      }
    });
