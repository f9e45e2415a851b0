import assert from 'node:assert/strict';
import type { Account } from '../../../src/identity/accounts/store.ts';
import { Browser } from '../browser.ts';
import { startServer, type TestServer } from '../server.ts';
import { answerOf, authorizeUrl, walk } from './authorization.ts';
import { type Assertion, sign } from './client-assertions.ts';
import { createProver, type ProofChanges, type Prover } from './dpop-proofs.ts';
import { createFapiClient, type FapiClient } from './fapi-client.ts';

type Params = Record<string, string | undefined>;
type Json = Record<string, unknown>;

interface Answer {
  status: number;
  body: Json;
}

interface Changes {
  assertion?: Assertion;
  proof?: ProofChanges;
  /** `null` sends no proof. */
  prover?: Prover | null;
  /** Instead of the first application. */
  app?: FapiClient;
}

/** What a module of the suite's FAPI 2.0 plan does: it pushes a request, lets the user answer it, and redeems the code. */
export interface FapiSuite {
  server: TestServer;
  app: FapiClient;
  other: FapiClient;
  ada: Account & { password: string };
  prover: Prover;
  push(params?: Params, changes?: Changes): Promise<Answer>;
  /** @returns the address of the authorization endpoint for a request that was pushed */
  urlOf(requestUri: unknown, params?: Params): string;
  /** The parameters of the callback. */
  authorize(params?: Params, changes?: Changes & { decision?: string }): Promise<URLSearchParams>;
  token(code: string | null, params?: Params, changes?: Changes): Promise<Answer>;
  /** The whole flow. @returns the token response */
  signIn(params?: Params): Promise<Json>;
}

const present = (params: Params) =>
  Object.fromEntries(
    Object.entries(params).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );

export async function openFapiSuite(t: Parameters<typeof startServer>[0]): Promise<FapiSuite> {
  const server = await startServer(t, 'sqlite');
  const { issuer } = server;
  const [app, other] = [await createFapiClient(server), await createFapiClient(server)];
  const ada = await server.createAccount();
  const prover = await createProver();

  async function send(path: string, params: Params, changes: Changes): Promise<Answer> {
    const { client, key } = changes.app ?? app;
    const make = async () => {
      const all = {
        client_id: client.client_id,
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: await sign(server, client.client_id, key, changes.assertion),
        ...params,
      };
      return { body: new URLSearchParams(present(all)) };
    };
    const url = `${issuer}${path}`;
    const by = changes.prover === undefined ? prover : changes.prover;
    const response = by
      ? await by.send(url, 'POST', make, changes.proof)
      : await fetch(url, { method: 'POST', ...(await make()) });
    return { status: response.status, body: (await response.json()) as Json };
  }

  const push = async (params: Params = {}, changes: Changes = {}) =>
    send('/request', { ...(await (changes.app ?? app).request()), ...params }, changes);

  const urlOf = (requestUri: unknown, params: Params = {}) =>
    authorizeUrl({
      verifier: '',
      params: present({ client_id: app.client.client_id, request_uri: String(requestUri), ...params }),
    });

  const authorize: FapiSuite['authorize'] = async (params, changes = {}) => {
    const { status, body } = await push(params, changes);
    assert.equal(status, 201, JSON.stringify(body));
    const { client_id } = app.client;
    const request = { verifier: '', params: { client_id, request_uri: String(body.request_uri) } };
    return answerOf(await walk(new Browser(issuer), request, ada, changes.decision));
  };

  const token: FapiSuite['token'] = (code, params = {}, changes = {}) => {
    const fields = {
      grant_type: 'authorization_code',
      code: code ?? undefined,
      redirect_uri: app.redirectUri,
      code_verifier: app.verifier,
    };
    return send('/token', { ...fields, ...params }, changes);
  };

  return {
    server,
    app,
    other,
    ada,
    prover,
    push,
    urlOf,
    authorize,
    token,
    async signIn(params) {
      const callback = await authorize(params);
      const { status, body } = await token(callback.get('code'));
      assert.equal(status, 200, JSON.stringify(body));
      return body;
    },
  };
}
