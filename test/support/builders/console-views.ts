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
    ['console/signing-keys', { ...room, ...signingKeys, notice: bad, mayWrite: true }],
    ['console/signing-keys', { ...room, ...signingKeys, keys: [] }],
    ['console/trace', { ...page, stories: [story, unknown], nextUrl: bad }],
    ['console/trace', { ...page, stories: [], latestUrl: bad }],
  ];
}
