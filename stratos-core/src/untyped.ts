/**
 * Reads a member of a value whose shape nobody has checked yet. Inherited members do not count, and nothing throws.
 *
 * @returns undefined if there is no such member, or if the value cannot have members
 */
export function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
  return (value as Record<string, unknown>)[name]
}

/** Like `memberOf`, for text. */
export function textMemberOf(value: unknown, name: string): string | undefined {
  const member = memberOf(value, name)
  return typeof member === 'string' ? member : undefined
}

/** Like `memberOf`, for lists. @returns the empty list for anything else */
export function listMemberOf(value: unknown, name: string): readonly unknown[] {
  const member = memberOf(value, name)
  return Array.isArray(member) ? member : []
}
