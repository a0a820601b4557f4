import { fileURLToPath } from 'node:url'
import type { OutputFile, Plugin } from 'esbuild'
import { pageAsset } from './assets.ts'
import type { PageAsset } from './assets.ts'

const PAGE = fileURLToPath(new URL('./page/', import.meta.url))

/** Browsers that have WebCrypto, CSS nesting and `:has`: two years and younger. */
const BROWSERS = ['chrome120', 'firefox121', 'safari17']

/**
 * Bundles the front end from its source: one script, one style sheet, fonts and icon, each under a
 * name that carries its hash, and the page that names them. Needs esbuild, a development dependency;
 * fails with esbuild's own words where the source does not compile.
 */
export async function bundlePage(): Promise<readonly PageAsset[]> {
  const { build, stop } = await import('esbuild')
  try {
    const result = await build({
      absWorkingDir: PAGE,
      entryPoints: { main: 'main.tsx', icon: 'icon.svg' },
      outdir: 'assets',
      entryNames: '[name]-[hash]',
      assetNames: '[name]-[hash]',
      bundle: true,
      splitting: true,
      chunkNames: '[name]-[hash]',
      minify: true,
      write: false,
      format: 'esm',
      target: BROWSERS,
      jsx: 'automatic',
      jsxImportSource: 'preact',
      conditions: ['@s3mp/source', 'browser'],
      loader: { '.woff2': 'file', '.svg': 'copy' },
      plugins: [slimCbor],
      legalComments: 'none',
      logLevel: 'silent',
    })
    const files = result.outputFiles.map((file) => ({
      path: assetPath(file),
      bytes: file.contents,
    }))
    const index = new TextEncoder().encode(indexHtml(files.map((file) => file.path)))
    return [...files, { path: 'index.html', bytes: index }].map((file) =>
      pageAsset(file.path, file.bytes),
    )
  } finally {
    // esbuild works in a child process of its own, which would outlive its use.
    await stop()
  }
}

/** CBOR for the browser: what the verifier's gate lets through, without the library behind the gate. */
const slimCbor: Plugin = {
  name: 'slim-cbor',
  setup: (build) => {
    const path = fileURLToPath(new URL('./page/logic/cbor.ts', import.meta.url))
    build.onResolve({ filter: /^cbor-x\/index-no-eval$/ }, () => ({ path }))
  },
}

/** The page's frame without words: it is painted while the program is still on its way. */
const FRAME =
  '<header><div class="bar"><span class="brand">S3MP</span></div></header>' +
  '<main class="view frame" aria-busy="true"><div class="card"></div><div class="card"></div></main>'

function assetPath(file: OutputFile): string {
  return `assets/${file.path.slice(file.path.replaceAll('\\', '/').lastIndexOf('/') + 1)}`
}

/** The page: it holds no script and no style of its own, so that the policy can forbid both. */
function indexHtml(paths: readonly string[]): string {
  const only = (ending: RegExp): string => {
    const path = paths.find((each) => ending.test(each))
    if (path === undefined) throw new Error(`page bundle: expected a file like ${String(ending)}`)
    return path
  }
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">
<meta name="color-scheme" content="light dark">
<meta name="theme-color" media="(prefers-color-scheme: light)" content="#f6f5f1">
<meta name="theme-color" media="(prefers-color-scheme: dark)" content="#11161a">
<title>S3MP</title>
<link rel="icon" href="/${only(/icon-.*\.svg$/)}" type="image/svg+xml">
<link rel="preload" href="/${only(/instrument-sans-.*\.woff2$/)}" as="font" type="font/woff2" crossorigin>
<link rel="stylesheet" href="/${only(/main-.*\.css$/)}">
<script type="module" src="/${only(/main-.*\.js$/)}"></script>
</head>
<body><div id="page">${FRAME}</div><noscript>This page draws live curves and checks signatures itself: it needs JavaScript.</noscript></body>
</html>
`
}
