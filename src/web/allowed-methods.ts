import type { Middleware } from 'koa';
import { LatchkeyError } from '../kit/errors.ts';
import { findRoute, type Route } from './routes.ts';

/**
 * Answers 405 with `Allow` where a path is known and its method is not (RFC 9110 section 15.5.6). The engine and the router
 * of pages would answer 404, and an application would look for a mistake in the address. OPTIONS is left to the engine,
 * which answers browsers that ask before they call an endpoint.
 * @param methodsOf the methods of a route; undefined: whatever serves it decides
 */
export function refuseOtherMethods(
  methodsOf: (route: Route, path: string) => string[] | undefined,
): Middleware {
  return (ctx, next) => {
    const { method, path } = ctx;
    const route = findRoute(path);
    const methods = route && methodsOf(route, path);
    if (!methods || method === 'OPTIONS' || methods.includes(method)) return next();
    ctx.set('Allow', methods.join(', '));
    if (route.audience === 'page' && method !== 'POST')
      throw new LatchkeyError(
        'wrong_method',
        'page_of_a_form',
        'It is the answer to a form. Nothing was changed. Go back to the form and send it again.',
      );
    throw new LatchkeyError(
      'wrong_method',
      'method_not_allowed',
      `This address does not accept ${method}. Use ${methods.filter((one) => one !== 'HEAD').join(' or ')}.`,
    );
  };
}
