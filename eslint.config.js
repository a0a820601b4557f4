import js from '@eslint/js'
import { defineConfig, globalIgnores } from 'eslint/config'
import tseslint from 'typescript-eslint'

/** Calls with a better home, and where that home is. */
const restrictedProperties = [
  {
    object: 'Date',
    property: 'now',
    message: 'Time is a parameter: take a Clock, or nowMs (only hal/src/clock.ts asks the system).',
  },
  {
    object: 'Math',
    property: 'random',
    message: 'Randomness is a parameter, so that a run can be repeated from its seed.',
  },
  {
    object: 'Buffer',
    property: 'concat',
    message: 'Quadratic when fed chunk by chunk: write into a preallocated array.',
  },
]

export default defineConfig(
  globalIgnores(['**/dist/**', 'coverage/**', 'run/**', 'bench/peers/**']),
  js.configs.recommended,
  tseslint.configs.strictTypeChecked,
  tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      'max-lines-per-function': ['error', { max: 70, skipBlankLines: true, skipComments: true }],
      'max-lines': ['error', { max: 500, skipBlankLines: true, skipComments: true }],
      'no-console': 'error',
      'no-restricted-properties': ['error', ...restrictedProperties],
      eqeqeq: 'error',
    },
  },
  {
    files: ['**/*.js'],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: { globals: { process: 'readonly' } },
  },
  { files: ['**/test/**/*.ts'], rules: { 'max-lines-per-function': 'off' } },
  {
    // Whole programs in plain JavaScript, as strangers write them: they own the clock and the terminal.
    files: ['scion/examples/**'],
    languageOptions: {
      globals: {
        AbortSignal: 'readonly',
        TextDecoder: 'readonly',
        TextEncoder: 'readonly',
        console: 'readonly',
        performance: 'readonly',
      },
    },
    rules: {
      'no-console': 'off',
      'no-restricted-properties': 'off',
      '@typescript-eslint/explicit-module-boundary-types': 'off',
    },
  },
  {
    files: ['scripts/**', 'bench/**', 'test/**', '*/test/**'],
    rules: { 'no-console': 'off', 'no-restricted-properties': 'off' },
  },
)
