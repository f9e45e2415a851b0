/** What a page of a service has: how many items, and where the next incremental read begins. */
interface Page {
  items: number;
  total?: number | undefined;
  next?: string | undefined;
}

/** One kind of data that a sync reads. Each page is small: only counts are kept. */
export interface SyncReading {
  /** Its name in the log, and the key of its state. */
  resource: string;
  /** A scope of the service that allows it ends with one of these; unset: always allowed. */
  scopes?: RegExp;
  path: string;
  /** Parameters of a first read. */
  full: Record<string, string>;
  /** The request of a later read. Unset: it is always read as the first time. */
  incremental?: { path?: string; params(state: string): Record<string, string> };
  /** Whether an answer means that the state is too old, so that everything has to be read again. */
  isStale?(status: number, body: string): boolean;
  read(answer: Record<string, unknown>): Page;
}

const count = (list: unknown) => (Array.isArray(list) ? list.length : 0);
const textOf = (value: unknown) => (typeof value === 'string' ? value.slice(0, 500) : undefined);
const numberOf = (value: unknown) =>
  typeof value === 'number' && Number.isFinite(value) ? value : undefined;

/** https://developers.google.com/workspace/gmail/api/guides/sync, …/calendar/api/guides/sync, https://developers.google.com/people */
const GOOGLE: SyncReading[] = [
  {
    resource: 'gmail profile',
    scopes: /\/auth\/gmail\.(readonly|modify|metadata)$|^https:\/\/mail\.google\.com\/$/,
    path: 'gmail/v1/users/me/profile',
    full: {},
    incremental: {
      path: 'gmail/v1/users/me/history',
      params: (startHistoryId) => ({ startHistoryId, maxResults: '50' }),
    },
    isStale: (status) => status === 404,
    read: (answer) => ({
      items: 'history' in answer || !('emailAddress' in answer) ? count(answer.history) : 1,
      total: numberOf(answer.messagesTotal),
      next: textOf(answer.historyId),
    }),
  },
  {
    resource: 'calendar list',
    scopes: /\/auth\/calendar(\.readonly|\.calendarlist(\.readonly)?)?$/,
    path: 'calendar/v3/users/me/calendarList',
    full: { maxResults: '50' },
    incremental: { params: (syncToken) => ({ syncToken, maxResults: '50' }) },
    isStale: (status) => status === 410,
    read: (answer) => ({ items: count(answer.items), next: textOf(answer.nextSyncToken) }),
  },
  {
    resource: 'contacts',
    scopes: /\/auth\/contacts(\.readonly)?$/,
    path: 'v1/people/me/connections',
    full: { personFields: 'metadata', pageSize: '50', requestSyncToken: 'true' },
    incremental: {
      params: (syncToken) => ({
        personFields: 'metadata',
        pageSize: '50',
        requestSyncToken: 'true',
        syncToken,
      }),
    },
    isStale: (status, body) => status === 410 || (status === 400 && body.includes('EXPIRED_SYNC_TOKEN')),
    read: (answer) => ({
      items: count(answer.connections),
      total: numberOf(answer.totalItems),
      next: textOf(answer.nextSyncToken),
    }),
  },
];

/** https://docs.usemotion.com */
const MOTION: SyncReading[] = [
  { resource: 'user', path: 'users/me', full: {}, read: () => ({ items: 1 }) },
  {
    resource: 'workspaces',
    path: 'workspaces',
    full: {},
    read: (answer) => ({ items: count(answer.workspaces) }),
  },
];

/** The readings of each reader that `settings.sync` can name. */
export const READERS = { google: GOOGLE, motion: MOTION };
