import type { Knex } from 'knex';
import type { Provider } from 'oidc-provider';
import { isVetted } from '../../access/registered-via.ts';
import { recordEventIn } from '../../audit/index.ts';
import type { Logger } from '../../kit/log.ts';
import { deferLogoutTokens } from './sign-outs.ts';
import {
  claimDueDeliveries,
  type Delivery,
  type DueClient,
  expandEndedSessions,
  listDueClients,
  putOffDeliveries,
  writeOutcome,
} from './store.ts';

/** The pause after each failed attempt: nine attempts in about eight hours. */
const RETRY_PAUSES_SECONDS = [5, 30, 120, 600, 1800, 3600, 7200, 14_400];
/** How long a server has the right to send to a client. It is longer than an attempt, which the engine ends after 2.5 seconds. */
const LEASE_MS = 60_000;
/** How many logout tokens are sent at once, in each run of each server. */
const MAX_SENT_AT_ONCE = 8;
/** How many clients with waiting tokens are read, to choose from them the ones to send to next. */
const MAX_CLIENTS = 1000;

/** Milliseconds until the next attempt, varied at random by up to a quarter; undefined after the last attempt. */
function pauseMsAfter(attempts: number): number | undefined {
  const seconds = RETRY_PAUSES_SECONDS[attempts - 1];
  return seconds && seconds * 1000 * (0.75 + Math.random() / 2);
}

/** What went wrong, without what the client sent. */
function describeFailure(error: unknown): string {
  const { message, cause, response } = error as Error & { response?: { status: number } };
  if (response) return `answered ${response.status}`;
  return cause instanceof Error ? `${message}: ${cause.message}` : message;
}

/** The job that sends logout tokens. It resolves with how many attempts it has made. */
export type LogoutDelivery = (shouldContinue?: () => boolean) => Promise<number>;

/**
 * Sends logout tokens that are due. A client that cannot be reached is tried again, ever more rarely, and given up after
 * nine attempts. Clients take turns, and after a failure all that is due for a client waits, so one that answers slowly
 * delays no other. From this call on, sign-outs at the engine leave their logout tokens to it.
 */
export function createLogoutDelivery(deps: {
  provider: Provider;
  database: { knex: Knex };
  log: Logger;
}): LogoutDelivery {
  const { log } = deps;
  const { knex } = deps.database;
  const send = deferLogoutTokens(deps.provider);
  /** When each client was last chosen, while anything is due for it. */
  let turns = new Map<string, number>();

  async function giveUp(delivery: Delivery, error: string): Promise<void> {
    const { account_id, client_id, session_uid } = delivery;
    await writeOutcome(knex, delivery, { status: 'failed', error });
    log.warn({ event: 'backchannel_logout.failed', client_id, error });
    const event = { action: 'backchannel_logout.failed', success: false, errorMessage: error };
    await knex.transaction((trx) =>
      recordEventIn(trx, {
        ...event,
        accountId: account_id,
        clientId: client_id,
        sessionUid: session_uid,
      }),
    );
  }

  async function attempt(delivery: Delivery): Promise<void> {
    try {
      const sent = await send(delivery.client_id, delivery.account_id, delivery.sid ?? undefined);
      if (sent) return await writeOutcome(knex, delivery, { status: 'delivered' });
      await writeOutcome(knex, delivery, {
        status: 'failed',
        error: 'the application is disabled, or has no such address',
      });
    } catch (error) {
      const text = describeFailure(error);
      const pause = pauseMsAfter(delivery.attempts);
      if (pause === undefined) return giveUp(delivery, text);
      const dueAt = new Date(Date.now() + pause);
      await writeOutcome(knex, delivery, { status: 'pending', error: text, dueAt });
      await putOffDeliveries(knex, delivery.client_id, dueAt);
    }
  }

  /** Takes what is due for the clients whose last turn is longest ago. Anyone can register many slow ones. */
  async function claimInTurn(): Promise<Delivery[]> {
    const due = await listDueClients(knex, MAX_CLIENTS);
    const turnOf = ({ client_id }: DueClient) => turns.get(client_id) ?? 0;
    due.sort((a, b) => turnOf(a) - turnOf(b));
    turns = new Map(due.map((client) => [client.client_id, turnOf(client)]));
    const vetted = due.filter(isVetted).slice(0, MAX_SENT_AT_ONCE);
    const maxOthers = MAX_SENT_AT_ONCE - Math.min(vetted.length, MAX_SENT_AT_ONCE / 2);
    const others = due.filter((client) => !isVetted(client)).slice(0, maxOthers);
    const next = [...vetted.slice(0, MAX_SENT_AT_ONCE - others.length), ...others];
    const limit = Math.floor(MAX_SENT_AT_ONCE / Math.max(1, next.length));
    const claimed: Delivery[] = [];
    for (const { client_id } of next) {
      turns.set(client_id, performance.now());
      claimed.push(...(await claimDueDeliveries(knex, client_id, { limit, leaseMs: LEASE_MS })));
    }
    return claimed;
  }

  return async (shouldContinue = () => true) => {
    let attempts = 0;
    while (shouldContinue()) {
      await expandEndedSessions(knex, 100);
      const claimed = await claimInTurn();
      if (claimed.length === 0) break;
      await Promise.all(claimed.map(attempt));
      attempts += claimed.length;
    }
    return attempts;
  };
}
