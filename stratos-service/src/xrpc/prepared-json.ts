/** The body of an answer that is JSON already. Whoever makes one answers for its shape. */
export class PreparedJson {
  readonly bytes: Buffer

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }
}
