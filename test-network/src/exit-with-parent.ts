/**
 * Loaded into every child process before its program (`node --import`): when the parent is gone, however it went, the
 * IPC channel closes and the child ends as if told to by a signal.
 */
const GRACE_MS = 5_000

process.once('disconnect', () => {
  setTimeout(() => process.exit(1), GRACE_MS).unref()
  process.kill(process.pid, 'SIGTERM')
})
// Watching the channel must not be what keeps the child alive.
process.channel?.unref()
