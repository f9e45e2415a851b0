import type { ServerResponse } from 'node:http';
import { json } from './http.ts';

/** As https://developers.google.com/workspace/calendar/api/guides/errors shows it. */
const INSUFFICIENT = {
  error: {
    code: 403,
    message: 'Request had insufficient authentication scopes.',
    status: 'PERMISSION_DENIED',
    details: [{ reason: 'ACCESS_TOKEN_SCOPE_INSUFFICIENT' }],
  },
};

/** In the shapes of the reference of Calendar v3, Gmail v1 and People v1. */
const CALENDARS = {
  kind: 'calendar#calendarList',
  nextSyncToken: 'sync-2',
  items: [
    { kind: 'calendar#calendarListEntry', id: 'ada@gmail.example', summary: 'Ada', primary: true },
    { kind: 'calendar#calendarListEntry', id: 'tides@group.example', summary: 'Tides' },
  ],
};
const CONTACTS = {
  connections: [
    { resourceName: 'people/c1', names: [{ displayName: 'Mei' }] },
    { resourceName: 'people/c2', names: [{ displayName: 'Noor' }] },
  ],
  totalPeople: 2,
  totalItems: 2,
  nextSyncToken: 'people-2',
};

const gone = (status: number, reason: string, message: string) => ({
  error: { code: status, message, errors: [{ domain: 'global', reason, message }] },
});

/** Which scope a path needs: the part behind the last slash. */
const NEEDS: [RegExp, string][] = [
  [/^\/calendar\/v3\//, 'calendar.readonly'],
  [/^\/gmail\/v1\//, 'gmail.readonly'],
  [/^\/v1\/people\//, 'contacts.readonly'],
];

/** The APIs of Google that syncs read. @returns false for another path */
export function answerGoogleApi(
  res: ServerResponse,
  { pathname, searchParams }: URL,
  grant: { user: { email: string }; scope: string },
): boolean {
  const [, needed] = NEEDS.find(([pattern]) => pattern.test(pathname)) ?? [];
  const scopes = grant.scope.split(' ').map((scope) => scope.slice(scope.lastIndexOf('/') + 1));
  if (needed && !scopes.includes(needed)) json(res, 403, INSUFFICIENT);
  else if (pathname === '/calendar/v3/users/me/calendarList') {
    if (searchParams.get('syncToken') === 'sync-old')
      json(
        res,
        410,
        gone(410, 'fullSyncRequired', 'Sync token is no longer valid, a full sync is required.'),
      );
    else json(res, 200, searchParams.has('syncToken') ? { ...CALENDARS, items: [] } : CALENDARS);
  } else if (pathname === '/gmail/v1/users/me/profile')
    json(res, 200, {
      emailAddress: grant.user.email,
      messagesTotal: 21,
      threadsTotal: 8,
      historyId: '2001',
    });
  else if (pathname === '/gmail/v1/users/me/history') {
    if (searchParams.get('startHistoryId') === '1')
      json(res, 404, gone(404, 'notFound', 'Requested entity was not found.'));
    else json(res, 200, { historyId: '2002', history: [{ id: '2002', messages: [{ id: 'm1' }] }] });
  } else if (pathname === '/v1/people/me/connections') {
    if (searchParams.get('syncToken') === 'people-old')
      json(res, 400, {
        error: {
          code: 400,
          status: 'FAILED_PRECONDITION',
          message: 'Sync token is expired.',
          details: [{ reason: 'EXPIRED_SYNC_TOKEN' }],
        },
      });
    else json(res, 200, searchParams.has('syncToken') ? { ...CONTACTS, connections: [] } : CONTACTS);
  } else return false;
  return true;
}
