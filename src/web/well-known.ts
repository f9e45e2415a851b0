import type Router from '@koa/router';
import { seeOther } from './respond.ts';

const SECURITY = '/account/security';

/** Documents by which browsers and password managers find the passkeys and the password page of this server. */
export function createWellKnown(router: Router, deps: { issuer: string; relatedOrigins: string[] }): void {
  const { issuer } = deps;
  const documents = {
    // Web Authentication Level 3 section 5.11: origins where the passkeys of this host may be used.
    webauthn: { origins: [new URL(issuer).origin, ...deps.relatedOrigins] },
    // W3C, "A Well-Known URL for Relying Party Passkey Endpoints".
    'passkey-endpoints': { enroll: `${issuer}${SECURITY}`, manage: `${issuer}${SECURITY}` },
  };
  for (const [name, document] of Object.entries(documents)) {
    router.get(`/.well-known/${name}`, (ctx) => {
      ctx.set('Cache-Control', 'public, max-age=3600');
      ctx.body = document;
    });
  }
  // W3C, "A Well-Known URL for Changing Passwords".
  router.get('/.well-known/change-password', (ctx) => {
    seeOther(ctx, SECURITY);
  });
}
