import type { Knex } from 'knex';
import type { Driver } from '../../database/driver/contract.ts';
import { selectOne, sql } from '../../database/statement-builders.ts';
import { uuidv7 } from '../../kit/ids.ts';

const TABLE = 'T_trusted_issuers';

export const SUBJECTS = ['email', 'username'] as const;

/** A server whose identity assertions are accepted. */
export interface TrustedIssuer {
  issuer: string;
  jwks_uri: string;
  /** What finds the account: the claim `email`, or `sub` as a username. */
  subject: (typeof SUBJECTS)[number];
  /** The most that it can grant. */
  scopes: string[];
}

type Row = Omit<TrustedIssuer, 'scopes'> & { scopes: string };

const SELECT_ISSUER = selectOne({
  columns: 'issuer, jwks_uri, subject, scopes',
  from: TABLE,
  where: sql`issuer = ${'issuer'}`,
});

const toIssuer = (row: Row): TrustedIssuer => ({
  issuer: row.issuer,
  jwks_uri: row.jwks_uri,
  subject: row.subject,
  scopes: JSON.parse(row.scopes),
});

export async function findTrustedIssuer(driver: Driver, issuer: string): Promise<TrustedIssuer | undefined> {
  const row = await driver.readOne(SELECT_ISSUER, { issuer });
  return row && toIssuer(row as unknown as Row);
}

export async function listTrustedIssuers(source: Knex): Promise<TrustedIssuer[]> {
  const rows: Row[] = await source(TABLE).orderBy('id').select('issuer', 'jwks_uri', 'subject', 'scopes');
  return rows.map(toIssuer);
}

export async function insertTrustedIssuer(trx: Knex.Transaction, issuer: TrustedIssuer): Promise<void> {
  const row = { ...issuer, scopes: JSON.stringify(issuer.scopes) };
  await trx(TABLE).insert({ ...row, id: uuidv7(), created_at: new Date() });
}

/** @returns how many rows there were */
export const deleteTrustedIssuer = (trx: Knex.Transaction, issuer: string): Promise<number> =>
  trx(TABLE).where({ issuer }).delete();
