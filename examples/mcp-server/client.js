// A Model Context Protocol client that is connected by nothing but the address of a server. It registers itself at the
// server's Latchkey, asks its user for access, reads the notes, and asks for more access when it needs it.
//
//   node examples/mcp-server/client.js http://localhost:3400/mcp "Paint the boat"
//
// CLIENT_ID can be the URL of a Client ID Metadata Document. Then nothing is registered.
import { createServer } from 'node:http';
import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

const [address = 'http://localhost:3400/mcp', note = 'Paint the boat'] = process.argv.slice(2);

/** Waits for the browser to come back with an answer to the authorization request. */
let answered = () => {};
const callback = createServer((req, res) => {
  const { pathname, searchParams } = new URL(req.url, 'http://127.0.0.1');
  if (pathname !== '/callback') return res.writeHead(404).end();
  res.end('You can close this page, and return to the program.');
  answered(searchParams);
});
await new Promise((resolve) => callback.listen(0, '127.0.0.1', resolve));
const redirectUrl = `http://127.0.0.1:${callback.address().port}/callback`;

/** Keeps everything in memory. A real program keeps the registration and the tokens on the device. */
const session = {};
const authProvider = {
  redirectUrl,
  clientMetadataUrl: process.env.CLIENT_ID,
  clientMetadata: {
    client_name: 'Notes on the command line',
    redirect_uris: [redirectUrl],
    application_type: 'native',
    token_endpoint_auth_method: 'none',
  },
  state: () => {
    session.state = crypto.randomUUID();
    return session.state;
  },
  clientInformation: () => session.client,
  saveClientInformation: (client) => {
    session.client = client;
  },
  tokens: () => session.tokens,
  saveTokens: (tokens) => {
    session.tokens = tokens;
  },
  saveCodeVerifier: (verifier) => {
    session.verifier = verifier;
  },
  codeVerifier: () => session.verifier,
  redirectToAuthorization: (url) => {
    session.answer = new Promise((resolve) => {
      answered = resolve;
    });
    console.log(`Open ${url.href}`);
  },
};

async function connect() {
  const transport = new StreamableHTTPClientTransport(new URL(address), { authProvider });
  const client = new Client({ name: 'notes-cli', version: '1.0.0' });
  await client.connect(transport);
  return client;
}

/** Does something that may need access. If so, it is done again once the user has allowed it. */
async function withAccess(work) {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof UnauthorizedError)) throw error;
    const answer = await session.answer;
    if (answer.get('state') !== session.state) throw new Error('The answer belongs to another request');
    if (answer.has('error')) throw new Error(`${answer.get('error')}: ${answer.get('error_description')}`);
    const transport = new StreamableHTTPClientTransport(new URL(address), { authProvider });
    await transport.finishAuth(answer.get('code'));
    return work();
  }
}

const call = (params) =>
  withAccess(async () => {
    const client = await connect();
    const { content } = await client.callTool(params);
    await client.close();
    return content[0].text;
  });

console.log(await call({ name: 'list_notes' }));
console.log(await call({ name: 'add_note', arguments: { text: note } }));
callback.close();
callback.closeAllConnections();
