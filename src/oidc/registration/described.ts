import { currentUnit, findUnit } from '../../database/unit-of-work.ts';
import type { BoundedColumns } from './bounds.ts';

/** By what a request may register an application. */
export interface Admission {
  via: 'dynamic' | 'registration_token';
  /** The row of the token. */
  tokenId?: string;
}

const ADMISSION = 'registration.admission';

export const setAdmission = (admission: Admission): void =>
  void currentUnit().memory.set(ADMISSION, admission);

export const findAdmission = (): Admission | undefined =>
  currentUnit().memory.get(ADMISSION) as Admission | undefined;

/** The columns of an application that has described itself in this request. */
const keyOf = (clientId: string) => `registration.described:${clientId}`;

/** Outside of a request nothing is written, so nothing is kept for it. */
export const setDescribed = (clientId: string, columns: BoundedColumns): void =>
  void findUnit()?.memory.set(keyOf(clientId), columns);

export const findDescribed = (clientId: string): BoundedColumns | undefined =>
  currentUnit().memory.get(keyOf(clientId)) as BoundedColumns | undefined;
