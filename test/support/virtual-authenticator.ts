import type { CDPSession, Page } from 'playwright-core';

/** The authenticators that Chromium can emulate (Chrome DevTools Protocol, domain WebAuthn). */
const KINDS = {
  /** Built into the device, with a fingerprint reader. */
  platform: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true },
  /** A USB key that cannot verify the user. */
  usb: { protocol: 'ctap2', transport: 'usb', hasResidentKey: false, hasUserVerification: false },
  /** A USB key of the older U2F protocol, which only knows a touch. */
  u2f: { protocol: 'u2f', transport: 'usb', hasResidentKey: false, hasUserVerification: false },
} as const;

/** An emulated authenticator of a page, and the person who touches it or not. */
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

  /** Sets whether the person touches it when it asks. */
  async touched(enabled: boolean): Promise<void> {
    await this.#cdp.send('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId: this.#id, enabled });
  }

  /** Sets whether it recognises the finger. */
  async verifies(isUserVerified: boolean): Promise<void> {
    await this.#cdp.send('WebAuthn.setUserVerified', { authenticatorId: this.#id, isUserVerified });
  }

  async credentials() {
    const { credentials } = await this.#cdp.send('WebAuthn.getCredentials', { authenticatorId: this.#id });
    return credentials;
  }

  /** Adds a credential that was read before, with another counter, as a copied key has it. */
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
