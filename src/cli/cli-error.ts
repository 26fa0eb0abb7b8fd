/** Ends a command with one line on standard error. 1: it failed. 2: it was not understood. */
export class CliError extends Error {
  readonly exitCode: 1 | 2;
  /** True where the same call may well succeed a little later: nobody answered, or the server asked to wait. */
  readonly passing: boolean;

  constructor(message: string, exitCode: 1 | 2 = 1, passing = false) {
    super(message);
    this.name = 'CliError';
    this.exitCode = exitCode;
    this.passing = passing;
  }
}
