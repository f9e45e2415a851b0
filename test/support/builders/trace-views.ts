/** The page of attempts to connect, with `bad` wherever an application or another person chooses the text. */
export function traceViews(room: object, bad: string): [name: string, data: Record<string, unknown>][] {
  const step = { at: '2026-11-27T09:10:02.000Z', step: 'token', ok: false, says: bad };
  const story = {
    attempt: bad,
    began_at: '2026-11-27T09:10:02.000Z',
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
  return [
    ['console/trace', { ...page, stories: [story, unknown], nextUrl: bad }],
    ['console/trace', { ...page, stories: [], latestUrl: bad }],
  ];
}
