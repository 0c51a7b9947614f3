import type { Redis } from 'ioredis'
import type { WriteRateLimiter } from 'stratos-core'
import type { Config } from '../config/config.ts'
import { FallbackWriteRateLimiter } from '../limits/fallback-write-rate-limiter.ts'
import { SharedWriteRateLimiter } from '../limits/shared-write-rate-limiter.ts'
import type { Storage } from '../stores/open-storage.ts'
import { ValkeyWriteRates } from '../valkey/write-rates.ts'

/** The limit on writes: in Valkey if there is one, and by what the storage has while that is away. */
export function buildWriteRate(
  { service, writeRate }: Pick<Config, 'service' | 'writeRate'>,
  storage: Pick<Storage, 'writeRateLimiter'>,
  { valkey, nowMs }: { valkey: Redis | null; nowMs: () => number },
): WriteRateLimiter {
  const local = storage.writeRateLimiter(writeRate)
  if (valkey === null) return local
  const rates = new ValkeyWriteRates({ valkey, prefix: service.did, rate: writeRate, nowMs })
  return new FallbackWriteRateLimiter(new SharedWriteRateLimiter(rates, writeRate, nowMs), local)
}
