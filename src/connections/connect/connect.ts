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

/** The signed-in user who connects, in whose session it happens. */
export interface ConnectingUser {
  accountId: string;
  sessionUid: string;
}

/** A connection that was made. */
export interface Connected {
  id: string;
  /** Whether the account there was not connected before. */
  isNew: boolean;
}

/** Connecting an account of a person at another service. */
export function createConnect({ states, upstream, vault, assertSignedIn, notify }: ConnectDeps) {
  async function keep(
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
     * Begins a visit at a service, in the current unit of work.
     * @param visit `browser`: the digest of the cookie
     * @returns the URL to which the browser goes
     */
    begin(
      service: Service,
      visit: { accountId: string; browser: string; destination: ConnectDestination },
    ): Promise<string> {
      const begun = states.begin({ service: service.name, ...visit });
      return upstream.authorizationUrl(service, begun);
    },

    /** Ends a visit: nobody else can end it afterwards. @returns what the service granted @throws UpstreamFault, LatchkeyError */
    async end(
      service: Service,
      visit: OpenVisit & { state: string },
      response: URLSearchParams,
    ): Promise<UpstreamGrant> {
      if (!(await states.consume(visit))) throw connectEnded(service);
      return upstream.redeem(service, visit, response);
    },

    findVisit: states.find,

    /** Stores what the service granted. @throws LatchkeyError connection_taken; unauthenticated when the user was signed out */
    keep,

    /** Connects with a key that the user entered. @throws UpstreamFault; LatchkeyError as for `keep` */
    async keepKey(
      service: Service,
      user: ConnectingUser,
      apiKey: string,
      origin: Origin,
    ): Promise<Connected> {
      return keep(service, user, await upstream.checkKey(service, apiKey.trim()), origin);
    },
  };
}

/** The page on which the person can connect. */
export const pageOf = ({ name }: Pick<Service, 'name'>): string => `/account/connections/${name}`;

export const connectEnded = (service: Service) =>
  new LatchkeyError(
    'invalid_input',
    'connect_ended',
    'This was completed already, or it took too long. Nothing was connected now.',
    { back: { url: pageOf(service), label: `Your account at ${service.displayName}` } },
  );

export type Connect = ReturnType<typeof createConnect>;
