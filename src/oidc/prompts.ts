import { errors, interactionPolicy, type KoaContextWithOIDC } from 'oidc-provider';
import { acrLevel, requestedAcrLevel } from '../access/acr.ts';
import { parseScopes } from '../access/scopes.ts';
import type { EngineAccount } from './claims.ts';
import type { SecondFactorPolicy } from './second-factor-policy.ts';

const { Check, Prompt } = interactionPolicy;

/** As long as the column in which a nonce is unique for its account. */
const LONGEST_NONCE = 255;

const UNMET = 'unmet_authentication_requirements';

interface AcrRequest {
  essential?: boolean;
  value?: unknown;
  values?: unknown;
}

/** What the application asks for by the claims parameter (OpenID Connect Core section 5.5.1.1). */
function essentialAcr(ctx: KoaContextWithOIDC): string[] | undefined {
  const asked = ctx.oidc.claims?.id_token?.acr as AcrRequest | null | undefined;
  if (!asked?.essential) return undefined;
  if (asked.values !== undefined && !Array.isArray(asked.values))
    throw new errors.InvalidRequest('invalid claims.id_token.acr.values type');
  const values = [...((asked.values as unknown[]) ?? []), asked.value].filter(
    (one) => typeof one === 'string',
  );
  return values.length > 0 ? values : undefined;
}

/** @returns the values asked for, and the level that satisfies them */
function askedStrength(ctx: KoaContextWithOIDC) {
  const essential = essentialAcr(ctx);
  const values = essential ?? parseScopes(ctx.oidc.params?.acr_values as string | undefined);
  return { essential: essential !== undefined, wanted: requestedAcrLevel(values) };
}

/** Step-up: the session is not as sure as the application asks for. */
const strength = new Check(
  'acr_values',
  'a stronger sign-in is asked for',
  UNMET,
  (ctx: KoaContextWithOIDC) => {
    const { essential, wanted } = askedStrength(ctx);
    const isKnown = wanted > 0;
    if (!isKnown && !essential) return Check.NO_NEED_TO_PROMPT;
    if (isKnown && acrLevel(ctx.oidc.session?.acr) >= wanted) return Check.NO_NEED_TO_PROMPT;
    if (!(ctx.oidc.result as { login?: object } | undefined)?.login) return Check.REQUEST_PROMPT;
    // Voluntary: the application sees in `acr` what it was. Essential: it is an error.
    if (essential)
      throw new errors.UnmetAuthenticationRequirements('the requested acr could not be obtained');
    return Check.NO_NEED_TO_PROMPT;
  },
  (ctx: KoaContextWithOIDC) => ({ acr_level: askedStrength(ctx).wanted }),
);

/** When a person is asked for something: the engine's own policy, and what it leaves to us. */
export function prompts(secondFactorPolicy: SecondFactorPolicy) {
  const policy = interactionPolicy.base();
  const login = policy.get('login');
  login?.checks.add(
    new Check('nonce_length', 'the nonce is too long', 'invalid_request', (ctx: KoaContextWithOIDC) => {
      const { nonce } = ctx.oidc.params ?? {};
      if (typeof nonce === 'string' && nonce.length > LONGEST_NONCE) {
        throw new errors.InvalidRequest(`nonce must not be longer than ${LONGEST_NONCE} characters`);
      }
      return Check.NO_NEED_TO_PROMPT;
    }),
  );
  // A session can outlive its account by moments; it is then nobody's.
  login?.checks.add(
    new Check(
      'account_gone',
      'the account is gone or disabled',
      'login_required',
      (ctx: KoaContextWithOIDC) =>
        ctx.oidc.session?.accountId && !ctx.oidc.account ? Check.REQUEST_PROMPT : Check.NO_NEED_TO_PROMPT,
    ),
  );
  // The engine's own two know no order: who did more than was asked would be asked for ever.
  login?.checks.remove('essential_acrs');
  login?.checks.remove('essential_acr');
  login?.checks.add(strength);
  login?.checks.add(
    new Check(
      'second_factor',
      'a second factor is demanded here',
      'login_required',
      async (ctx: KoaContextWithOIDC) => {
        const account = ctx.oidc.account as unknown as EngineAccount | undefined;
        if (!account) return Check.NO_NEED_TO_PROMPT;
        return secondFactorPolicy.isRequired({
          account: { id: account.accountId, scopes: account.scopes },
          clientId: String(ctx.oidc.client?.clientId),
          scope: ctx.oidc.params?.scope as string | undefined,
          acr: ctx.oidc.session?.acr,
        });
      },
    ),
  );
  // Initiating User Registration via OpenID Connect 1.0: comes in by an invitation, before the question who it is.
  policy.add(new Prompt({ name: 'create', requestable: true }), 0);
  return policy;
}
