/** The pages of connections, of services with an account and with a key. */
function connectionViews(all: Record<string, unknown>, bad: string): [string, Record<string, unknown>][] {
  const at = '2026-11-24T18:00:00.000Z';
  const works = { id: bad, service: 'google', serviceName: bad, account: bad, can: bad, connectedAt: at };
  const one = {
    ...works,
    missing: [],
    isForApplications: true,
    isSignInOffered: true,
    isServiceActive: true,
  };
  const broken = { ...one, missing: [bad], isBroken: true, reason: bad, lastUsedAt: at };
  const linked = { ...one, isForApplications: false, maySignIn: true };
  const connections = [one, broken, { ...broken, service: 'motion' }];
  const services = [
    { name: 'google', displayName: bad, takesKey: false, csrf: bad },
    { name: 'motion', displayName: bad, takesKey: true, csrf: bad },
  ];
  const links = { connect: bad, disconnect: bad, withdraw: bad, signIn: bad };
  const page = { ...all, actions: links, csrf: links, back: bad, faults: {}, applications: [], uses: [] };
  const use = { who: bad, act: 'read', what: bad, account: bad, at };
  const service = { name: bad, displayName: bad, takesKey: false, isActive: true };
  return [
    ['account/connections', { ...all, connections, services, path: bad, notice: 'x' }],
    ['account/connections', { ...all, connections: [], services: [], path: bad }],
    ['account/connection', { ...page, service, connections: [], notice: 'x' }],
    [
      'account/connection',
      {
        ...page,
        service,
        connections: [one, broken, linked, { ...linked, isSignInOffered: false }],
        applications: [{ clientId: bad, name: bad, allowed: [bad], holdsToken: true }],
        uses: [use, { ...use, hasFailed: true }],
      },
    ],
    [
      'account/connection',
      { ...page, service: { ...service, takesKey: true }, connections: [], faults: { api_key: bad } },
    ],
    ['account/connection', { ...page, service: { ...service, isActive: false }, connections: [one] }],
  ];
}

/** What an account sees of its sessions, applications, activity, profile and data. */
export function accountViews(all: Record<string, unknown>, bad: string): [string, Record<string, unknown>][] {
  const at = '2026-11-24T18:00:00.000Z';
  const session = { id: bad, browser: bad, ip_address: bad, signed_in_at: at, last_used_at: at };
  const sessions = [
    { ...session, isCurrent: true, factors: 'a password' },
    { ...session, place: bad },
  ];
  const one = { clientId: bad, name: bad, allowed: [bad], lastUsedAt: at };
  const applications = [
    { ...one, isFirstParty: true, logo: '/logo?client_id=a' },
    { ...one, isOffline: true, allowedAt: at },
  ];
  const events = [
    { at, text: bad, browser: bad, place: bad },
    { at, text: bad, browser: bad, ip: bad },
    { at, text: bad },
  ];
  const asked = {
    id: bad,
    clientName: bad,
    access: [{ text: bad }, { text: bad, facts: [{ label: bad, value: bad }] }],
    expiresAt: new Date(at),
  };
  const requests = [{ ...asked, bindingMessage: bad, isLasting: true }, asked];
  const filters = [['all', 'Everything']];
  const typed = { username: bad, name: bad, locale: 'pt', zoneinfo: 'UTC', theme: 'dark' };
  const pairs = { languages: [['pt', bad]], looks: [['dark', bad]], timeZones: ['UTC', bad] };
  const forms = {
    actions: { profile: bad, username: bad, picture: bad, preferences: bad },
    csrf: { profile: bad, username: bad, picture: bad, preferences: bad },
    preferences: {
      notices: [{ name: 'mail_sign_in_request', text: bad, isOn: true }],
      choices: [{ name: bad, displayName: bad, connections: [{ id: bad, label: bad }], chosen: bad }],
    },
  };
  const detailScopes = ['phone', 'address'];
  const profile = { ...all, ...pairs, ...forms, typed, detailScopes, maxPictureMb: 5, isMoreOpen: true };
  const faults = { name: bad, locale: bad, zoneinfo: bad, theme: bad, username: bad };
  const ends = { createdAt: at, expiresAt: at, partsDone: 1, parts: 2 };
  const data = {
    ...all,
    username: bad,
    faults: {},
    actions: { request: bad, close: bad, download: bad },
    csrf: { request: bad, close: bad },
  };
  return [
    ['account/data', data],
    ['account/data', { ...data, archive: { ...ends, status: 'waiting' }, notice: 'x' }],
    ['account/data', { ...data, archive: { ...ends, status: 'ready' } }],
    ['account/data', { ...data, archive: { ...ends, status: 'failed' }, faults: { confirm: bad } }],
    ['account/closed', { title: bad, until: '2026-12-05' }],
    ['account/closed', { title: bad }],
    ['account/profile', { ...profile, faults: {}, notice: 'x' }],
    ['account/profile', { ...profile, faults, alert: bad, theme: 'dark', picture: '/pictures/a' }],
    ...connectionViews(all, bad),
    ['account/requests', { ...all, requests, notice: 'x' }],
    ['account/requests', { ...all, requests: [] }],
    ['account/sessions', { ...all, sessions, others: 'others', notice: 'x' }],
    ['account/sessions', { ...all, sessions: [session], others: 'others' }],
    ['account/applications', { ...all, applications, isWithdrawn: true }],
    ['account/applications', { ...all, applications: [] }],
    ['account/activity', { ...all, events, filters, show: 'all', nextUrl: bad, latestUrl: bad }],
    ['account/activity', { ...all, events: [], filters, show: 'all' }],
  ];
}
