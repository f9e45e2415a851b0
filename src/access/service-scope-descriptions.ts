/** The words on pages for the scopes of other services: Google's `…/auth/gmail.readonly` is “Gmail, reading”. */

const ACTS: [ending: RegExp, act: string][] = [
  [/\.?readonly$|\.?read$|^read:/i, 'reading'],
  [/\.?readwrite$|\.?modify$|\.?write$|^write:/i, 'reading and changing'],
];

/** @returns a scope of a service in words: `https://www.googleapis.com/auth/calendar.readonly` is “Calendar, reading” */
function describeServiceScope(scope: string): string {
  const last = scope.split('/').filter(Boolean).at(-1) ?? scope;
  const act = ACTS.find(([ending]) => ending.test(last));
  const thing = (act ? last.replace(act[0], '') : last).replaceAll(/[._:-]+/g, ' ').trim() || last;
  const name = `${thing.charAt(0).toUpperCase()}${thing.slice(1)}`;
  return act ? `${name}, ${act[1]}` : name;
}

/** Scopes that say who the person is, and are not about their data. Services also grant them under other names. */
const IDENTITY_SCOPES = new Set(['openid', 'email', 'profile', 'offline_access']);
const OTHER_IDENTITY_SCOPE = /\/userinfo\.(email|profile)$/;

/** Splits a list of scopes as services write it: most put spaces between them, GitHub commas. */
export const splitServiceScopes = (scope: string): string[] => scope.split(/[\s,]+/).filter(Boolean);

/** @returns what an application can read or change with these scopes, without those that only say who the person is */
export const describeServiceScopes = (scope: string | undefined): string[] =>
  splitServiceScopes(scope ?? '')
    .filter((one) => !IDENTITY_SCOPES.has(one) && !OTHER_IDENTITY_SCOPE.test(one))
    .map(describeServiceScope);

/** @returns what was asked and not granted: at some services people untick scopes */
export function describeMissingScopes(asked: string[], scope: string | undefined): string[] {
  if (scope === undefined) return [];
  const granted = splitServiceScopes(scope);
  return asked.filter((one) => !IDENTITY_SCOPES.has(one) && !granted.includes(one)).map(describeServiceScope);
}
