import assert from 'node:assert/strict'
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '@s3mp/hal'
import { serveHttp, type HttpServer } from '@s3mp/web/http'
import { after, before, describe, it } from 'mocha'
import { meterMetrics, METRICS_TYPE } from '../../firmware/src/metrics.ts'
import { narratedLog } from '../../scripts/demo/narrator.ts'
import { openWorld, type World } from '../../scripts/demo/world.ts'
import { until } from '../support/demo-process.ts'
import { need } from '../support/outside.ts'
import { ROOT } from '../support/source.ts'

const [S3MP, HEADEND] = ['firmware/bin/s3mp', 'headend/bin/s3mp-headend'].map((at) => join(ROOT, at)) // prettier-ignore
const NOTHING = (): undefined => undefined

/**
 * What has no value in a house where all is well: nothing waits, is refused, doubted or thrown away.
 * Everything else must have one.
 */
const MAY_BE_EMPTY =
  /s3mp_(spool_oldest_age_seconds|headend_refused_total|head_findings_total|head_discarded_bytes_total)/

interface Dashboard {
  readonly templating: { readonly list: readonly { readonly query: string | { readonly query: string } }[] } // prettier-ignore
  readonly panels: readonly {
    readonly title: string
    readonly targets?: readonly { readonly expr: string }[]
  }[]
}

/** Ports that nobody uses just now: one of UDP, one of TCP. */
async function freePorts(): Promise<readonly [udp: number, tcp: number]> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  const server = createServer().listen(0, '127.0.0.1')
  await Promise.all([once(socket, 'listening'), once(server, 'listening')])
  const address = server.address()
  const ports = [socket.address().port, typeof address === 'object' ? (address?.port ?? 0) : 0] as const // prettier-ignore
  socket.close()
  server.close()
  return ports
}

describe('metrics, scraped by a real Prometheus', function () {
  this.timeout(60_000)
  const folder = mkdtempSync(join(tmpdir(), 's3mp-prometheus-'))
  const running: ChildProcess[] = []
  const servers: HttpServer[] = []
  const targets = new Map<string, { readonly address: string; readonly token?: string }>()
  let world: World | undefined
  let promtool: string
  let url: string

  /** Runs a command to its end; what it printed. */
  function run(program: string | undefined, ...words: readonly string[]): string {
    const said = spawnSync(program ?? '', words, { encoding: 'utf8', cwd: folder })
    assert.equal(said.status, 0, said.stderr)
    return said.stdout
  }

  /** Starts a program that goes on, and waits until it has said so. */
  async function start(pattern: RegExp, program: string, ...words: readonly string[]) {
    const child = spawn(program, words, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
    running.push(child)
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text
      })
    }
    await until(() => pattern.test(output) || child.exitCode !== null, 30_000, String(pattern))
    return pattern.exec(output)?.[1] ?? assert.fail(output)
  }

  /** A head-end and a meter as people run them, over plain UDP. */
  async function runPrograms(udp: number): Promise<void> {
    run(HEADEND, 'init', '-c', 'headend.toml')
    const made = readFileSync(join(folder, 'headend.toml'), 'utf8')
    writeFileSync(join(folder, 'headend.toml'), made.replace('8470', String(udp)))
    writeFileSync(join(folder, 'card.json'), run(HEADEND, 'card', '-c', 'headend.toml'))
    writeFileSync(
      join(folder, 'meter.toml'),
      '[meter]\ndevice = "simulated:household"\n[state]\nfolder = "state"\n' +
        `[uplink]\ntransport = "udp"\n[uplink.udp]\nremote = "127.0.0.1:${udp}"\n` +
        '[control]\nsocket = "control.sock"\n[page]\nlisten = "127.0.0.1:0"\n',
    )
    run(S3MP, 'keygen', '-c', 'meter.toml')
    run(S3MP, 'enroll', '--card', 'card.json', '-c', 'meter.toml')
    run(HEADEND, 'enroll', '-c', 'headend.toml', 'state/device.json')
    const scopes = ['token', 'add', 'prometheus', '-c', 'headend.toml', '--scopes', 'metrics:read']
    const [token = ''] = /s3mp_[0-9a-f]{16}_[\w-]{43}/.exec(run(HEADEND, ...scopes)) ?? []
    const page = /"page":\s*"http:\/\/([^/"]+)/
    const address = await start(page, HEADEND ?? '', '-c', 'headend.toml', '--port', '0', '--json')
    targets.set('headend', { address, token })
    const served = /page\.started.*http:\/\/([^/"\s]+)/
    targets.set('meter', { address: await start(served, S3MP ?? '', 'run', '-c', 'meter.toml') })
  }

  /** The demonstration: its head-end, and its meter, whose uplink knows paths. */
  async function runDemonstration(): Promise<void> {
    const options = {
      port: 0,
      open: false,
      meter: 'sml',
      historyDays: 0,
      line: '9600 8N1',
    } as const
    const made = await openWorld(options, systemClock, Math.random, {
      ...{ onFailover: NOTHING, onLink: NOTHING, onSwitch: NOTHING, onFirstReading: NOTHING },
      log: narratedLog(NOTHING),
    })
    world = made
    const meter = (): Response =>
      new Response(meterMetrics(made.meter.status(), systemClock.nowMs()), {
        headers: { 'content-type': METRICS_TYPE },
      })
    for (const [name, fetch] of [
      ['demo', made.fetch],
      ['demo-meter', meter],
    ] as const) {
      const server = await serveHttp({ fetch }, { host: '127.0.0.1', port: 0 })
      servers.push(server)
      targets.set(name, { address: `127.0.0.1:${server.port}` })
    }
  }

  before(async function () {
    const prometheus = need(this, 'prometheus')
    promtool = need(this, 'promtool', 'prometheus')
    const [udp, tcp] = await freePorts()
    await Promise.all([runPrograms(udp), runDemonstration()])
    const jobs = [...targets].map(
      ([name, { address, token }]) =>
        `  - job_name: ${name}\n    static_configs: [{ targets: ['${address}'] }]\n` +
        (token === undefined ? '' : `    authorization: { credentials: ${token} }\n`),
    )
    const config = join(folder, 'prometheus.yml')
    writeFileSync(config, `global: { scrape_interval: 1s }\nscrape_configs:\n${jobs.join('')}`)
    run(promtool, 'check', 'config', config)
    await start(
      /(Server is ready)/,
      prometheus,
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(folder, 'tsdb')}`,
      `--web.listen-address=127.0.0.1:${tcp}`,
    )
    url = `http://127.0.0.1:${tcp}/api/v1`
    // Rates need some scrapes behind them, and the first acknowledgements.
    await until(async () => (await lasting('up')) >= 10, 30_000, 'ten scrapes')
  })

  after(async () => {
    const ends = running
      .filter(({ exitCode }) => exitCode === null)
      .map((child) => once(child, 'exit'))
    for (const child of running) child.kill('SIGTERM')
    await Promise.all(ends)
    await Promise.all(servers.map((server) => server.close()))
    await world?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  interface Answer {
    readonly status: string
    readonly error?: string
    readonly data?: { readonly result: readonly { readonly metric: Readonly<Record<string, string>>; readonly values: readonly unknown[] }[] } // prettier-ignore
  }

  async function ask(expr: string): Promise<Answer> {
    const end = systemClock.nowMs() / 1000
    const query = expr.replaceAll('$__rate_interval', '5s').replaceAll(/\$(job|instance)/g, '.+')
    const range = new URLSearchParams({ query, start: String(end - 60), end: String(end), step: '1' }) // prettier-ignore
    return (await (await fetch(`${url}/query_range?${range.toString()}`)).json()) as Answer
  }

  /** How many seconds of an expression there are, of the target that has the fewest. */
  async function lasting(expr: string): Promise<number> {
    const result = (await ask(expr)).data?.result ?? []
    return result.length < targets.size ? 0 : Math.min(...result.map(({ values }) => values.length))
  }

  it('are text that promtool has nothing to say against, of each program', async () => {
    for (const [name, { address, token }] of targets) {
      const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
      const text = await (await fetch(`http://${address}/metrics`, { headers })).text()
      const { status, stdout, stderr } = spawnSync(promtool, ['check', 'metrics'], { input: text, encoding: 'utf8' }) // prettier-ignore
      assert.deepEqual([status, stdout, stderr], [0, '', ''], name)
      assert.ok(text.length > 1000, name)
    }
    const bad = spawnSync(promtool, ['check', 'metrics'], { input: 's3mp_x_total{a=} 1\n' })
    assert.notEqual(bad.status, 0)
  })

  it('arrive from every program, the guarded head-end among them', async () => {
    for (const name of ['headend', 'meter', 'demo', 'demo-meter']) {
      const { data } = await ask(`up{job="${name}"} == 1`)
      assert.equal(data?.result.length, 1, name)
    }
  })

  it('answer every question of the dashboard without an error, and with values where there are any', async () => {
    const { panels, templating } = JSON.parse(
      readFileSync(join(ROOT, 'docs/grafana/s3mp.json'), 'utf8'),
    ) as Dashboard
    const empty: string[] = []
    let asked = 0
    for (const { title, targets: questions = [] } of panels) {
      for (const { expr } of questions) {
        const { status, error, data } = await ask(expr)
        assert.equal(status, 'success', `${title}: ${error ?? ''}`)
        const isDue = !MAY_BE_EMPTY.test(expr)
        if (isDue && (data?.result ?? []).length === 0) empty.push(`${title}: ${expr}`)
        asked += 1
      }
    }
    assert.ok(asked > 25)
    assert.deepEqual(empty, [])
    for (const { query } of templating.list) {
      const text = typeof query === 'string' ? query : query.query
      const [, selector = '', label = ''] = /^label_values\((.+), (\w+)\)$/.exec(text) ?? []
      if (label === '') continue
      const match = new URLSearchParams({ 'match[]': selector.replaceAll('$job', '.+') })
      const answer = await fetch(`${url}/label/${label}/values?${match.toString()}`)
      const { data } = (await answer.json()) as { data: readonly string[] }
      assert.ok(data.length >= targets.size, text)
    }
  })
})
