import { describe, expect, it } from 'vitest'
import { formatList, parseCliOptions, UsageError } from './cli-options.ts'
import { WORKLOADS } from './workloads/catalog.ts'

describe('the command line', () => {
  it('takes a workload and has a default for everything else', () => {
    expect(parseCliOptions(['createRecord'])).toMatchObject({
      action: 'run',
      workload: { name: 'createRecord', stubs: 'full' },
      storage: 'sqlite',
      rounds: 5,
      seconds: 1,
      dataDir: undefined,
      profile: undefined,
      json: false,
    })
  })

  it('takes every option', () => {
    const args =
      'get --stubs full --rounds 7 --seconds 0.5 --data-dir d --profile p --json --storage postgres'
    expect(parseCliOptions(args.split(' '))).toMatchObject({
      workload: { name: 'get-32-connections', stubs: 'full' },
      storage: 'postgres',
      rounds: 7,
      seconds: 0.5,
      dataDir: 'd',
      profile: 'p',
      json: true,
    })
  })

  it.each([['--help'], ['-h'], ['--list']])('%s needs no workload', (option) => {
    expect(parseCliOptions([option])).toEqual({ action: option === '--list' ? 'list' : 'help' })
  })

  it.each([
    [''],
    ['noSuchWorkload'],
    ['createRecord getRecord'],
    ['createRecord --storage mysql'],
    ['createRecord --stubs none'],
    ['createRecord --rounds 0'],
    ['createRecord --rounds 1.5'],
    ['createRecord --seconds 0'],
    ['createRecord --seconds 21'],
    ['createRecord --seconds 1s'],
    ['createRecord --no-such-option'],
  ])('refuses "%s"', (line) => {
    expect(() => parseCliOptions(line.split(' ').filter((word) => word !== ''))).toThrow(UsageError)
  })
})

describe('the list', () => {
  it('has a line for each workload, and no name twice', () => {
    const names = WORKLOADS.flatMap(({ name, aliases = [] }) => [name, ...aliases])
    expect(new Set(names).size).toBe(names.length)
    for (const name of names) expect(formatList()).toContain(name)
  })
})
