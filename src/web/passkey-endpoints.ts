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
const request = z.object({
  csrf: z.string().max(100).default(''),
  /** The interaction of the page, perhaps with the sealed request of a visitor. Pages of the account have none. */
  interaction: z.string().max(4200).optional(),
  purpose: z.enum(['authentication', 'second_factor', 'sign_key', 'recovery']).default('authentication'),
  ceremony: z.enum(['passkey', 'security_key', 'upgrade']).default('passkey'),
  /** The key to approve. */
  key: z.string().max(36).optional(),
  /** The fields of the form beside the button. */
  fields: z.record(z.string().max(32), z.string().max(1024)).default({}),
  response: z.unknown().optional(),
});

export type CeremonyRequest = z.output<typeof request>;

/** The ceremonies of an interaction, or of the account's pages. Each function returns the JSON to send. */
export interface PasskeyCeremonies {
  startRegistration(ctx: Context, asked: CeremonyRequest): Promise<object>;
  finishRegistration(ctx: Context, asked: CeremonyRequest): Promise<object>;
  startAuthentication(ctx: Context, asked: CeremonyRequest): Promise<object>;
  finishAuthentication(ctx: Context, asked: CeremonyRequest): Promise<object>;
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
const WRITING = new Set(['startRegistration', 'finishAuthentication']);

/** The endpoints that our script calls: first for the options, then with the response of the authenticator. */
export function createPasskeyEndpoints(
  router: Router,
  sides: { interaction: PasskeyCeremonies; account: PasskeyCeremonies },
  /** The limit on ceremonies, which write rows. */
  ceremonyLimit: Pick<AddressLimit, 'countAttempt'>,
): void {
  for (const [path, step] of Object.entries(STEPS)) {
    router.post(path, async (ctx) => {
      const asked = parse(request, await readJson(ctx, MAX_BODY_BYTES));
      if (step.startsWith('finish') && asked.response === undefined)
        throw new LatchkeyError(
          'invalid_input',
          'passkey_response_missing',
          'The passkey did not answer. Try again.',
        );
      if (WRITING.has(step)) await ceremonyLimit.countAttempt(currentUnit().origin.ip);
      const side = asked.interaction === undefined ? sides.account : sides.interaction;
      ctx.set('Cache-Control', 'no-store');
      const answer: { location?: string } = await side[step](ctx, asked);
      if (answer.location !== undefined) answer.location = toAddress(ctx, answer.location);
      ctx.body = answer;
    });
  }
}
