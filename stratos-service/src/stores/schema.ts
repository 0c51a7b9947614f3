import type { Generated } from 'kysely'

/** Ordered events; shared by service and actor databases. `feed` names one ordered list. */
export interface FeedTables {
  feed: { feed: string; last_seq: number }
  event: {
    feed: string
    seq: number
    at_ms: number
    body: Uint8Array
    /** Words that the event can be selected by, each between two spaces. */
    tags: string
    /** Bytes of the body and of what it refers to. */
    weight: number
  }
}

/** Durable work; shared by service and actor databases. */
export interface JobTables {
  job: {
    queue: string
    key: string
    position: number
    payload: string
    version: number
    attempts: number
    next_attempt_at_ms: number
    last_error: string | null
    given_up: number
  }
}

/**
 * The tables of actors' repos. Every row carries `repo`, so that a database per actor and a schema shared by all are the
 * same code in another place.
 */
export interface ActorTables extends FeedTables, JobTables {
  repo_head: { repo: number; cid: string; rev: string; data: string }
  /** `rev` is that of the commit which brought the block; null where nobody noted it down. */
  repo_block: { repo: number; cid: string; content: Uint8Array; rev: string | null }
  record: { repo: number; collection: string; rkey: string; cid: string; rev: string }
  record_boundary: { repo: number; collection: string; rkey: string; boundary: string }
  /** What an administrator has taken down: of the address, whatever is written there until it is restored. */
  record_takedown: { repo: number; collection: string; rkey: string; at_ms: number }
  /** Blobs that records refer to. */
  record_blob: { repo: number; collection: string; rkey: string; cid: string }
  /** Blobs that were uploaded. */
  blob: {
    repo: number
    cid: string
    mime_type: string
    size: number
    /** Where the bytes are until they are permanent. */
    temporary_key: string | null
    keep_until_ms: number
    quarantined: number
    /** 1 while the bytes are being deleted. */
    doomed: number
    /** When somebody has to look after its bytes; null: not before something happens. */
    check_at_ms: number | null
    attempts: number
  }
  /** What records point at: URIs of records and DIDs of accounts. */
  backlink: { repo: number; collection: string; rkey: string; path: string; target: string }
  /** The private key that signs a repo's commits, where keys are rows. */
  signing_key: { repo: number; key: Uint8Array }
}

/** The tables that belong to the service as a whole. */
export interface ServiceTables extends FeedTables, JobTables {
  /** Gives every actor a number; `repo` in the actor tables. */
  actor: {
    id: Generated<number>
    did: string
    /** Version of the actor's tables where each actor has its own in this database; 0 elsewhere. */
    version: Generated<number>
  }
  enrollment: {
    did: string
    enrolled_at: string
    pds_endpoint: string
    signing_key: string
    rkey: string
    epoch: number
  }
  /** Accounts that have left. */
  tombstone: { did: string; unenrolled_at: string; last_seq: number; epoch: number }
  enrollment_boundary: { did: string; boundary: string }
  oauth_state: { key: string; state: string; created_at_ms: number }
  oauth_session: { did: string; session: string }
  session_key: { jkt: string; did: string; created_at_ms: number; expires_at_ms: number }
  replay: { key: string; expires_at_ms: number }
  secret: { name: string; value: Uint8Array }
  /** Public keys of the service that are published, the newest with the highest number. */
  service_key: { number: Generated<number>; key: string; since_ms: number }
  /** Accounts that may enroll whatever the mode; `boundaries` is JSON. */
  approval: { did: string; boundaries: string | null; approved_at_ms: number }
  /** What operators did. Rows are never changed nor deleted. */
  audit: {
    id: Generated<number>
    at_ms: number
    actor: string
    action: string
    subject: string | null
    /** JSON. */
    before: string | null
    after: string | null
  }
  /** Actors whose stub queue may hold work; written before the first such commit, removed when the queue ran dry. */
  stub_backlog: { did: string }
  /** Which instance carries an actor's stubs to the PDS, and until when. */
  stub_lease: { did: string; holder: string; until_ms: number }
  /** Actors whose blobs may need looking after. */
  blob_backlog: { did: string }
  /**
   * SQLite: actors some of whose commits may be missing in the feed of the service, and up to which `seq` of theirs none
   * is; written before the first such commit.
   */
  feed_backlog: { did: string; seq: number }
  /** Postgres: commits that wait for their place in the feed of the service; written by the commits themselves. */
  feed_inbox: {
    id: Generated<number>
    repo: number
    seq: number
    at_ms: number
    tags: string
    weight: number
  }
  /** What the limit on writes remembers of a user; from `idle_at_ms` on it says no more than a missing row. */
  write_rate: { did: string; state: string; version: number; idle_at_ms: number }
}

/** Everything that is in a Postgres database, in whichever schema. */
export interface PostgresTables extends ActorTables, ServiceTables {
  /** Versions of the schemas with a fixed name. */
  schema_version: { schema: string; version: number }
}
