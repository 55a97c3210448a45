/** One time that an integration was switched on, and the barrier behind which its faults stay. */

export interface Installation {
  /** False after disable() and after too many faults: a hook's first line is to look here. */
  readonly isActive: boolean;
  /** A hook of ours threw. The application never hears of it. */
  fault(error: unknown): void;
  /**
   * `fn` for whoever calls it that is not ours: a listener, a subscriber, a tick, a timer, a callback. What it
   * throws ends in fault(), and then it returns undefined.
   */
  guard<Self, Args extends unknown[], Result>(
    fn: (this: Self, ...args: Args) => Result,
  ): (this: Self, ...args: Args) => Result | undefined;
}

/** So many faults, and the integration is switched off rather than tried on every call. */
const MAX_FAULTS = 10;

/** @param maxFaults Infinity for what is never switched off */
export function createInstallation(
  report: (message: string, error: unknown) => void,
  maxFaults: number = MAX_FAULTS,
): Installation & { close(): void } {
  let isActive = true;
  let faults = 0;
  function fault(error: unknown): void {
    faults++;
    try {
      if (faults === 1) report('a hook failed; the application is not affected', error);
      if (faults === maxFaults && isActive) {
        isActive = false;
        report(`switched itself off after ${maxFaults} failures`, error);
      }
    } catch {
      // The logger is the application's own.
    }
  }
  const guard: Installation['guard'] = (fn) =>
    function guarded(...args) {
      try {
        return Reflect.apply(fn, this, args);
      } catch (error) {
        fault(error);
        return undefined;
      }
    };
  return {
    get isActive() {
      return isActive;
    },
    close() {
      isActive = false;
    },
    fault,
    guard,
  };
}

/**
 * What an integration keeps while it is switched on, for `install` and for each `patch`: one for each installation, made
 * when the first of them asks for it.
 */
export function perInstallation<Context, State>(
  make: (context: Context, installation: Installation) => State,
): (context: Context, installation: Installation) => State {
  const states = new WeakMap<Installation, { readonly state: State }>();
  return (context, installation) => {
    let kept = states.get(installation);
    if (kept === undefined) {
      kept = { state: make(context, installation) };
      states.set(installation, kept);
    }
    return kept.state;
  };
}
