import type Router from '@koa/router';
import type { Context } from 'koa';
import { type Gate, navigation, type Visitor } from '../web/signed-in.ts';
import { FIRST, SECTIONS } from './sections.ts';

export interface AdminDeps {
  gate: Gate;
  render(name: string, data: Record<string, unknown>): string;
  covers(powers: string[], scope: string): boolean;
}

/** What every page of the console has in common. */
export function createDesk(router: Router, { gate, render, covers }: AdminDeps) {
  const openTo = (scopes: string[]) => SECTIONS.filter(({ power }) => covers(scopes, power));

  router.get(
    '/admin',
    gate.page((ctx, { scopes }) => {
      ctx.status = 303;
      // Who may open none is told so by the first one.
      ctx.redirect((openTo(scopes)[0] ?? FIRST).path);
    }),
  );

  return {
    /** Whether these powers open any page of the console. */
    mayAdminister: (scopes: string[]) => openTo(scopes).length > 0,

    /** @param section the path of the section that the page belongs to */
    show(ctx: Context, visitor: Visitor, section: string, view: string, data: Record<string, unknown>): void {
      const links = openTo(visitor.scopes).map(({ path, text }): [string, string] => [path, text]);
      ctx.body = render(`admin/${view}`, {
        bodyClass: 'admin',
        nav: navigation('Administration', section, [...links, ['/account/security', 'Your account']]),
        ...data,
      });
    },
  };
}

export type Desk = ReturnType<typeof createDesk>;
