import { errors, interactionPolicy, type KoaContextWithOIDC } from 'oidc-provider';
import { acrLevel } from '../access/acr.ts';
import { isConnectionScope } from '../access/connection-scopes.ts';
import { limitToCeiling, parseScopes } from '../access/scopes.ts';
import type { EngineAccount } from './claims.ts';
import type { EngineClient } from './clients/client-document.ts';
import { isLoopback, isPrivateUse } from './clients/redirect-uris.ts';
import { wantsOtherAccount } from './device-flow.ts';
import { invalidScope } from './engine/internals.ts';
import type { RefreshTokenRules } from './refresh-tokens.ts';
import { readRequestedAcr } from './requested-acr.ts';
import { mayUseResource, missingOfResources, requestedOfResources } from './resource-access.ts';
import type { SecondFactorPolicy } from './second-factor-policy.ts';

const { Check, Prompt } = interactionPolicy;

/** The length of the column that makes a nonce unique for its account. */
const MAX_NONCE_LENGTH = 255;

/** Step-up: asks for another sign-in when the session is weaker than the application requests. */
const stepUp = new Check(
  'acr_values',
  'a stronger sign-in is requested',
  'unmet_authentication_requirements',
  (ctx: KoaContextWithOIDC) => {
    const { isEssential, level } = readRequestedAcr(ctx.oidc.params ?? {});
    const isKnown = level > 0;
    if (!isKnown && !isEssential) return Check.NO_NEED_TO_PROMPT;
    if (isKnown && acrLevel(ctx.oidc.session?.acr) >= level) return Check.NO_NEED_TO_PROMPT;
    if (!ctx.oidc.result?.login) return Check.REQUEST_PROMPT;
    // The user has just signed in and could do no better. A voluntary request goes on: the ID token's `acr` tells the
    // application. An essential one is an error (OpenID Connect Core section 5.5.1.1).
    if (isEssential)
      throw new errors.UnmetAuthenticationRequirements('the requested acr could not be obtained');
    return Check.NO_NEED_TO_PROMPT;
  },
);

/** Refuses a nonce that would not fit its column. */
const nonceLength = new Check(
  'nonce_length',
  'the nonce has too many characters',
  'invalid_request',
  (ctx: KoaContextWithOIDC) => {
    const { nonce } = ctx.oidc.params ?? {};
    if (typeof nonce === 'string' && nonce.length > MAX_NONCE_LENGTH)
      throw new errors.InvalidRequest(
        `nonce has ${nonce.length} characters, at most ${MAX_NONCE_LENGTH} are allowed`,
      );
    return Check.NO_NEED_TO_PROMPT;
  },
);

/** A session can outlive its account for a moment: the user then has to sign in as someone else. */
const accountExists = new Check(
  'account_gone',
  'the account is deleted or disabled',
  'login_required',
  (ctx: KoaContextWithOIDC) => ctx.oidc.session?.accountId !== undefined && !ctx.oidc.account,
);

/** An application that may refresh its tokens would otherwise get none from a session whose sign-in is older than they live. */
const refreshable = ({ isSignInTooOld }: Pick<RefreshTokenRules, 'isSignInTooOld'>) =>
  new Check(
    'refresh_token_max_ttl',
    'the sign-in is too old for a refresh token',
    'login_required',
    (ctx: KoaContextWithOIDC) => isSignInTooOld(ctx) && !ctx.oidc.result?.login,
  );

/**
 * RFC 8252 section 8.6: any program on the device can send a request in the name of another one and receive the code,
 * except at a claimed `https` address. So the user is asked each time, unless the program is one of ours with its own
 * scheme, or listens on exactly the registered loopback address and is not declared native.
 */
const nativeClient = new Check(
  'native_client_prompt',
  'native clients require End-User interaction',
  'interaction_required',
  (ctx: KoaContextWithOIDC) => {
    const client = ctx.oidc.client as unknown as EngineClient;
    const uri = ctx.oidc.params?.redirect_uri;
    // The user of a device, which has no redirect URI, has just been asked about its code.
    if (ctx.oidc.result?.consent || typeof uri !== 'string') return Check.NO_NEED_TO_PROMPT;
    if (isLoopback(uri)) return client.is_native || !client.redirectUris.includes(uri);
    return isPrivateUse(uri) && !client.is_first_party;
  },
);

/** A scope that the application may request, but this account may not use, leaves nothing to consent to. */
const scopeLeft = new Check(
  'scope_left',
  'the account may use none of the requested scopes',
  'invalid_scope',
  (ctx: KoaContextWithOIDC) => {
    const account = ctx.oidc.account as unknown as EngineAccount | undefined;
    if (!account) return Check.NO_NEED_TO_PROMPT;
    for (const [identifier, { scopes }] of Object.entries(ctx.oidc.resourceServers ?? {}))
      if (!mayUseResource(scopes, account))
        throw new errors.InvalidTarget(
          `this account may use none of the scopes of ${identifier}; an administrator can extend its ceiling`,
        );
    const ofResources = Object.values(requestedOfResources(ctx)).flat();
    if (limitToCeiling([...ctx.oidc.requestParamOIDCScopes, ...ofResources], account.scopes).length === 0)
      throw invalidScope(
        'this account may use none of the requested scopes; an administrator can extend its ceiling',
      );
    return Check.NO_NEED_TO_PROMPT;
  },
);

/** The engine's own check would ask for scopes that the account may not have, and would not ask about a resource without any. */
const resourceAccess = new Check(
  'resource_access_missing',
  'requested resources not granted',
  'consent_required',
  (ctx: KoaContextWithOIDC) =>
    ctx.oidc.grant !== undefined && Object.keys(missingOfResources(ctx, ctx.oidc.grant)).length > 0,
  (ctx: KoaContextWithOIDC) => ({ missingOfResources: missingOfResources(ctx, ctx.oidc.grant) }),
);

const secondFactor = (policy: SecondFactorPolicy) =>
  new Check(
    'second_factor',
    'a second factor is required',
    'login_required',
    async (ctx: KoaContextWithOIDC) => {
      const account = ctx.oidc.account as unknown as EngineAccount | undefined;
      if (!account) return Check.NO_NEED_TO_PROMPT;
      return policy.isRequired({
        account: { id: account.accountId, scopes: account.scopes },
        clientId: String(ctx.oidc.client?.clientId),
        scope: ctx.oidc.params?.scope as string | undefined,
        resources: ctx.oidc.params?.resource,
        acr: ctx.oidc.session?.acr,
      });
    },
  );

/** The reason of a prompt for a sign-in that the user has asked for, to another account. */
export const OTHER_ACCOUNT = 'other_account';

const otherAccount = new Check(
  OTHER_ACCOUNT,
  'the user chose another account',
  'login_required',
  (ctx: KoaContextWithOIDC) => wantsOtherAccount(ctx) && !ctx.oidc.result?.login,
);

/** Somebody who opened an invitation and then signed in to an account that they have is asked what becomes of it. */
const invitation = (hasInvitation: PromptDeps['hasInvitation']) =>
  new Check(
    'invitation',
    'an invitation is open in this browser',
    'interaction_required',
    (ctx: KoaContextWithOIDC) => ctx.oidc.result?.login !== undefined && hasInvitation(ctx),
  );

/**
 * A person connects the account that the application asks for on the way, after consent, or goes on without it. An
 * application that asks without a user learns of it at its first call.
 */
const connectionMade = (findUnconnected: PromptDeps['findUnconnected']) =>
  new Check(
    'connection_missing',
    'an account at another service is not connected',
    'interaction_required',
    async ({ oidc }: KoaContextWithOIDC) => {
      const asked = new Set([...oidc.requestParamOIDCScopes].filter(isConnectionScope));
      if (asked.size === 0 || !oidc.account || oidc.prompts.has('none')) return Check.NO_NEED_TO_PROMPT;
      const granted = oidc.grant?.getOIDCScopeFiltered(asked) ?? '';
      const missing = await findUnconnected(oidc.account.accountId, parseScopes(granted));
      return missing.length > 0;
    },
  );

export interface PromptDeps {
  /** Finds the services of these scopes at which the account has no connection that works. */
  findUnconnected(accountId: string, scopes: string[]): Promise<unknown[]>;
  secondFactorPolicy: SecondFactorPolicy;
  refreshTokens: Pick<RefreshTokenRules, 'isSignInTooOld'>;
  /** Whether an invitation is open in the browser that sent this request. */
  hasInvitation(ctx: KoaContextWithOIDC): boolean;
}

/** When a user is prompted: the engine's own policy, changed where we are stricter. */
export function createPromptPolicy({
  secondFactorPolicy,
  refreshTokens,
  hasInvitation,
  findUnconnected,
}: PromptDeps) {
  const policy = interactionPolicy.base();
  const checks = policy.get('login')?.checks;
  // The engine's checks compare acr values for equality, and would ask a user with a stronger sign-in forever.
  checks?.remove('essential_acrs');
  checks?.remove('essential_acr');
  for (const check of [
    nonceLength,
    otherAccount,
    accountExists,
    stepUp,
    refreshable(refreshTokens),
    secondFactor(secondFactorPolicy),
  ])
    checks?.add(check);
  policy.get('consent')?.checks.remove('native_client_prompt');
  policy.get('consent')?.checks.remove('rs_scopes_missing');
  policy.get('consent')?.checks.add(nativeClient);
  policy.get('consent')?.checks.add(scopeLeft);
  policy.get('consent')?.checks.add(resourceAccess);
  // Initiating User Registration via OpenID Connect 1.0. Sign-up comes before the question who the user is.
  policy.add(new Prompt({ name: 'create', requestable: true }, invitation(hasInvitation)), 0);
  policy.add(new Prompt({ name: 'select_account', requestable: true }), 1);
  policy.add(new Prompt({ name: 'connection' }, connectionMade(findUnconnected)));
  return policy;
}
