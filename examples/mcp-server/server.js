// A Model Context Protocol server whose tools need a token of Latchkey. It keeps notes.
//
//   npx latchkey resource create --identifier http://localhost:3400/mcp --scope "notes:read notes:write" --format jwt
//   node examples/mcp-server/server.js
//
// ISSUER is the address of Latchkey, RESOURCE the address of this server as its clients use it.

import { InvalidTokenError } from '@modelcontextprotocol/sdk/server/auth/errors.js';
import { requireBearerAuth } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import express from 'express';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { z } from 'zod';

const issuer = process.env.ISSUER ?? 'http://localhost:3000';
const resource = new URL(process.env.RESOURCE ?? 'http://localhost:3400/mcp');
const metadataPath = `/.well-known/oauth-protected-resource${resource.pathname}`;

/** The scope that each tool needs. Everything else needs `notes:read`. */
const SCOPES = { add_note: 'notes:write' };

const notes = ['Ask the harbour master about the tide tables'];

function createServer() {
  const server = new McpServer({ name: 'notes', version: '1.0.0' });
  const say = (text) => ({ content: [{ type: 'text', text }] });
  server.registerTool('list_notes', { description: 'Lists all notes' }, () => say(notes.join('\n')));
  server.registerTool(
    'add_note',
    { description: 'Adds a note', inputSchema: { text: z.string().max(200) } },
    ({ text }) => {
      notes.push(text);
      return say(`There are ${notes.length} notes now.`);
    },
  );
  return server;
}

const response = await fetch(`${issuer}/.well-known/oauth-authorization-server`);
const keys = createRemoteJWKSet(new URL((await response.json()).jwks_uri));

/** Checks a token as RFC 9068 section 4 says: who signed it, that it is for this server, and that it has not expired. */
async function verifyAccessToken(token) {
  try {
    const options = { issuer, audience: resource.href, typ: 'at+jwt' };
    const { payload } = await jwtVerify(token, keys, options);
    return {
      token,
      clientId: String(payload.client_id),
      scopes: String(payload.scope ?? '').split(' '),
      expiresAt: payload.exp,
      resource,
    };
  } catch {
    throw new InvalidTokenError('The token is not valid here');
  }
}

const checkToken = (requiredScopes) =>
  requireBearerAuth({
    verifier: { verifyAccessToken },
    resourceMetadataUrl: new URL(metadataPath, resource).href,
    expectedResource: resource,
    requiredScopes,
  });

/** A request without the scope that its tool needs is answered 403, with what the token has and what it needs. */
function checkScope(req, res, next) {
  const needed = SCOPES[req.body?.params?.name] ?? 'notes:read';
  if (req.auth.scopes.includes(needed)) return next();
  return checkToken([...req.auth.scopes, needed])(req, res, next);
}

const app = express();
// RFC 9728: where clients find out which server issues the tokens.
app.get(metadataPath, (_req, res) =>
  res.set('Access-Control-Allow-Origin', '*').json({
    resource: resource.href,
    resource_name: 'Notes',
    authorization_servers: [issuer],
    scopes_supported: ['notes:read'],
    bearer_methods_supported: ['header'],
  }),
);
app.post(resource.pathname, express.json(), checkToken(['notes:read']), checkScope, async (req, res) => {
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined });
  res.on('close', () => transport.close());
  await createServer().connect(transport);
  await transport.handleRequest(req, res, req.body);
});
app.all(resource.pathname, (_req, res) => res.status(405).end());
app.listen(Number(resource.port), resource.hostname, () => console.log(`Notes are at ${resource.href}`));
