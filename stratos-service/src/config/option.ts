import type { Reader } from './readers.ts'

/** One variable of the environment. */
export interface Option<T> {
  readonly section: string
  readonly help: string
  readonly read: Reader<T>
  /** `undefined` marks a variable that must be set. */
  readonly fallback: T | undefined
}

export function required<T>(read: Reader<T>, section: string, help: string): Option<T> {
  return { section, help, read, fallback: undefined }
}

export function optional<T>(read: Reader<T>, fallback: NoInfer<T>, section: string, help: string): Option<T> {
  return { section, help, read, fallback }
}
