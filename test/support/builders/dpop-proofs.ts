import { createHash, randomUUID } from 'node:crypto';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from 'jose';

/** What a test changes of a proof. A member that is undefined is left out. */
export interface ProofChanges {
  claims?: Record<string, unknown>;
  header?: Record<string, unknown>;
}

/** A key, and requests with proofs of it (RFC 9449). */
export interface Prover {
  /** Its thumbprint (RFC 7638), for `dpop_jkt`. */
  jkt: string;
  prove(method: string, url: string, changes?: ProofChanges): Promise<string>;
  /** Sends a request, made again for each attempt, with a proof that has the server's latest nonce, unless the changes say otherwise. */
  send(
    url: string,
    method: string,
    make: () => Promise<RequestInit>,
    changes?: ProofChanges,
  ): Promise<Response>;
  /** Reads userinfo with that token. */
  userinfo(issuer: string, token: string, changes?: ProofChanges): Promise<Response>;
}

export async function createProver(): Promise<Prover> {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk = await exportJWK(publicKey);
  let nonce: string | undefined;
  const prove: Prover['prove'] = (htm, url, { claims, header } = {}) => {
    const now = Math.floor(Date.now() / 1000);
    return new SignJWT({ jti: randomUUID(), htm, htu: url, iat: now, nonce, ...claims })
      .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk, ...header } as never)
      .sign(privateKey);
  };
  const send: Prover['send'] = async (url, method, make, changes) => {
    const ask = async () => {
      const init = await make();
      const headers = new Headers(init.headers);
      headers.set('dpop', await prove(method, url, changes));
      const response = await fetch(url, { ...init, method, headers });
      const latest = response.headers.get('dpop-nonce');
      const isNew = latest !== null && latest !== nonce;
      if (isNew) nonce = latest;
      return { response, isNew };
    };
    const { response, isNew } = await ask();
    return response.ok || !isNew ? response : (await ask()).response;
  };
  return {
    jkt: await calculateJwkThumbprint(jwk),
    prove,
    send,
    userinfo(issuer, token, changes = {}) {
      const ath = createHash('sha256').update(token).digest('base64url');
      const make = async () => ({ headers: { authorization: `DPoP ${token}` } });
      return send(`${issuer}/me`, 'GET', make, { ...changes, claims: { ath, ...changes.claims } });
    },
  };
}
