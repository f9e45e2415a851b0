import { currentUnit } from '../../database/unit-of-work.ts';
import type { BoundedColumns } from './bounds.ts';

/** What lets a request register an application: open registration, or an initial access token. */
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

export const setDescribed = (clientId: string, columns: BoundedColumns): void =>
  void currentUnit().memory.set(keyOf(clientId), columns);

export const findDescribed = (clientId: string): BoundedColumns | undefined =>
  currentUnit().memory.get(keyOf(clientId)) as BoundedColumns | undefined;

const MAX_DOCUMENTS = 1000;
/** The columns of applications that describe themselves by a document, as this server last read it. */
const documents = new Map<string, BoundedColumns>();

export function setDocument(clientId: string, columns: BoundedColumns): void {
  documents.delete(clientId);
  if (documents.size >= MAX_DOCUMENTS) documents.delete(documents.keys().next().value as string);
  documents.set(clientId, columns);
}

export const findDocument = (clientId: string): BoundedColumns | undefined => documents.get(clientId);
