import type Router from '@koa/router';
import type { Context } from 'koa';
import { type ShowPage, seeOther } from '../web/respond.ts';
import {
  type FormHandler,
  navigation,
  type SignedInPages,
  type SignedInUser,
} from '../web/signed-in-pages.ts';

interface Section {
  path: string;
  text: string;
  /** The scope that opens it. */
  scope: string;
}

const INVITATIONS: Section = {
  path: '/admin/invitations',
  text: 'Invitations',
  scope: 'latchkey:invitations.read',
};

const ACCOUNTS: Section = {
  path: '/admin/accounts',
  text: 'Accounts',
  scope: 'latchkey:accounts.read',
};

const APPLICATIONS: Section = {
  path: '/admin/applications',
  text: 'Applications',
  scope: 'latchkey:clients.read',
};

const SIGNING_KEYS: Section = {
  path: '/admin/signing-keys',
  text: 'Signing keys',
  scope: 'latchkey:keys.read',
};

const ATTEMPTS: Section = {
  path: '/admin/trace',
  text: 'Attempts',
  scope: 'latchkey:audit.read',
};

const SERVICES: Section = {
  path: '/admin/services',
  text: 'Services',
  scope: 'latchkey:connections.read',
};

/** The sections of the console, in the order of the navigation. */
const SECTIONS: Section[] = [INVITATIONS, ACCOUNTS, APPLICATIONS, SERVICES, ATTEMPTS, SIGNING_KEYS];

export interface ConsoleDeps {
  signedIn: SignedInPages;
  showPage: ShowPage;
  covers(scopes: string[], scope: string): boolean;
}

/** Asks for a recent sign-in before something is changed. */
export interface FreshSignInOfConsole {
  /** Lets only someone through who has just signed in with the account's factors. @param says the end of "Confirm it is you to …" */
  requireFactors(
    says: (user: SignedInUser, fields: Record<string, string>) => Promise<string> | string,
    work: (ctx: Context, user: SignedInUser, fields: Record<string, string>) => Promise<void>,
  ): FormHandler;
  forgetAction(ctx: Context): void;
}

type Covers = (scopes: string[], scope: string) => boolean;

const openTo = (covers: Covers, scopes: string[]) => SECTIONS.filter(({ scope }) => covers(scopes, scope));

/** @returns a function that tells whether scopes open any page of the console */
export const createMayAdminister =
  (covers: Covers) =>
  (scopes: string[]): boolean =>
    openTo(covers, scopes).length > 0;

/** What every page of the console has in common. */
export function createConsoleLayout(router: Router, { signedIn, showPage, covers }: ConsoleDeps) {
  router.get(
    '/admin',
    signedIn.page((ctx, { scopes }) => {
      // Someone who may open no section is sent to the first one, whose page says what they lack.
      seeOther(ctx, (openTo(covers, scopes)[0] ?? INVITATIONS).path);
    }),
  );

  return {
    /** @param section the path of the section that the page belongs to */
    show(
      ctx: Context,
      user: SignedInUser,
      section: string,
      view: string,
      data: Record<string, unknown>,
    ): void {
      const links = openTo(covers, user.scopes).map(({ path, text }): [string, string] => [path, text]);
      showPage(ctx, `console/${view}`, {
        bodyClass: 'admin',
        nav: navigation('Administration', section, [
          ...links,
          ['/account/security', 'Your account'],
          ['/session/end', 'Sign out…'],
        ]),
        ...data,
      });
    },
  };
}

export type ConsoleLayout = ReturnType<typeof createConsoleLayout>;
