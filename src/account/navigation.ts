import { navigation, type SignedInUser } from '../web/signed-in-pages.ts';
import { SECURITY } from './fresh-sign-in.ts';

/** The home page. */
export const HOME = '/';
export const PROFILE = '/account/profile';

const SECTIONS: [href: string, text: string][] = [
  [HOME, 'Home'],
  [SECURITY, 'Security'],
  ['/account/applications', 'Applications'],
  ['/account/connections', 'Connections'],
  ['/account/requests', 'Requests'],
  ['/account/sessions', 'Sessions'],
  ['/account/activity', 'Activity'],
  [PROFILE, 'Profile'],
];

/** @param mayAdminister whether these scopes open any page of the console */
export function createNavigation(mayAdminister: (scopes: string[]) => boolean) {
  /** The links beside a page of the account. @param current the path of the section that the page belongs to */
  return ({ scopes }: Pick<SignedInUser, 'scopes'>, current = SECURITY) => {
    const links = mayAdminister(scopes)
      ? [...SECTIONS, ['/admin', 'Administration'] as [string, string]]
      : SECTIONS;
    return navigation('Your account', current, [...links, ['/session/end', 'Sign out…']]);
  };
}
