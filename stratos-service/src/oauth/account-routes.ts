import { Router, type Request, type RequestHandler, type Response } from 'express'
import { parseNsid, StratosError, type Did, type UserViewer } from 'stratos-core'
import type { Authenticator, MethodKind } from '../auth/authenticate.ts'
import { toAuthRequest } from '../auth/express-request.ts'
import { user } from '../auth/guards.ts'
import type { Logger } from '../logger.ts'
import type { Enrollments } from '../operations/enrollments.ts'
import { headersOf, wireErrorOf } from '../xrpc/errors.ts'

/** Also the `lxm` of a service token for the page. */
const STATUS = parseNsid('zone.stratos.enrollment.status')
const UNENROLL = parseNsid('zone.stratos.enrollment.unenroll')

export interface AccountRoutesOptions {
  readonly auth: Authenticator
  readonly addressOf: (req: Request) => string
  readonly enrollments: Pick<Enrollments, 'status'>
  /** Whether this service still has what it needs to write to the account's PDS. */
  readonly hasPdsSession: (did: Did) => Promise<boolean>
  /** Ends an enrollment. @throws {StratosError} `NotEnrolled` */
  readonly unenroll: (did: Did) => Promise<void>
  readonly logger: Logger
}

/** What an account may ask about its own enrollment, outside XRPC: `/oauth/status` and `/oauth/revoke`. */
export function accountRoutes(options: AccountRoutesOptions): Router {
  const { auth, addressOf, enrollments, logger } = options
  const router = Router()

  router.get(
    '/status',
    answer(STATUS, 'query', async ({ did, ...viewer }) => {
      const status = await enrollments.status({ did, ...viewer }, did)
      if (!status.enrolled) return { did, enrolled: false }
      return {
        did,
        enrolled: true,
        enrolledAt: status.enrolledAt,
        boundaries: (status.boundaries ?? []).map((value) => ({ value })),
        needsReauth: !(await options.hasPdsSession(did)),
      }
    }),
  )
  router.post(
    '/revoke',
    answer(UNENROLL, 'procedure', async ({ did }) => {
      await options.unenroll(did)
      return { did, revoked: true, message: 'Your enrollment has ended.' }
    }),
  )
  return router

  function answer(
    nsid: typeof STATUS,
    kind: MethodKind,
    work: (viewer: UserViewer) => Promise<object>,
  ): RequestHandler {
    return async (req, res) => {
      try {
        const request = toAuthRequest(req, res, addressOf(req))
        const viewer = await user.resolve({ auth, request, nsid, kind, params: {} })
        res.json(await work(viewer))
      } catch (err) {
        refuse(res, err)
      }
    }
  }

  function refuse(res: Response, err: unknown): void {
    if (!(err instanceof StratosError)) {
      logger.error({ err, requestId: res.getHeader('x-request-id') }, 'request failed')
      res.status(500).json({ error: 'InternalServerError', message: 'Internal Server Error' })
      return
    }
    const notFound = err.code === 'NotEnrolled'
    const { status, name } = notFound ? { status: 404, name: 'NotFound' } : wireErrorOf(err.code)
    res.set(headersOf(err)).status(status).json({ error: name, message: err.message })
  }
}
