import type { UnitOfWork } from '../../database/unit-of-work.ts';

/**
 * What the rows of one request owe to each other. The engine handles a code, the tokens it is exchanged for and the
 * authorization request it ended separately; the unit of work remembers how they belong together.
 */

/** A row that this request has marked as used. */
export interface ConsumedRow {
  model: string;
  id: string;
  /** The key under which it is stored. */
  key: string;
  /** Its payload. */
  json: string;
  /** The id of its family; undefined for a token from before there were any. */
  family: string | undefined;
}

const CONSUMED = 'oidc.consumed-row';

export function setConsumedRow(unit: UnitOfWork, row: ConsumedRow): void {
  unit.memory.set(CONSUMED, row);
}

export function findConsumedRow(unit: UnitOfWork): ConsumedRow | undefined {
  return unit.memory.get(CONSUMED) as ConsumedRow | undefined;
}

/** An authorization request whose current interaction this request has ended. */
export interface EndedInteraction {
  /** The id of its row. */
  id: string;
  /** The engine's id for the whole request, which stays the same from prompt to prompt. */
  cid: unknown;
  /** When the interaction began, in seconds since 1970. */
  iat: number;
  /** The values of the write that ends it, which is not committed yet. */
  values: { id: string; status: string };
}

const BEGUN = 'oidc.begun-interaction';

/** Remembers the interaction of a visitor that becomes a row with this request, by the path where the engine goes on with it. */
export function setBegunInteraction(unit: UnitOfWork, path: string): void {
  unit.memory.set(BEGUN, path);
}

export function findBegunInteraction(unit: UnitOfWork): string | undefined {
  return unit.memory.get(BEGUN) as string | undefined;
}

const ENDED = 'oidc.ended-interaction';

export function setEndedInteraction(unit: UnitOfWork, ended: EndedInteraction): void {
  unit.memory.set(ENDED, ended);
}

export function findEndedInteraction(unit: UnitOfWork): EndedInteraction | undefined {
  return unit.memory.get(ENDED) as EndedInteraction | undefined;
}

/** Changes the pending write of the ended request to `approved`: the code that is being issued answers it. */
export function approveEndedRequest(unit: UnitOfWork): void {
  const ended = findEndedInteraction(unit);
  if (ended) ended.values.status = 'approved';
}

/** The code that this request issues: the id of its row, and the key under which it is stored. */
export interface IssuedCode {
  id: string;
  key: string;
}

const ISSUED = 'oidc.issued-code';

/** Remembers the code, which answers the ended request. */
export function recordIssuedCode(unit: UnitOfWork, code: IssuedCode): void {
  unit.memory.set(ISSUED, code);
  approveEndedRequest(unit);
}

export function findIssuedCode(unit: UnitOfWork): IssuedCode | undefined {
  return unit.memory.get(ISSUED) as IssuedCode | undefined;
}

/** Whether this request answers the ended one by tokens, and not by a code. */
export const isAnsweredByTokens = (unit: UnitOfWork): boolean =>
  findEndedInteraction(unit)?.values.status === 'approved' && findIssuedCode(unit) === undefined;

const FOUND = 'oidc.found-request';

/** Remembers the id that the row of the authorization request has or gets, whose interaction this request has found. */
export function setFoundRequest(unit: UnitOfWork, id: string): void {
  unit.memory.set(FOUND, id);
}

export function findFoundRequest(unit: UnitOfWork): string | undefined {
  return unit.memory.get(FOUND) as string | undefined;
}

const STORED = 'oidc.stored-request';

/** Remembers the row of the authorization request whose interaction this request stores. */
export function setStoredRequest(unit: UnitOfWork, id: string): void {
  unit.memory.set(STORED, id);
}

/** @returns the id of its row; undefined while it is only in the visitor's browser */
export function findStoredRequest(unit: UnitOfWork): string | undefined {
  return unit.memory.get(STORED) as string | undefined;
}
