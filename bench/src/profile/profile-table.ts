import type { CpuProfile, TimeEntry } from './cpu-profile.ts'
import { summarizeProfile } from './cpu-profile.ts'

const ROWS = 25

/** The functions and places that took most of the time, for a person. @param operations what to divide by */
export function formatProfile(profile: CpuProfile, operations: number): string {
  const { busyMs, functions, places } = summarizeProfile(profile)
  const table = (title: string, entries: readonly TimeEntry[], key: 'selfMs' | 'totalMs') => [
    '',
    `  ${title}, µs per request and share of the time`,
    ...entries
      .toSorted((a, b) => b[key] - a[key])
      .slice(0, ROWS)
      .map((entry) => `  ${cell(entry[key], operations, busyMs)}  ${entry.name}`),
  ]
  return [
    '',
    `profile of ${operations} requests, ${Math.round((busyMs * 1000) / operations)} µs each`,
    ...table('functions by their own time', functions, 'selfMs'),
    ...table('functions with what they call', functions, 'totalMs'),
    ...table('places by their own time', places, 'selfMs'),
  ].join('\n')
}

function cell(ms: number, operations: number, busyMs: number): string {
  const micros = ((ms * 1000) / operations).toFixed(1)
  return `${micros.padStart(8)} ${((ms / busyMs) * 100).toFixed(1).padStart(5)} %`
}
