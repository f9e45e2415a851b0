import { errors, type KoaContextWithOIDC } from 'oidc-provider';
import { currentUnit } from '../../database/unit-of-work.ts';
import { LatchkeyError } from '../../kit/errors.ts';
import { WORDING } from './errors.ts';

type Step = (ctx: KoaContextWithOIDC, next: () => Promise<void>) => unknown;
type Register = (name: string, path: string, ...steps: Step[]) => unknown;

/** The engine's steps that render an error. Each knows only the engine's own errors. */
const RENDERERS = [WORDING.renderError, WORDING.renderAuthorizationError, WORDING.renderDeviceError].map(
  ([, text]) => text.split(' ').at(-1),
);

const METHODS = ['get', 'post', 'put', 'delete'] as const;

const router = await import('oidc-provider/lib/helpers/router.js').then(
  ({ default: Router }) => Router.prototype as Record<string, Register>,
  () => undefined,
);

/** @returns what the engine lacks of the methods that are replaced here */
export const findMissingRouter = (): string | undefined =>
  METHODS.find((method) => typeof router?.[method] !== 'function');

/**
 * Turns a refusal of ours into one of the engine's. As everywhere, nothing is committed of a request that we refuse. The code goes
 * to the log. A fault of this server stays as it is.
 */
const convertRefusals: Step = async (ctx, next) => {
  try {
    await next();
  } catch (error) {
    if (!(error instanceof LatchkeyError) || error.status >= 500) throw error;
    currentUnit().discardWrites();
    ctx.remove('Set-Cookie');
    if (error.retryAfter !== undefined) ctx.set('Retry-After', String(error.retryAfter));
    // The declared constructor has no room for the detail.
    throw Reflect.construct(errors.InvalidRequest, [error.message, error.status, { detail: error.code }]);
  }
};

const withConversion = (steps: Step[]): Step[] =>
  steps.flatMap((step) => (RENDERERS.includes(step.name) ? [step, convertRefusals] : [step]));

// The engine calls our functions at dozens of places, and keeps its routes to itself once a provider is made.
for (const method of METHODS) {
  const register = router?.[method];
  if (!router || !register) continue;
  router[method] = function (name, path, ...steps) {
    return register.call(this, name, path, ...withConversion(steps));
  };
}
