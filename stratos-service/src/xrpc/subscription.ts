import { l } from '@atproto/lex'
import { StratosError, type Did, type Nsid, type Viewer } from 'stratos-core'
import type { Guard, GuardContext } from '../auth/guards.ts'
import type { FollowedFeed } from '../operations/feed-message.ts'

/** What a follower has asked for, and may have. */
export interface Followed {
  readonly feed: FollowedFeed
  readonly cursor: number | undefined
  /** Whose repo it is about; null where it is about the whole service. */
  readonly about: Did | null
  /** The boundary that was asked for. */
  readonly domain: string | null
}

/** Chooses the feed. Translates; decides nothing. */
export type StreamHandler<S extends l.Subscription, V extends Viewer> = (call: {
  readonly viewer: V
  readonly params: l.InferSubscriptionParameters<S>
}) => Followed

/** A method that answers with a stream, and the guard that says who may open it. */
export interface SubscriptionRoute {
  readonly nsid: Nsid
  /**
   * @param search query of the request
   * @throws {StratosError} what the guard throws, and `InvalidRequest` for parameters that are not in the lexicon's form
   */
  open(context: Pick<GuardContext, 'auth' | 'request'>, search: string): Promise<Followed>
}

export function subscriptionRoute<S extends l.Subscription, V extends Viewer>(
  schema: S,
  nsid: Nsid,
  guard: Guard<V>,
  handler: StreamHandler<S, V>,
): SubscriptionRoute {
  return {
    nsid,
    open: async (context, search) => {
      const params = readParams(schema, search)
      const viewer = await guard.resolve({ ...context, nsid, kind: 'query', params })
      return handler({ viewer, params })
    },
  }
}

function readParams<S extends l.Subscription>(schema: S, search: string): l.InferSubscriptionParameters<S> {
  try {
    return schema.parameters.fromURLSearchParams(search) as l.InferSubscriptionParameters<S>
  } catch (err) {
    if (!(err instanceof l.LexValidationError)) throw err
    throw new StratosError('InvalidRequest', err.message, { cause: err })
  }
}
