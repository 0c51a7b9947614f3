/** Status of the process: what a script can act on. */
export const EXIT = { done: 0, refused: 1, usage: 2, unreachable: 3 } as const

/** Ends a command with a message for whoever typed it, which says what to do, and a status. */
export class CliError extends Error {
  override name = 'CliError'
  readonly status: number

  constructor(status: (typeof EXIT)[keyof typeof EXIT], message: string, options?: ErrorOptions) {
    super(message, options)
    this.status = status
  }
}

export function usageError(message: string): CliError {
  return new CliError(EXIT.usage, message)
}
