import { errors, interactionPolicy, type KoaContextWithOIDC } from 'oidc-provider';

const { Check, Prompt } = interactionPolicy;

/** As long as the column in which a nonce is unique for its account. */
const LONGEST_NONCE = 255;

/** When a person is asked for something: the engine's own policy, and what it leaves to us. */
export function prompts() {
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
  // Initiating User Registration via OpenID Connect 1.0: comes in by an invitation, before the question who it is.
  policy.add(new Prompt({ name: 'create', requestable: true }), 0);
  return policy;
}
