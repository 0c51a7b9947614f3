/** A private post behind boundaries given by their bare names. */
export function post(serviceDid: string, text: string, names: readonly string[], more: object = {}) {
  return {
    $type: 'zone.stratos.feed.post',
    text,
    boundary: {
      $type: 'zone.stratos.boundary.defs#Domains',
      values: names.map((name) => ({ value: `${serviceDid}/${name}` })),
    },
    createdAt: '2026-01-15T12:00:00.000Z',
    ...more,
  }
}

export const POST = 'zone.stratos.feed.post'
