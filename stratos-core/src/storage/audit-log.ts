/** What an operator does to whom. */
export interface AuditedAction {
  /** DID of the operator, or `admin` for whoever has the password. */
  readonly actor: string
  /** NSID of the method. */
  readonly action: string
}

/** One line of the audit log, as it is written. */
export interface AuditNote extends AuditedAction {
  /** The account (DID) or record (URI) it is done to; null where it concerns the service as a whole. */
  readonly subject: string | null
  /** What was so before, in a form that JSON can hold; undefined where nothing was. Never a secret or a record body. */
  readonly before?: unknown
  /** What is so since. */
  readonly after?: unknown
}

/** One line as it is read. */
export interface AuditEntry extends AuditNote {
  /** Rises with every entry; there may be gaps. */
  readonly id: number
  readonly atMs: number
}

/** What operators did, kept for good: there is no way to change or remove an entry. */
export interface AuditLog {
  /**
   * Writes an entry; durable when the promise resolves. A store whose change lies in the same database writes the entry
   * in the transaction of the change instead. For a change elsewhere call this first: an entry for something that then
   * failed can be explained, a change without one cannot.
   */
  append(note: AuditNote): Promise<void>
  /**
   * Lists entries, newest first.
   *
   * @param query.subject only entries about it
   * @param query.before exclusive: continues after the last entry of the page before
   */
  list(query: {
    readonly subject?: string | undefined
    readonly before?: number | undefined
    readonly limit: number
  }): Promise<AuditEntry[]>
}
