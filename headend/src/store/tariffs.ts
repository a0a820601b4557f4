import type { Tariff } from '@s3mp/web/api'
import { readTariff } from '@s3mp/web/http'
import { text, type Database } from './database.ts'

/** What each device's owner pays. */
export class Tariffs {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  /** The tariff of a device, if one was entered. */
  of(device: number): Tariff | undefined {
    const row = this.#database.get('SELECT json FROM tariffs WHERE device = ?', device)
    return row && readTariff(JSON.parse(text(row, 'json')))
  }

  /** Keeps a tariff in place of the one before. */
  keep(device: number, tariff: Tariff): void {
    this.#database.run(
      `INSERT INTO tariffs (device, json) VALUES (?, ?)
         ON CONFLICT (device) DO UPDATE SET json = excluded.json`,
      device,
      JSON.stringify(tariff),
    )
  }
}
