import { uuidv7 } from '../../../src/kit/ids.ts';
import type { TestServer } from '../server.ts';
import { askForSignIn, createTill, REQUESTS } from './ciba.ts';

/** Gives an account the password of another one. */
async function givePassword({ createAccount, database }: TestServer, accountId: string): Promise<void> {
  const { id } = await createAccount('other');
  const row = await database.knex('T_credentials').where({ account_id: id }).first();
  await database
    .knex('T_credentials')
    .insert({ ...row, id: accountId, account_id: accountId, username: 'mei' });
}

/** Signs an account in from another browser. */
async function addSession({ database: { knex } }: TestServer, accountId: string): Promise<void> {
  const row = await knex('T_user_sessions').where({ account_id: accountId }).first();
  await knex('T_user_sessions').insert({ ...row, id: uuidv7(), uid: 'another', token_hash: 'another' });
}

/** Remembers that an account has allowed an application access. */
async function addConsent({ database: { knex }, createClient }: TestServer, accountId: string) {
  const { client_id } = await createClient({ clientId: 'fieldnotes' });
  const now = new Date();
  const row = { id: uuidv7(), created_at: now, last_used_at: now, scope: 'openid', claims: '' };
  await knex('T_consents').insert({ ...row, account_id: accountId, client_id });
}

/** Connects an account of a service with which people can sign in. */
async function addGoogleAccount({ services }: TestServer, accountId: string): Promise<void> {
  const change = { clientId: 'x', clientSecret: 'y', settings: { maySignIn: true } };
  await services.connections.services.add({ accountId: null }, { name: 'google', change });
  await services.connections.vault.save({
    accountId,
    service: 'google',
    identity: { id: 'mei-at-google' },
    accessLevel: 'read',
    tokens: { accessToken: 'x', tokenType: 'Bearer' },
  });
}

/** Lets the account use a part of the console. */
async function giveScope(
  { database: { knex } }: TestServer,
  accountId: string,
  scope = 'latchkey:keys',
): Promise<void> {
  const scopes = JSON.stringify(['openid', scope]);
  await knex('T_accounts').where({ id: accountId }).update({ scopes });
}

/**
 * What the form of each path of the account and the console needs. A form is asked for a recent sign-in, or the reason why
 * it is not; a page without a form has none.
 */
export const FORMS: Record<
  string,
  | {
      fields: Record<string, string>;
      says: string;
      /** The page with the form; the security page by default. */
      page?: string;
      /** An event that is recorded when it was done. */
      event?: string;
      /** What the account needs for the page to have the form. */
      prepare?: (server: TestServer, accountId: string) => Promise<void>;
    }
  | { because: string }
> = {
  '/account/security/keys': {
    fields: { act: 'remove' },
    says: 'remove “This device 2”',
    event: 'passkey.removed',
  },
  // Apps follow a password, so the page offers them to an account that has one.
  '/account/security/app': { fields: {}, says: 'set up an authenticator app', prepare: givePassword },
  '/account/security/recovery-codes': {
    fields: {},
    says: 'create recovery codes',
    event: 'recovery_codes.made',
  },
  '/account/security/password': {
    fields: { act: 'remove' },
    says: 'remove your password',
    prepare: givePassword,
    event: 'password.removed',
  },
  '/account/email': {
    fields: { email: 'mei@elsewhere.example' },
    says: 'change your e-mail address to mei@elsewhere.example',
    page: '/account/email',
  },
  '/account/connections/:service/sign-in': {
    fields: { sign_in: 'on' },
    says: 'sign in with your account at Google',
    page: '/account/connections/google',
    event: 'connection.sign_in_allowed',
    prepare: addGoogleAccount,
  },
  '/account/sessions/end': {
    fields: { session: 'others' },
    says: 'sign out everywhere else',
    page: '/account/sessions',
    event: 'session.ended',
    prepare: addSession,
  },
  '/account/applications/withdraw': {
    fields: { client: 'fieldnotes' },
    says: 'take back the access of “Fieldnotes”',
    page: '/account/applications',
    event: 'consent.withdrawn',
    prepare: addConsent,
  },
  '/account/requests/answer': {
    fields: { decision: 'approve' },
    says: 'let “Harbour Till” sign you in',
    page: REQUESTS,
    event: 'sign_in_request.approved',
    prepare: async (server) =>
      void (await askForSignIn(server, await createTill(server), { login_hint: 'mei' })),
  },
  '/account/profile/username': {
    fields: { username: 'mei.lin' },
    says: 'change your username to “mei.lin”',
    page: '/account/profile',
    event: 'account.updated',
  },
  '/account/data': {
    fields: {},
    says: 'make an archive of your data',
    page: '/account/data',
    event: 'data.requested',
  },
  '/account/data/close': {
    fields: { confirm: 'mei' },
    says: 'close your account',
    page: '/account/data',
    event: 'account.closing',
  },
  '/admin/accounts/change': {
    fields: { act: 'disable' },
    says: 'disable the account “eve”',
    page: '/admin/accounts/details?username=eve',
    event: 'account.disabled',
    prepare: async (server, id) => {
      await server.createAccount('eve');
      await giveScope(server, id, 'latchkey:accounts');
    },
  },
  '/admin/applications/change': {
    fields: { act: 'disable' },
    says: 'disable “Fieldnotes”',
    page: '/admin/applications/details?client_id=fieldnotes',
    event: 'client.disabled',
    prepare: async (server, id) => {
      await addConsent(server, id);
      await giveScope(server, id, 'latchkey:clients');
    },
  },
  '/admin/signing-keys/rotate': {
    fields: {},
    says: 'rotate the signing keys',
    page: '/admin/signing-keys',
    event: 'signing_key.rotated',
    prepare: (server, id) => giveScope(server, id),
  },
  '/admin/signing-keys/retire': {
    // The first key of the page.
    fields: { kid: '' },
    says: 'reject the signing key',
    page: '/admin/signing-keys',
    event: 'signing_key.retired',
    prepare: (server, id) => giveScope(server, id),
  },
  '/account/data/archive': { because: 'it has no form' },
  '/account/closed': { because: 'it has no form' },
  '/account/profile/picture': { because: 'it changes no way to sign in' },
  '/account/profile': { because: 'it changes no way to sign in' },
  '/account/profile/preferences': { because: 'it changes no way to sign in' },
  '/account/activity': { because: 'it has no form' },
  '/account/applications': { because: 'its forms have a path of their own' },
  '/account/sessions': { because: 'its forms have a path of their own' },
  '/account/connections': { because: 'its forms have a path of their own' },
  '/account/connections/:service': { because: 'the service asks who it is' },
  '/account/connections/:service/disconnect': { because: 'it only ends access' },
  '/account/connections/:service/withdraw': {
    because: 'it only ends access, and the application asks again',
  },
  '/account/requests': { because: 'its forms have a path of their own' },
  '/account/security': { because: 'it asks for the current password' },
  '/account/recover': { because: 'the link is the proof' },
  '/admin/invitations/new': { because: 'it changes no way to sign in' },
  '/admin/invitations/:id/revoke': { because: 'it changes no way to sign in' },
  '/account': { because: 'it has no form' },
  '/account/confirm': { because: 'its form is that of the action' },
  '/admin': { because: 'it has no form' },
  '/admin/accounts': { because: 'its form has a path of its own' },
  '/admin/accounts/details': { because: 'its form has a path of its own' },
  '/admin/applications': { because: 'its form has a path of its own' },
  '/admin/applications/details': { because: 'its form has a path of its own' },
  '/admin/invitations': { because: 'it has no form' },
  '/admin/trace': { because: 'it has no form' },
  '/admin/services': { because: 'it has no form' },
  '/admin/services/new': { because: 'it has no form' },
  '/admin/services/new/:id': { because: 'it changes no way to sign in' },
  '/admin/services/:id': {
    because:
      'it changes no URL, so it sends no stored credential elsewhere, and it signs in nobody who has not linked an account',
  },
  '/admin/services/:id/state': { because: 'it can be undone' },
  '/admin/signing-keys': { because: 'its forms have paths of their own' },
  '/admin/invitations/:id': { because: 'its form has a path of its own' },
};
