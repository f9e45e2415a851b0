import type Router from '@koa/router';
import type { Context } from 'koa';
import { PERSONAL_DETAILS, readPersonalDetails } from '../access/personal-details.ts';
import { limitToCeiling } from '../access/scopes.ts';
import { MAX_PICTURE_MB } from '../config/picture-size.ts';
import { currentUnit } from '../database/unit-of-work.ts';
import type { OwnProfile } from '../identity/accounts/change-own-profile.ts';
import type { Preferences } from '../identity/accounts/preferences.ts';
import type { Profile } from '../identity/accounts/read-profile.ts';
import { TIME_ZONES } from '../identity/accounts/time-zones.ts';
import { usernameField } from '../identity/fields.ts';
import { LatchkeyError } from '../kit/errors.ts';
import { type ShowPage, seeOther } from '../web/respond.ts';
import type { SignedInPages, SignedInUser } from '../web/signed-in-pages.ts';
import type { FreshSignIn } from './fresh-sign-in.ts';
import { LANGUAGES } from './languages.ts';
import { createPictureRoutes, PICTURE, type PictureDeps } from './picture-routes.ts';
import {
  createPreferencesForm,
  describePreferences,
  PREFERENCES,
  type PreferencesDeps,
} from './preferences.ts';

export interface ProfilePageDeps {
  signedIn: SignedInPages;
  showPage: ShowPage;
  profile(accountId: string): Promise<Profile>;
  ownProfile: OwnProfile;
  findPreferences(accountId: string): Promise<Preferences>;
  pictures: PictureDeps['pictures'];
  listChoices: PreferencesDeps['listChoices'];
  freshSignIn: Pick<FreshSignIn, 'requireFactors' | 'forgetAction'>;
  navOf(user: SignedInUser, current: string): unknown;
}

const PATH = '/account/profile';
const USERNAME = `${PATH}/username`;

/** What the page says after an action has redirected to it, by the value of `done`. */
const NOTICES = new Map<string, string>(
  Object.entries({
    username: 'Your username was changed. Use the new one the next time you sign in.',
    profile: 'Your profile was changed.',
    picture: 'Your picture was changed.',
    'picture-removed': 'Your picture was removed.',
    preferences: 'Your preferences were changed.',
  }),
);

/** The fields of the profile's form. */
const FIELDS = ['name', 'given_name', 'family_name', 'locale', 'zoneinfo', 'theme', ...PERSONAL_DETAILS];

const LOOKS = [
  ['', 'Same as this device'],
  ['light', 'Light'],
  ['dark', 'Dark'],
];

const hasOther = (value: string | null, known: readonly string[]) => value !== null && !known.includes(value);

interface Typed {
  faults?: Record<string, string>;
  /** The fields of the form that was refused. */
  fields?: Record<string, string>;
}

/** The page on which users change their username, their names, and how they want to see pages. */
export function createProfilePage(router: Router, deps: ProfilePageDeps): void {
  const { signedIn, ownProfile, freshSignIn } = deps;

  async function show(
    ctx: Context,
    user: SignedInUser,
    { faults = {}, fields = {} }: Typed = {},
  ): Promise<void> {
    const profile = await deps.profile(user.accountId);
    const { theme = '' } = await deps.findPreferences(user.accountId);
    const { username, name, given_name, family_name, locale, zoneinfo } = profile;
    const stored = { username, name, given_name, family_name, locale, zoneinfo, theme };
    const typed: Record<string, string | null> = { ...stored, ...readPersonalDetails(profile), ...fields };
    deps.showPage(ctx, 'account/profile', {
      title: 'Profile',
      bodyClass: 'wide',
      nav: deps.navOf(user, PATH),
      notice: NOTICES.get(String(ctx.query.done)),
      alert: Object.values(faults)[0],
      faults,
      typed,
      isMoreOpen: PERSONAL_DETAILS.some((detail) => typed[detail] || faults[detail]),
      // The ceiling of this account keeps the other details from every application.
      detailScopes: limitToCeiling(['phone', 'address'], profile.scopes),
      // A language that an operator set, and that our list lacks, stays.
      languages: hasOther(
        locale,
        LANGUAGES.map(([tag]) => tag),
      )
        ? [[locale, locale], ...LANGUAGES]
        : LANGUAGES,
      timeZones: hasOther(zoneinfo, TIME_ZONES) ? [zoneinfo, ...TIME_ZONES] : TIME_ZONES,
      looks: LOOKS,
      maxPictureMb: MAX_PICTURE_MB,
      picture: await deps.pictures.findPicture(user.accountId),
      preferences: await describePreferences(deps, user.accountId, fields),
      actions: { profile: PATH, username: USERNAME, picture: PICTURE, preferences: PREFERENCES },
      csrf: {
        profile: user.csrf(PATH),
        username: user.csrf(USERNAME),
        picture: user.csrf(PICTURE),
        preferences: user.csrf(PREFERENCES),
      },
    });
  }

  /** Runs a change; shows the page again, with what was typed, if a field was refused. */
  async function attempt(
    ctx: Context,
    user: SignedInUser,
    fields: Record<string, string>,
    change: () => Promise<void>,
  ): Promise<void> {
    try {
      await change();
    } catch (error) {
      if (!(error instanceof LatchkeyError) || Object.keys(error.faults).length === 0) throw error;
      ctx.status = error.status;
      return show(ctx, user, { faults: error.faults, fields });
    }
    seeOther(ctx, `${PATH}?done=${ctx.path === USERNAME ? 'username' : 'profile'}`);
  }

  const ownerOf = ({ accountId, sessionUid }: SignedInUser) => ({
    accountId,
    sessionUid,
    origin: currentUnit().origin,
  });

  router.get(
    PATH,
    signedIn.page((ctx, user) => {
      freshSignIn.forgetAction(ctx);
      return show(ctx, user, { fields: user.typed ?? {} });
    }),
  );

  router.post(
    PATH,
    signedIn.form(
      (ctx, user, fields) => {
        const {
          name = '',
          given_name = '',
          family_name = '',
          locale = '',
          zoneinfo = '',
          theme = '',
        } = fields;
        // The page does not show all of the details to everyone.
        const details = Object.fromEntries(PERSONAL_DETAILS.map((detail) => [detail, fields[detail]]));
        const input = { name, given_name, family_name, locale, zoneinfo, theme, ...details };
        return attempt(ctx, user, fields, () => ownProfile.changeProfile(ownerOf(user), input));
      },
      { keeps: FIELDS },
    ),
  );

  const showProfile: PreferencesDeps['showProfile'] = (ctx, user, faults) => show(ctx, user, { faults });
  createPictureRoutes(router, { ...deps, showProfile });
  createPreferencesForm(router, { ...deps, showProfile });

  const changeUsername = freshSignIn.requireFactors(
    (_user, { username = '' }) => `change your username to “${username}”`,
    (ctx, user, { username = '' }) =>
      attempt(ctx, user, { username }, () => ownProfile.changeUsername(ownerOf(user), { username })),
  );

  router.post(
    USERNAME,
    signedIn.form(
      async (ctx, user, fields) => {
        // Checked first, so that nobody signs in again for a username that is then refused.
        const username = usernameField.safeParse(fields.username ?? '');
        if (username.success) return changeUsername(ctx, user, { ...fields, username: username.data });
        ctx.status = 400;
        const faults = { username: username.error.issues[0]?.message ?? '' };
        return show(ctx, user, { faults, fields: { username: fields.username ?? '' } });
      },
      { keeps: ['username'] },
    ),
  );
}
