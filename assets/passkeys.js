// The browser's side of passkeys. It says what happened into role=status; without it every page works by its forms.
// The library comes when it is first needed: most pages are left without a touch.
const { dataset, src } = document.currentScript;
const { library } = dataset;
// This script is at /assets below the path of the server.
const endpoints = new URL('../webauthn/', src);
const status = document.querySelector('#status');
const { csrf, interaction, back, autofill, signal, upgrade, start } = status.dataset;
const buttons = document.querySelectorAll('[data-passkey]');
const credentials = window.PublicKeyCredential;
const say = (text) => {
  status.textContent = text;
};

// A page has one element with role=status: if it shows an outcome already, this one stays polite without the role.
if (!document.querySelector('[role=status]')) status.role = 'status';

let loading;
function load() {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement('script');
    Object.assign(script, { src: library, onload: () => resolve(SimpleWebAuthnBrowser), onerror: reject });
    document.head.append(script);
  });
  return loading;
}

async function send(path, body) {
  const answer = await fetch(new URL(path, endpoints), {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
    body: JSON.stringify({ csrf, interaction, ...body }),
  });
  const result = await answer.json();
  if (answer.ok) return result;
  throw Object.assign(new Error(result.title), { problem: result });
}

async function ceremony(kind, body, silent) {
  const { startAuthentication, startRegistration } = await load();
  const start = kind === 'authentication' ? startAuthentication : startRegistration;
  const response = await start({ optionsJSON: await send(`${kind}/options`, body), ...silent });
  say('');
  await finish(kind, body, response);
}

async function finish(kind, body, response) {
  const { location: to } = await send(`${kind}/verify`, { ...body, response });
  location.assign(to ?? back);
}

const acts = {
  get: () => ['authentication', {}],
  mfa: () => ['authentication', { purpose: 'second_factor' }],
  approve: ({ value: key }) => ['authentication', { purpose: 'sign_key', key }],
  'create-mfa': () => ['registration', { ceremony: 'security_key' }],
  recover: ({ form }) => ['registration', { purpose: 'recovery', fields: fieldsOf(form) }],
  create: ({ form }) => ['registration', { fields: fieldsOf(form) }],
};

const fieldsOf = (form) =>
  Object.fromEntries(
    [...(form ? new FormData(form) : [])].filter(([name]) =>
      /^(username|name|email|end|invitation|code)$/.test(name),
    ),
  );

// Two at once are refused: what the browser does by itself gives way.
const upgrading = new AbortController();

async function click({ currentTarget: button }) {
  upgrading.abort();
  const { username, email, code } = button.form?.elements ?? {};
  if ([username, email, code].some((field) => field?.reportValidity() === false)) return;
  say('Waiting for your passkey…');
  try {
    await ceremony(...acts[button.dataset.passkey](button));
  } catch ({ problem, code }) {
    // The page has been open for too long. The page of an ended sign-in leads back to the application; the form of a button
    // leads to the sign-in page and back here, where this begins again.
    if (problem?.code === 'interaction_ended') return location.replace(location.href);
    if (button.form?.act && problem?.code === 'sign_in_too_old') return button.form.submit();
    const known = code === 'ERROR_AUTHENTICATOR_PREVIOUSLY_REGISTERED' && 'You have already added that key.';
    say(problem?.title ?? (known || 'No passkey was used. Try again, or choose another way.'));
    offer();
  }
}

// Offered in the username field for as long as the page is open: a challenge lives five minutes. Errors are silent,
// unless somebody chose a passkey and it was refused.
let timer;
async function offer() {
  clearTimeout(timer);
  if (!autofill || !(await credentials.isConditionalMediationAvailable?.())) return;
  timer = setTimeout(offer, 240_000);
  ceremony('authentication', {}, { useBrowserAutofill: true }).catch(
    ({ problem }) => problem && say(problem.title),
  );
}

async function after() {
  for (const [name, options] of Object.entries(JSON.parse(signal ?? '{}')))
    credentials[name]?.(options).catch(() => {});
  // A browser that can do this needs no library for it.
  if (!upgrade || !(await credentials.getClientCapabilities?.())?.conditionalCreate) return;
  const body = { ceremony: 'upgrade' };
  const publicKey = credentials.parseCreationOptionsFromJSON(await send('registration/options', body));
  const made = await navigator.credentials.create({
    mediation: 'conditional',
    publicKey,
    signal: upgrading.signal,
  });
  await finish('registration', body, made.toJSON());
}

for (const button of buttons) {
  button.hidden = !credentials;
  button.addEventListener('click', click);
}
if (credentials) {
  [...buttons].find(({ dataset, value }) => start === `${dataset.passkey} ${value}`)?.click();
  offer();
  after().catch(() => {});
}
