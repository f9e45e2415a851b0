/** How an application came to be registered. */
export type RegisteredVia = 'admin' | 'dynamic' | 'registration_token' | 'metadata_document';

/** The ways of applications that an operator has registered, or has given a token to register themselves. */
export const VETTED_WAYS: readonly RegisteredVia[] = ['admin', 'registration_token'];

/** Undefined for the client of our own pages. */
type Registered = { registered_via?: RegisteredVia | undefined };

/** Whether the application itself has said what it is, and not an operator. */
export const describesItself = ({ registered_via }: Registered): boolean =>
  registered_via !== undefined && registered_via !== 'admin';

/** Whether an operator has registered the application, or has given it a token to register itself. */
export const isVetted = ({ registered_via }: Registered): boolean =>
  registered_via === undefined || VETTED_WAYS.includes(registered_via);
