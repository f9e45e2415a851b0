import type { CDPSession, Page } from 'playwright-core';

/** What Chromium can pretend is plugged in (Chrome DevTools Protocol, domain WebAuthn). */
const KINDS = {
  /** Of the device itself, with a fingerprint. */
  platform: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true },
  /** A key on USB that can verify nobody. */
  usb: { protocol: 'ctap2', transport: 'usb', hasResidentKey: false, hasUserVerification: false },
  /** A key on USB that knows nothing but a touch. */
  u2f: { protocol: 'u2f', transport: 'usb', hasResidentKey: false, hasUserVerification: false },
} as const;

/** An authenticator of a page; a person who touches it, or does not. */
export class VirtualAuthenticator {
  readonly #cdp: CDPSession;
  readonly #id: string;

  private constructor(cdp: CDPSession, id: string) {
    this.#cdp = cdp;
    this.#id = id;
  }

  static async plugIn(page: Page, kind: keyof typeof KINDS): Promise<VirtualAuthenticator> {
    const cdp = await page.context().newCDPSession(page);
    await cdp.send('WebAuthn.enable', { enableUI: false });
    const options = { ...KINDS[kind], isUserVerified: true, automaticPresenceSimulation: true };
    const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', { options });
    return new VirtualAuthenticator(cdp, authenticatorId);
  }

  /** Whether somebody touches it when it asks. */
  async touched(enabled: boolean): Promise<void> {
    await this.#cdp.send('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId: this.#id, enabled });
  }

  /** Whether the finger is the right one. */
  async verifies(isUserVerified: boolean): Promise<void> {
    await this.#cdp.send('WebAuthn.setUserVerified', { authenticatorId: this.#id, isUserVerified });
  }

  async credentials() {
    const { credentials } = await this.#cdp.send('WebAuthn.getCredentials', { authenticatorId: this.#id });
    return credentials;
  }

  /** Puts back what was read before, with another counter: a copy. */
  async restore(
    credential: Awaited<ReturnType<VirtualAuthenticator['credentials']>>[number],
    signCount: number,
  ) {
    await this.#cdp.send('WebAuthn.clearCredentials', { authenticatorId: this.#id });
    await this.#cdp.send('WebAuthn.addCredential', {
      authenticatorId: this.#id,
      credential: { ...credential, signCount },
    });
  }

  async unplug(): Promise<void> {
    await this.#cdp.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId: this.#id });
  }
}
