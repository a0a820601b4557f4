import { Keyring } from '../../src/keys/keyring.ts'
import { MemorySecrets, type SecretFiles } from '../../src/keys/files.ts'
import { silentLog } from '../../src/log.ts'
import { Receiver, type ReceiverOptions } from '../../src/receive/receiver.ts'
import type { Refusal } from '../../src/receive/refusals.ts'
import { SqliteStore } from '../../src/store/store.ts'
import type { DeviceRow } from '../../src/store/types.ts'
import { mailbox, POLICY, seededRandom, TestClock, TestMeter, type Mailbox } from './world.ts'

/** A head-end without its network and its page, and what it refused. */
export interface World {
  readonly clock: TestClock
  readonly keyring: Keyring
  readonly secrets: SecretFiles
  readonly store: SqliteStore
  readonly receiver: Receiver
  readonly refusals: Refusal[]
  /** Enrols a meter, and opens its first epoch. */
  join(meter: TestMeter): Promise<DeviceRow>
  enroll(meter: TestMeter): DeviceRow
  /** Hands over a datagram and waits until nothing is left to do; gives the answers to it. */
  deliver(bytes: Uint8Array, from?: Mailbox): Promise<readonly Uint8Array[]>
  /** Waits until nothing is left to do. */
  settle(): Promise<void>
  close(): Promise<void>
}

/** A receiver on a store, with time and randomness of the test. */
export async function openWorld(
  options: { store?: string; secrets?: SecretFiles; receiver?: Partial<ReceiverOptions> } = {},
): Promise<World> {
  const clock = new TestClock()
  const random = seededRandom('head-end')
  const secrets = options.secrets ?? new MemorySecrets()
  const isNew = secrets.list().length === 0
  const keyring = isNew
    ? Keyring.create(secrets, POLICY, random)
    : Keyring.open(secrets, POLICY, random)
  await keyring.rotate(clock.nowMs())
  const store = new SqliteStore(options.store ?? ':memory:')
  const refusals: Refusal[] = []
  const receiver = new Receiver({
    store,
    keyring,
    clock,
    random,
    log: silentLog,
    onRefusal: (reason) => refusals.push(reason),
    ...options.receiver,
  })
  const settle = async (): Promise<void> => {
    // A turn of the loop for each stage of the way, until a few turns passed without any change.
    for (let quiet = 0, before = ''; quiet < 8;) {
      await new Promise((resolve) => setTimeout(resolve, 1))
      const now = JSON.stringify(receiver.counts)
      quiet = now === before && receiver.idle ? quiet + 1 : 0
      before = now
    }
  }
  const world: World = {
    clock,
    keyring,
    secrets,
    store,
    receiver,
    refusals,
    settle,
    enroll: (meter) =>
      store.registry.enroll(
        {
          ueid: meter.signer.ueid,
          algorithm: meter.signer.algorithm,
          publicKey: meter.signer.publicKey,
          name: 'meter',
          card: new Uint8Array(0),
        },
        clock.nowMs(),
      ),
    join: async (meter) => {
      const device = world.enroll(meter)
      const current = keyring.current(clock.nowMs())
      if (current === undefined) throw new Error('no prekey')
      await world.deliver(await meter.openEpoch(current.prekey, clock.nowMs()))
      return device
    },
    deliver: async (bytes, from = mailbox()) => {
      receiver.receive(from.arrival(bytes))
      await settle()
      return from.answers
    },
    close: async () => {
      await receiver.close()
      store.close()
    },
  }
  return world
}
