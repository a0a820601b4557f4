// Mocha adds the files named on its command line to those named here; a person who names some
// wants only those.
const named = process.argv.slice(2).some((word) => word.endsWith('.test.ts'))

export default {
  spec: named ? [] : ['*/test/**/*.test.ts', 'test/*.test.ts'],
  ignore: ['node_modules/**'],
  'node-option': ['conditions=@s3mp/source'],
  'forbid-only': true,
  'fail-zero': true,
  timeout: 5000,
}
