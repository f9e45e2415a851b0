type Stored = Record<string, unknown>;

/**
 * The engine's own in-memory adapter without its limit of 1000 entries and its lists for revocation. Like the engine's,
 * it stores the objects themselves and copies none, so no storage can be cheaper.
 */
export class MapAdapter {
  static readonly #stored = new Map<string, Stored>();
  static readonly #uids = new Map<string, string>();
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  #key(id: string): string {
    return `${this.#name}:${id}`;
  }
  async upsert(id: string, payload: Stored): Promise<void> {
    if (this.#name === 'Session') MapAdapter.#uids.set(String(payload.uid), id);
    MapAdapter.#stored.set(this.#key(id), payload);
  }
  async find(id: string): Promise<Stored | undefined> {
    return MapAdapter.#stored.get(this.#key(id));
  }
  async findByUid(uid: string): Promise<Stored | undefined> {
    return MapAdapter.#stored.get(this.#key(MapAdapter.#uids.get(uid) ?? ''));
  }
  async findByUserCode(): Promise<undefined> {}
  async consume(id: string): Promise<void> {
    (MapAdapter.#stored.get(this.#key(id)) as Stored).consumed = Math.floor(Date.now() / 1000);
  }
  async destroy(id: string): Promise<void> {
    MapAdapter.#stored.delete(this.#key(id));
  }
  async revokeByGrantId(): Promise<void> {}
}
