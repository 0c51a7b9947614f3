import { Agent } from '@atproto/api'
import { callStratos } from './call.ts'
import {
  createStratosFetchHandler,
  unwrapAgent,
  type StratosSession,
  type StratosSessionOptions,
} from './session.ts'
import type { ZoneAnswer, ZoneArguments, ZoneMethod } from './zone-methods.ts'

/** An `Agent` of `@atproto/api` whose calls go to a Stratos service, and never to a PDS. */
export class StratosAgent extends Agent {
  /**
   * Calls a method of `zone.stratos`, typed by its lexicon, as {@link callStratos} does.
   *
   * @throws {StratosServiceError} with the name of the service's refusal
   */
  async zone<M extends ZoneMethod>(method: M, ...args: ZoneArguments<M>): Promise<ZoneAnswer<M>> {
    return callStratos((path, init) => this.fetchHandler(path, init ?? {}), method, ...args)
  }
}

/**
 * Makes an `Agent` whose calls go to a Stratos service as the user of `session`.
 *
 * Create one per session and service, and drop it when the user signs out.
 *
 * @param session a signed-in user: `OAuthSession`, `CredentialSession`, or an `Agent` made from one
 * @param serviceUrl http(s) URL of the service
 * @throws {StratosClientError} `InvalidServiceUrl` or `UnknownSessionKind`. Calls of the agent reject with `XRPCError`;
 *   use `findStratosClientError` to see whether this package is the reason.
 */
export function createStratosAgent(
  session: StratosSession,
  serviceUrl: string,
  options: StratosSessionOptions = {},
): StratosAgent {
  const owner = unwrapAgent(session)
  const fetchHandler = createStratosFetchHandler(owner, serviceUrl, options)
  return new StratosAgent({
    get did() {
      return owner.did as Agent['did']
    },
    fetchHandler,
  })
}
