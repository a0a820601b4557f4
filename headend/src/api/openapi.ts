import { openApiDocument, type Address } from '@s3mp/web/openapi'

/** The description of the head-end's API, made of the very routes that answer. */
export function headendDocument(
  version: string,
  routes: readonly Address[],
): Readonly<Record<string, unknown>> {
  const about = {
    title: 'S3MP head-end',
    version,
    securitySchemes: {
      session: { type: 'apiKey', in: 'cookie', name: 's3mp-headend' },
      token: { type: 'http', scheme: 'bearer' },
    },
    security: (scope: string) => (scope === 'open' ? [] : [{ session: [] }, { token: [scope] }]),
  }
  return openApiDocument(about, routes)
}
