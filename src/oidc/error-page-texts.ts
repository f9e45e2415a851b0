/** What an error page says. */
export interface ErrorText {
  heading: string;
  lede: string;
  advice: string;
}

const NOTHING_CHANGED = 'Nothing was changed, and nobody was signed in.';
const NOT_SIGNED_OUT = 'Nothing was changed, and nobody was signed out.';

/** What to say for a protocol error: what happened, whether anything changed, and what to do next. */
const ERROR_TEXTS: Record<string, ErrorText> = {
  invalid_redirect_uri: {
    heading: 'This application sent you here with an address that is not registered',
    lede: NOTHING_CHANGED,
    advice: 'Tell the people who make the application: its redirect URI must be registered on this server.',
  },
  invalid_client: {
    heading: 'This application is not registered here',
    lede: NOTHING_CHANGED,
    advice: 'It may have been removed. Ask the people who run the application.',
  },
  expired: {
    heading: 'This sign-in has ended',
    lede: NOTHING_CHANGED,
    advice: 'Go back to the application you want to use and start again.',
  },
};

/**
 * @param error its code
 * @param description the sentence that the application would get
 * @param isSignOut whether the request was to sign out
 */
export function textOf(error: string, description: string | undefined, isSignOut: boolean): ErrorText {
  const advice = 'Go back to the application and start again.';
  const text = ERROR_TEXTS[error] ?? {
    heading: 'This request could not be completed',
    lede: NOTHING_CHANGED,
    advice: description
      ? `${advice} If it happens again, tell the people who make it: ${error}, ${description}.`
      : advice,
  };
  return isSignOut ? { ...text, lede: NOT_SIGNED_OUT } : text;
}
