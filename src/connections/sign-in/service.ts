import type { Knex } from 'knex';
import { createEventLimit, FAILURES_PER_HOUR } from '../../audit/event-limit.ts';
import { recordEvent, recordEventIn } from '../../audit/index.ts';
import type { Origin } from '../../database/unit-of-work.ts';
import { LatchkeyError } from '../../kit/errors.ts';
import { createFreshCache } from '../../kit/fresh-cache.ts';
import type { OpenVisit, SignInDestination, States } from '../connect/states.ts';
import type { Upstream } from '../connect/upstream.ts';
import type { Service } from '../services/service-config.ts';
import type { UpstreamIdentity } from '../vault/connection-store.ts';
import { forSignIn } from './request.ts';
import { findLink, insertLink, type Link, recordLinkUse } from './store.ts';

export interface ConnectionSignInDeps {
  services: {
    /** An active one. */
    find(name: string): Promise<Service | undefined>;
    listActive(): Promise<Service[]>;
  };
  states: States;
  upstream: Upstream;
}

/** Why the sign-in failed, for the audit log only: the page is the same for each reason. */
function failureCode(link: Link | undefined): string | undefined {
  if (!link) return 'unknown_identity';
  if (!link.maySignIn) return 'sign_in_not_allowed';
  return link.isAccountActive ? undefined : 'disabled_account';
}

export const maySignIn = ({ isActive, authType, settings }: Service): boolean =>
  isActive && authType === 'oauth2' && settings.maySignIn === true;

const signInEnded = () =>
  new LatchkeyError(
    'invalid_input',
    'connected_sign_in_over',
    'This was completed already, or it took too long. Sign in again.',
  );

/** Signing in, and signing up, with an account of another service. */
export function createConnectionSignIn({ services, states, upstream }: ConnectionSignInDeps) {
  const limit = createEventLimit(FAILURES_PER_HOUR);
  const listFresh = createFreshCache(async () => (await services.listActive()).filter(maySignIn));

  function recordFailure(
    { name: service }: Service,
    clientId: string,
    failure: { accountId?: string | undefined; errorCode: string | undefined; reason?: string | undefined },
  ): void {
    const addition = limit({ action: 'sign_in.failed' });
    const { accountId = null, errorCode, reason } = failure;
    const details = { method: 'connection', service, reason, ...addition?.details };
    const event = { action: 'sign_in.failed', accountId, clientId, success: false, details };
    if (addition) recordEvent(errorCode === undefined ? event : { ...event, errorCode });
  }

  return {
    /** Lists the services with which users can sign in, from a cache that is at most one second old. */
    list: async (): Promise<Service[]> => (await listFresh('all')) ?? [],

    /** @returns undefined for a service that does not exist, is disabled, or does not allow it */
    async find(name: string): Promise<Service | undefined> {
      const service = await services.find(name);
      return service && maySignIn(service) ? service : undefined;
    },

    /**
     * Begins a visit to the service (`../connect/states.ts`), in the current unit of work.
     * @param visit `browser`: the digest of the cookie
     * @returns the URL to which the browser goes
     */
    beginVisit(
      service: Service,
      visit: { browser: string; destination: SignInDestination },
    ): Promise<string> {
      const begun = states.begin({ service: service.name, accountId: undefined, ...visit });
      return upstream.authorizationUrl(forSignIn(service), begun);
    },

    findVisit: states.find,

    /**
     * Ends a visit, which works once. What the service issued is not kept.
     * @returns who the person is there @throws UpstreamFault; LatchkeyError when another request ended it
     */
    async identify(
      service: Service,
      visit: OpenVisit & { state: string },
      response: URLSearchParams,
    ): Promise<UpstreamIdentity> {
      if (!(await states.consume(visit))) throw signInEnded();
      return (await upstream.redeem(forSignIn(service), visit, response)).identity;
    },

    /**
     * Records the sign-in, or that it failed, in the commit of the current request. The identifier at the service decides
     * alone. Every failure gives the same result: it says nothing about accounts.
     * @returns the account; undefined when it is unknown, disabled, or not to be signed in to with this identity
     */
    async signIn(service: Service, { id }: UpstreamIdentity, clientId: string): Promise<string | undefined> {
      const link = await findLink(service.name, id);
      const errorCode = failureCode(link);
      if (link && errorCode === undefined) {
        recordLinkUse(link);
        const { accountId, connectionId } = link;
        const details = { method: 'connection', connection: connectionId, service: service.name };
        recordEvent({ action: 'sign_in.succeeded', accountId, clientId, details });
        return accountId;
      }
      recordFailure(service, clientId, { accountId: link?.accountId, errorCode });
      return undefined;
    },

    /** Records that the service did not say who the person is. @param fault its code, and an error code of OAuth */
    recordFault(
      service: Service,
      clientId: string,
      fault: { code: string; reason: string | undefined },
    ): void {
      recordFailure(service, clientId, { errorCode: fault.code, reason: fault.reason });
    },

    /**
     * Links an identity to an account that is just being created.
     * @throws LatchkeyError conflict when it is connected to an account already
     */
    async link(
      trx: Knex.Transaction,
      link: { accountId: string; service: Service; identity: UpstreamIdentity },
      origin: Origin,
    ): Promise<void> {
      const { accountId, identity } = link;
      const service = link.service.name;
      const id = await insertLink(trx, { accountId, service, identity });
      if (id === undefined)
        throw new LatchkeyError(
          'conflict',
          'connection_taken',
          'That account is connected to another account on this server. Disconnect it there first.',
        );
      const details = { service, sign_up: true };
      await recordEventIn(
        trx,
        { action: 'connection.sign_in_allowed', accountId, target: id, details },
        origin,
      );
    },
  };
}

export type ConnectionSignIn = ReturnType<typeof createConnectionSignIn>;
