import { join } from 'node:path'

import { ueidOf } from '@s3mp/envelope'
import { systemClock } from '@s3mp/hal'
import type { Page } from '@s3mp/web'
import { isLoopback, type Fetcher, type HttpServer } from '@s3mp/web/http'

import type { MeterStatus } from '../app.ts'
import type { Config } from '../config/load.ts'
import { reasonOf } from '../errors.ts'
import { loadIdentity, loadTrust } from '../identity.ts'
import type { Log } from '../log.ts'
import type { MeterPage } from '../page/meter-page.ts'
import { systemLog, systemRandomBytes, terminationSignal } from './system.ts'
import { VERSION } from './version.ts'

/** The meter's side of the page; undefined where it is off, or cannot be: metering goes on. */
export async function openMeterPage(
  config: Config,
  log: Log,
  status: () => MeterStatus,
): Promise<MeterPage | undefined> {
  if (config.page.listen === undefined) return undefined
  const { state, headend, page } = config
  try {
    const { MeterPage } = await import('../page/meter-page.ts')
    const { signer } = loadIdentity(state.folder)
    const { key } = loadTrust(headend.card, state.folder)
    return new MeterPage({
      folder: state.folder,
      facts: {
        name: page.name,
        key: { algorithm: signer.algorithm, publicKey: signer.publicKey },
        ueid: signer.ueid,
        recipientId: ueidOf(key),
      },
      version: VERSION,
      clock: systemClock,
      random: systemRandomBytes,
      log,
      status,
      hasNetwork: config.uplink.transport === 'scion',
    })
  } catch (error) {
    log.warn('page.failed', { reason: reasonOf(error) })
    return undefined
  }
}

/** Serves the page where the configuration says; undefined where it is off. @throws HttpError */
export async function servePage(
  config: Config,
  api: Fetcher,
  log: Log,
): Promise<HttpServer | undefined> {
  const { listen } = config.page
  if (listen === undefined) return undefined
  const { serveHttp } = await import('@s3mp/web/http')
  const { Access } = await import('../page/access.ts')
  const { pageServer } = await import('../page/server.ts')
  const access = await Access.open({
    isOpen: isLoopback(listen.host),
    file: codeFile(config),
    clock: systemClock,
    random: systemRandomBytes,
    onCode: (code) => {
      log.warn('page.code', { code, remedy: 'enter it on the page; it is shown this once' })
    },
  })
  const app = pageServer({ access, page: loadFiles, api })
  const server = await serveHttp(app, listen)
  log.info('page.started', { url: server.url })
  return server
}

/** The page's files, loaded when somebody first looks: a meter on a small Pi has no memory to give away. */
async function loadFiles(): Promise<Page> {
  const { loadPage } = await import('@s3mp/web')
  return loadPage()
}

/** The same, where a page that cannot be served must not stop what else runs. */
export async function tryServePage(
  config: Config,
  api: Fetcher,
  log: Log,
): Promise<HttpServer | undefined> {
  try {
    return await servePage(config, api, log)
  } catch (error) {
    log.warn('page.failed', { reason: reasonOf(error) })
    return undefined
  }
}

/** Where the code of the page is kept. */
export function codeFile({ page, state }: Config): string {
  return join(page.folder ?? process.env.STATE_DIRECTORY ?? state.folder, 'page.json')
}

/** `s3mp page`: the role with the page and without a key, until it is told to end. */
export async function servePageRole(config: Config): Promise<void> {
  const log = systemLog(config.log.level)
  const signal = terminationSignal(log)
  const { unixFetcher } = await import('../page/unix.ts')
  const server = await servePage(config, unixFetcher(config.page.socket), log)
  if (server === undefined) {
    log.info('page.off', { file: config.file })
    return
  }
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => {
      resolve()
    })
  })
  await server.close()
}
