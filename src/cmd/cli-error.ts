/** What a person did or must do: shown as one line after `dhow: `, exit code 1, without a stack. */
export class CliError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CliError';
  }
}
