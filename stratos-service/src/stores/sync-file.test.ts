import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { syncFile } from './sync-file.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'stratos-syncs-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

const open = (name: string) => openSync(join(directory, name), 'w')

it('brings one file to the disk, and many at once, again and again', async () => {
  const files = ['a', 'b', 'c'].map(open)
  for (const some of [files.slice(0, 1), files, files.slice(1)]) {
    for (const fd of some) writeSync(fd, 'text')
    await Promise.all(some.map(syncFile))
  }
  files.forEach((fd) => closeSync(fd))
})

it('tells whose file failed, alone or among others', async () => {
  const [good, bad] = [open('good'), open('bad')]
  closeSync(bad)
  await expect(syncFile(bad)).rejects.toThrow('EBADF')
  const settled = await Promise.allSettled([syncFile(good), syncFile(bad), syncFile(good)])
  expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  await syncFile(good)
  closeSync(good)
})
