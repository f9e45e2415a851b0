import type { Knex } from 'knex';
import { uuidv7 } from '../../kit/ids.ts';
import type { Logger } from '../../kit/log.ts';
import { putUses, type UseRow } from './store.ts';

/** What begins: who uses which account at which service, and for what. */
export interface BegunUse {
  accountId: string;
  service: string;
  /** The application; null: Latchkey itself. */
  clientId: string | null;
  action: UseRow['action_type'];
  /** Method and path without the query, or what is read; undefined for a token. */
  resource?: string;
}

/** How it ended. */
export interface EndOfUse {
  status: 'completed' | 'failed' | 'cancelled';
  /** The size of the answer. */
  bytes?: number | undefined;
  items?: number | undefined;
  itemsTotal?: number | undefined;
  errorCode?: string | undefined;
  errorMessage?: string | undefined;
}

/** A use that is under way. */
export interface RunningUse {
  /** Names the connection, once it is known. */
  setConnection(id: string): void;
  /** Records how the use ended. Later calls change nothing. */
  end(outcome: EndOfUse): void;
}

/** The most ended uses in memory. A database that is unavailable for minutes must not fill it. */
const MAX_WAITING = 10_000;
/** A use that lasts longer is written before it ends, so that a server that is killed leaves a trace of it. */
const LONG_USE_MS = 5000;

const cut = (text: string | undefined, length: number) => text?.slice(0, length) ?? null;

function toRow(use: BegunUse, now: Date): UseRow {
  return {
    id: uuidv7(now.getTime()),
    created_at: now,
    account_id: use.accountId,
    user_provider_id: null,
    provider: use.service.slice(0, 64),
    client_id: cut(use.clientId ?? undefined, 255),
    action_type: use.action,
    status: 'started',
    resource: cut(use.resource, 1000),
    data_size: null,
    items_processed: null,
    items_total: null,
    duration_ms: null,
    error_code: null,
    error_message: null,
    started_at: now,
    completed_at: null,
  };
}

/**
 * The log of uses of connections, which people read. Requests only note a use in memory, and a job writes what they noted: no
 * response waits for it.
 */
export function createUseLog(knex: Knex, log: Pick<Logger, 'error'>) {
  const running = new Set<UseRow>();
  let ended: UseRow[] = [];
  let dropped = 0;

  function add(row: UseRow): void {
    if (ended.length < MAX_WAITING) ended.push(row);
    else dropped += 1;
  }

  return {
    begin(use: BegunUse, now = new Date()): RunningUse {
      const row = toRow(use, now);
      const began = performance.now();
      running.add(row);
      return {
        setConnection(id) {
          row.user_provider_id = id;
        },
        end(outcome) {
          if (!running.delete(row)) return;
          row.status = outcome.status;
          row.data_size = outcome.bytes ?? null;
          row.items_processed = outcome.items ?? null;
          row.items_total = outcome.itemsTotal ?? null;
          row.error_code = cut(outcome.errorCode, 64);
          row.error_message = cut(outcome.errorMessage, 1000);
          row.duration_ms = Math.round(performance.now() - began);
          row.completed_at = new Date(now.getTime() + row.duration_ms);
          add(row);
        },
      };
    },

    /**
     * Writes what ended since the last call, and what has been under way for long.
     * @returns how many rows; if it throws, what was not written waits for the next call
     */
    async write(now = new Date()): Promise<number> {
      const rows = ended;
      ended = [];
      if (dropped > 0) log.error({ event: 'connection_log', dropped });
      dropped = 0;
      const long = [...running].filter((row) => now.getTime() - row.started_at.getTime() >= LONG_USE_MS);
      try {
        await putUses(knex, [...rows, ...long]);
      } catch (error) {
        ended = [...rows, ...ended].slice(0, MAX_WAITING);
        throw error;
      }
      return rows.length;
    },
  };
}

export type UseLog = ReturnType<typeof createUseLog>;
