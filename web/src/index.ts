/**
 * The pages of the meter and the head-end: one typed front end, served from memory, and the live
 * feed behind its curves. The types of every answer are in `@s3mp/web/api`.
 *
 * @packageDocumentation
 */
export type { PageAsset } from './assets.ts'
export {
  FEED_BYTES_MAX,
  FEED_EVENTS_MAX,
  FEED_KEEPALIVE_MS_MAX,
  FEED_READER_BYTES_MAX,
  FEED_READERS_MAX,
  LiveFeed,
} from './feed.ts'
export type { LiveFeedOptions } from './feed.ts'
export { loadPage, pageAssets, servePage } from './page.ts'
export type { Page } from './page.ts'
