import type Router from '@koa/router';
import type { Context } from 'koa';
import { currentUnit, type Origin } from '../database/unit-of-work.ts';
import { MAIL_NOTICES, type Preferences, type PreferencesChange } from '../identity/accounts/preferences.ts';
import { invalidFields, LatchkeyError } from '../kit/errors.ts';
import { seeOther } from '../web/respond.ts';
import type { SignedInPages, SignedInUser } from '../web/signed-in-pages.ts';
import { PROFILE } from './navigation.ts';

/** A service at which a person has connected several accounts. */
interface Choice {
  service: string;
  displayName: string;
  connections: { id: string; label: string }[];
}

interface PreferencesReaders {
  findPreferences(accountId: string): Promise<Preferences>;
  listChoices(accountId: string): Promise<Choice[]>;
}

export interface PreferencesDeps extends PreferencesReaders {
  signedIn: SignedInPages;
  ownProfile: {
    changePreferences(
      owner: { accountId: string; sessionUid: string; origin: Origin },
      change: PreferencesChange,
    ): Promise<void>;
  };
  /** The page of the profile, with what is wrong with the choice. */
  showProfile(ctx: Context, user: SignedInUser, faults: Record<string, string>): Promise<void>;
}

export const PREFERENCES = `${PROFILE}/preferences`;

const TEXTS = {
  connection_broken: 'A connected account has to be connected again',
  sign_in_request: 'An application asks to sign you in',
};

const fieldOf = (service: string) => `default_${service}`;
const mailField = (notice: string) => `mail_${notice}`;

/**
 * What the form shows.
 * @param typed the fields of the form, if it was sent after its session had ended
 */
export async function describePreferences(
  { findPreferences, listChoices }: PreferencesReaders,
  accountId: string,
  typed: Record<string, string>,
) {
  const { mail, default_connections } = await findPreferences(accountId);
  return {
    notices: MAIL_NOTICES.map((notice) => ({
      name: mailField(notice),
      text: TEXTS[notice],
      isOn: typed.preferences ? typed[mailField(notice)] === 'yes' : mail?.[notice] !== false,
    })),
    choices: (await listChoices(accountId)).map(({ service, displayName, connections }) => ({
      name: fieldOf(service),
      displayName,
      connections,
      chosen: default_connections?.[service],
    })),
  };
}

/** The form for the notices that are mailed, and for the account that is used of several at one service. */
export function createPreferencesForm(router: Router, deps: PreferencesDeps): void {
  const { signedIn, listChoices } = deps;

  /** @throws LatchkeyError invalid_input for a connection that is not one of the person's own */
  async function toChange(accountId: string, fields: Record<string, string>): Promise<PreferencesChange> {
    const chosen: Record<string, string | null> = {};
    for (const { service, connections } of await listChoices(accountId)) {
      const id = fields[fieldOf(service)] || null;
      if (id !== null && !connections.some((one) => one.id === id))
        throw invalidFields({ [fieldOf(service)]: 'Choose one of your accounts' });
      chosen[service] = id;
    }
    const mail = Object.fromEntries(
      MAIL_NOTICES.map((notice) => [notice, fields[mailField(notice)] === 'yes']),
    );
    return { mail, default_connections: chosen };
  }

  router.post(
    PREFERENCES,
    signedIn.form(
      async (ctx, user, fields) => {
        const { accountId, sessionUid } = user;
        const owner = { accountId, sessionUid, origin: currentUnit().origin };
        try {
          await deps.ownProfile.changePreferences(owner, await toChange(accountId, fields));
        } catch (error) {
          if (!(error instanceof LatchkeyError) || Object.keys(error.faults).length === 0) throw error;
          ctx.status = error.status;
          return deps.showProfile(ctx, user, error.faults);
        }
        seeOther(ctx, `${PROFILE}?done=preferences`);
      },
      { keeps: ['preferences', ...MAIL_NOTICES.map(mailField)] },
    ),
  );
}
