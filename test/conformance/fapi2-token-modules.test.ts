import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { createEnds } from '../support/builders/conformance.ts';
import { createProver, type ProofChanges } from '../support/builders/dpop-proofs.ts';
import { type FapiSuite, openFapiSuite } from '../support/builders/fapi-modules.ts';

const now = () => Math.floor(Date.now() / 1000);

/** The modules of the plan `fapi2-security-profile-final-test-plan`, whose names begin with `fapi2-security-profile-final-`. */
describe('the FAPI 2.0 modules about tokens', () => {
  const { t, close } = createEnds();
  let suite: FapiSuite;
  before(async () => {
    suite = await openFapiSuite(t);
  });
  after(close);

  const isRefused = async (error: string, ...args: Parameters<FapiSuite['token']>) => {
    const { status, body } = await suite.token(...args);
    assert.ok(status === 400 || status === 401, JSON.stringify(body));
    assert.equal(body.error, error, JSON.stringify(body));
  };
  const code = async () => (await suite.authorize()).get('code');

  test('access-token-type-header-case-sensitivity: the scheme may be in any case', async () => {
    const { access_token } = await suite.signIn();
    const url = `${suite.server.issuer}/me`;
    const ath = createHash('sha256').update(String(access_token)).digest('base64url');
    for (const scheme of ['dpop', 'DPOP', 'DpOp']) {
      const make = async () => ({ headers: { authorization: `${scheme} ${access_token}` } });
      assert.equal((await suite.prover.send(url, 'GET', make, { claims: { ath } })).status, 200, scheme);
    }
  });

  test('check-dpop-proof-nbf-exp: a proof may have both', async () => {
    const proof = { claims: { nbf: now() - 5, exp: now() + 60 } };
    assert.equal((await suite.token(await code(), {}, { proof })).status, 200);
  });

  for (const [name, offset] of [
    ['before', -10],
    ['after', 10],
  ] as const)
    test(`ensure-dpopproof-with-iat-10seconds-${name}-succeeds: at every endpoint`, async () => {
      const proof = { claims: { iat: now() + offset } };
      const callback = await suite.authorize({}, { proof });
      const { status, body } = await suite.token(callback.get('code'), {}, { proof });
      assert.equal(status, 200);
      const info = await suite.prover.userinfo(suite.server.issuer, String(body.access_token), proof);
      assert.equal(info.status, 200);
    });

  test('ensure-mismatched-dpop-jkt-fails: refused when it is pushed', async () => {
    const { jkt } = await createProver();
    assert.equal((await suite.push({ dpop_jkt: jkt })).status, 400);
  });

  test('ensure-token-endpoint-fails-with-mismatched-dpop-proof-jkt, -with-mismatched-dpop-jkt: invalid_grant', async () => {
    const thief = await createProver();
    const proven = await suite.authorize();
    await isRefused('invalid_grant', proven.get('code'), {}, { prover: thief });
    const named = await suite.authorize({ dpop_jkt: suite.prover.jkt }, { prover: null });
    await isRefused('invalid_grant', named.get('code'), {}, { prover: thief });
  });

  test('ensure-dpopproof-at-par-endpoint-binding-success, ensure-dpop-auth-code-binding-success: the same key gets tokens', async () => {
    const named = await suite.authorize({ dpop_jkt: suite.prover.jkt });
    assert.equal((await suite.token(named.get('code'))).body.token_type, 'DPoP');
  });

  test('ensure-client-id-in-token-endpoint, ensure-authorization-code-is-bound-to-client: no other application gets tokens', async () => {
    const { client_id } = suite.other.client;
    await isRefused('invalid_request', await code(), { client_id });
    await isRefused('invalid_grant', await code(), {}, { app: suite.other });
  });

  test('ensure-holder-of-key-required: a request without a proof gets no token', async () => {
    assert.notEqual((await suite.token(await code(), {}, { prover: null })).status, 200);
  });

  test('attempt-reuse-authorization-code-after-one-second: invalid_grant, and the access token is revoked', async () => {
    const used = await code();
    const { body } = await suite.token(used);
    await isRefused('invalid_grant', used);
    const info = await suite.prover.userinfo(suite.server.issuer, String(body.access_token));
    assert.equal(info.status, 401);
  });

  test('ensure-token-endpoint-fails-with-expired-auth-code: invalid_grant', async () => {
    const late = await code();
    const { knex } = suite.server.database;
    const row = await knex('T_authorization_codes').orderBy('id', 'desc').first();
    const payload = JSON.stringify({ ...JSON.parse(row.payload), exp: now() - 1 });
    await knex('T_authorization_codes').where({ id: row.id }).update({ payload });
    await isRefused('invalid_grant', late);
  });

  for (const [module, assertion] of [
    ['ensure-client-assertion-with-exp-is-5-minutes-in-past-fails', { exp: now() - 300, iat: now() - 360 }],
    ['ensure-client-assertion-with-wrong-aud-fails', { aud: 'https://other.example' }],
    ['ensure-client-assertion-with-no-sub-fails', { sub: undefined as never }],
  ] as const)
    test(`${module}: invalid_client`, async () => {
      await isRefused('invalid_client', await code(), {}, { assertion: { claims: assertion } });
    });

  test('ensure-client-assertion-in-token-endpoint: a request without an assertion gets no token', async () => {
    const without = { client_assertion: undefined, client_assertion_type: undefined };
    assert.ok((await suite.token(await code(), without)).status >= 400);
  });

  test('ensure-pkce-code-verifier-required, incorrect-pkce-code-verifier-rejected: invalid_grant', async () => {
    await isRefused('invalid_grant', await code(), { code_verifier: undefined });
    await isRefused('invalid_grant', await code(), { code_verifier: 'v'.repeat(43) });
  });

  test('dpop-negative-tests: proofs that are not valid are refused at userinfo', async () => {
    const { issuer } = suite.server;
    const token = String((await suite.signIn()).access_token);
    const wrong: ProofChanges[] = [
      { claims: { htm: 'POST' } },
      { claims: { htu: `${issuer}/token` } },
      { claims: { ath: 'x'.repeat(43) } },
      { claims: { ath: undefined } },
      { claims: { jti: undefined } },
      { claims: { iat: undefined } },
      { claims: { nonce: 'x' } },
      { header: { typ: 'jwt' } },
      { header: { jwk: undefined } },
    ];
    for (const changes of wrong) {
      const { status } = await suite.prover.userinfo(issuer, token, changes);
      assert.ok(status === 400 || status === 401, JSON.stringify(changes));
    }
    const thief = await (await createProver()).userinfo(issuer, token);
    assert.equal(thief.status, 401);
    const bearer = await fetch(`${issuer}/me`, { headers: { authorization: `Bearer ${token}` } });
    assert.equal(bearer.status, 401);
    assert.equal((await suite.prover.userinfo(issuer, token)).status, 200);
  });

  test('refresh-token: works again and again, with a proof and for its application only', async () => {
    const { refresh_token } = await suite.signIn();
    const fields = { grant_type: 'refresh_token', refresh_token: String(refresh_token) };
    const left = { ...fields, code: undefined, redirect_uri: undefined, code_verifier: undefined };
    for (const _ of [1, 2]) assert.equal((await suite.token(null, left)).status, 200);
    await isRefused('invalid_grant', null, left, { app: suite.other });
    assert.notEqual((await suite.token(null, left, { prover: null })).status, 200);
  });
});
