const TAGS =
  `ar bg bn ca cs da de de-AT de-CH el en en-GB en-US es es-MX et eu fa fi fr fr-CA ga gl he hi hr hu id is it
  ja ko lt lv mk ms nb nl nl-BE pl pt pt-BR ro ru sk sl sq sr sv sw ta th tr uk ur vi zh-Hans zh-Hant`.split(
    /\s+/,
  );

/** Each language in its own words, as its readers look for it. */
function nameOf(tag: string): string {
  const name = new Intl.DisplayNames([tag], { type: 'language' }).of(tag) ?? tag;
  return `${name.charAt(0).toLocaleUpperCase(tag)}${name.slice(1)}`;
}

/** What people can choose from; an operator can set any other. The tag (RFC 5646), and the name. */
export const LANGUAGES: [tag: string, name: string][] = TAGS.map((tag): [string, string] => [
  tag,
  nameOf(tag),
]);
