import type { View } from '../../api.ts'

/** Where in the page the reader is: a view, and within it a device. */
export interface Route {
  readonly view: View
  readonly device?: string
}

const VIEWS: readonly string[] = ['journey', 'network', 'household', 'fleet'] satisfies View[]

/** Reads an address fragment like "#/household/ab12…"; undefined for one that means nothing. */
export function parseRoute(hash: string): Route | undefined {
  const [, view = '', device] = /^#\/([a-z]+)(?:\/([0-9a-f]{1,128}))?$/.exec(hash) ?? []
  if (!VIEWS.includes(view)) return undefined
  return { view: view as View, ...(device !== undefined && { device }) }
}

/** The fragment of a route. */
export function formatRoute(route: Route): string {
  return route.device === undefined ? `#/${route.view}` : `#/${route.view}/${route.device}`
}
