export interface Settings {
  /** How often everything is measured. */
  rounds: number;
  /** Exports of about 512 spans in a round: those of a service, and those that the collectors get. */
  exports: number;
}

export interface Launch {
  /** The compiled child program. */
  program: string;
  /** URL of the built package's folder. */
  distUrl: string;
}
