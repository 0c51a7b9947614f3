import type {
  InferMethodInputBody,
  InferMethodOutputBody,
  InferMethodParams,
  Procedure,
  Query,
} from '@atproto/lex'
import type { zone } from 'stratos-core/lexicons'

/** The methods of `zone.stratos` that take and answer JSON, and whether they only read. */
export const ZONE_METHODS = {
  'zone.stratos.admin.addBoundary': 'procedure',
  'zone.stratos.admin.auditLog': 'query',
  'zone.stratos.admin.enroll': 'procedure',
  'zone.stratos.admin.explainAccess': 'query',
  'zone.stratos.admin.getEnrollment': 'query',
  'zone.stratos.admin.listEnrollments': 'query',
  'zone.stratos.admin.listJobs': 'query',
  'zone.stratos.admin.removeBoundary': 'procedure',
  'zone.stratos.admin.restoreBlob': 'procedure',
  'zone.stratos.admin.restoreRecord': 'procedure',
  'zone.stratos.admin.retryJob': 'procedure',
  'zone.stratos.admin.setBoundaries': 'procedure',
  'zone.stratos.admin.stats': 'query',
  'zone.stratos.admin.takedownBlob': 'procedure',
  'zone.stratos.admin.takedownRecord': 'procedure',
  'zone.stratos.admin.unenroll': 'procedure',
  'zone.stratos.enrollment.status': 'query',
  'zone.stratos.enrollment.unenroll': 'procedure',
  'zone.stratos.feed.getAuthorFeed': 'query',
  'zone.stratos.feed.getPost': 'query',
  'zone.stratos.feed.getPostThread': 'query',
  'zone.stratos.feed.getTimeline': 'query',
  'zone.stratos.feed.searchPosts': 'query',
  'zone.stratos.identity.resolveEnrollments': 'query',
  'zone.stratos.repo.applyWrites': 'procedure',
  'zone.stratos.repo.createRecord': 'procedure',
  'zone.stratos.repo.deleteRecord': 'procedure',
  'zone.stratos.repo.describeRepo': 'query',
  'zone.stratos.repo.getRecord': 'query',
  'zone.stratos.repo.hydrateRecord': 'query',
  'zone.stratos.repo.hydrateRecords': 'procedure',
  'zone.stratos.repo.listMissingBlobs': 'query',
  'zone.stratos.repo.listRecords': 'query',
  'zone.stratos.repo.putRecord': 'procedure',
  'zone.stratos.server.deleteSession': 'procedure',
  'zone.stratos.server.listDomains': 'query',
  'zone.stratos.server.listSessions': 'query',
  'zone.stratos.sync.signBlobs': 'query',
} as const satisfies Record<string, 'query' | 'procedure'>

/** NSID of a method of a service that takes and answers JSON. */
export type ZoneMethod = keyof typeof ZONE_METHODS

type Lexicons = typeof zone.stratos

/** `zone.stratos.a.b` → the schema of that method. */
type Schema<M extends ZoneMethod> = M extends `zone.stratos.${infer Area}.${infer Name}`
  ? Area extends keyof Lexicons
    ? Name extends keyof Lexicons[Area]
      ? Lexicons[Area][Name] extends { main: infer Main extends Query | Procedure }
        ? Main
        : never
      : never
    : never
  : never

/** Identifiers as plain text: what is malformed, the service refuses by name. */
type Plain<T> = T extends string
  ? string
  : T extends Uint8Array
    ? T
    : T extends readonly (infer Item)[]
      ? Plain<Item>[]
      : T extends object
        ? string extends keyof T
          ? Record<string, unknown>
          : { [Member in keyof T]: Plain<T[Member]> }
        : T

type Params<M extends ZoneMethod> = Plain<InferMethodParams<Schema<M>>>
type Input<M extends ZoneMethod> = InferMethodInputBody<Schema<M>>

/** What a method takes: `params` for its query, `input` for its body. */
export type ZoneRequest<M extends ZoneMethod> = (Record<never, never> extends Params<M>
  ? { params?: Params<M> }
  : { params: Params<M> }) &
  (Input<M> extends undefined ? { input?: undefined } : { input: Plain<Input<M>> }) & { signal?: AbortSignal }

/** What a method answers, decoded: links are `Cid`, byte strings `Uint8Array`. */
export type ZoneAnswer<M extends ZoneMethod> = InferMethodOutputBody<Schema<M>>

/** The request may be left out where nothing in it is required. */
export type ZoneArguments<M extends ZoneMethod> =
  Record<never, never> extends ZoneRequest<M> ? [request?: ZoneRequest<M>] : [request: ZoneRequest<M>]
