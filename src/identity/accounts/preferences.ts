import type { Knex } from 'knex';
import { z } from 'zod';
import { selectOne, sql } from '../../database/statement-builders.ts';
import { currentUnit } from '../../database/unit-of-work.ts';
import { uuidv7 } from '../../kit/ids.ts';
import { parse } from '../../kit/parse.ts';

const TABLE = 'T_user_preferences';

export const THEMES = ['light', 'dark'] as const;

/** The notices that can be switched off. Those about the security of an account always come. */
export const MAIL_NOTICES = ['connection_broken', 'sign_in_request'] as const;

export type MailNotice = (typeof MAIL_NOTICES)[number];

const theme = z.enum(THEMES, 'Choose one of the looks');
const defaultConnections = z.record(z.string().max(64), z.uuid('Choose one of your accounts'));
const mail = z.looseObject({
  connection_broken: z.boolean().optional(),
  sign_in_request: z.boolean().optional(),
});

/** What an account prefers. A member that is missing has its default. */
const document = z.object({
  /** Undefined: as the browser is set. */
  theme: theme.optional(),
  /** The connection that is used at a service if a request names none, by the name of the service. */
  default_connections: defaultConnections.optional(),
  /** Which notices are mailed. By default, all. */
  mail: mail.optional(),
});

/** What is read ignores a value that somebody has written into the table and that means nothing. */
const lenientDocument = z.object({
  theme: theme.optional().catch(undefined),
  default_connections: defaultConnections.optional().catch(undefined),
  mail: mail.optional().catch(undefined),
});

export type Preferences = z.output<typeof document>;

/** What changes; null removes a value, so that its default applies again. */
export interface PreferencesChange {
  theme?: Preferences['theme'] | null;
  default_connections?: Record<string, string | null>;
  mail?: Partial<Record<MailNotice, boolean | null>>;
}

type Json = Record<string, unknown>;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** JSON Merge Patch (RFC 7396): members that the patch does not name stay. */
function merge(stored: unknown, patch: object): Json {
  const merged: Json = isObject(stored) ? { ...stored } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name];
    else if (isObject(value)) merged[name] = merge(merged[name], value);
    else if (value !== undefined) merged[name] = value;
  }
  return merged;
}

const read = (settings: unknown): Preferences => lenientDocument.parse(JSON.parse(String(settings)));

const SELECT = selectOne({ columns: 'settings', from: TABLE, where: sql`account_id = ${'account_id'}` });

/** Reads the preferences of an account once per request. */
export async function findPreferences(accountId: string): Promise<Preferences> {
  const unit = currentUnit();
  return unit.readOnce(`${TABLE}:${accountId}`, async () => {
    const row = await unit.readOne(SELECT, { account_id: accountId });
    return row ? read(row.settings) : {};
  });
}

/** Whether the owner of an account wants a notice by mail. */
export async function wantsMail(source: Knex, accountId: string, notice: MailNotice): Promise<boolean> {
  const row = await source(TABLE).where({ account_id: accountId }).first('settings');
  return !row || read(row.settings).mail?.[notice] !== false;
}

/**
 * Changes the preferences that are named, and keeps the others. The row of the account must be locked.
 * @throws LatchkeyError invalid_input
 */
export async function changePreferences(
  trx: Knex.Transaction,
  accountId: string,
  change: PreferencesChange,
): Promise<void> {
  const row = await trx(TABLE).where({ account_id: accountId }).first('settings');
  const stored: Json = row ? JSON.parse(row.settings) : {};
  // What means nothing is removed, and what only a later version knows is kept.
  const merged = merge({ ...stored, ...lenientDocument.parse(stored) }, change);
  parse(document, merged);
  const settings = JSON.stringify(merged);
  const now = new Date();
  if (row) await trx(TABLE).where({ account_id: accountId }).update({ settings, updated_at: now });
  else await trx(TABLE).insert({ id: uuidv7(), created_at: now, account_id: accountId, settings });
}
