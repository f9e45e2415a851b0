/**
 * What was made once for each sequence of words, found again without building a key of them: SQL by the names of
 * its columns, a statement by its parts. The words come from code alone, so there are few.
 */
export class Shape<T> {
  made: T | undefined;
  readonly #next = new Map<string, Shape<T>>();

  with(word: string): Shape<T> {
    let next = this.#next.get(word);
    if (!next) {
      next = new Shape<T>();
      this.#next.set(word, next);
    }
    return next;
  }
}
