import formPost from 'oidc-provider/lib/response_modes/form_post.js';
import fragment from 'oidc-provider/lib/response_modes/fragment.js';
import query from 'oidc-provider/lib/response_modes/query.js';

type ResponseMode = (ctx: object, redirectUri: string, out: Record<string, string>) => void | Promise<void>;

/**
 * The engine's own response modes, for an error that only the commit brings to light. They are internal to it:
 * its version is pinned and test/flows/nonce.test.ts holds them.
 */
const responseModes: Record<string, ResponseMode> = { query, fragment, form_post: formPost };

export default responseModes;
