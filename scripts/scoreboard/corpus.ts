import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** JSON of the corpus: nothing about it is taken for granted. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject

/** An object of the corpus's JSON. */
export interface JsonObject {
  readonly [key: string]: Json
}

/** A captured file with what is said about it. */
export interface Capture {
  /** Path below the corpus folder. */
  readonly name: string
  /** Folder name: `sml`, `sml-frame-only`, `d0`, `dsmr`, `dlms`. */
  readonly kind: string
  readonly vendor: string
  readonly bytes: Uint8Array
  /** Its entry in `expected.json`: facts stated by its source. */
  readonly facts: JsonObject
  /** Its entry in the second expectation beside it, by the name of that file. */
  readonly others: ReadonlyMap<string, JsonObject>
}

/** FLAG codes and other spellings of makers, as the corpus uses them. */
const VENDORS: Readonly<Record<string, string>> = {
  DNT: 'Dr. Neuhaus',
  DZG: 'DZG',
  EASYMETER: 'EasyMeter',
  EBZ: 'eBZ',
  EFR: 'EFR',
  EMH: 'EMH',
  ESY: 'EasyMeter',
  HAG: 'Hager',
  HLY: 'Holley',
  HOLLEY: 'Holley',
  ISK: 'Iskra',
  ISKRA: 'Iskra',
}

/** Reads a corpus folder: `SOURCE/KIND/FILE` with `expected*.json` beside the files. */
export function readCorpus(folder: string): readonly Capture[] {
  const vendors = vendorsOf(folder)
  return subfolders(folder).flatMap((source) =>
    subfolders(join(folder, source)).flatMap((kind) =>
      readKind(folder, join(source, kind), kind, vendors),
    ),
  )
}

function readKind(
  folder: string,
  path: string,
  kind: string,
  vendors: ReadonlyMap<string, string>,
): readonly Capture[] {
  const names = readdirSync(join(folder, path)).sort()
  const tables = names
    .filter((name) => name.startsWith('expected') && name.endsWith('.json'))
    .map((name) => [name, object(readJson(join(folder, path, name)))] as const)
  return names
    .filter((name) => !name.endsWith('.json'))
    .map((file) => {
      const name = join(path, file)
      const others = new Map(tables.map(([table, entries]) => [table, object(entries[file])]))
      const facts = others.get('expected.json') ?? {}
      const code = text(facts.vendor)
      return {
        name,
        kind,
        vendor: vendors.get(name) ?? VENDORS[code.toUpperCase()] ?? (code || 'unknown'),
        bytes: new Uint8Array(readFileSync(join(folder, name))),
        facts,
        others,
      }
    })
}

/** Normal spelling of each file's vendor, from the index where there is one. */
function vendorsOf(folder: string): ReadonlyMap<string, string> {
  const path = join(folder, 'INDEX.json')
  const rows = existsSync(path) ? readJson(path) : []
  if (!Array.isArray(rows)) return new Map()
  const pairs = (rows as readonly Json[]).map((row) => {
    const entry = object(row)
    // The index's paths begin with the name of the corpus folder.
    const name = text(entry.path).split('/').slice(1).join('/')
    return [name, text(entry.vendor_norm)] as const
  })
  return new Map(pairs.filter(([, vendor]) => vendor !== ''))
}

function subfolders(folder: string): readonly string[] {
  return readdirSync(folder)
    .filter((name) => statSync(join(folder, name)).isDirectory())
    .sort()
}

function readJson(path: string): Json {
  return JSON.parse(readFileSync(path, 'utf8')) as Json
}

/** The value as an object; an empty one if it is something else. */
export function object(value: Json | undefined): JsonObject {
  return typeof value === 'object' && value !== null && !isList(value) ? value : {}
}

/** The value as a list; an empty one if it is something else. */
export function list(value: Json | undefined): readonly Json[] {
  return value !== undefined && isList(value) ? value : []
}

/** The value as a number, or undefined. */
export function number(value: Json | undefined): number | undefined {
  return typeof value === 'number' ? value : undefined
}

/** The value as text; '' if it is something else. */
export function text(value: Json | undefined): string {
  return typeof value === 'string' ? value : ''
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}

/** Models that the index names, by file: 'ED300L', 'Omnipower', …; none where it names none. */
export function modelsOf(folder: string): ReadonlyMap<string, string> {
  const path = join(folder, 'INDEX.json')
  const rows = existsSync(path) ? readJson(path) : []
  if (!Array.isArray(rows)) return new Map()
  const pairs = (rows as readonly Json[]).map((row) => {
    const entry = object(row)
    const name = text(entry.path).split('/').slice(1).join('/')
    return [name, modelIn(text(entry.model), text(entry.vendor))] as const
  })
  return new Map(pairs.filter(([, model]) => model !== ''))
}

/** Names of models begin so; what else stands in an index describes the capture. */
const MODEL =
  /^(?:[A-Z][A-Z.]*-?[A-Z]*\d[\w.-]*|e[HB][ZE][\w-]*|mMe[\w.]*|Omnipower|SMARTY|20EC3gr|2WR5)$/i
/** Names of protocols, of lists and of tests, which look alike. */
const NO_MODEL =
  /^(?:P1.*|eBZ|eHZ|MT175-type|V\d+|DSMR\d*|KAM5|example.*|decrypted.*|list.*|xmx.*|mt-382.*|telegram.*)$/i

/** The word of a description that names a model, without the maker's name and the serial number. */
function modelIn(description: string, vendor: string): string {
  const maker = new RegExp(`^${vendor.replace(/\W/g, '.')}-`, 'i')
  const words = description
    .replace(/\(.*/, '')
    .split(/[_\s]+/)
    .map((word) => word.replace(maker, '').replace(/[/,].*$/, ''))
  return words.find((word) => MODEL.test(word) && !NO_MODEL.test(word)) ?? ''
}
