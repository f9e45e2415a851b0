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
  return [
    ...serviceViews(room, bad),
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
    syncs: [{ ...row, last_at: at }],
  };
  const empty = { connections: [], errors: [], calls: [], syncs: [] };
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
