import { accountViews } from './account-views.ts';
import { consoleViews } from './console-views.ts';
import { deviceViews } from './device-views.ts';

const TEXTS = `title action csrf xsrf clientName accountName clientId redirectUri redirectHost switchAction
  heading text button email code lede advice reference username signInUrl invitation`.split(/\s+/);

/** Every view in each of its states, with `bad` wherever another person or application chooses the text. */
export function everyView(bad: string): [name: string, data: Record<string, unknown>][] {
  const all = Object.fromEntries(TEXTS.map((name) => [name, bad]));
  const items = [{ text: bad }];
  const bare = {
    inviter: null,
    isSetUp: true,
    label: null,
    email: null,
    scopes: [],
    roles: [],
    expiresAt: null,
  };
  const faults = { username: bad, name: bad, email: bad, password: bad };
  const offer = { ...bare, inviter: bad, label: bad, email: bad, expiresAt: new Date(0) };
  const invited = { offer, grants: [bad], typed: { username: bad, name: bad, email: bad }, faults };
  const passkeys = { csrf: bad, interaction: bad, back: bad, autofill: bad, signal: bad, upgrade: bad };
  const factors = { keys: 1, totp: true, recoveryCodes: 1, demanded: true };
  const second = { ...all, passkeys, leaveUrl: bad };
  const app = { secret: bad, qr: '/assets/qr' };
  const key = {
    id: 'k1',
    name: bad,
    device_type: 'multiDevice',
    backed_up: true,
    is_signed: false,
    created_at: '2026-11-24T18:00:00.000Z',
    last_used_at: null,
    last_used_ip: bad,
  };
  const rest = { ...key, is_signed: true, device_type: 'singleDevice', last_used_at: key.created_at };
  const own = {
    passkeys: [
      { ...key, mayBeLost: true, kind: 'passkey' },
      { ...key, is_signed: true, kind: 'passkey' },
    ],
    securityKeys: [key, rest],
    hasApp: true,
    recoveryCodesLeft: 3,
    isFresh: false,
    signInUrl: bad,
    actions: { keys: bad, app: bad, codes: bad },
    csrf: { keys: bad, app: bad, codes: bad },
  };
  const fresh = {
    ...own,
    passkeys: [],
    securityKeys: [],
    hasApp: false,
    recoveryCodesLeft: 0,
    isFresh: true,
  };
  const me = { ...all, roles: [], invitations: [], email: null, name: null };
  const account = { ...all, profile: me, faults: {}, bodyClass: 'wide', passkeys };
  const steps: [string, object][] = [
    [
      'account/security',
      {
        ...account,
        factors: own,
        notice: { heading: bad, text: bad },
        protection: bad,
        hasConnections: true,
        missing: [{ text: bad, link: { url: bad, label: bad } }],
        passwordPage: bad,
        csrfOfPassword: bad,
      },
    ],
    ['account/password', { ...account, faults: {}, passwordMinLength: 15, back: bad }],
    ['account/password', { ...account, faults: { password: bad }, alert: bad, back: bad }],
    ['account/security', { ...account, factors: fresh, profile: { ...me, has_password: false } }],
    ['account/authenticator-app', { ...account, app, back: bad }],
    ['account/confirm', { ...account, label: bad, fields: { key: bad }, back: bad }],
    ['account/authenticator-app', { ...account, app, back: bad, faults: { code: bad }, alert: bad }],
    ['account/recovery-codes', { ...account, codes: [bad], next: bad }],
    ['account/recovery-codes', { ...account, codes: [bad], next: bad, areFirst: true }],
    ...accountViews(all, bad),
    ['interactions/login', { ...all, passkeys, services: [{ name: 'google', displayName: bad }] }],
    ['interactions/unknown-identity', { ...all, serviceName: bad }],
    ['interactions/second-factor', { ...second, factors }],
    ['interactions/second-factor', { ...second, factors, alert: bad, byRecoveryCode: true }],
    ['interactions/second-factor', { ...second, factors: { ...factors, keys: 0 }, alert: bad }],
    ['interactions/passkey-recovery', second],
    ['interactions/recovery-code', all],
    ['interactions/recovery-code', { ...all, username: bad, alert: bad }],
    ['interactions/set-up-second-factor', { ...second, app }],
    ['interactions/set-up-second-factor', { ...second, app, alert: bad }],
  ];
  const at = '2026-11-24T18:00:00.000Z';
  const label = 'Your account';
  const nav = { label: bad, links: [{ href: bad, text: bad, current: true }] };
  const room = { title: bad, bodyClass: 'admin', action: bad, csrf: bad, nav };
  const person = { username: bad, name: bad, email: bad, email_verified: true, pending_email: `new.${bad}` };
  const used = [{ invited_by: bad, redeemed_at: at }];
  const role = { role: bad, client_id: bad, client_name: bad };
  const profile = { ...person, roles: [role, { ...role, client_id: null }], invitations: [...used, ...used] };
  const nobody = { username: bad, name: null, email: null, pending_email: null, roles: [], invitations: [] };
  const blank = { label: null, email: null, created_by: null, expires_at: null, revoked_at: null };
  const plain = {
    ...blank,
    id: bad,
    scopes: [],
    roles: [],
    uses: 0,
    max_uses: 1,
    created_at: at,
    state: 'used',
  };
  const whole = { label: bad, email: bad, created_by: bad, scopes: [bad], roles: [bad], expires_at: at };
  const invitation = { ...plain, ...whole, revoked_at: at, state: 'revoked' };
  const made = { ...invitation, code: bad, url: `https://x/?${bad}`, qr: 'data:image/svg+xml;base64,QQ==' };
  const redemptions = [
    { username: bad, redeemed_at: at, ip_address: bad, scopes: [bad], roles: [] },
    { username: null, redeemed_at: at, ip_address: null, scopes: [], roles: [] },
  ];
  const form = ['label', 'email', 'scope', 'roles', 'max_uses', 'count', 'expires_in'];
  const typed = Object.fromEntries(form.map((field) => [field, bad]));
  const listed = { ...room, states: [[bad, bad]], query: { state: bad, search: bad } };
  const batch = { first: invitation, count: 2, uses: 1, max_uses: 2 };
  const making = {
    ...room,
    lifetimes: [[bad, bad]],
    grantable: [{ scope: bad, text: bad }],
    idempotencyKey: bad,
  };
  return [
    ...(steps as [string, Record<string, unknown>][]),
    ['account/security', { ...room, profile, faults: {}, notice: { heading: bad, text: '' } }],
    ['account/security', { ...room, profile: nobody, faults: { current: bad, password: bad }, alert: bad }],
    [
      'account/security',
      { ...room, profile: { ...profile, email_verified: false }, faults: {}, nav: { label, links: [] } },
    ],
    [
      'console/invitations/list',
      { ...listed, batches: [batch, { ...batch, first: plain, count: 1 }], nextUrl: bad, mayWrite: true },
    ],
    ['console/invitations/list', { ...listed, batches: [], isFirst: true }],
    [
      'console/invitations/batch',
      { ...room, invitations: [invitation, plain], nextUrl: bad, mayWrite: true },
    ],
    ['console/invitations/batch', { ...room, invitations: [], revoked: true }],
    ['console/invitations/new', { ...making, typed, faults: typed, alert: bad }],
    ['console/invitations/new', { ...making, typed: {}, faults: {} }],
    ['console/invitations/created', { ...room, created: [made] }],
    ['console/invitations/created', { ...room, created: [{ ...made, ...plain, state: 'waiting' }] }],
    ['console/invitations/created', { ...room, created: [made, { ...made, ...plain }] }],
    ['console/invitations/show', { ...room, invitation, redemptions, done: bad, mayWrite: true }],
    ['console/invitations/show', { ...room, invitation: plain, redemptions, mayWrite: true }],
    ['console/invitations/show', { ...room, invitation: { ...plain, state: 'expired' }, redemptions: [] }],
    ...consoleViews(room, bad),
    ['interactions/login', { ...all, services: [] }],
    ['interactions/login', { ...all, services: [], alert: bad }],
    ['interactions/login', { ...all, services: [], alert: bad, alertField: 'password' }],
    [
      'interactions/consent',
      {
        ...all,
        added: [...items, { text: bad, facts: [{ label: bad, value: bad }] }],
        allowedBefore: items,
        scopes: [bad],
        resources: [{ identifier: bad, scopes: [bad] }],
        claims: [bad],
        offline: { days: 30, maxDays: 90 },
        verified: true,
        clientLogo: 'data:image/svg+xml;base64,PHN2Zy8+',
        links: [
          { url: bad, label: bad },
          { url: bad, label: bad },
        ],
      },
    ],
    [
      'interactions/consent',
      {
        ...all,
        added: items,
        allowedBefore: [],
        links: [],
        scopes: [],
        resources: [],
        claims: [],
        offline: null,
        verified: false,
        clientLogo: 'data:image/svg+xml;base64,PHN2Zy8+',
      },
    ],
    ['interactions/select-account', all],
    ['interactions/connection', { ...all, service: bad, serviceName: bad, faults: {} }],
    [
      'interactions/connection',
      { ...all, service: bad, serviceName: bad, isBroken: true, takesKey: true, faults: { api_key: bad } },
    ],
    ...deviceViews(all, items, bad),
    ['sign-out/confirm', all],
    ['sign-out/confirm', { title: bad, action: bad, xsrf: bad }],
    ['sign-out/done', all],
    ['sign-out/done', { title: bad, accountName: bad }],
    ['sign-out/done', { title: bad }],
    ['sign-out/continue', { ...all, fields: { [bad]: bad } }],
    ['display-code', all],
    ['display-code', { title: bad, code: bad }],
    ['display-code', { ...all, alert: bad }],
    ['leaving', { title: bad, url: bad }],
    ['error', { ...all, back: { url: bad, label: bad }, time: new Date(0) }],
    ['error', { title: bad, heading: bad, lede: bad }],
    ['home', { ...all, applications: [{ name: bad, url: bad, host: bad, logo: '/logo?client_id=a' }] }],
    ['home', { ...all, applications: [] }],
    ['home', { title: bad }],
    ['account/email', { ...all, faults: {}, typed: bad, unconfirmed: bad, sendsMail: true }],
    ['account/email', { ...all, faults: { email: bad, current: bad }, typed: bad, sendsMail: true }],
    ['account/email', { ...all, faults: {}, sendsMail: false }],
    ['recovery/request-link', { ...all, typed: bad }],
    ['recovery/request-link', { ...all, typed: bad, alert: bad }],
    ['recovery/link-sent', { title: bad }],
    ['recovery/mail-off', { title: bad }],
    ['recovery/link-expired', { ...all, canRequest: true }],
    ['recovery/link-expired', { ...all, canRequest: false }],
    ['recovery/set-password', all],
    ['recovery/set-password', { ...all, alert: bad }],
    ['recovery/confirm-email', all],
    [
      'recovery/not-me',
      { ...all, what: bad, isPresentAddress: true, isAboutKey: true, isAboutConnection: true },
    ],
    ['recovery/not-me', { ...all, what: bad, isPresentAddress: false, isAboutKey: false }],
    ['recovery/not-me-done', { ...all, isPasswordEnded: true, isKeyEnded: true, isConnectionEnded: true }],
    ['recovery/not-me-done', { ...all, isPasswordEnded: false, isKeyEnded: false }],
    ['recovery/sign-in-to-confirm', { ...all, canReset: true, signInUrl: bad }],
    ['recovery/sign-in-to-confirm', { ...all, canReset: false, signInUrl: bad }],
    ['recovery/done', all],
    ['recovery/done', { ...all, signInUrl: bad }],
    ['invitations/enter-code', { ...all, typed: bad }],
    ['invitations/enter-code', { ...all, typed: bad, alert: bad }],
    [
      'invitations/sign-up',
      { ...all, ...invited, services: [{ name: 'google', displayName: bad }], alert: bad },
    ],
    ['invitations/sign-up', { ...all, ...invited, services: [], offer: bare, faults: {}, typed: {} }],
    ['invitations/choose-account', { ...all, ...invited }],
  ];
}
