import type { KoaContextWithOIDC, Provider } from 'oidc-provider';

type Step = (ctx: KoaContextWithOIDC, next: () => Promise<void>) => unknown;

/** The step that reads a pushed request, once the client is known, and refuses every other `request_uri`. */
const PLACE = 'loadPushedAuthorizationRequest';

const steps = await import('oidc-provider/lib/actions/authorization/index.js').then(
  ({ default: stepsOf }) => stepsOf('authorization') as Step[],
  () => undefined,
);
const place = steps?.findIndex(({ name }) => name === PLACE) ?? -1;

/** @returns what the engine lacks of the steps of the authorization endpoint */
export const findMissingAuthorizationStep = (): string | undefined => (place < 0 ? PLACE : undefined);

const readers = new WeakMap<object, (ctx: KoaContextWithOIDC) => Promise<void>>();

/** Has a name of its own, since the engine's steps are found by theirs. */
const readReference: Step = async (ctx, next) => {
  await readers.get(ctx.oidc.provider)?.(ctx);
  return next();
};

// The engine takes its list of steps when a provider is made, and has no hook between two of them.
if (place >= 0) steps?.splice(place, 0, readReference);

/** Runs `read` in each request to the authorization endpoint, once the client is known, before its request object is read. */
export function beforeRequestObject(
  provider: Provider,
  read: (ctx: KoaContextWithOIDC) => Promise<void>,
): void {
  readers.set(provider, read);
}
