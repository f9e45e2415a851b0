import type { Knex } from 'knex';
import type { ResourceScopes } from '../../access/scopes.ts';
import { type Actor, recordEventIn } from '../../audit/index.ts';
import { toDate } from '../../database/instants.ts';
import { inTransaction } from '../../database/transaction.ts';
import type { Origin } from '../../database/unit-of-work.ts';
import { listApplications } from './applications.ts';
import { type ConnectionAccessKey, endConnectionAccess } from './end-connection-access.ts';
import {
  type AccessKey,
  type ConsentFilter,
  countTokens,
  endAccess,
  listConsents,
  parseResources,
} from './store.ts';

/** An application that can act for an account: it has tokens, or will get some without a question. */
export interface GrantedAccess extends AccessKey {
  /** Whether the user's consent is remembered, so that the next sign-in is not asked for it. */
  remembered: boolean;
  /** What was allowed; empty without a remembered consent. */
  scope: string;
  claims: string;
  /** What was allowed of each resource (RFC 8707). */
  resources: ResourceScopes;
  /** ISO 8601. */
  allowed_at: string | null;
  /** When consent was last given, or a session last began to use it without a question. */
  last_used_at: string | null;
  /** Access tokens that have not expired, and refresh tokens that were not used. */
  tokens: number;
}

const NOT_REMEMBERED = {
  remembered: false,
  scope: '',
  claims: '',
  resources: {},
  allowed_at: null,
  last_used_at: null,
};

const nameOf = ({ account_id, client_id }: AccessKey) => `${account_id} ${client_id}`;

/** What users have allowed applications: listing it, and withdrawing it. */
export function createConsents(knex: Knex) {
  return {
    /** Remembered consents, and applications that have tokens without one, such as first-party ones. */
    async list(filter: ConsentFilter): Promise<GrantedAccess[]> {
      const found = new Map<string, GrantedAccess>();
      for (const { created_at, last_used_at, resources, ...consent } of await listConsents(knex, filter))
        found.set(nameOf(consent), {
          ...consent,
          remembered: true,
          resources: parseResources(resources),
          allowed_at: toDate(created_at).toISOString(),
          last_used_at: toDate(last_used_at).toISOString(),
          tokens: 0,
        });
      for (const { tokens, scope, last_issued_at, ...key } of await countTokens(knex, filter)) {
        const access = found.get(nameOf(key)) ?? { ...key, ...NOT_REMEMBERED, tokens: 0 };
        found.set(nameOf(key), { ...access, tokens: access.tokens + tokens });
      }
      return [...found.values()];
    },

    /** The applications that can act for an account, the last used first, for its owner. */
    listApplications: (accountId: string) => listApplications(knex, accountId),

    /**
     * Ends the access of applications: their codes and tokens, and the remembered consent, so that the user is asked again.
     * @param origin of the request; empty at the command line
     * @returns whose access to what has ended; empty when there was nothing to withdraw
     */
    withdraw: (actor: Actor, filter: ConsentFilter, origin: Origin = {}): Promise<AccessKey[]> =>
      inTransaction(knex, async (trx) => {
        const ended = await endAccess(trx, filter);
        for (const { account_id, client_id } of ended)
          await recordEventIn(
            trx,
            {
              action: 'consent.withdrawn',
              actorId: actor.accountId,
              accountId: account_id,
              clientId: client_id,
            },
            origin,
          );
        return ended;
      }),

    /**
     * Ends the use of a person's accounts at a service by an application. Its tokens stay for everything else.
     * @returns whether it was allowed
     */
    withdrawConnections: (actor: Actor, access: ConnectionAccessKey, origin: Origin = {}): Promise<boolean> =>
      inTransaction(knex, async (trx) => {
        if (!(await endConnectionAccess(trx, access))) return false;
        const { accountId, clientId, service } = access;
        const event = { action: 'connection.withdrawn', accountId, clientId, details: { service } };
        await recordEventIn(trx, { ...event, actorId: actor.accountId }, origin);
        return true;
      }),
  };
}

export type Consents = ReturnType<typeof createConsents>;
