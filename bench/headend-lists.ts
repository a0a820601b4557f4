import { createHash, randomFillSync } from 'node:crypto'
import {
  advance,
  encodePublicKeyFile,
  encodeRecord,
  genesis,
  nextLink,
  schemaIdOf,
  signRecord,
  SoftwareSigner,
  type DeviceRecord,
  type Schema,
} from '@s3mp/envelope'
import { createHeadend, Keyring, MemorySecrets, SqliteStore, systemClock } from '@s3mp/headend'
import type { Headend } from '@s3mp/headend'
import { DEVICE_SORTS } from '@s3mp/web/api'
import type { Bench, Figure } from './table.ts'
import { medianMs } from './table.ts'

const FLEETS = [10_000, 100_000]
const RUNS = 7
const [SLOT_MS, DAY_MS] = [900_000, 86_400_000]
const SLOTS = 3 * 365 * 96
const POLICY = { validMs: 30 * DAY_MS, rotateBeforeMs: 7 * DAY_MS, graceMs: 7 * DAY_MS }

const SCHEMA: Schema = {
  meterId: '1BCH0012345678',
  protocol: 'sml',
  intervalMs: SLOT_MS,
  registers: ['1.8.0', '2.8.0', '16.7.0', '32.7.0', '52.7.0', '72.7.0', '14.7.0', '13.7.0'].map(
    (group) => ({ obis: `1-0:${group}*255`, unitCode: 30, scaler: -1 }),
  ),
}

const random = (length: number): Uint8Array => randomFillSync(new Uint8Array(length))

/**
 * What people wait for: windows of large fleets, and curves, costs and downloads of three years of
 * quarter-hours, through the API in this process, the store in memory. There is no peer in the run;
 * the aim for whatever a page asks for is a tenth of a second, beyond which waiting is noticed.
 */
export const run: Bench = async () => [...(await fleets()), ...(await household())]

async function fleets(): Promise<readonly Figure[]> {
  const figures: Figure[] = []
  for (const size of FLEETS) {
    const { headend, store } = await open()
    fill(store, size)
    for (const sort of DEVICE_SORTS) {
      figures.push(await timed(`${size} devices by ${sort}`, headend, `/devices?sort=${sort}`))
    }
    const far = `/devices?sort=completeness&offset=${size / 2}`
    figures.push(await timed(`${size} devices, further down`, headend, far))
    figures.push(
      await timed(`${size} devices, searched`, headend, '/devices?sort=name&query=t%20777'),
    )
    await headend.close()
    store.close()
  }
  return figures
}

function fill(store: SqliteStore, size: number): void {
  const nowMs = systemClock.nowMs()
  for (let i = 0; i < size; i++) {
    const [ueid, publicKey] = [random(33).fill(1, 0, 1), random(32)]
    const name = `Street ${(i * 7919) % size} flat ${i}`
    const { row } = store.registry.enroll(
      { ueid, algorithm: 'Ed25519', publicKey, name, serial: `S${i}`, card: random(200) },
      nowMs - 30 * DAY_MS,
    )
    store.fleet.seen(row, nowMs - (i % 4000) * 1000)
    store.fleet.meter(row, `1EMH${i}`, SLOT_MS)
    const spool = (i % 60) / 100
    store.fleet.health(row, { clock: i % 20 === 0 ? 'holdover' : 'synced', firmware: '00', spool })
    if (i % 100 === 0) store.fleet.alarm(row, nowMs - i)
  }
}

async function household(): Promise<readonly Figure[]> {
  const { headend, store } = await open()
  const signer = SoftwareSigner.generate('Ed25519', random)
  const { id } = headend.enroll(encodePublicKeyFile(signer))
  const endMs = systemClock.nowMs()
  await keepYears(store, signer, endMs)
  const at = (path: string): string => `/devices/${id}/${path}`
  const curve = (days: number): string =>
    at(`series?register=1-0:16.7.0*255&fromMs=${endMs - days * DAY_MS}&toMs=${endMs}&points=1000`)
  await headend.app.fetch(
    new Request(`http://localhost/api/v1${at('tariff')}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        currency: 'EUR',
        periods: [
          {
            fromMs: 0,
            monthly: '12.50',
            rates: [
              { register: '1-0:1.8.0*255', price: '0.3187', earns: false },
              { register: '1-0:2.8.0*255', price: '0.0803', earns: true },
            ],
          },
        ],
      }),
    }),
  )
  const edges = Array.from({ length: 366 }, (_, day) => endMs - (365 - day) * DAY_MS).join(',')
  const figures = [
    await timed('curve of a day', headend, curve(1)),
    await timed('curve of a month', headend, curve(31)),
    await timed('curve of a year', headend, curve(365)),
    await timed('curve of three years', headend, curve(3 * 365)),
    await timed('costs of each day of a year', headend, at(`costs?edges=${edges}`)),
  ]
  const file = at(`readings.csv?fromMs=0&toMs=${endMs}`)
  const download = await timed('three years as CSV, 105,120 lines', headend, file)
  await headend.close()
  store.close()
  // A download is not waited for by a page: it has no aim.
  return [...figures, { name: download.name, value: download.value, unit: download.unit }]
}

async function keepYears(store: SqliteStore, signer: SoftwareSigner, endMs: number): Promise<void> {
  const device = store.registry.device(signer.ueid)
  if (device === undefined) throw new Error('the meter was not enrolled')
  let chain = genesis(signer.ueid, 1)
  const entries = []
  for (let slot = -1; slot < SLOTS; slot++) {
    const timeMs = endMs - (SLOTS - slot) * SLOT_MS
    const head = { ...nextLink(chain), timeMs, status: 1 }
    const registers = SCHEMA.registers.map((_, index) => BigInt(slot * 100 + index))
    const record: DeviceRecord =
      slot < 0
        ? { ...head, kind: 'schema', schema: SCHEMA }
        : {
            ...head,
            kind: 'reading',
            schemaId: schemaIdOf(SCHEMA),
            samples: [{ timeMs, status: 1, registers }],
          }
    const payload = encodeRecord(record)
    chain = advance(chain, payload, 1)
    const hash = createHash('sha256').update(payload).digest()
    // The schema is read back; the readings' signatures are not looked at by what is measured here.
    const bytes = slot < 0 ? await signRecord(signer, record, random(33)) : payload
    entries.push({ device: device.row, ueid: signer.ueid, record, hash, bytes, path: undefined })
    if (entries.length === 1000 || slot === SLOTS - 1) await store.commit(entries.splice(0), endMs)
  }
}

async function open(): Promise<{ headend: Headend; store: SqliteStore }> {
  const store = new SqliteStore(':memory:')
  const keyring = Keyring.create(new MemorySecrets(), POLICY, random)
  return { headend: await createHeadend({ access: 'open', store, keyring, transports: [] }), store }
}

async function timed(name: string, headend: Headend, path: string): Promise<Figure> {
  const value = await medianMs(RUNS, async () => {
    const answer = await headend.app.fetch(new Request(`http://localhost/api/v1${path}`))
    if (answer.status !== 200) throw new Error(`${path}: ${answer.status}`)
    await answer.arrayBuffer()
  })
  return { name, value, unit: 'ms', aim: '<= 100', met: value <= 100 }
}
