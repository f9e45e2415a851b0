import { accounts } from './accounts.ts';
import { applications } from './applications.ts';
import { audit } from './audit.ts';
import { authorization } from './authorization.ts';
import { connections } from './connections.ts';
import { factors } from './factors.ts';
import { invitations } from './invitations.ts';
import { logout } from './logout.ts';
import type { TableDescription } from './model.ts';
import { preferences } from './preferences.ts';
import { tokens } from './tokens.ts';
import { traces } from './traces.ts';
import { trustedIssuers } from './trusted-issuers.ts';
import { upstreamStates } from './upstream-states.ts';

/** Every table of the schema, in the order of docs/DATABASE.md. */
export const descriptions: Record<string, TableDescription> = {
  ...accounts,
  ...preferences,
  ...factors,
  ...invitations,
  ...applications,
  ...trustedIssuers,
  ...authorization,
  ...tokens,
  ...logout,
  ...connections,
  ...upstreamStates,
  ...traces,
  ...audit,
};
