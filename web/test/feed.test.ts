import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import type { LiveEvent, ServerInfo } from '../src/api.ts'
import { FEED_READER_BYTES_MAX, LiveFeed } from '../src/feed.ts'

const info: ServerInfo = {
  role: 'demo',
  version: '0.1.0',
  run: 'r1',
  nowMs: 0,
  startedMs: 0,
  views: [],
}

function event(id: string): LiveEvent {
  const data = { id, atMs: 1, severity: 'info', code: 'x', values: { text: 'a\nb' } } as const
  return { type: 'event', data }
}

function request(lastEventId?: string): Request {
  const headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId }
  return new Request('http://localhost/api/v1/live', { headers })
}

async function readAll(response: Response): Promise<string> {
  return response.text()
}

function ids(text: string): readonly string[] {
  return [...text.matchAll(/^id: (.*)$/gm)].map((match) => match[1] ?? '')
}

describe('LiveFeed', () => {
  it('greets a new reader with a reset, then sends what is published, each in one line', async () => {
    const feed = new LiveFeed({ run: 'r1' })
    const response = feed.respond(request(), () => info)
    feed.publish(event('a'))
    feed.close()
    const text = await readAll(response)
    assert.match(text, /^retry: \d+\n\nid: r1-0\nevent: reset\ndata: \{"role":"demo"/)
    assert.match(text, /id: r1-1\nevent: event\ndata: [^\n]*"text":"a\\nb"[^\n]*\n\n/)
    assert.equal(response.headers.get('content-type'), 'text/event-stream; charset=utf-8')
  })

  it('gives a reader that comes back exactly what it missed', async () => {
    const feed = new LiveFeed({ run: 'r1' })
    for (const id of ['a', 'b', 'c', 'd']) feed.publish(event(id))
    const response = feed.respond(request('r1-2'), () => info)
    feed.publish(event('e'))
    feed.close()
    assert.deepEqual(ids(await readAll(response)), ['r1-3', 'r1-4', 'r1-5'])
  })

  it('gives nothing twice to a reader that missed nothing', async () => {
    const feed = new LiveFeed({ run: 'r1' })
    feed.publish(event('a'))
    const response = feed.respond(request('r1-1'), () => info)
    feed.close()
    assert.deepEqual(ids(await readAll(response)), [])
  })

  for (const [what, id] of [
    ['of another run', 'r0-2'],
    ['that is too old', 'r1-0'],
    ['from the future', 'r1-99'],
    ['that is no number', 'r1-x'],
    ['that is negative', 'r1--1'],
    ['that is empty', ''],
    ['that is endless', `r1-${'9'.repeat(5000)}`],
  ] as const) {
    it(`resets a reader with an id ${what}`, async () => {
      const feed = new LiveFeed({ run: 'r1', eventsMax: 2 })
      for (const each of ['a', 'b', 'c']) feed.publish(event(each))
      const response = feed.respond(request(id), () => info)
      feed.close()
      assert.match(await readAll(response), /event: reset/)
    })
  }

  it('holds no more events and bytes than it may', async () => {
    const feed = new LiveFeed({ run: 'r1', eventsMax: 100, bytesMax: 1000 })
    for (let index = 0; index < 50; index += 1) feed.publish(event('a'.repeat(200)))
    const response = feed.respond(request('r1-47'), () => info)
    const late = feed.respond(request('r1-40'), () => info)
    feed.close()
    assert.deepEqual(ids(await readAll(response)), ['r1-48', 'r1-49', 'r1-50'])
    assert.match(await readAll(late), /event: reset/)
  })

  it('cuts off a reader that does not read, and keeps the others', async () => {
    const feed = new LiveFeed({ run: 'r1' })
    const idle = feed.respond(request(), () => info)
    assert.equal(feed.readers, 1)
    for (let index = 0; index < 100; index += 1) feed.publish(event('a'.repeat(50_000)))
    assert.equal(feed.readers, 0)
    await idle.body?.cancel()
  })

  it('lets no more wait for a slow reader than its limit, whatever it came back for', async () => {
    const bytes = 50_000
    const feed = new LiveFeed({ run: 'r1' })
    for (let index = 0; index < 10; index += 1) feed.publish(event('a'.repeat(bytes)))
    const fresh = feed.respond(request(), () => info)
    const back = feed.respond(request('r1-0'), () => info)
    // What it missed is its own to take; beyond that, both wait for as little.
    for (let sent = 0; sent + bytes < FEED_READER_BYTES_MAX; sent += bytes + 200) {
      assert.equal(feed.readers, 2)
      feed.publish(event('a'.repeat(bytes)))
    }
    for (let index = 0; index < 2; index += 1) feed.publish(event('a'.repeat(bytes)))
    assert.equal(feed.readers, 0)
    for (const response of [fresh, back]) await response.body?.cancel()
  })

  it('lets a reader go when its request is aborted or its body cancelled', async () => {
    const feed = new LiveFeed({ run: 'r1' })
    const controller = new AbortController()
    feed.respond(new Request('http://localhost/', { signal: controller.signal }), () => info)
    const second = feed.respond(request(), () => info)
    assert.equal(feed.readers, 2)
    controller.abort()
    assert.equal(feed.readers, 1)
    await second.body?.cancel()
    assert.equal(feed.readers, 0)
  })

  it('refuses more readers than it may have, and everyone once closed', () => {
    const feed = new LiveFeed({ run: 'r1', readersMax: 1 })
    assert.equal(feed.respond(request(), () => info).status, 200)
    assert.equal(feed.respond(request(), () => info).status, 503)
    feed.close()
    feed.close()
    feed.publish(event('late'))
    assert.equal(feed.respond(request(), () => info).status, 503)
  })
})
