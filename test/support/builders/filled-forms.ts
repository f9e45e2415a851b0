import type { TestServer } from '../server.ts';
import { askForSignIn, createTill, REQUESTS } from './ciba.ts';
import { invite } from './invitation.ts';
import { addMotion } from './person.ts';

const SECURITY = '/account/security';
const NEW = '/admin/invitations/new';

/** What a person sends, at which page they are then, and the texts that the page has again. */
interface Sent {
  page: string;
  fields: Record<string, string>;
  shown?: string[];
}

/** Each form of the account and the console, by its path. */
export const FILLED_FORMS: Record<string, (server: TestServer) => Promise<Sent> | Sent> = {
  '/account/security': () => ({
    page: SECURITY,
    fields: { current: 'a secret of mine', password: 'another secret of mine' },
  }),
  '/account/security/keys': async ({ database }) => {
    const { id } = await database.knex('T_webauthn_credentials').first('id');
    return {
      page: SECURITY,
      fields: { act: 'rename', key: id, name: 'Blue & old' },
      shown: ['Blue &amp; old'],
    };
  },
  '/account/security/app': () => ({ page: SECURITY, fields: { code: '123456' } }),
  '/account/security/recovery-codes': () => ({ page: SECURITY, fields: {} }),
  '/account/security/password': () => ({ page: SECURITY, fields: { act: 'remove' } }),
  '/account/requests/answer': async (server) => {
    await askForSignIn(server, await createTill(server), { login_hint: 'ada' });
    return { page: REQUESTS, fields: { decision: 'deny' }, shown: ['Harbour Till'] };
  },
  '/account/email': () => ({
    page: '/account/email',
    fields: { email: 'mei@elsewhere.example', current: 'a secret of mine' },
    shown: ['mei@elsewhere.example'],
  }),
  '/account/profile': () => ({
    page: '/account/profile',
    fields: { name: 'Ada & Co', nickname: 'A & C', zoneinfo: 'Asia/Tokyo', theme: 'dark' },
    shown: [
      'value="Ada &amp; Co"',
      'value="A &amp; C"',
      '<option selected>Asia/Tokyo',
      '<option value="dark" selected>',
    ],
  }),
  '/account/profile/preferences': () => ({
    page: '/account/profile',
    fields: { mail_sign_in_request: 'yes' },
    shown: ['name="mail_connection_broken" value="yes">', 'name="mail_sign_in_request" value="yes" checked>'],
  }),
  '/account/profile/username': () => ({
    page: '/account/profile',
    fields: { username: 'lovelace' },
    shown: ['value="lovelace"'],
  }),
  '/account/data': () => ({ page: '/account/data', fields: {} }),
  '/account/data/close': () => ({ page: '/account/data', fields: { confirm: 'ada' } }),
  '/account/profile/picture': () => ({ page: '/account/profile', fields: { act: 'remove' } }),
  '/account/sessions/end': () => ({ page: '/account/sessions', fields: { session: 'others' } }),
  '/account/connections/:service': async (server) => {
    await addMotion(server);
    return { page: '/account/connections/motion', fields: { api_key: 'a secret of mine' } };
  },
  '/account/connections/:service/disconnect': async (server) => {
    await addMotion(server);
    return { page: '/account/connections/motion', fields: { connection: 'x' } };
  },
  '/account/connections/:service/sign-in': async (server) => {
    await addMotion(server);
    return { page: '/account/connections/motion', fields: { connection: 'x', sign_in: 'off' } };
  },
  '/account/connections/:service/withdraw': async (server) => {
    await addMotion(server);
    return { page: '/account/connections/motion', fields: { client: 'x' } };
  },
  '/account/applications/withdraw': () => ({ page: '/account/applications', fields: { client: 'x' } }),
  [NEW]: () => ({
    page: NEW,
    fields: {
      label: 'Tomasz <of the ferry>',
      email: '',
      scope: 'openid notes:read',
      roles: 'editor',
      count: '3',
    },
    shown: [
      'value="Tomasz &lt;of the ferry&gt;"',
      'value="openid notes:read"',
      'value="editor"',
      'value="3"',
    ],
  }),
  '/admin/accounts/change': () => ({
    page: '/admin/accounts',
    fields: { account: 'x', act: 'disable' },
  }),
  '/admin/applications/change': () => ({
    page: '/admin/applications',
    fields: { client_id: 'x', act: 'disable' },
  }),
  '/admin/signing-keys/rotate': () => ({ page: '/admin/signing-keys', fields: {} }),
  '/admin/signing-keys/retire': () => ({ page: '/admin/signing-keys', fields: { kid: 'x' } }),
  '/admin/services/new/:id': () => ({
    page: '/admin/services/new/google',
    fields: { client_id: 'abc & co', client_secret: 'a secret of mine', scope: 'openid' },
    shown: ['value="abc &amp; co"', 'value="openid"'],
  }),
  '/admin/services/:id': async (server) => {
    await addMotion(server);
    return {
      page: '/admin/services/motion',
      fields: { display_name: 'Motion & co', calls: '120' },
      shown: ['value="Motion &amp; co"', 'value="120"'],
    };
  },
  '/admin/services/:id/state': async (server) => {
    await addMotion(server);
    return { page: '/admin/services/motion', fields: { state: 'off' } };
  },
  '/admin/invitations/:id/revoke': async (server) => {
    const { id } = await invite(server);
    return { page: `/admin/invitations/${id}`, fields: { withdraw: 'yes' } };
  },
};
