/** Where the suite runs by default, and the alias of its test plans. */
export const SUITE = 'https://localhost.emobix.co.uk:8443/test/a/latchkey';

/** What the suite's browser does once it was sent to an address. The names of the members are those of the suite. */
export interface BrowserScript {
  match: string;
  'match-limit'?: number;
  tasks: { task: string; match: string; optional?: boolean; commands?: Command[] }[];
}

type Command = (string | number)[];

/** Waits for the page, and gives it to the suite in place of a screenshot. The suite fails a module that asked for none. */
const SHOW: Command = ['wait', 'css', 'h1', 10, '.', 'update-image-placeholder'];
/** The same, or nothing where no screenshot was asked for. */
const SHOW_IF_ASKED: Command = ['wait', 'css', 'h1', 10, '.', 'update-image-placeholder-optional'];

/** For a module that opens the request twice and signs in the second time: what comes before the other tasks. */
export const leaveFirstSignIn = (issuer: string): BrowserScript => ({
  match: `${issuer}/auth*`,
  'match-limit': 1,
  tasks: [{ task: 'Leave', match: `${issuer}/interaction/*` }],
});

/**
 * What the suite's browser does on the pages of a server. It reads one page after another and never returns to an earlier
 * task, so each page has a task that is skipped at other addresses. Signing in and allowing share an address: the browser
 * skips what is not on the page.
 * @param options `denies`: it presses Deny; `showSignIn`: the module asks for a screenshot of the second sign-in;
 *   `showConsent`: of what the application said of itself; `showSignOut`: of the question whether to sign out
 */
export const browserTasks = (
  issuer: string,
  { username, password }: { username: string; password: string },
  { denies = false, showSignIn = false, showConsent = false, showSignOut = false } = {},
): BrowserScript[] => [
  {
    match: `${issuer}/auth*`,
    tasks: [
      {
        task: 'Sign in',
        optional: true,
        match: `${issuer}/interaction/*`,
        commands: [
          ...(showSignIn ? [SHOW_IF_ASKED] : []),
          ['text', 'id', 'username', username, 'optional'],
          ['text', 'id', 'password', password, 'optional'],
          ['click', 'css', 'form button.primary:not([name])', 'optional'],
        ],
      },
      {
        task: denies ? 'Deny' : 'Allow',
        optional: true,
        match: `${issuer}/interaction/*`,
        // The module ends with the screenshot, and fails if the browser goes on.
        commands: [showConsent ? SHOW : ['click', 'css', `button[value=${denies ? 'deny' : 'allow'}]`]],
      },
      { task: 'Read the error', optional: true, match: `${issuer}/auth*`, commands: [SHOW] },
      {
        task: 'Finish',
        optional: true,
        match: `${SUITE}/callback*`,
        commands: [['wait', 'id', 'submission_complete', 10]],
      },
    ],
  },
  {
    match: `${issuer}/session/end*`,
    tasks: [
      {
        task: 'Sign out',
        optional: true,
        match: `${issuer}/session/end*`,
        commands: [...(showSignOut ? [SHOW] : []), ['click', 'css', 'button[name=logout]', 'optional']],
      },
      { task: 'Finish', optional: true, match: `${issuer}/*`, commands: [SHOW_IF_ASKED] },
    ],
  },
];
