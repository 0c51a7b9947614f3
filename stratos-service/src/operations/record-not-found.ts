import { StratosError } from 'stratos-core'

/** The one answer to whoever asks for a record that is not there, or not for them. */
export function recordNotFound(): StratosError {
  return new StratosError('RecordNotFound', 'there is no such record')
}
