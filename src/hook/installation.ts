/** One time that an integration was switched on, and the barrier behind which its faults stay. */

export interface Installation {
  /** False after disable() and after too many faults: a hook's first line is to look here. */
  readonly isActive: boolean;
  /** A hook of ours threw. The application never hears of it. */
  fault(error: unknown): void;
}

/** So many faults, and the integration is switched off rather than tried on every call. */
const MAX_FAULTS = 10;

export function createInstallation(
  report: (message: string, error: unknown) => void,
): Installation & { close(): void } {
  let isActive = true;
  let faults = 0;
  return {
    get isActive() {
      return isActive;
    },
    close() {
      isActive = false;
    },
    fault(error) {
      faults++;
      if (faults === 1) report('a hook failed; the application is not affected', error);
      if (faults === MAX_FAULTS && isActive) {
        isActive = false;
        report(`switched itself off after ${MAX_FAULTS} failures`, error);
      }
    },
  };
}
