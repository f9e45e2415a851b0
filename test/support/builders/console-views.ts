/** The pages of attempts to connect and of signing keys, with `bad` wherever an application or another person chooses the text. */
export function consoleViews(room: object, bad: string): [name: string, data: Record<string, unknown>][] {
  const at = '2026-11-27T09:10:02.000Z';
  const step = { at, step: 'token', ok: false, says: bad };
  const story = {
    attempt: bad,
    began_at: at,
    client_id: bad,
    client_name: bad,
    username: bad,
    ending: 'refused',
    stopped_at: 'token',
    fault: { whose: bad, cause: bad, remedy: bad },
    steps: [step, { ...step, step: 'code', ok: true }],
  };
  const { fault: _, ...without } = story;
  const page = {
    ...room,
    headings: { refused: 'did not connect', connected: 'connected' },
    stepNames: { token: 'token', code: 'code' },
    filters: [['all', 'All attempts']],
    show: 'all',
    typed: { client: bad, account: bad },
    action: bad,
  };
  const unknown = {
    ...without,
    client_name: null,
    username: null,
    ending: 'connected',
    stopped_at: undefined,
  };
  const signingKey = {
    kid: bad,
    name: bad,
    alg: bad,
    published: true,
    not_before: at,
    retired_at: at,
    expires_at: at,
  };
  const signingKeys = {
    keys: [
      { ...signingKey, status: 'active' },
      { ...signingKey, status: 'next' },
      { ...signingKey, status: 'retired' },
      { ...signingKey, status: 'retired', published: false },
    ],
    rotate: { action: bad, csrf: bad },
    retire: { action: bad, csrf: bad },
  };
  const application = {
    client_id: bad,
    client_name: bad,
    registered: bad,
    registeredAt: at,
    detailsUrl: bad,
    token_endpoint_auth_method: bad,
    grant_types: [bad],
    redirect_uris: [bad],
    scope: bad,
    hand_out_services: [bad],
    authorization_details_types: [bad],
    last_used_at: at,
    expires_at: at,
    last_refused: { at, description: bad },
  };
  const applications = {
    ...room,
    applications: [application, { ...application, isChecked: true, is_active: true, last_used_at: null }],
    count: 2,
    hasAny: true,
    filters: [['all', 'All']],
    query: { show: 'all', search: bad },
    action: bad,
    previousUrl: bad,
    nextUrl: bad,
  };
  const user = { username: bad, scope: bad, tokens: 1, allowed_at: at };
  const shownApplication = { ...room, application, action: bad, csrf: bad, attemptsUrl: bad };
  const account = { username: bad, name: bad, email: bad, is_active: true, detailsUrl: bad };
  const bare = { ...account, name: null, email: null, is_active: false };
  const accounts = { ...applications, accounts: [account, { ...bare, name: bad }, bare] };
  const role = { role: bad, client_id: bad, client_name: bad };
  const owner = {
    ...account,
    scopes: [bad],
    roles: [role, { ...role, client_id: null }],
    invitations: [{ invited_by: bad, redeemed_at: at }],
  };
  const session = { browser: bad, ip_address: bad, signed_in_at: at, last_used_at: at };
  const shownAccount = { ...room, action: bad, csrf: bad };
  return [
    ...serviceViews(room, bad),
    ['console/accounts/list', accounts],
    ['console/accounts/list', { ...accounts, accounts: [], count: 0 }],
    [
      'console/accounts/show',
      {
        ...shownAccount,
        account: owner,
        sessions: [session, { ...session, place: bad }],
        notice: bad,
        mayWrite: true,
      },
    ],
    [
      'console/accounts/show',
      {
        ...shownAccount,
        account: { ...bare, scopes: [], roles: [], invitations: [] },
        sessions: [],
        isOwn: true,
      },
    ],
    ['console/applications/list', applications],
    ['console/applications/list', { ...applications, applications: [], count: 0, hasAny: false }],
    [
      'console/applications/show',
      {
        ...shownApplication,
        people: [user, { ...user, allowed_at: null }],
        more: 1,
        notice: bad,
        mayWrite: true,
      },
    ],
    ['console/applications/show', { ...shownApplication, people: [], more: 0 }],
    ['console/signing-keys', { ...room, ...signingKeys, notice: bad, mayWrite: true }],
    ['console/signing-keys', { ...room, ...signingKeys, keys: [] }],
    ['console/trace', { ...page, stories: [story, unknown], nextUrl: bad }],
    ['console/trace', { ...page, stories: [], latestUrl: bad }],
  ];
}

/** The pages of services, with `bad` wherever an operator or another service chooses the text. */
function serviceViews(room: object, bad: string): [name: string, data: Record<string, unknown>][] {
  const service = {
    name: bad,
    display_name: bad,
    auth_type: 'oauth2',
    is_active: true,
    client_id: bad,
    has_client_secret: true,
    redirect_uri: bad,
    issuer: bad,
    authorization_endpoint: bad,
    token_endpoint: bad,
    revocation_endpoint: bad,
    scopes: [bad],
    api_base_urls: [bad],
    settings: {},
  };
  const withKeys = {
    ...service,
    auth_type: 'api_key',
    redirect_uri: undefined,
    is_active: false,
    scopes: [],
  };
  const form = {
    faults: {},
    typed: { display_name: bad, client_id: bad, scope: bad },
    action: bad,
    csrf: bad,
  };
  const one = { ...room, ...form, state: { action: bad, csrf: bad } };
  const preset = { name: bad, displayName: bad, authType: 'oauth2' };
  const created = { ...room, ...form, title: bad, redirectUri: bad };
  const row = {
    service: bad,
    username: bad,
    client_name: bad,
    client_id: bad,
    status: bad,
    action_type: bad,
  };
  const at = '2026-11-27T09:10:02.000Z';
  const report = {
    connections: [row],
    errors: [{ ...row, error: bad, updated_at: at }],
    calls: [{ ...row, last_at: at }],
    handouts: [{ ...row, last_at: at }],
    syncs: [{ ...row, last_at: at }],
  };
  const empty = { connections: [], errors: [], calls: [], handouts: [], syncs: [] };
  return [
    ['console/services/list', { ...room, services: [service, withKeys], report, mayWrite: true }],
    ['console/services/list', { ...room, services: [service], report: empty }],
    ['console/services/list', { ...room, services: [], report: empty }],
    [
      'console/services/choose',
      { ...room, presets: [preset, { ...preset, authType: 'api_key', isAdded: true }] },
    ],
    ['console/services/new', { ...created, preset, registerAt: 'https://console.example/' }],
    ['console/services/new', { ...created, preset: { ...preset, authType: 'api_key' } }],
    ['console/services/new', { ...created, faults: { name: bad, issuer: bad } }],
    ['console/services/show', { ...one, service, notice: bad, mayWrite: true, faults: { client_id: bad } }],
    ['console/services/show', { ...one, service: withKeys, mayWrite: true }],
    ['console/services/show', { ...one, service: { ...service, is_active: false } }],
  ];
}
