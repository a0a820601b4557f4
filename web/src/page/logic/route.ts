import type { View } from '../../api.ts'

/** A view of the server's, or the one that administrators have beside them. */
export type PageView = View | 'access'

/** Where in the page the reader is: a view, and within it a device. */
export interface Route {
  readonly view: PageView
  readonly device?: string
}

const VIEWS: readonly string[] = [
  'journey',
  'network',
  'household',
  'fleet',
  'access',
] satisfies PageView[]

/** Reads an address fragment like "#/household/ab12…"; undefined for one that means nothing. */
export function parseRoute(hash: string): Route | undefined {
  const [, view = '', device] = /^#\/([a-z]+)(?:\/([0-9a-f]{1,128}))?$/.exec(hash) ?? []
  if (!VIEWS.includes(view)) return undefined
  return { view: view as PageView, ...(device !== undefined && { device }) }
}

/** The fragment of a route. */
export function formatRoute(route: Route): string {
  return route.device === undefined ? `#/${route.view}` : `#/${route.view}/${route.device}`
}
