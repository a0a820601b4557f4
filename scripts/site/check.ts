import { dirname, posix } from 'node:path'
import type { Site } from './build.ts'

/** Every link, picture and fragment of the site that leads nowhere, as `page → target`. */
export function brokenLinks(site: Site): readonly string[] {
  const ids = new Map<string, ReadonlySet<string>>()
  for (const [place, content] of pagesOf(site)) {
    ids.set(place, new Set([...content.matchAll(/ id="([^"]+)"/g)].map(([, id = '']) => id)))
  }
  const broken: string[] = []
  for (const [place, content] of pagesOf(site)) {
    for (const [, target = ''] of content.matchAll(/ (?:href|src)="([^"]*)"/g)) {
      if (!leads(target, place, site, ids)) broken.push(`${place} → ${target}`)
    }
  }
  return broken
}

function pagesOf(site: Site): readonly (readonly [string, string])[] {
  return [...site].flatMap(([place, content]) =>
    typeof content === 'string' && place.endsWith('.html') ? [[place, content] as const] : [],
  )
}

function leads(
  target: string,
  place: string,
  site: Site,
  ids: ReadonlyMap<string, ReadonlySet<string>>,
): boolean {
  if (/^(https?|mailto):/.test(target)) return true
  const [path = '', fragment] = target.replaceAll('&amp;', '&').split('#')
  const found = path === '' ? place : posix.join(dirname(place), path)
  if (!site.has(found)) return false
  return fragment === undefined || (ids.get(found)?.has(decodeURIComponent(fragment)) ?? false)
}
