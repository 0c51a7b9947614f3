import type { AuditedAction, OperatorViewer } from 'stratos-core'

/** What the audit log says of a call. */
export function auditedBy(viewer: OperatorViewer, method: { readonly nsid: string }): AuditedAction {
  return { actor: viewer.name, action: method.nsid }
}
