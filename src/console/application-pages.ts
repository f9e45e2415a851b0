import type Router from '@koa/router';
import { z } from 'zod';
import type { RegisteredVia } from '../access/registered-via.ts';
import { fromEpoch } from '../database/instants.ts';
import { LatchkeyError } from '../kit/errors.ts';
import { parse } from '../kit/parse.ts';
import type { ClientDocument } from '../oidc/clients/client-document.ts';
import type { GrantedAccess } from '../oidc/consents/service.ts';
import { seeOther } from '../web/respond.ts';
import type { SignedInUser } from '../web/signed-in-pages.ts';
import type { ConsoleDeps, ConsoleLayout, FreshSignInOfConsole } from './sections.ts';

interface Actor {
  accountId: string;
}

export interface ApplicationPagesDeps extends ConsoleDeps {
  /** The services that the commands call too. */
  clients: {
    list(): Promise<ClientDocument[]>;
    /** @throws LatchkeyError not_found */
    show(clientId: string): Promise<ClientDocument>;
    disable(actor: Actor, clientId: string): Promise<ClientDocument>;
    enable(actor: Actor, clientId: string): Promise<ClientDocument>;
  };
  consents: { list(filter: { clientId: string }): Promise<GrantedAccess[]> };
  freshSignIn: FreshSignInOfConsole;
}

const APPLICATIONS = '/admin/applications';
const DETAILS = `${APPLICATIONS}/details`;
const CHANGE = `${APPLICATIONS}/change`;
const SCOPE = 'latchkey:clients';
const PAGE_SIZE = 25;
/** The people shown on the page of one application. */
const MAX_PEOPLE_SHOWN = 50;

const FILTERS: [string, string][] = [
  ['all', 'All'],
  ['active', 'Active'],
  ['disabled', 'Disabled'],
  ['self', 'Registered themselves'],
];

/** How it came to be registered, after "Registered". */
const WAYS: Record<RegisteredVia, string> = {
  admin: 'by an administrator',
  registration_token: 'itself, with a token of an administrator',
  dynamic: 'itself',
  metadata_document: 'by its own document at that address',
};

/** What the page says after an action has redirected to it, by the value of `done`. */
const NOTICES = new Map<string, string>(
  Object.entries({
    disabled: 'The application is disabled. Within a second, every server refuses it and its tokens.',
    enabled: 'The application is enabled.',
  }),
);

const PAGE_RULE = 'The page is a whole number from 1';

const queryInput = z.object({
  show: z
    .enum(['all', 'active', 'disabled', 'self'], 'Choose one of the kinds of applications')
    .default('all'),
  search: z.string().max(255, 'Search for at most 255 characters').default(''),
  page: z.coerce.number(PAGE_RULE).int(PAGE_RULE).min(1, PAGE_RULE).max(1000, PAGE_RULE).default(1),
});

type Query = z.infer<typeof queryInput>;

function matches(client: ClientDocument, { show, search }: Query): boolean {
  const { is_active: isActive, registered_via: via } = client;
  if (show === 'active' ? !isActive : show === 'disabled' && isActive) return false;
  if (show === 'self' && via === 'admin') return false;
  const text = `${client.client_name}\n${client.client_id}`.toLowerCase();
  return text.includes(search.trim().toLowerCase());
}

const toShown = (client: ClientDocument) => ({
  ...client,
  registered: WAYS[client.registered_via as RegisteredVia],
  isChecked: client.registered_via === 'admin' || client.registered_via === 'registration_token',
  registeredAt: fromEpoch(Number(client.client_id_issued_at)).toISOString(),
  detailsUrl: `${DETAILS}?${new URLSearchParams({ client_id: client.client_id })}`,
});

const byName = (one: ClientDocument, other: ClientDocument) =>
  String(one.client_name).localeCompare(String(other.client_name), 'en');

function findVerb(act: string | undefined): 'disable' | 'enable' {
  if (act === 'disable' || act === 'enable') return act;
  throw new LatchkeyError('invalid_input', 'application_action_missing', 'Choose Disable or Enable.');
}

/** The pages for the applications of this server: the list, one of them with the people who use it, and disabling it. */
export function createApplicationPages(
  router: Router,
  layout: ConsoleLayout,
  deps: ApplicationPagesDeps,
): void {
  const { signedIn, clients, freshSignIn } = deps;
  const textOf = (value: unknown) => (typeof value === 'string' ? value : '');

  router.get(
    APPLICATIONS,
    signedIn.page(async (ctx, user) => {
      freshSignIn.forgetAction(ctx);
      const { show, search, page } = ctx.query;
      const query = parse(queryInput, { show: show || undefined, search, page });
      const all = await clients.list();
      const found = all.filter((client) => matches(client, query)).toSorted(byName);
      const end = query.page * PAGE_SIZE;
      const urlOf = (number: number) =>
        `${APPLICATIONS}?${new URLSearchParams({ show: query.show, search: query.search, page: String(number) })}`;
      layout.show(ctx, user, APPLICATIONS, 'applications/list', {
        title: 'Applications',
        applications: found.slice(end - PAGE_SIZE, end).map(toShown),
        count: found.length,
        hasAny: all.length > 0,
        filters: FILTERS,
        query,
        action: APPLICATIONS,
        previousUrl: query.page > 1 ? urlOf(query.page - 1) : undefined,
        nextUrl: found.length > end ? urlOf(query.page + 1) : undefined,
      });
    }, `${SCOPE}.read`),
  );

  router.get(
    DETAILS,
    signedIn.page(async (ctx, user) => {
      const clientId = textOf(ctx.query.client_id);
      // Signing in again leads back here without the query.
      if (clientId === '') return seeOther(ctx, APPLICATIONS);
      const client = await clients.show(clientId);
      const people = await deps.consents.list({ clientId });
      layout.show(ctx, user, APPLICATIONS, 'applications/show', {
        title: String(client.client_name),
        notice: NOTICES.get(String(ctx.query.done)),
        application: toShown(client),
        people: people.slice(0, MAX_PEOPLE_SHOWN),
        more: Math.max(0, people.length - MAX_PEOPLE_SHOWN),
        attemptsUrl: deps.covers(user.scopes, 'latchkey:audit.read')
          ? `/admin/trace?${new URLSearchParams({ client: clientId })}`
          : undefined,
        mayWrite: deps.covers(user.scopes, SCOPE),
        action: CHANGE,
        csrf: user.csrf(CHANGE),
      });
    }, `${SCOPE}.read`),
  );

  /** What the form does, as the end of "Confirm it is you to …". */
  const describeChange = async (
    _user: SignedInUser,
    { act, client_id: clientId = '' }: Record<string, string>,
  ) => `${findVerb(act)} “${(await clients.show(clientId)).client_name}”`;

  router.post(
    CHANGE,
    signedIn.form(
      freshSignIn.requireFactors(
        describeChange,
        async (ctx, { accountId }, { act, client_id: clientId = '' }) => {
          const verb = findVerb(act);
          await clients[verb]({ accountId }, clientId);
          seeOther(ctx, `${DETAILS}?${new URLSearchParams({ client_id: clientId, done: `${verb}d` })}`);
        },
      ),
      { scope: SCOPE, page: () => APPLICATIONS },
    ),
  );
}
