import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { wordAccessRefusal } from '../src/page/logic/refusals.ts'
import { wordsFor } from '../src/page/texts/index.ts'

describe('what a refusal about people and programs says', () => {
  const words = wordsFor('en')
  const said = (code: string, message: string, retryAfterS?: number): string =>
    wordAccessRefusal({ code, message, retryAfterS }, words)

  it('is what to do, in the reader’s language', () => {
    assert.match(said('wrong_credentials', 'current: expected'), /present password is wrong/)
    assert.match(said('bad_password', 'password: too-short: expected'), /at least 12/)
    assert.match(said('bad_password', 'password: too-long: expected'), /at most 256/)
    assert.match(said('bad_password', 'password: too-plain: expected'), /five different/)
    assert.match(said('conflict', 'user ada: is the last administrator'), /somebody else/)
    assert.match(said('conflict', 'user ada: there is one of that name'), /already/)
    assert.match(said('bad_request', 'name: expected 1 to 32'), /small letters/)
    assert.match(said('too_many_attempts', 'wait', 60), /Wait 1 min/)
    const german = wordAccessRefusal({ code: 'wrong_credentials', message: '', retryAfterS: undefined }, wordsFor('de')) // prettier-ignore
    assert.match(german, /falsch/)
  })

  it('is the server’s own word for what the page does not know', () => {
    assert.equal(said('bad_request', 'scopes: expected some'), 'scopes: expected some')
    assert.equal(said('new_code', 'something of later'), 'something of later')
  })
})
