import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { type OAuthClientProvider, UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type {
  OAuthClientInformationMixed,
  OAuthClientMetadata,
  OAuthTokens,
} from '@modelcontextprotocol/sdk/shared/auth.js';
import { projectPath } from '../../../src/kit/project-root.ts';
import { type Browser, formOf } from '../browser.ts';
import { childEnvironment } from '../child-environment.ts';

export interface Example {
  /** Each line that it prints. */
  lines: AsyncIterableIterator<string>;
  child: ChildProcess;
}

/** Runs a file of examples/mcp-server. */
export function runExample(file: string, args: string[], env: NodeJS.ProcessEnv): Example {
  const child = spawn(process.execPath, [projectPath(`examples/mcp-server/${file}`), ...args], {
    env: childEnvironment(env),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
}

/** What a client of the SDK remembers, and where it sends its user. */
export interface McpClient extends OAuthClientProvider {
  url?: URL;
  information?: OAuthClientInformationMixed;
  current?: OAuthTokens;
}

/** A client of @modelcontextprotocol/sdk as it stands. @param documentUrl its client_id, if it has a metadata document */
export function createMcpClient(
  metadata: Partial<OAuthClientMetadata> = {},
  documentUrl?: string,
): McpClient {
  let verifier = '';
  return {
    redirectUrl: 'http://127.0.0.1:3000/callback',
    ...(documentUrl === undefined ? {} : { clientMetadataUrl: documentUrl }),
    clientMetadata: {
      client_name: 'Example MCP Client',
      redirect_uris: ['http://127.0.0.1:3000/callback'],
      grant_types: ['authorization_code', 'refresh_token'],
      token_endpoint_auth_method: 'none',
      ...metadata,
    },
    clientInformation() {
      return this.information;
    },
    saveClientInformation(information) {
      this.information = information;
    },
    tokens() {
      return this.current;
    },
    saveTokens(tokens) {
      this.current = tokens;
    },
    redirectToAuthorization(url) {
      this.url = url;
    },
    saveCodeVerifier(value) {
      verifier = value;
    },
    codeVerifier: () => verifier,
  };
}

/** Calls a tool of an MCP server. @returns its text @throws UnauthorizedError when the user has to allow it first */
export async function callTool(
  address: string,
  authProvider: McpClient,
  name: string,
  input = {},
): Promise<string> {
  const client = new Client({ name: 'test', version: '1.0.0' });
  await client.connect(new StreamableHTTPClientTransport(new URL(address), { authProvider }));
  const { content } = await client.callTool({ name, arguments: input });
  await client.close();
  return (content as { text: string }[])[0]?.text ?? '';
}

/** Redeems the code with which the user came back. */
export async function finishAuthorization(address: string, authProvider: McpClient, location: string) {
  const transport = new StreamableHTTPClientTransport(new URL(address), { authProvider });
  await transport.finishAuth(String(new URL(location).searchParams.get('code')));
}

export const isUnauthorized = (error: unknown) => error instanceof UnauthorizedError;

/** Opens the address of an authorization request and signs in if asked. @returns the consent page, or the last redirect */
export async function openAuthorization(
  browser: Browser,
  url: URL,
  person: { username: string; password: string },
): Promise<Response> {
  const page = await browser.follow(await browser.get(url.href));
  if (page.headers.has('location') || !(await page.clone().text()).includes('name="password"')) return page;
  const { action, fields } = await formOf(page);
  const { username, password } = person;
  return browser.follow(await browser.post(action, { ...fields, username, password }));
}
