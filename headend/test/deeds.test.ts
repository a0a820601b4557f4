import assert from 'node:assert/strict'
import { encodePublicKeyFile } from '@s3mp/envelope'
import type { AuditAnswer, Confirmation, Device } from '@s3mp/web/api'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { Office } from './support/office.ts'
import { START_MS, TestMeter } from './support/world.ts'

describe('a deed at a device', () => {
  let office: Office
  let boss: string

  beforeEach(async () => {
    office = await Office.open()
    await office.hire('anna', 'administrator')
    await office.hire('olga', 'operator')
    boss = await office.login('anna')
  })

  afterEach(() => office.close())

  async function confirmation(cookie: string, state: string): Promise<Confirmation> {
    const path = `/devices/${office.device}/confirmation`
    const answer = await office.ask(path, { method: 'POST', body: { state }, cookie })
    assert.equal(answer.status, 200)
    return (await answer.json()) as Confirmation
  }

  function change(
    cookie: string,
    state: string,
    confirm: string,
    reason = 'odd',
  ): Promise<Response> {
    const path = `/devices/${office.device}/state`
    return office.ask(path, { method: 'POST', body: { state, reason, confirm }, cookie })
  }

  it('is done by who confirmed it, while things are as they were shown, and written down', async () => {
    const cookie = await office.login('olga')
    const shown = await confirmation(cookie, 'quarantined')
    assert.equal(shown.name, 'Main Street 12')
    assert.equal(shown.state, 'active')
    for (const [who, state, confirm] of [
      [cookie, 'quarantined', 'x'],
      [cookie, 'revoked', shown.confirm],
      [boss, 'quarantined', shown.confirm],
      [cookie, 'quarantined', `${shown.confirm}x`],
      [cookie, 'quarantined', shown.confirm.replace(/^./, 'z')],
    ] as const) {
      assert.ok([403, 409].includes((await change(who, state, confirm)).status))
    }
    assert.equal((await change(cookie, 'quarantined', shown.confirm, ' ')).status, 400)
    const done = (await (await change(cookie, 'quarantined', shown.confirm)).json()) as Device
    assert.equal(done.state, 'quarantined')
    assert.equal((await change(cookie, 'quarantined', shown.confirm)).status, 409, 'used up')
    const late = await confirmation(cookie, 'active')
    office.clock.advance(120_000)
    assert.equal((await change(cookie, 'active', late.confirm)).status, 409, 'too late')
    const audit = await office.ask(`/audit?device=${office.device}`, { cookie: boss })
    const { intact, lines } = (await audit.json()) as AuditAnswer
    assert.ok(intact)
    assert.deepEqual(
      lines.map(({ who, action, reason }) => [who, action, reason]),
      [
        ['olga', 'device.quarantined', 'odd'],
        ['program', 'device.enrolled', undefined],
      ],
    )
    const events = await office.ask(`/events?device=${office.device}`, { cookie: boss })
    assert.match(
      await events.text(),
      /"code":"device.quarantined","values":\{"who":"olga","reason":"odd"\}/,
    )
  })

  it('needs an administrator where it is final', async () => {
    const cookie = await office.login('olga')
    const shown = await confirmation(cookie, 'revoked')
    assert.equal((await change(cookie, 'revoked', shown.confirm)).status, 403)
    const own = await confirmation(boss, 'revoked')
    assert.equal((await change(boss, 'revoked', own.confirm)).status, 200)
    const back = await confirmation(boss, 'active')
    assert.equal((await change(boss, 'active', back.confirm)).status, 409, 'that is final')
  })

  it('enrols what was shown, and not something else', async () => {
    const [meter, other] = [new TestMeter('new'), new TestMeter('other')]
    const preview = async (publicKey: string): Promise<Confirmation> => {
      const asked = { method: 'POST', body: { publicKey }, cookie: boss }
      return (await (await office.ask('/devices/confirmation', asked)).json()) as Confirmation
    }
    const card = encodePublicKeyFile(meter.signer)
    const { confirm, fingerprint } = await preview(card)
    assert.match(fingerprint, /^([0-9a-f]{4} ?)+$/)
    const enrol = (publicKey: string): Promise<Response> =>
      office.ask('/devices', {
        method: 'POST',
        body: { name: '=cmd|<script>', publicKey, reason: 'new flat', confirm },
        cookie: boss,
      })
    assert.equal((await enrol(encodePublicKeyFile(other.signer))).status, 409)
    assert.equal((await enrol('{}')).status, 400)
    const done = (await (await enrol(card)).json()) as Device
    assert.equal(done.name, '=cmd|<script>', 'hostile names stay text')
    assert.equal(done.enrolledMs, START_MS)
    const [line] = [...office.store.auditLog()].slice(-1)
    assert.deepEqual(
      [line?.who, line?.deed, line?.details.reason],
      ['anna', 'device.enrolled', 'new flat'],
    )
  })
})
