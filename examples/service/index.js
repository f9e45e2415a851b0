import * as oidc from 'openid-client';

// A service that authenticates as itself, without a user (client_credentials).
const { ISSUER = 'http://localhost:3000', CLIENT_ID = '', CLIENT_SECRET = '' } = process.env;

const issuer = new URL(ISSUER);
const options = issuer.protocol === 'http:' ? { execute: [oidc.allowInsecureRequests] } : undefined;
const config = await oidc.discovery(issuer, CLIENT_ID, CLIENT_SECRET, undefined, options);

const token = await oidc.clientCredentialsGrant(config, { scope: 'reports:read' });
process.stdout.write(`Token for "${token.scope}", valid for ${token.expires_in} seconds.\n`);

const { active, client_id, scope } = await oidc.tokenIntrospection(config, token.access_token);
process.stdout.write(`Introspection: active=${active} client_id=${client_id} scope=${scope}\n`);

await oidc.tokenRevocation(config, token.access_token);
const revoked = await oidc.tokenIntrospection(config, token.access_token);
process.stdout.write(`After revoking it: active=${revoked.active}\n`);
