import type { Report } from './report.ts'

const ENOUGH_ROUNDS = 5

/** The report for a person. */
export function formatTable(report: Report): string {
  const { floors, against, itemsPerOperation, connections, users } = report
  const rows: [string, string][] = [
    ['throughput', throughput(report)],
    ['latency', `p50 ${report.p50Ms} ms, p99 ${report.p99Ms} ms`],
    ['CPU of the service', cpu(report)],
    ['memory of the service', memory(report)],
    ['write floor', `${floors.writeMs} ms`],
    [
      'read floor',
      `${floors.readMs} ms alone, ${floors.readTimeMs} ms at ${counted(connections, 'connection')}`,
    ],
    [`p50 ÷ ${against} floor`, `${report.ratioP50}   (${report.ratiosP50.join(', ')})`],
    [`${against}s per floor time`, `${report.itemsPerFloorTime}`],
  ]
  const width = Math.max(...rows.map(([name]) => name.length)) + 2
  return [
    '',
    `${report.workload}: ${counted(users, 'user')} over ${counted(connections, 'connection')}, ${report.storage}, stubs ${report.stubs}`,
    `${counted(report.rounds, 'round')} of ${report.seconds} s, ${counted(report.operations, 'request')}${
      itemsPerOperation === 1 ? '' : ` of ${itemsPerOperation} records`
    }`,
    '',
    ...rows.map(([name, value]) => `  ${name.padEnd(width)}${value}`),
    '',
    ...remarks(report).map((remark) => `  ${remark}`),
  ].join('\n')
}

function throughput({ opsPerSecond, itemsPerOperation }: Report): string {
  const requests = `${opsPerSecond} requests/s`
  return itemsPerOperation === 1
    ? requests
    : `${requests}, ${Math.round(opsPerSecond * itemsPerOperation)} records/s`
}

function cpu({ cpuMsPerOp, cpuMsPerOpUntilIdle }: Report): string {
  if (cpuMsPerOp === null || cpuMsPerOpUntilIdle === null) return 'unknown on this system'
  return `${cpuMsPerOp} ms per request, ${cpuMsPerOpUntilIdle} ms with what it does afterwards`
}

function memory({ rssMiB, peakRssMiB, fileDescriptors }: Report): string {
  if (rssMiB === null) return 'unknown on this system'
  return `${rssMiB} MiB, at most ${peakRssMiB} MiB; ${fileDescriptors} file descriptors`
}

function remarks(report: Report): string[] {
  const { loadAverage, processors, rounds, settled } = report
  const busy = `The load average is ${loadAverage} on ${counted(processors, 'processor')}. Compare ratios, not milliseconds.`
  return [
    busy,
    ...(rounds < ENOUGH_ROUNDS ? [`Fewer than ${ENOUGH_ROUNDS} rounds: not for comparisons.`] : []),
    ...(settled ? [] : ['The service was still at work for one round when the next began.']),
  ]
}

function counted(count: number, noun: string): string {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`
}
