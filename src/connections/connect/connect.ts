import type { Knex } from 'knex';
import type { Origin } from '../../database/unit-of-work.ts';
import { LatchkeyError } from '../../kit/errors.ts';
import type { Service } from '../services/service-config.ts';
import type { Vault } from '../vault/index.ts';
import { accessLevelOf } from './grant.ts';
import type { ConnectDestination, OpenVisit, States } from './states.ts';
import type { Upstream, UpstreamGrant } from './upstream.ts';

export interface ConnectDeps {
  states: States;
  upstream: Upstream;
  vault: Pick<Vault, 'save'>;
  /** Locks the account. @throws LatchkeyError when the session has ended, also because the account was closed or disabled */
  assertSignedIn(trx: Knex.Transaction, accountId: string, by: { session: string }): Promise<void>;
  /** Mails the owner. */
  notify(accountId: string, event: 'connection_added', details: { service: string }): void;
}

/** The signed-in user who connects an account, and the session in which they do so. */
export interface ConnectingUser {
  accountId: string;
  sessionUid: string;
}

/** A connection that was stored. */
export interface Connected {
  id: string;
  /** False when that account at the service was connected already, and has new credentials now. */
  isNew: boolean;
}

/**
 * Connecting an account of a person at another service. To allow it, the person visits the service: the browser goes there and
 * comes back (`states.ts`). A service with keys needs no visit.
 */
export function createConnect({ states, upstream, vault, assertSignedIn, notify }: ConnectDeps) {
  async function saveConnection(
    service: Service,
    { accountId, sessionUid }: ConnectingUser,
    { identity, tokens }: UpstreamGrant,
    origin: Origin,
  ): Promise<Connected> {
    const accessLevel = accessLevelOf(service, tokens.scope ?? '');
    const saved = await vault.save(
      { accountId, service: service.name, identity, accessLevel, tokens },
      { origin, prepare: (trx) => assertSignedIn(trx, accountId, { session: sessionUid }) },
    );
    if (saved.isNew) notify(accountId, 'connection_added', { service: service.displayName });
    return saved;
  }

  return {
    /**
     * Begins a visit to a service, in the current unit of work.
     * @param visit `browser`: the digest of the cookie
     * @returns the URL to which the browser goes
     */
    beginVisit(
      service: Service,
      visit: { accountId: string; browser: string; destination: ConnectDestination },
    ): Promise<string> {
      const begun = states.begin({ service: service.name, ...visit });
      return upstream.authorizationUrl(service, begun);
    },

    /** Ends a visit, which works once. @returns what the service granted @throws UpstreamFault, LatchkeyError */
    async endVisit(
      service: Service,
      visit: OpenVisit & { state: string },
      response: URLSearchParams,
    ): Promise<UpstreamGrant> {
      if (!(await states.consume(visit))) throw connectEnded(service);
      return upstream.redeem(service, visit, response);
    },

    findVisit: states.find,

    /** Stores what the service granted. @throws LatchkeyError connection_taken; unauthenticated when the user was signed out */
    saveConnection,

    /** Connects with a key that the user entered. @throws UpstreamFault; LatchkeyError as for `saveConnection` */
    async connectWithKey(
      service: Service,
      user: ConnectingUser,
      apiKey: string,
      origin: Origin,
    ): Promise<Connected> {
      return saveConnection(service, user, await upstream.checkKey(service, apiKey.trim()), origin);
    },
  };
}

/** The path of the page on which the user connects that service. */
export const connectionPageOf = ({ name }: Pick<Service, 'name'>): string => `/account/connections/${name}`;

export const connectEnded = (service: Service) =>
  new LatchkeyError(
    'invalid_input',
    'connect_ended',
    'This was completed already, or it took too long. Nothing was connected now.',
    { back: { url: connectionPageOf(service), label: `Your account at ${service.displayName}` } },
  );

export type Connect = ReturnType<typeof createConnect>;
