/** Names, kinds and meanings of all metrics. */
const METRICS = {
  stratos_indexer_events_total: ['counter', 'Events of streams that were applied, by service'],
  stratos_indexer_records_total: ['counter', 'Records written or deleted, by service'],
  stratos_indexer_batches_total: ['counter', 'Transactions, by service'],
  stratos_indexer_failed_batches_total: [
    'counter',
    'Transactions that failed and are tried again, by service',
  ],
  stratos_indexer_dead_letters_total: ['counter', 'Changes that could not be used, by service'],
  stratos_indexer_connects_total: ['counter', 'Streams that were opened, by service'],
  stratos_indexer_disconnects_total: ['counter', 'Streams that ended, by service and reason'],
  stratos_indexer_resyncs_total: ['counter', 'Readings of all repos of a service, by service'],
  stratos_indexer_repos_read_total: ['counter', 'Repos that were read whole, by service'],
  stratos_indexer_enrollment_records_total: [
    'counter',
    'Enrollment records found on PDSes, by what became of them',
  ],
  stratos_indexer_backfilled_repos_total: [
    'counter',
    'Accounts whose enrollment records were asked for, by outcome',
  ],
  stratos_indexer_api_requests_total: ['counter', 'Requests to the read API, by method and status'],
  stratos_indexer_connected: ['gauge', '1 while the stream of a service is open'],
  stratos_indexer_cursor: ['gauge', 'Number of the last event applied, by service'],
  stratos_indexer_lag_ms: ['gauge', 'Time between the last event and its being applied, by service'],
} as const

export type MetricName = keyof typeof METRICS
export type Labels = Readonly<Record<string, string>>

/** Counters and gauges, printed in the text format of Prometheus. */
export class Metrics {
  readonly #values = new Map<MetricName, Map<string, number>>()

  add(name: MetricName, labels: Labels, amount = 1): void {
    const series = this.#series(name)
    const key = formatLabels(labels)
    series.set(key, (series.get(key) ?? 0) + amount)
  }

  set(name: MetricName, labels: Labels, value: number): void {
    this.#series(name).set(formatLabels(labels), value)
  }

  get(name: MetricName, labels: Labels): number {
    return this.#series(name).get(formatLabels(labels)) ?? 0
  }

  /** @see https://prometheus.io/docs/instrumenting/exposition_formats/ */
  format(): string {
    const lines = Object.entries(METRICS).flatMap(([name, [kind, help]]) => [
      `# HELP ${name} ${help}`,
      `# TYPE ${name} ${kind}`,
      ...[...this.#series(name as MetricName)].map(([labels, value]) => `${name}${labels} ${value}`),
    ])
    return `${lines.join('\n')}\n`
  }

  #series(name: MetricName): Map<string, number> {
    const known = this.#values.get(name) ?? new Map<string, number>()
    this.#values.set(name, known)
    return known
  }
}

function formatLabels(labels: Labels): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}=${JSON.stringify(value)}`)
  return parts.length === 0 ? '' : `{${parts.join(',')}}`
}
