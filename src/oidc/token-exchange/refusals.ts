import { errors, type Provider } from 'oidc-provider';
import type { LatchkeyError } from '../../kit/errors.ts';

/** A refusal of the token endpoint (RFC 6749 section 5.2) with members of ours, which the engine does not know. */
export class TokenRefused extends errors.OIDCProviderError {
  readonly members: Record<string, unknown>;
  readonly retryAfter: number | undefined;

  constructor(
    status: number,
    error: string,
    refusal: Pick<LatchkeyError, 'message' | 'members'> & { retryAfter?: number | undefined },
  ) {
    super(status, error);
    this.error_description = refusal.message;
    // The engine hides what it takes for a fault of its own.
    this.expose = true;
    this.members = refusal.members;
    this.retryAfter = refusal.retryAfter;
  }
}

/** Adds to the engine's answers what they lack of a refusal. */
export function completeRefusals(provider: Provider): void {
  provider.on('grant.error', (ctx, error) => {
    if (!(error instanceof TokenRefused)) return;
    if (error.retryAfter !== undefined) ctx.set('Retry-After', String(error.retryAfter));
    if (typeof ctx.body === 'object') Object.assign(ctx.body as object, error.members);
  });
}
