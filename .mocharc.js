export default {
  spec: ['*/test/**/*.test.ts', 'test/*.test.ts'],
  'node-option': ['conditions=@s3mp/source'],
  'forbid-only': true,
  'fail-zero': true,
  timeout: 5000,
}
