import { API_ROOT } from '@s3mp/web/api'
import type { Hono } from 'hono'
import { addAccessRoutes } from './access-routes.ts'
import { addDeviceRoutes } from './device-routes.ts'
import { addHouseholdRoutes } from './household-routes.ts'
import type { ApiOptions } from './parts.ts'
import { addReadingRoutes } from './reading-routes.ts'
import { refusalOf, Routes } from './routes.ts'
import { addServerRoutes } from './server-routes.ts'

/**
 * The HTTP API, as docs/api.md and `/api/v1/openapi.json` describe it, and the page. Mount further
 * routes with Hono's `route` before the page's catch-all by giving no page, or in front of the whole.
 */
export function createApi(options: ApiOptions): { readonly app: Hono; readonly routes: Routes } {
  const routes = new Routes(options.access, options.log)
  addServerRoutes(routes, options)
  addAccessRoutes(routes, options)
  addDeviceRoutes(routes, options)
  addReadingRoutes(routes, options)
  addHouseholdRoutes(routes, options)
  const { app } = routes
  app.all(`${API_ROOT}/*`, (context) => {
    const { path } = context.req
    const known = routes.list.filter((route) => matches(route.path, path))
    return known.length === 0
      ? context.json(refusalOf('not_found', 'no such address'), 404)
      : context.json(refusalOf('method_not_allowed', expected(known)), 405)
  })
  app.get('*', (context) => options.page?.respond(context.req.raw) ?? context.notFound())
  app.notFound((context) => context.json(refusalOf('not_found', 'no such address'), 404))
  return { app, routes }
}

function matches(pattern: string, path: string): boolean {
  const [left, right] = [pattern.split('/'), path.split('/')]
  return (
    left.length === right.length &&
    left.every((part, index) => part.startsWith(':') || part === right[index])
  )
}

function expected(routes: readonly { readonly method: string }[]): string {
  return `expected ${[...new Set(routes.map(({ method }) => method))].join(' or ')}`
}
