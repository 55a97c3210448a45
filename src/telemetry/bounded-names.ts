/** Names that become attributes of metrics: each makes a series that is kept for ever, so there have to be few. */

/** A service has some hundreds at most. What has more passes on names that others make up, as a proxy does. */
const MAX_NAMES = 1_000;
/** As the semantic conventions call the rest. */
const OTHER = '_OTHER';

export class BoundedNames {
  readonly #names = new Set<string>();

  /** The name itself, or `_OTHER` when it is new and there are too many. */
  bound(name: string): string {
    if (this.#names.has(name)) return name;
    if (this.#names.size >= MAX_NAMES) return OTHER;
    this.#names.add(name);
    return name;
  }
}
