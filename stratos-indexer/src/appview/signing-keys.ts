import type { IdResolver } from '@atproto/identity'
import type { Db } from '../tables/database.ts'

interface SigningKeyParts {
  readonly db: Db
  readonly resolver: Pick<IdResolver, 'did'>
  readonly nowMs: () => number
}

/** Lookups at a time. Of accounts that nobody knows there are as many as an attacker likes, so they have their own. */
const MAX_OF_STRANGERS = 16
const MAX_OF_ENROLLED = 64
/** A key is asked for anew at most so often, however many tokens do not match it. */
const ANEW_EVERY_MS = 10_000
const MAX_REMEMBERED = 10_000

/** Finds the keys of those who read, without letting those who only claim to exist stand in their way. */
export class SigningKeys {
  readonly #parts: SigningKeyParts
  readonly #underWay = { strangers: 0, enrolled: 0 }
  readonly #askedAnewAtMs = new Map<string, number>()

  constructor(parts: SigningKeyParts) {
    this.#parts = parts
  }

  /**
   * @param anew whether the remembered key did not match
   * @returns `#atproto` key as `did:key`
   * @throws {Error} if there is none, or too many are being looked up
   */
  async find(did: string, anew: boolean): Promise<string> {
    const { resolver } = this.#parts
    // A `did:key` would be its own proof: anybody makes thousands of them in a second.
    if (!/^did:(plc|web):/.test(did)) throw new Error('only did:plc and did:web have accounts')
    const isAnew = anew && this.#mayAskAnew(did)
    const cached = isAnew ? null : await resolver.did.cache?.checkCache(did)
    if (cached != null && !cached.expired) return resolver.did.resolveAtprotoKey(did)

    const isEnrolled = await this.#isEnrolled(did)
    const pool = isEnrolled ? 'enrolled' : 'strangers'
    if (this.#underWay[pool] >= (isEnrolled ? MAX_OF_ENROLLED : MAX_OF_STRANGERS)) {
      throw new Error('too many keys are being looked up')
    }
    this.#underWay[pool] += 1
    try {
      return await resolver.did.resolveAtprotoKey(did, isAnew)
    } finally {
      this.#underWay[pool] -= 1
    }
  }

  #mayAskAnew(did: string): boolean {
    const nowMs = this.#parts.nowMs()
    if (nowMs < (this.#askedAnewAtMs.get(did) ?? 0) + ANEW_EVERY_MS) return false
    // Put back at the end: the first is the one of longest ago.
    this.#askedAnewAtMs.delete(did)
    this.#askedAnewAtMs.set(did, nowMs)
    const oldest = this.#askedAnewAtMs.keys().next().value
    if (this.#askedAnewAtMs.size > MAX_REMEMBERED && oldest !== undefined) this.#askedAnewAtMs.delete(oldest)
    return true
  }

  async #isEnrolled(did: string): Promise<boolean> {
    const row = await this.#parts.db
      .selectFrom('stratos_enrollment')
      .select('did')
      .where('did', '=', did)
      .limit(1)
      .executeTakeFirst()
    return row !== undefined
  }
}
