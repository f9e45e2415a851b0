import type Router from '@koa/router';
import type { Context } from 'koa';
import { z } from 'zod';
import { currentUnit } from '../database/unit-of-work.ts';
import { LatchkeyError } from '../kit/errors.ts';
import { parse } from '../kit/parse.ts';
import { readJson } from './json-body.ts';
import type { AddressLimit } from './rate-limits/index.ts';
import { toAddress } from './respond.ts';

const MAX_BODY_BYTES = 48 * 1024;

/** What our script sends. Other members are ignored. */
const ceremonyRequest = z.object({
  csrf: z.string().max(100).default(''),
  /**
   * The path of the interaction that the page belongs to, and, if it is a visitor's, `#` and their sealed request. Pages of the
   * account send none.
   */
  interaction: z.string().max(4200).optional(),
  purpose: z.enum(['authentication', 'second_factor', 'sign_key', 'recovery']).default('authentication'),
  ceremony: z.enum(['passkey', 'security_key', 'upgrade']).default('passkey'),
  /** With `sign_key`: the id of a new key, which a key of the account confirms (docs/decisions/0013). */
  key: z.string().max(36).optional(),
  /** The fields of the form beside the button. */
  fields: z.record(z.string().max(32), z.string().max(1024)).default({}),
  response: z.unknown().optional(),
});

export type CeremonyRequest = z.output<typeof ceremonyRequest>;

/** The ceremonies of an interaction, or of the account's pages. Each function returns the JSON to send. */
export interface PasskeyCeremonies {
  startRegistration(ctx: Context, request: CeremonyRequest): Promise<object>;
  finishRegistration(ctx: Context, request: CeremonyRequest): Promise<object>;
  startAuthentication(ctx: Context, request: CeremonyRequest): Promise<object>;
  finishAuthentication(ctx: Context, request: CeremonyRequest): Promise<object>;
}

const STEPS = {
  '/webauthn/registration/options': 'startRegistration',
  '/webauthn/registration/verify': 'finishRegistration',
  '/webauthn/authentication/options': 'startAuthentication',
  '/webauthn/authentication/verify': 'finishAuthentication',
} as const;

/**
 * The steps that store a challenge, and so are limited. Starting an authentication stores nothing: its challenge is
 * stored when it is answered.
 */
const STORING = new Set(['startRegistration', 'finishAuthentication']);

/** The endpoints that our script calls: first for the options, then with the response of the authenticator. */
export function createPasskeyEndpoints(
  router: Router,
  ceremonies: { interaction: PasskeyCeremonies; account: PasskeyCeremonies },
  /** The limit on the steps that store a challenge. */
  ceremonyLimit: Pick<AddressLimit, 'countAttempt'>,
): void {
  for (const [path, step] of Object.entries(STEPS)) {
    router.post(path, async (ctx) => {
      const request = parse(ceremonyRequest, await readJson(ctx, MAX_BODY_BYTES));
      if (step.startsWith('finish') && request.response === undefined)
        throw new LatchkeyError(
          'invalid_input',
          'passkey_response_missing',
          'The passkey did not answer. Try again.',
        );
      if (STORING.has(step)) await ceremonyLimit.countAttempt(currentUnit().origin.ip);
      const { [step]: runStep } =
        request.interaction === undefined ? ceremonies.account : ceremonies.interaction;
      ctx.set('Cache-Control', 'no-store');
      const answer: { location?: string } = await runStep(ctx, request);
      if (answer.location !== undefined) answer.location = toAddress(ctx, answer.location);
      ctx.body = answer;
    });
  }
}
